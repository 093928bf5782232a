"""Three bands around what was assumed of costs, and the cost at which an edge dies."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import polars as pl

from workbench.analytics.metrics import CASH
from workbench.domain.costs import BANDS, Band, PaperTradingConfig, banded
from workbench.domain.terms import COSTS, REALISM, Terms
from workbench.research.backtest import Backtest, backtest

MOST_BPS: Final = 1000.0
_CLOSE_ENOUGH: Final = 0.05
_ASSUMED: Final = frozenset({*COSTS, *REALISM})


class Bands(msgspec.Struct, frozen=True):
    """A backtest under pessimistic, base and optimistic costs.

    Parameters
    ----------
    runs
        The backtest of each band.
    breakeven_bps
        Extra slippage on every fill that takes, in basis points, at which the base run's result is zero; 0 where there is
        no edge to begin with, None where it outlives 1,000 bps.
    """

    runs: dict[Band, Backtest]
    breakeven_bps: float | None

    @property
    def frame(self) -> pl.DataFrame:
        """One row a band: what came of it, and what it cost."""
        names = ("total_return_pct", "sharpe", "max_drawdown_pct", "trades", "win_rate", "fees_paid", "gas_paid")
        rows = [
            {"band": band, "final_equity": float(run.final_equity), **{name: run.stats[name] for name in names}}
            for band, run in self.runs.items()
        ]
        return pl.DataFrame(rows)

    @property
    def spread_pct(self) -> float:
        """How far the returns of the outer bands lie apart, in percent of the opening cash."""
        returns = [float(run.final_equity / run.cash - 1) * 100 for run in self.runs.values()]
        return max(returns) - min(returns)

    @property
    def findings(self) -> list[str]:
        """What to know before the bands are believed, in plain sentences."""
        pessimistic, *others = [_assumed(run) for run in self.runs.values()]
        if any(other != pessimistic for other in others):
            return []
        return [
            "The three bands are one run, for no spread, slippage, gas or impact is assumed: expected one, such as slippage_bps=5."
        ]

    def __repr__(self) -> str:
        told = ", ".join(f"{band} {float(run.final_equity / run.cash - 1) * 100:+.2f} %" for band, run in self.runs.items())
        dies = f"more than {MOST_BPS:,.0f}" if self.breakeven_bps is None else f"{self.breakeven_bps:.1f}"
        return f"{told}; the edge dies at {dies} bps more a fill"

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.frame)


def bands(strategy: Any, bars: Any, **options: Any) -> Bands:
    """Run a backtest under pessimistic, base and optimistic costs, and find the cost at which its edge dies.

    Parameters
    ----------
    strategy, bars, options
        As for `backtest`.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> told = bands("sma_cross", simulate_bars("WETH", "1h", 400), fee_bps=10, slippage_bps=5)
    >>> list(told.runs)
    ['pessimistic', 'base', 'optimistic']
    """
    costs, realism = options.pop("costs", None), options.pop("realism", None)
    named = {name: options.pop(name) for name in tuple(options) if name in _ASSUMED}
    base = Terms(realism=realism or PaperTradingConfig()).changed(named if costs is None else {**named, "costs": costs})

    def run(assumed: Terms) -> Backtest:
        return backtest(strategy, bars, costs=assumed.costs, realism=assumed.realism, **options)

    runs = {band: run(Terms(costs=banded(base.costs, band), realism=banded(base.realism, band))) for band in BANDS}
    return Bands(runs, breakeven_bps(lambda bps: run(base.changed(_more(base, bps))), runs["base"]))


def _assumed(run: Backtest) -> dict[str, Any]:
    """Return what a run assumed of costs; without a fee of its own a maker pays the fee."""
    assumed = {**msgspec.structs.asdict(run.plan.costs), **msgspec.structs.asdict(run.plan.realism)}
    if assumed.get("maker_fee_bps") is None:
        assumed["maker_fee_bps"] = assumed.get("fee_bps")
    return assumed


def _more(base: Terms, bps: float) -> dict[str, Any]:
    return {"base_slippage_pct": base.realism.base_slippage_pct + Decimal(repr(round(bps, 2))) / 100}


def breakeven_bps(run_with: Callable[[float], Backtest], base: Backtest) -> float | None:
    """Return the extra cost of a fill, in basis points, at which a run's result is zero, to a twentieth of one.

    The result falls nearly in a line with the cost, so the first guess is result / value traded; halving does the rest.
    """

    def gains(run: Backtest) -> bool:
        return run.final_equity > run.cash

    if not gains(base):
        return 0.0
    traded = Decimal(base.run.paid.notional) / CASH
    if not traded:
        return None
    guess = float((base.final_equity - base.cash) / traded) * 10_000
    low, high = 0.0, min(max(2 * guess, 1.0), MOST_BPS)
    while gains(run_with(high)):
        if high >= MOST_BPS:
            return None
        low, high = high, min(2 * high, MOST_BPS)
    while high - low > _CLOSE_ENOUGH:
        middle = (low + high) / 2
        low, high = (middle, high) if gains(run_with(middle)) else (low, middle)
    return round((low + high) / 2, 2)
