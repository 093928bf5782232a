"""Fees paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class FeesPaid(Metric):
    """Fees of all fills."""

    place = 14
    title = "Fees paid"
    help = "Fees of all fills."

    def of(self, run: Run) -> Value:
        return run.paid.fee / CASH
