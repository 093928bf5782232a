"""Cost share."""

from workbench.analytics.metrics import CASH, Metric, Run, Value


class CostSharePct(Metric):
    """All costs, in cash and in the prices, as a share of what was made before them; none where that is a loss."""

    place = 18
    title = "Cost share"
    help = "All costs, in cash and in the prices, as a share of what was made before them; none where that is a loss."
    unit = "%"

    def of(self, run: Run) -> Value:
        paid = run.paid
        costs = (paid.fee + paid.gas + paid.tax + paid.spread + paid.slippage + paid.impact) / CASH
        before = float(run.final - run.opening) + costs
        return 100 * costs / before if before > 0 else None
