"""Slippage paid."""

from workbench.analytics.metrics import Metric, Run, Value


class SlippagePaid(Metric):
    """What slippage took, already in the fill prices."""

    place = 17
    title = "Slippage paid"
    help = "What slippage took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return float(sum(fill.slippage_cost for fill in run.fills))
