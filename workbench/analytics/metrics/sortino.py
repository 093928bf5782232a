"""Sortino."""

import numpy as np

from workbench.analytics.metrics import Metric, Run, Value


class Sortino(Metric):
    """Mean of daily returns over the root mean square of the negative ones, times sqrt(365); target 0."""

    place = 8
    title = "Sortino"
    help = "Mean of daily returns over the root mean square of the negative ones, times sqrt(365); target 0."

    def of(self, run: Run) -> Value:
        returns = run.daily_returns()
        below = np.sqrt(np.mean(np.minimum(returns, 0) ** 2)) if len(returns) > 1 else 0.0
        return float(np.mean(returns) / below * np.sqrt(365)) if below > 0 else None
