"""Gas paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class GasPaid(Metric):
    """Gas of all fills."""

    place = 15
    title = "Gas paid"
    help = "Gas of all fills."

    def of(self, run: Run) -> Value:
        return run.paid.gas / CASH
