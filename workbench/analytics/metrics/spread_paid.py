"""Spread paid."""

from workbench.analytics.metrics import Metric, Run, Value


class SpreadPaid(Metric):
    """What half the spread took, already in the fill prices."""

    place = 16
    title = "Spread paid"
    help = "What half the spread took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return float(sum(fill.spread_cost for fill in run.fills))
