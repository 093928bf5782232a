"""Impact paid."""

from workbench.analytics.metrics import Metric, Run, Value


class ImpactPaid(Metric):
    """What orders' own size and delay took, already in the fill prices."""

    place = 18
    title = "Impact paid"
    help = "What orders' own size and delay took, already in the fill prices."

    def of(self, run: Run) -> Value:
        return float(sum(fill.impact_cost for fill in run.fills))
