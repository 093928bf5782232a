"""Trades."""

from workbench.analytics.metrics import Metric, Run, Value


class Trades(Metric):
    """Round trips: flat to flat in one instrument."""

    place = 4
    title = "Trades"
    help = "Round trips: flat to flat in one instrument."

    def of(self, run: Run) -> Value:
        return len(run.trips.result)
