"""Impact paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class ImpactPaid(Metric):
    """What orders' own size and delay took, already in the fill prices."""

    place = 18
    title = "Impact paid"
    help = "What orders' own size and delay took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return run.paid.impact / CASH
