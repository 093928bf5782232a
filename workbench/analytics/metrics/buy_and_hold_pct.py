"""Buy and hold."""

from workbench.analytics.metrics import Metric, Run, Value


class BuyAndHoldPct(Metric):
    """Last close against the first, the mean over instruments, without costs."""

    place = 3
    title = "Buy and hold"
    help = "Last close against the first, the mean over instruments, without costs."
    unit = "%"

    def of(self, run: Run) -> Value:
        if not run.market:
            return None
        return float(sum(100 * (last / first - 1) for first, last in run.market) / len(run.market))
