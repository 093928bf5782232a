"""Worst trade."""

from workbench.analytics.metrics import Metric, Run, Value


class WorstTradePct(Metric):
    """Smallest result of a round trip as a share of what it invested."""

    place = 12
    title = "Worst trade"
    help = "Smallest result of a round trip as a share of what it invested."
    unit = "%"

    def of(self, run: Run) -> Value:
        return min((100 * trip.return_share for trip in run.trips), default=None)
