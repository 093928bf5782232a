"""Taxes paid."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class TaxesPaid(Metric):
    """What tokens took of every transfer, in cash."""

    place = 19
    title = "Taxes paid"
    help = "What tokens took of every transfer, in cash."

    def of(self, run: Run) -> Value:
        return run.paid.tax / CASH
