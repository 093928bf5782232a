"""Expectancy."""

from workbench.analytics.metrics import Metric, Run, Value


class Expectancy(Metric):
    """Mean result of a round trip after all costs."""

    place = 10
    title = "Expectancy"
    help = "Mean result of a round trip after all costs."

    def of(self, run: Run) -> Value:
        return float(sum(trip.result for trip in run.trips) / len(run.trips)) if run.trips else None
