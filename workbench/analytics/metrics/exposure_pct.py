"""Exposure."""

from workbench.analytics.metrics import Metric, Run, Value


class ExposurePct(Metric):
    """Share of bars at whose close something was held."""

    place = 13
    title = "Exposure"
    help = "Share of bars at whose close something was held."
    unit = "%"

    def of(self, run: Run) -> Value:
        return 100 * run.held_bars / len(run.ts) if len(run.ts) else None
