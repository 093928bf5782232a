"""Expectancy."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class Expectancy(Metric):
    """Mean result of a round trip after all costs."""

    place = 10
    title = "Expectancy"
    help = "Mean result of a round trip after all costs."

    def of(self, run: Run) -> Value:
        return int(run.trips.result.sum()) / (CASH * len(run.trips.result)) if len(run.trips.result) else None
