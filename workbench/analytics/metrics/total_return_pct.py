"""Return."""

from workbench.analytics.metrics import Metric, Run, Value


class TotalReturnPct(Metric):
    """Final equity against the opening one."""

    place = 2
    title = "Return"
    help = "Final equity against the opening one."
    unit = "%"

    def of(self, run: Run) -> Value:
        return float(100 * (run.final / run.opening - 1)) if run.opening else None
