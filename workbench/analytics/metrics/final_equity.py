"""Final equity."""

from workbench.analytics.metrics import Metric, Run, Value


class FinalEquity(Metric):
    """Cash and open positions at the last close."""

    place = 1
    title = "Final equity"
    help = "Cash and open positions at the last close."

    def of(self, run: Run) -> Value:
        return float(run.final)
