"""Calmar."""

from workbench.analytics.metrics import Metric, Run, Value, defined
from workbench.analytics.metrics.max_drawdown_pct import MaxDrawdownPct
from workbench.analytics.returns import growth_a_year


class Calmar(Metric):
    """Compound annual growth over the worst drawdown; none where equity never fell."""

    place = 8
    title = "Calmar"
    help = "Compound annual growth over the worst drawdown; none where equity never fell."

    def of(self, run: Run) -> Value:
        worst = MaxDrawdownPct().of(run)
        growth = defined(growth_a_year(float(run.opening), float(run.final), run.days))
        return None if not worst or growth is None else -100 * growth / worst
