"""Sharpe."""

import numpy as np

from workbench.analytics.metrics import Metric, Run, Value


class Sharpe(Metric):
    """Mean over deviation of daily returns, equity at UTC day ends, times sqrt(365); risk-free 0, ddof 1."""

    place = 7
    title = "Sharpe"
    help = "Mean over deviation of daily returns, equity at UTC day ends, times sqrt(365); risk-free 0, ddof 1."

    def of(self, run: Run) -> Value:
        returns = run.daily_returns()
        spread = np.std(returns, ddof=1) if len(returns) > 1 else 0.0
        return float(np.mean(returns) / spread * np.sqrt(365)) if spread > 0 else None
