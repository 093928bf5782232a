"""Fills."""

from workbench.analytics.metrics import Metric, Run, Value


class Fills(Metric):
    """Trades in the sense of the trade table: buys and sales."""

    place = 20
    title = "Fills"
    help = "Trades in the sense of the trade table: buys and sales."

    def of(self, run: Run) -> Value:
        return run.paid.fills
