"""Best trade."""

from workbench.analytics.metrics import Metric, Run, Value


class BestTradePct(Metric):
    """Largest result of a round trip as a share of what it invested."""

    place = 11
    title = "Best trade"
    help = "Largest result of a round trip as a share of what it invested."
    unit = "%"

    def of(self, run: Run) -> Value:
        return 100 * float(run.trip_returns.max()) if len(run.trips.result) else None
