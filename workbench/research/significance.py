"""Significance: whether the entries of a run are better than random ones that hold as long.

As many round trips of the same lengths are laid over the same bars by chance, and traded at the same costs and sizes. If chance
does as well, there is no timing in the rule. The p-value counts the run itself among the draws, as in Davison and Hinkley,
"Bootstrap methods and their application" (1997), section 4.2.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from workbench.domain.params import counted, with_fields
from workbench.domain.trips import round_trips
from workbench.engine.measures import measures_of
from workbench.engine.series import Ints
from workbench.engine.strategy import Flags
from workbench.errors import Invalid, Refused
from workbench.research.backtest import Backtest
from workbench.research.from_signals import given_readings
from workbench.research.monte_carlo import figures_frame, judged_runs
from workbench.research.trials import Tally, tally_run

if TYPE_CHECKING:
    import plotly.graph_objects as go

LEVEL: Final = 0.05
_OFF: Final = {
    "stop_loss_pct": None, "take_profit_pct": None, "trailing_stop_pct": None, "max_hold_hours": None, "intel_level": None,
    "confidence_threshold": 0, "cooldown_minutes": 0, "cooldown_after_stop_minutes": 0, "max_daily_trades": None,
    "max_positions": None, "on_hole": "mark", "min_liquidity": 0,
}  # fmt: skip


class Significance:
    """Random entries beside those of a run; it shows itself in a notebook.

    Attributes
    ----------
    result
        The run itself.
    frame
        One row a draw, with its figures.
    """

    def __init__(self, result: Backtest, frame: pl.DataFrame, own: dict[str, float | None]) -> None:
        self.result, self.frame, self.own = result, frame, own

    def p_value(self, by: str = "sharpe") -> float | None:
        """Return how often chance does as well, the run itself counted; None where the run has no such figure.

        Raises
        ------
        Invalid
            If there is no such figure.
        """
        if by not in self.own:
            raise Invalid("by", "one of " + ", ".join(self.own), by)
        own = self.own[by]
        if own is None:
            return None
        as_good = int((self.frame[by].fill_null(-np.inf) >= own).sum())
        return (1 + as_good) / (1 + self.frame.height)

    @cached_property
    def findings(self) -> list[str]:
        """What to know, in plain sentences."""
        p = self.p_value()
        if p is None:
            return ["The run has no Sharpe ratio to compare."]
        if p <= LEVEL:
            return []
        return [f"Random entries that hold as long do as well in {p:.0%} of the draws: there may be no timing in the rule."]

    def plot(self, by: str = "sharpe") -> "go.Figure":
        """Return a plotly figure: how the draws spread, and where the run itself lies."""
        from workbench.analytics.figures import spread_figure

        return spread_figure(self.frame[by].drop_nulls().to_list(), self.own.get(by), repr(self), by)

    def __repr__(self) -> str:
        p = self.p_value()
        shown = "no Sharpe ratio" if p is None else f"p = {p:.3f} by Sharpe ratio"
        made = f"{self.p_value('return_pct'):.3f} by return"
        return f"{self.frame.height:,} draws of random entries with the same exposure: {shown}, {made}"

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.frame.select("return_pct", "sharpe", "max_drawdown_pct").describe())


def significance(result: Backtest, runs: int = 1000, seed: int = 1, workers: int | None = None) -> Significance:
    """Return what random entries make of the same bars with the same exposure.

    Each draw has as many round trips in every instrument, held for as many bars, at the same sizes and costs; they leave when
    their time is over and by no other rule.

    Parameters
    ----------
    runs
        How many draws.
    seed
        Of the draws.

    Raises
    ------
    Refused
        If nothing was traded.

    Examples
    --------
    >>> import workbench as wb
    >>> result = wb.backtest("sma_cross", wb.simulate_bars("WETH", "1h", 2000), parameters={"fast": 5, "slow": 20})
    >>> 0 < significance(result, runs=50).p_value() <= 1
    True
    """
    runs, seed = counted("runs", runs, 1), counted("seed", seed, 0)
    workers = None if workers is None else counted("workers", workers, 1)
    if not isinstance(result, Backtest):
        raise Invalid("result", "a backtest, as wb.backtest returns it", type(result).__name__)
    if result.runs:
        raise Refused("What programs buy is no timing: expected a backtest of a strategy alone, found one with programs.")
    lengths = held_bars(result)
    if not any(len(each) for each in lengths):
        raise Refused("There is nothing to compare: expected at least one round trip, found none.")
    plan = result.plan
    plain = with_fields(plan.configuration, {**_OFF, "strategy": "given_signals", "parameters": {}})
    plan = msgspec.structs.replace(plan, configuration=plain)
    wanted = measures_of(plain, plan.timeframe)

    def one(run: int) -> Tally:
        draw = np.random.default_rng([seed, run])
        readings = []
        for series, bars in zip(result.bars, lengths, strict=True):
            enter, leave = laid_by_chance(draw, len(series), bars)
            readings.append(given_readings(series, enter, leave, np.full(len(series), 100.0), wanted))
        return tally_run(plan, result.cash, result.bars, readings)

    frame = figures_frame(list(judged_runs(result.bars, float(result.cash), one, runs, workers)))
    own = {"sharpe": result.stats["sharpe"], "return_pct": result.stats["total_return_pct"]}
    return Significance(result, frame, own)


def held_bars(result: Backtest) -> list[Ints]:
    """Return how many bars each round trip was held, instrument by instrument; one that is open is held to the end."""
    closed, going = round_trips(result.filled)
    out = []
    for series in result.bars:
        mine = [trip for trip in (*closed, *going) if trip.instrument == series.instrument.key]
        begins = np.searchsorted(series.ts, [trip.opened for trip in mine])
        ends = np.searchsorted(series.ts, [len(series) and (trip.closed or int(series.ts[-1])) for trip in mine])
        out.append(np.maximum(ends - begins, 1).astype(np.int64))
    return out


def laid_by_chance(draw: np.random.Generator, bars: int, lengths: Ints) -> tuple[Flags, Flags]:
    """Return entries and exits of round trips of these lengths, in any order and at any place where they do not overlap.

    Parameters
    ----------
    bars
        How many there are.
    lengths
        Bars from the fill of each entry to that of its exit.
    """
    enter, leave = np.zeros(bars, np.bool_), np.zeros(bars, np.bool_)
    order = draw.permutation(lengths)
    # An entry is decided one bar before its fill, and no earlier than the bar at which the last exit was filled.
    room = bars - 1 - int((order + 1).sum())
    while len(order) and room < 0:
        order = order[:-1]
        room = bars - 1 - int((order + 1).sum())
    if not len(order):
        return enter, leave
    gaps = np.sort(draw.integers(0, room + 1, len(order)))
    decided = gaps + np.concatenate([[0], np.cumsum(order + 1)[:-1]])
    enter[decided] = True
    out = decided + order
    leave[out[out < bars]] = True
    return enter, leave
