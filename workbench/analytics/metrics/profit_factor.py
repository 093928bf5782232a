"""Profit factor."""

from workbench.analytics.metrics import Metric, Run, Value


class ProfitFactor(Metric):
    """Results of winning round trips over those of losing ones, after all costs."""

    place = 9
    title = "Profit factor"
    help = "Results of winning round trips over those of losing ones, after all costs."

    def of(self, run: Run) -> Value:
        results = run.trips.result
        won, lost = int(results[results > 0].sum()), -int(results[results < 0].sum())
        return won / lost if lost else None
