"""Ambiguous bars."""

from workbench.analytics.metrics import Metric, Run, Value


class AmbiguousBars(Metric):
    """Both stop and target lay within the bar; the stop was taken."""

    place = 24
    title = "Ambiguous bars"
    help = "Both stop and target lay within the bar; the stop was taken."

    def of(self, run: Run) -> Value:
        return run.ambiguous
