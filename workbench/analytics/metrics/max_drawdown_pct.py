"""Worst drawdown."""

import numpy as np

from workbench.analytics.metrics import Metric, Run, Value


class MaxDrawdownPct(Metric):
    """Deepest fall of equity below its highest so far, opening included."""

    place = 6
    title = "Worst drawdown"
    help = "Deepest fall of equity below its highest so far, opening included."
    unit = "%"

    def of(self, run: Run) -> Value:
        line = np.concatenate([[float(run.opening)], run.equity])
        peaks = np.maximum.accumulate(line)
        return float(100 * np.min(line / peaks - 1)) if peaks[0] > 0 else None
