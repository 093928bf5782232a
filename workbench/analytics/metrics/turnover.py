"""Turnover."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class Turnover(Metric):
    """Value of all fills over the mean of equity at day ends."""

    place = 13
    title = "Turnover"
    help = "Value of all fills over the mean of equity at day ends."
    unit = "x"

    def of(self, run: Run) -> Value:
        ends = run.day_ends()
        mean = float(ends.mean()) if len(ends) else 0.0
        return run.paid.notional / CASH / mean if mean > 0 else None
