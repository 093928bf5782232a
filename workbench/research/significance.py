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
from workbench.engine.series import BarSeries, Ints
from workbench.engine.strategy import Flags
from workbench.errors import Invalid, NotFound, Refused
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
    can_vary
        Whether the round trips can be laid in more than one way; where not, every draw is the run itself, and p is 1.
    """

    def __init__(self, result: Backtest, frame: pl.DataFrame, own: dict[str, float | None], can_vary: bool = True) -> None:
        self.result, self.frame, self.own, self.can_vary = result, frame, own, can_vary

    def p_value(self, by: str = "sharpe") -> float | None:
        """Return how often chance does as well, the run itself counted; None where the run has no such figure.

        Raises
        ------
        NotFound
            If there is no such figure.
        """
        if by not in self.own:
            raise NotFound("figure", str(by), [*self.own], field="by")
        own = self.own[by]
        if own is None:
            return None
        # A draw that is the run itself is as good as it, whatever the last digit of a float.
        as_good = int((self.frame[by].fill_null(-np.inf) >= own - 1e-9 * max(1.0, abs(own))).sum())
        return (1 + as_good) / (1 + self.frame.height)

    @cached_property
    def findings(self) -> list[str]:
        """What to know, in plain sentences."""
        if not self.can_vary:
            return ["Its round trips can be laid over the bars in one way only: there is no chance to compare it with."]
        p = self.p_value()
        if p is None:
            return ["The run has no Sharpe ratio to compare."]
        if p <= LEVEL:
            return []
        return [f"Random entries that hold as long do as well in {p:.0%} of the draws: there may be no timing in the rule."]

    def plot(self, by: str = "sharpe") -> "go.Figure":
        """Return a plotly figure: how the draws spread, and where the run itself lies."""
        from workbench.analytics.figures import spread_figure

        if by not in self.frame.columns:
            raise NotFound("figure", str(by), self.frame.columns, field="by")
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
    their time is over and by no other rule. One that is open at the end is open at the end of every draw too, from the same bar
    on: what chance is asked about is the ones before it.

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
    if not any(len(each.closed) or each.going is not None for each in lengths):
        raise Refused("There is nothing to compare: expected at least one round trip, found none.")
    plan = result.plan
    plain = with_fields(plan.configuration, {**_OFF, "strategy": "given_signals", "parameters": {}})
    plan = msgspec.structs.replace(plan, configuration=plain)
    wanted = measures_of(plain, plan.timeframe)

    rows = [_place_in(whole, series) for whole, series in zip(result.whole, result.bars, strict=True)]

    def one(run: int) -> Tally:
        draw = np.random.default_rng([seed, run])
        readings = []
        for whole, (low, high), held in zip(result.whole, rows, lengths, strict=True):
            enter, leave = (np.zeros(len(whole), np.bool_) for _ in range(2))
            enter[low:high], leave[low:high] = laid_by_chance(draw, high - low, held)
            # What sizing asks to know of the market is asked of all bars, as the run itself asked it.
            said = given_readings(whole, enter, leave, np.full(len(whole), 100.0), wanted)
            readings.append(said if (low, high) == (0, len(whole)) else said.between(low, high))
        return tally_run(plan, result.cash, result.bars, readings)

    frame = figures_frame(list(judged_runs(result.bars, float(result.cash), one, runs, workers)))
    own = {"sharpe": result.stats["sharpe"], "return_pct": result.stats["total_return_pct"]}
    can_vary = any(_can_vary(len(series), held) for series, held in zip(result.bars, lengths, strict=True))
    return Significance(result, frame, own, can_vary)


class Held(msgspec.Struct, frozen=True):
    """For how many bars the round trips of an instrument were held.

    Parameters
    ----------
    closed
        Of those that were closed.
    going
        Of the one that is open, up to the last bar; None where there is none.
    """

    closed: Ints
    going: int | None


def held_bars(result: Backtest) -> list[Held]:
    """Return how many bars each round trip was held, instrument by instrument."""
    closed, going = round_trips(result.filled)
    out = []
    for series in result.bars:
        mine, still = ([trip for trip in trips if trip.instrument == series.instrument.key] for trips in (closed, going))
        begins = np.searchsorted(series.ts, np.array([trip.opened for trip in mine], np.int64))
        ends = np.searchsorted(series.ts, np.array([trip.closed for trip in mine], np.int64))
        last = len(series) - 1 - int(np.searchsorted(series.ts, still[0].opened)) if still else None
        out.append(Held(np.maximum(ends - begins, 1).astype(np.int64), last))
    return out


def laid_by_chance(draw: np.random.Generator, bars: int, held: Held) -> tuple[Flags, Flags]:
    """Return entries and exits of round trips of these lengths, in any order and at any place where they do not overlap.

    The one that is open at the end has its place, for it ends there.

    Parameters
    ----------
    bars
        How many there are.
    held
        Bars from the fill of each entry to that of its exit.
    """
    enter, leave = np.zeros(bars, np.bool_), np.zeros(bars, np.bool_)
    free = _free(bars, held)
    if held.going is not None:
        enter[free - 1] = True
    order = draw.permutation(held.closed)
    # An entry is decided one bar before its fill, and no earlier than the bar at which the last exit was filled.
    room = free - 1 - int((order + 1).sum())
    while len(order) and room < 0:
        order = order[:-1]
        room = free - 1 - int((order + 1).sum())
    if not len(order):
        return enter, leave
    gaps = np.sort(draw.integers(0, room + 1, len(order)))
    decided = gaps + np.concatenate([[0], np.cumsum(order + 1)[:-1]])
    enter[decided] = True
    out = decided + order
    leave[out[out < bars]] = True
    return enter, leave


def _free(bars: int, held: Held) -> int:
    """Return how many bars there are for the closed round trips; the last of them is where the open one is decided."""
    return bars if held.going is None else bars - 1 - held.going


def _can_vary(bars: int, held: Held) -> bool:
    room = _free(bars, held) - 1 - int((held.closed + 1).sum())
    return len(held.closed) > 0 and (room > 0 or len(np.unique(held.closed)) > 1)


def _place_in(whole: BarSeries, part: BarSeries) -> tuple[int, int]:
    low = int(np.searchsorted(whole.ts, part.ts[0]))
    return low, low + len(part)
