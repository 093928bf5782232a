"""Slippage paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class SlippagePaid(Metric):
    """What slippage took, already in the fill prices."""

    place = 17
    title = "Slippage paid"
    help = "What slippage took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return run.paid.slippage / CASH
