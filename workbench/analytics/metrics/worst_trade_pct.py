"""Worst trade."""

from workbench.analytics.metrics import Metric, Run, Value


class WorstTradePct(Metric):
    """Smallest result of a round trip as a share of what it invested."""

    place = 12
    title = "Worst trade"
    help = "Smallest result of a round trip as a share of what it invested."
    unit = "%"

    def of(self, run: Run) -> Value:
        return 100 * float(run.trip_returns.min()) if len(run.trips.result) else None
