"""Spread paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class SpreadPaid(Metric):
    """What half the spread took, already in the fill prices."""

    place = 16
    title = "Spread paid"
    help = "What half the spread took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return run.paid.spread / CASH
