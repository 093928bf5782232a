"""Sortino."""

from workbench.analytics.metrics import Metric, Run, Value, defined
from workbench.analytics.returns import sortino


class Sortino(Metric):
    """Mean of daily returns over the root mean square of the negative ones, times sqrt(365); target 0; days as for Sharpe."""

    place = 8
    title = "Sortino"
    help = "Mean of daily returns over the root mean square of the negative ones, times sqrt(365); target 0; days as for Sharpe."

    def of(self, run: Run) -> Value:
        return defined(sortino(run.daily_returns()))
