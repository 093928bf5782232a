"""Missing bars."""

from workbench.analytics.metrics import Metric, Run, Value


class MissingBars(Metric):
    """Absent between the first and the last; never filled."""

    place = 23
    title = "Missing bars"
    help = "Absent between the first and the last; never filled."

    def of(self, run: Run) -> Value:
        return run.missing
