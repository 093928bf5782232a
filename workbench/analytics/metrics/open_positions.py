"""Open at the end."""

from workbench.analytics.metrics import Metric, Run, Value


class OpenPositions(Metric):
    """Positions that stay open at the last close."""

    place = 21
    title = "Open at the end"
    help = "Positions that stay open at the last close."

    def of(self, run: Run) -> Value:
        return run.open_trips
