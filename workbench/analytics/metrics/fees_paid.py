"""Fees paid."""

from workbench.analytics.metrics import Metric, Run, Value


class FeesPaid(Metric):
    """Fees of all fills."""

    place = 14
    title = "Fees paid"
    help = "Fees of all fills."

    def of(self, run: Run) -> Value:
        return float(sum(fill.fee for fill in run.fills))
