"""Profit factor."""

from workbench.analytics.metrics import Metric, Run, Value


class ProfitFactor(Metric):
    """Results of winning round trips over those of losing ones, after all costs."""

    place = 9
    title = "Profit factor"
    help = "Results of winning round trips over those of losing ones, after all costs."

    def of(self, run: Run) -> Value:
        won = sum(trip.result for trip in run.trips if trip.result > 0)
        lost = -sum(trip.result for trip in run.trips if trip.result < 0)
        return float(won / lost) if lost else None
