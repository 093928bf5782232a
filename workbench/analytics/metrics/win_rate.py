"""Win rate."""

import numpy as np

from workbench.analytics.metrics import Metric, Run, Value


class WinRate(Metric):
    """Share of round trips with a result above zero after all costs; none where nothing closed."""

    place = 5
    title = "Win rate"
    help = "Share of round trips with a result above zero after all costs; none where nothing closed."

    def of(self, run: Run) -> Value:
        return float(np.mean(run.trips.result > 0)) if len(run.trips.result) else None
