"""Win rate."""

from workbench.analytics.metrics import Metric, Run, Value


class WinRate(Metric):
    """Share of round trips with a result above zero after all costs; none where nothing closed."""

    place = 5
    title = "Win rate"
    help = "Share of round trips with a result above zero after all costs; none where nothing closed."

    def of(self, run: Run) -> Value:
        return sum(trip.result > 0 for trip in run.trips) / len(run.trips) if run.trips else None
