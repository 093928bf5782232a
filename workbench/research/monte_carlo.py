"""Monte Carlo: what else could have come of it, had trades come in another order, or bars, or had parameters been a little off.

Sources: the stationary bootstrap is that of Politis and Romano, "The stationary bootstrap", Journal of the American Statistical
Association 89 (1994): blocks of random length, geometric with a given mean, begin anywhere and wrap around.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import polars as pl

from workbench.analytics.metrics import CASH
from workbench.analytics.returns import Floats
from workbench.domain.money import to_decimal
from workbench.domain.params import param_fields
from workbench.engine.measures import measures_of
from workbench.engine.series import PRICES, BarSeries, Ints
from workbench.engine.windows import read_series
from workbench.errors import Invalid, NotFound, Refused
from workbench.research.backtest import Backtest
from workbench.research.from_signals import GivenSignals
from workbench.research.study import Value, Values
from workbench.research.sweep import SHOWN
from workbench.research.trials import CHUNK, Figures, Tally, judged, tally_from, tally_run, times_of, workers_for
from workbench.strategies import parameters_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

Kind = Literal["trades", "bars", "parameters"]
KINDS: Final = ("trades", "bars", "parameters")
_ABOUT: Final = {
    "trades": "the same round trips in another order",
    "bars": "the same bars drawn anew in blocks",
    "parameters": "parameters a little off",
}
_LARGEST: Final = 2.0**52


class MonteCarlo:
    """What came of many runs beside one; it shows itself in a notebook.

    Attributes
    ----------
    kind
        What was varied: `"trades"`, `"bars"` or `"parameters"`.
    result
        The run itself.
    frame
        One row a run, with its figures.
    own
        The same figures of the run itself.
    """

    def __init__(self, kind: Kind, result: Backtest, frame: pl.DataFrame, own: dict[str, float | None]) -> None:
        self.kind, self.result, self.frame, self.own = kind, result, frame, own

    @cached_property
    def quantiles(self) -> pl.DataFrame:
        """The 5th, 25th, 50th, 75th and 95th of a hundred of every figure, beside that of the run itself."""
        names = [name for name in self.own if name in self.frame.columns]
        cuts = (0.05, 0.25, 0.5, 0.75, 0.95)
        rows = [
            {"figure": name, **{f"p{round(100 * cut)}": self._quantile(name, cut) for cut in cuts}, "this_run": self.own[name]}
            for name in names
        ]  # fmt: skip
        return pl.DataFrame(rows, strict=False, infer_schema_length=None)

    def _quantile(self, name: str, cut: float) -> float | None:
        column = self.frame[name].cast(pl.Float64)
        return column.quantile(cut, "linear")

    def below(self, name: str) -> float | None:
        """Return the share of the runs in which a figure came out below that of the run itself; ties count half."""
        if name not in self.own:
            raise NotFound("figure", str(name), [*self.own], field="name")
        own, found = self.own[name], self.frame[name].drop_nulls()
        if own is None or not len(found):
            return None
        return (float((found < own).sum()) + 0.5 * float((found == own).sum())) / len(found)

    @cached_property
    def findings(self) -> list[str]:
        """What to know, in plain sentences."""
        told = []
        worst = self._quantile("max_drawdown_pct", 0.05)
        own = self.own["max_drawdown_pct"]
        if worst is not None and own is not None and worst < 1.5 * own and worst < -1:
            told.append(f"In one run of twenty the worst drawdown is {worst:.1f} % or deeper; this one had {own:.1f} %.")
        if self.kind == "trades":
            return told
        lost = float((self.frame["return_pct"] <= 0).mean())  # type: ignore[arg-type]
        if lost > 0.05:
            told.append(f"{lost:.0%} of the runs made nothing.")
        above = self.below("sharpe")
        if self.kind == "parameters" and above is not None and above > 0.9:
            told.append(f"It is better than {above:.0%} of its neighbours: a peak, which seldom lasts.")
        return told

    def plot(self, by: str = "") -> "go.Figure":
        """Return a plotly figure: how a figure spreads over the runs, and where the run itself lies."""
        from workbench.analytics.figures import spread_figure

        name = by or ("max_drawdown_pct" if self.kind == "trades" else "sharpe")
        if name not in self.frame.columns:
            raise NotFound("figure", str(name), self.frame.columns, field="by")
        return spread_figure(self.frame[name].drop_nulls().to_list(), self.own.get(name), repr(self), name)

    def __repr__(self) -> str:
        low, high = (self._quantile("max_drawdown_pct", cut) for cut in (0.05, 0.95))
        if self.kind == "trades":
            shown = f"worst drawdown from {low:.1f} to {high:.1f} %"
        else:
            fifth, last = (self._quantile("return_pct", cut) for cut in (0.05, 0.95))
            shown = f"return from {fifth:+.1f} to {last:+.1f} %"
        return f"{self.frame.height:,} runs with {_ABOUT[self.kind]}: {shown} in nine of ten"

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.quantiles)


def shuffle_trades(result: Backtest, runs: int, seed: int, replace: bool = False) -> MonteCarlo:
    """Return what drawdowns the same round trips make in other orders.

    Each round trip changes equity by the share by which it did; what is drawn down is measured from one closing to the next, for
    the run itself too. Where `replace` is true round trips are drawn with replacement, so that the return varies as well.

    Raises
    ------
    Refused
        If fewer than two round trips were closed.
    """
    results = np.asarray(result.run.trips.result, np.float64) / CASH
    if len(results) < 2:
        raise Refused(f"There is nothing to shuffle: expected at least two closed round trips, found {len(results)}.")
    order = np.argsort(result.run.trips.closed, kind="stable")
    before = float(result.cash) + np.concatenate([[0.0], np.cumsum(results[order])[:-1]])
    shares = np.where(before > 0, results[order] / np.where(before > 0, before, 1.0), 0.0)
    draw = np.random.default_rng(seed)
    rows = []
    step = max(1, 2_000_000 // len(shares))
    for low in range(0, runs, step):
        count = min(step, runs - low)
        if replace:
            drawn = shares[draw.integers(0, len(shares), (count, len(shares)))]
        else:
            drawn = draw.permuted(np.tile(shares, (count, 1)), axis=1)
        rows.append(_paths(drawn))
    names = ("return_pct", "max_drawdown_pct", "longest_losing_streak")
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    own: dict[str, float | None] = dict(zip(names, (float(column[0]) for column in _paths(shares[None, :])), strict=True))
    return MonteCarlo("trades", result, pl.DataFrame(dict(zip(names, columns, strict=True))), own)


def _paths(shares: Floats) -> tuple[Floats, Floats, Ints]:
    grown = np.cumprod(1 + shares, axis=1)
    peaks = np.maximum(np.maximum.accumulate(grown, axis=1), 1.0)
    streak, longest = np.zeros(len(shares), np.int64), np.zeros(len(shares), np.int64)
    for column in (shares <= 0).T:
        streak = np.where(column, streak + 1, 0)
        longest = np.maximum(longest, streak)
    gained: Floats = np.asarray(100 * (grown[:, -1] - 1), np.float64)
    fallen: Floats = np.asarray(100 * (grown / peaks - 1).min(axis=1), np.float64)
    return gained, fallen, longest


def bootstrap_bars(result: Backtest, runs: int, seed: int, block: float | None = None, workers: int | None = None) -> MonteCarlo:
    """Return what the strategy makes of its own bars, drawn anew in blocks.

    Parameters
    ----------
    block
        The mean length of a block in bars; the longer of the strategy's lookback and the cube root of the bars where None.

    Raises
    ------
    Refused
        If what traded cannot be asked again: given arrays, or programs.
    """
    _askable(result)
    many = _together(result.bars)
    count = len(many[0])
    if count < 3:
        raise Invalid("bars", "at least 3 bars that all instruments have", count)
    length = float(max(result.strategy.lookback, count ** (1 / 3)) if block is None else to_decimal(block, "block"))
    if length < 1:
        raise Invalid("block", "a mean length of at least one bar", block)

    def one(run: int) -> Tally:
        draw = np.random.default_rng([seed, run])
        places = 1 + stationary_places(draw, count - 1, count - 1, length)
        drawn = [drawn_bars(series, places) for series in many]
        wanted = measures_of(result.plan.configuration, result.plan.timeframe)
        return tally_run(result.plan, result.cash, drawn, [read_series(result.strategy, series, wanted) for series in drawn])

    # Bars that not all instruments have are left out, so that the run itself may have traded others.
    own = own_figures(result) if [len(each) for each in many] == [len(each) for each in result.bars] else one_tally(result, many)
    figures = list(judged_runs(many, float(result.cash), one, runs, workers))
    return MonteCarlo("bars", result, figures_frame(figures), shown_figures(own))


def own_figures(result: Backtest, held_out: float = 0.0) -> Figures:
    """Return the figures of a run itself, from what it left behind."""
    return judged(times_of(result.bars), float(result.cash), held_out, [tally_from(result.run, result.cash)])[0]


def one_tally(result: Backtest, many: Sequence[BarSeries]) -> Figures:
    """Return the figures of a run itself, over these of its bars."""
    wanted = measures_of(result.plan.configuration, result.plan.timeframe)
    tally = tally_run(result.plan, result.cash, many, [read_series(result.strategy, series, wanted) for series in many])
    return judged(times_of(many), float(result.cash), 0.0, [tally])[0]


def judged_runs(
    many: Sequence[BarSeries], cash: float, one: Callable[[int], Tally], runs: int, workers: int | None
) -> Iterator[Figures]:
    """Yield the figures of so many runs over the same times, made on threads by a function of the run's number."""
    times = times_of(many)
    with ThreadPoolExecutor(workers or workers_for(runs), thread_name_prefix="run") as threads:
        for low in range(0, runs, CHUNK):
            yield from judged(times, cash, 0.0, list(threads.map(one, range(low, min(low + CHUNK, runs)))))


def stationary_places(draw: np.random.Generator, count: int, of: int, block: float) -> Ints:
    """Return places for a stationary bootstrap: blocks of geometric length that begin anywhere and wrap around.

    Parameters
    ----------
    count
        How many places to draw.
    of
        How many there are to draw from.
    block
        The mean length of a block.

    Examples
    --------
    >>> stationary_places(np.random.default_rng(1), 6, 4, 1e9).tolist()
    [1, 2, 3, 0, 1, 2]
    """
    begins = draw.random(count) < 1 / block
    begins[0] = True
    starts = draw.integers(0, of, count)
    where = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    places: Ints = (starts[where] + np.arange(count) - where) % of
    return places


def drawn_bars(series: BarSeries, places: Ints) -> BarSeries:
    """Return a series of the same times whose bars move from close to close as those at the places did.

    Its first bar is the series' own; every other opens, peaks, dips and closes at the shares of the close before it at which the
    drawn bar did, rounded to the smallest price step. Volume and liquidity come with the drawn bar.

    Parameters
    ----------
    places
        From 1, one for each bar but the first.
    """
    before = series.close[places - 1].astype(np.float64)
    ratios = {name: getattr(series, name)[places] / before for name in PRICES}
    closes = float(series.close[0]) * np.concatenate([[1.0], np.cumprod(ratios["close"])])
    if closes.max() > _LARGEST:
        closes = np.minimum(closes, _LARGEST)
    base = closes[:-1]
    own = {name: np.concatenate([[float(getattr(series, name)[0])], base * ratios[name]]) for name in PRICES}
    prices = {name: np.maximum(np.rint(column), 1).astype(np.int64) for name, column in own.items()}
    prices["close"] = np.maximum(np.rint(closes), 1).astype(np.int64)
    prices["high"] = np.maximum.reduce([prices[name] for name in PRICES])
    prices["low"] = np.minimum.reduce([prices[name] for name in PRICES])
    volume = np.concatenate([series.volume[:1], series.volume[places]])
    pool = None if series.liquidity is None else np.concatenate([series.liquidity[:1], series.liquidity[places]])
    return BarSeries(series.instrument, series.timeframe, series.ts, prices, volume, pool, checked=True)


def jittered(result: Backtest, runs: int, seed: int, spread: float) -> list[Values]:
    """Return parameters drawn evenly within a share of the run's own, those left out that the strategy refuses.

    Raises
    ------
    Refused
        If there is no parameter, or the strategy refuses all that were drawn.
    Invalid
        If the share is not above zero.
    """
    _askable(result)
    if not 0 < to_decimal(spread, "spread") <= 1:
        raise Invalid("spread", "a share above 0, at most 1", spread)
    spread = float(spread)
    strategy, draw = result.strategy, np.random.default_rng(seed)
    fields = {field.name: field for field in param_fields(type(strategy))}
    own = parameters_of(strategy)
    if not own:
        raise Refused(f"{type(strategy).__name__} has no parameter that could be a little off.")
    found: dict[tuple[Value, ...], Values] = {}
    for _ in range(20 * runs):
        values: Values = {}
        for name, value in own.items():
            field = fields.get(name)
            low, high = (-np.inf, np.inf) if field is None else (field.param.low, field.param.high)
            reach = abs(value) * spread
            if isinstance(value, int):
                reach = max(round(reach), 1)
                values[name] = int(np.clip(value + draw.integers(-reach, reach + 1), low, high))
            else:
                values[name] = float(np.clip(round(value + draw.uniform(-reach, reach), 6), low, high))
        key = tuple(values.values())
        if key in found:
            continue
        try:
            type(strategy)(**values)
        except Invalid:
            continue
        found[key] = values
        if len(found) == runs:
            break
    if not found:
        raise Refused(f"{type(strategy).__name__} refuses all parameters within {spread:.0%} of its own.")
    return list(found.values())


def figures_frame(figures: Sequence[Figures], values: Sequence[Values] = ()) -> pl.DataFrame:
    """Return figures as a frame, one row a run, with the values that were tried before them."""
    tried = {name: [one[name] for one in values] for name in (values[0] if values else ())}
    return pl.DataFrame(
        {**tried, **{name: pl.Series([getattr(one, name) for one in figures], dtype=_kind(name), strict=False) for name in SHOWN}},
        strict=False,
    )


def _kind(name: str) -> type[pl.DataType]:
    return pl.Int64 if name in ("trades", "ambiguous_bars") else pl.Float64


def shown_figures(figures: Figures) -> dict[str, float | None]:
    """Return the figures that rows show."""
    return {name: getattr(figures, name) for name in SHOWN}


def _askable(result: Backtest) -> None:
    if isinstance(result.strategy, GivenSignals):
        raise Refused(
            "Arrays of signals belong to their own bars: expected a strategy that can be asked again, found given signals."
        )
    if result.runs:
        raise Refused("Programs are not run again: expected a backtest of a strategy alone, found one with programs.")
    if result.beyond:
        raise Refused(
            f"It cannot be run again as it was: expected a backtest of one strategy that begins with cash, found that "
            f"{result.beyond[0]}."
        )


def _together(many: Sequence[BarSeries]) -> list[BarSeries]:
    """Return the bars at the times that all series have, so that what moved together is drawn together."""
    times = many[0].ts
    for series in many[1:]:
        times = np.intersect1d(times, series.ts)
    return [series if len(series) == len(times) else series[np.isin(series.ts, times)] for series in many]
