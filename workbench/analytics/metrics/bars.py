"""Bars."""

from workbench.analytics.metrics import Metric, Run, Value


class Bars(Metric):
    """Slices stepped."""

    place = 22
    title = "Bars"
    help = "Slices stepped."

    def of(self, run: Run) -> Value:
        return len(run.ts)
