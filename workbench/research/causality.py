"""Causality: whether a strategy looks ahead, and whether it remembers further back than its window reaches.

A look-ahead is found by cutting the future off: what a strategy says about a bar may not change when the bars after it are
gone. It is cut at every bar, not at the signals alone, and what is compared is what the strategy says, not what came of it;
so there is neither a candle that slips through nor an alarm about trades that only shifted.

A memory that is too short is found by moving the beginning: a factor that still changes when its window is twice as long has
more past in it than `memory` holds.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from workbench.domain.bars import show_time
from workbench.domain.params import counted
from workbench.engine.series import BarSeries
from workbench.engine.stitched import Blocks, rows_of
from workbench.engine.strategy import Candles, Signals, SignalStrategy, candles
from workbench.engine.windows import checked_signals, made_column, read_series
from workbench.errors import Refused
from workbench.research.backtest import as_series, written
from workbench.research.study import Study, Values, chosen_strategy
from workbench.strategies import shelf

MOST_BARS: Final = 2_000
"""Cut at each of so many bars; a look-ahead that shows in none of them would have to wait for them to pass."""
CLOSE: Final = 1e-6
"""Factors that differ by less, as a share, are taken for the same: the rest is rounding."""
_LONGEST: Final = 2**17
_FEWEST_CUTS: Final = 6
GLANCE: Final = 3
"""At so many bars, twice, a single run is cut: few, because a strategy may be slow."""


class Change(msgspec.Struct, frozen=True):
    """Where what was said about a bar changed: its time, the column, and both values."""

    ts: int
    column: str
    before: float
    after: float

    def __str__(self) -> str:
        return f"{self.column} at {show_time(self.ts)} ({self.before:.10g} and {self.after:.10g})"


class Check(msgspec.Struct, frozen=True):
    """What was found about a strategy.

    Parameters
    ----------
    name
        The strategy with its parameters.
    bars, cuts
        How many bars there were, and at how many of them the future was cut off.
    look_ahead
        The first change by cutting the future off; None where nothing changed.
    short_memory
        The first change by a longer window; None where nothing changed.
    memory
        The block length that is enough; None where none up to 131,072 bars is, or the bars are too few to tell.
    undefined
        The first factor without a value although the lookback is covered, where more history would give it one, or nothing does.
    declared
        The memory that the strategy declares.
    false_lag
        The first bar of which it says something else read at once, as its `lag` promises, than read block by block.
    is_memory_judged
        Whether the bars were enough to tell about its memory: more than two blocks.
    """

    name: str
    bars: int
    cuts: int
    declared: int
    look_ahead: Change | None = None
    short_memory: Change | None = None
    memory: int | None = None
    undefined: Change | None = None
    false_lag: Change | None = None
    is_memory_judged: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return all(change is None for change in (self.look_ahead, self.short_memory, self.undefined, self.false_lag))

    @property
    def findings(self) -> list[str]:
        """What was found, in sentences."""
        told = []
        if self.look_ahead is not None:
            told.append(f"{self.name} looks ahead: {self.look_ahead} changes when the bars after it are cut off.")
        if self.short_memory is not None:
            enough = (
                f"{self.memory:,} would be enough" if self.memory is not None else "these bars are too few to tell what is enough"
            )
            told.append(
                f"{self.name} remembers more than its memory of {self.declared:,} bars: {self.short_memory} changes with a longer "
                f"window; {enough}."
            )
        if self.undefined is not None:
            column, when = self.undefined.column, show_time(self.undefined.ts)
            told.append(
                f"{self.name} looks back further than its lookback: {column} is not a number at {when}, where that is covered, and "
                f"{self.undefined.before:.10g} with more history."
                if np.isfinite(self.undefined.before)
                else f"{self.name} covers its lookback, and {column} is not a number at {when} nor at any other bar."
            )
        if self.false_lag is not None:
            told.append(
                f"{self.name} looks further back than its lag: {self.false_lag} is not what it says block by block, as "
                f"it would live. Declare a longer lag, or none."
            )
        return told

    def __str__(self) -> str:
        if self.findings:
            return " ".join(self.findings)
        if self.is_memory_judged:
            return f"{self.name}: nothing changes at any of {self.cuts:,} bars, whatever comes after or before."
        return (
            f"{self.name}: nothing changes at any of {self.cuts:,} bars, whatever comes after; of its memory {self.bars:,} bars "
            f"tell nothing, it takes more than {2 * self.declared:,}."
        )


def check(strategy: SignalStrategy | type[SignalStrategy] | str, bars: Any, *, most: int = MOST_BARS) -> Check:
    """Look whether a strategy looks ahead, remembers more than its window holds, or leaves factors undefined.

    Parameters
    ----------
    strategy
        A strategy, its class, or its name on the shelf.
    bars
        A series or a frame; the more history, the longer the memory that can be judged.
    most
        At how many bars, the newest, the future is cut off.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> check("sma_cross", simulate_bars("WETH", "1h", 400)).ok
    True
    """
    chosen, most = chosen_strategy(strategy), counted("most", most, 1)
    series = as_series(bars)[0]
    whole = candles(series)
    first = max(len(series) - most, 0)
    start = max(first - 2 * chosen.memory, 0)
    window = rows_of(whole, start, len(series))
    full = checked_signals(chosen, window)
    ahead = next(_cut_off(chosen, window, full, range(first - start, len(window))), None)
    short, enough = _memory(chosen, series, whole) if ahead is None else (None, None)
    undefined = None if ahead else _undefined(chosen, window, full)
    lag = None if ahead else _false_lag(chosen, series)
    judged = len(series) > 2 * chosen.memory
    return Check(written(chosen), len(series), len(series) - first, chosen.memory, ahead, short, enough, undefined, lag, judged)


def refuse_look_ahead(study: Study, trials: Sequence[Values], cuts: int = 24) -> None:
    """Refuse a study of which a quick look finds that its strategy looks ahead, at the corners of what is tried.

    Parameters
    ----------
    trials
        What is tried; looked at are the first, the last, and for every parameter one with its highest value.
    cuts
        At how many bars the future is cut off, twice, over all of them.

    Raises
    ------
    Refused
        Naming the first bar and factor that changed.
    """
    corners = _corners(study, trials)
    for strategy in corners:
        for series in study.many:
            _refuse_look_ahead(strategy, series, max(cuts // (len(corners) * len(study.many)), _FEWEST_CUTS))


def _corners(study: Study, trials: Sequence[Values]) -> list[SignalStrategy]:
    own = [name for name in study.axes if name in study.strategy.__struct_fields__]
    highest = (max(trials, key=lambda values: _number(values[name])) for name in own)
    found: list[SignalStrategy] = []
    for values in (trials[0], trials[-1], *highest):
        strategy = study.strategy_with(values)
        if strategy not in found:
            found.append(strategy)
    return found


def _number(value: Any) -> float:
    return 0.0 if isinstance(value, str) else float(value)


def refuse_own_look_ahead(strategy: SignalStrategy, many: Sequence[BarSeries]) -> None:
    """Refuse a strategy of the user's own of which a glance finds that it looks ahead; those of the shelf are held by tests.

    Raises
    ------
    Refused
        Naming the first bar and factor that changed.
    Invalid
        If a column is not what it has to be, though nobody may have asked for it yet.
    """
    if type(strategy).__module__.startswith(f"{shelf.package}."):
        return
    for series in many:
        _refuse_look_ahead(strategy, series, GLANCE)


def _refuse_look_ahead(strategy: SignalStrategy, series: BarSeries, cuts: int) -> None:
    window = candles(series[max(len(series) - 2 * strategy.memory, 0) :])
    full = checked_signals(strategy, window)
    # Where it signals, and evenly between, once it has seen as much as it looks back.
    last = len(window) - 2
    first = min(max(strategy.lookback - 1, 0), last)
    signals = np.flatnonzero(full.enter | full.exit)
    places = np.unique(
        np.concatenate([signals[(signals >= first) & (signals <= last)][-cuts:], np.linspace(first, last, cuts, dtype=np.int64)])
    )
    found = next(_cut_off(strategy, window, full, [int(place) for place in places]), None)
    if found is not None:
        raise Refused(
            f"{type(strategy).__name__} looks ahead: {found} changes when the bars after it are cut off. wb.check tells more."
        )


def _cut_off(strategy: SignalStrategy, window: Candles, full: Signals, places: Any) -> Iterator[Change]:
    """Yield what changes when the bars after each place are gone."""
    for place in places:
        part = checked_signals(strategy, rows_of(window, 0, place + 1))
        yield from _differences(strategy, full, part, int(window.ts[place]), place, place, exact=True)


def _differences(
    strategy: SignalStrategy, one: Signals, other: Signals, ts: int, at: int, other_at: int, *, exact: bool
) -> Iterator[Change]:
    for name in ("enter", "exit", "confidence", "edge", *(f"factor {name}" for name in one.factors)):
        before, after = made_column(strategy, one, name), made_column(strategy, other, name)
        a, b = float(before[at]), float(after[other_at])
        if not (_same(a, b) if exact else _close(a, b)):
            yield Change(ts, name, a, b)


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _close(a: float, b: float) -> bool:
    return _same(a, b) or abs(a - b) <= CLOSE * max(abs(a), abs(b), 1e-9)


def _memory(strategy: SignalStrategy, series: BarSeries, whole: Candles) -> tuple[Change | None, int | None]:
    """Return the first change by a longer window, and the memory that is enough."""
    last = len(series)
    declared = strategy.memory
    if last <= 2 * declared:
        return None, declared
    found = _first_change(strategy, whole, last, declared)
    if found is None:
        return None, declared
    memory = 2 * declared
    while memory <= _LONGEST and 2 * memory <= last:
        if _first_change(strategy, whole, last, memory) is None:
            return found, memory
        memory *= 2
    return found, None


def _first_change(strategy: SignalStrategy, whole: Candles, last: int, memory: int) -> Change | None:
    """Return the first bar of the newest ones of which a window of `memory` bars and one twice as long say something else."""
    span = min(memory, last - 2 * memory, MOST_BARS)
    if span <= 0:
        return None
    short = checked_signals(strategy, rows_of(whole, last - memory - span, last))
    long = checked_signals(strategy, rows_of(whole, last - 2 * memory - span, last))
    for back in range(span, 0, -1):
        at = last - back
        change = next(
            _differences(strategy, short, long, int(whole.ts[at]), memory + span - back, 2 * memory + span - back, exact=False),
            None,
        )
        if change is not None:
            return change
    return None


def _false_lag(strategy: SignalStrategy, series: BarSeries) -> Change | None:
    """Return the first bar of which a strategy that declares its lag says something else read at once than block by block."""
    if strategy.lag is None:
        return None
    at_once, by_block = read_series(strategy, series), read_series(strategy, series, laid=Blocks(series, strategy.memory))
    found = []
    for name in ("enter", "exit", "confidence", "edge", *(f"factor {name}" for name in by_block.names)):
        columns = [
            each.factor(name.removeprefix("factor ")) if name.startswith("factor ") else each.column(name)
            for each in (at_once, by_block)
        ]
        one, other = (np.asarray(column, np.float64) for column in columns)
        places = np.flatnonzero(~((one == other) | (np.isnan(one) & np.isnan(other))))
        if len(places):
            at = int(places[0])
            found.append((at, Change(int(series.ts[at]), name, float(other[at]), float(one[at]))))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _undefined(strategy: SignalStrategy, window: Candles, full: Signals) -> Change | None:
    """Return the first bar at which a factor lacks the value that more history gives it, or that of one that never has any.

    What has no value whatever comes before, such as a ratio to a volume of zero, is rightly undefined.
    """
    first = max(strategy.lookback - 1, 0)
    begin = (len(window) - strategy.lookback) // 2
    part = checked_signals(strategy, rows_of(window, begin, len(window))) if begin > 0 else full
    for name in full.factors:
        long, short = (made_column(strategy, said, f"factor {name}") for said in (full, part))
        long, short = long[max(begin, 0) + first :], short[first:]
        lacking = ~np.isfinite(short) & (np.isfinite(long) | ~np.isfinite(long).any())
        for i in np.flatnonzero(lacking)[:1]:
            return Change(int(window.ts[max(begin, 0) + first + int(i)]), f"factor {name}", float(long[i]), float(short[i]))
    return None
