"""Sharpe."""

from workbench.analytics.metrics import Metric, Run, Value, defined
from workbench.analytics.returns import sharpe


class Sharpe(Metric):
    """Mean over deviation of daily returns, from the opening cash to UTC day ends, times sqrt(365); risk-free 0, ddof 1."""

    place = 7
    title = "Sharpe"
    help = "Mean over deviation of daily returns, from the opening cash to UTC day ends, times sqrt(365); risk-free 0, ddof 1."

    def of(self, run: Run) -> Value:
        return defined(sharpe(run.daily_returns()))
