"""Causality: whether a strategy looks ahead, and whether it remembers further back than its window reaches.

A look-ahead is found by cutting the future off: what a strategy says about a bar may not change when the bars after it are
gone. It is cut at every bar, not at the signals alone, and within the very windows that trade; what is compared is what the
strategy says, not what came of it. So there is neither a candle that slips through nor an alarm about trades that only shifted.

A memory that is too short is found by moving the beginning: a factor that still changes when its window is twice as long has
more past in it than `memory` holds. Sums that begin elsewhere round otherwise, so that alone is no change: where prices stand
still, means that are one and the same differ in their last digits, and a rule that compares them falls either way.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np

from workbench.domain.bars import show_time
from workbench.domain.params import counted
from workbench.engine.series import BarSeries, Floats
from workbench.engine.stitched import Blocks, blocks, rows_of
from workbench.engine.strategy import Candles, Flags, SignalStrategy, candles, frozen
from workbench.engine.windows import checked_signals, made_column, read_series
from workbench.errors import Refused
from workbench.research.backtest import as_series, written
from workbench.research.study import Study, Values, chosen_strategy
from workbench.strategies import shelf

MOST_BARS: Final = 2_000
"""Cut at each of so many bars; a look-ahead that shows in none of them would have to wait for them to pass."""
CLOSE: Final = 1e-6
"""Numbers that differ by less, as a share of themselves or of their column's spread, are taken for the same: it is rounding."""
GLANCE: Final = 3
"""At so many bars, twice, a single run is cut: few, because a strategy may be slow."""
MOST_CUTS: Final = 24
"""At so many bars, twice, all of a sweep is cut."""
_FEWEST_CUTS: Final = 6
_LONGEST: Final = 2**17
_MOST_SPANS: Final = 64
"""On so many stretches, two windows each, a memory is judged: all of them up to as many blocks, else evenly between."""
_LEAST: Final = 32
"""A memory is judged on at least this part of itself, one to so many: a handful of bars may well say nothing."""
_FLOORS: Final = {"confidence": 1e-6, "edge": 1e-9}
_BREATH, _BREATHS = 1e-10, 16
_FRACTIONS: Final = (1.0, 0.0, *(odd / 2**halved for halved in range(1, 7) for odd in range(1, 2**halved, 2)))
"""Places between two ends, spread evenly however many are taken: more of them hold all that fewer do."""


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
        How many bars there were, and at how many of them the future was cut off: the newest, and those of a guard's glance.
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
    unfounded
        The first entry for a reason without a number: its edge is none there, or a factor is none at any entry.
    false_lag
        The first bar of which it says something else read at once, as its `lag` promises, than read block by block.
    is_memory_judged
        Whether the bars were enough to tell about its memory: more than two blocks, in which the price does not stand still.
    """

    name: str
    bars: int
    cuts: int
    declared: int
    look_ahead: Change | None = None
    short_memory: Change | None = None
    memory: int | None = None
    undefined: Change | None = None
    unfounded: Change | None = None
    false_lag: Change | None = None
    is_memory_judged: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return all(
            change is None for change in (self.look_ahead, self.short_memory, self.undefined, self.unfounded, self.false_lag)
        )

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
        if self.unfounded is not None:
            told.append(_told_unfounded(self.name, self.unfounded))
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
            f"tell nothing, it takes {_least(self.declared):,} over which the price moves."
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
        At how many bars, the newest, the future is cut off; beside them it is where a sweep or a backtest would look.

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
    glance = _newest_windows(chosen, series)
    looked_at = _glance(chosen, glance, MOST_CUTS)
    ahead = next(_cut_off(_every_cut(chosen, series, whole, first)), None) or next(_cut_off(looked_at), None)
    before = {int(window.bars.ts[place]) for window, place in looked_at if window.bars.ts[place] < series.ts[first]}
    window = rows_of(whole, max(first - 2 * chosen.memory, 0), len(series))
    short, enough, is_judged = _memory(chosen, whole) if ahead is None else (None, None, True)
    undefined = None if ahead else _undefined(chosen, window)
    # A factor that is never a number is told as that.
    unfounded = None if ahead or undefined else _unfounded(chosen, [_Window(chosen, window)])
    lag = None if ahead else _false_lag(chosen, series)
    cuts = len(series) - first + len(before)
    return Check(written(chosen), len(series), cuts, chosen.memory, ahead, short, enough, undefined, unfounded, lag, is_judged)


def refuse_look_ahead(
    study: Study, trials: Sequence[Values], cuts: int = MOST_CUTS, between: Callable[[], None] | None = None
) -> None:
    """Refuse a study of which a quick look finds that its strategy looks ahead or enters for no number, at its corners.

    Parameters
    ----------
    trials
        What is tried; looked at are the first, the last, and for every parameter one with its highest value.
    cuts
        At how many bars the future is cut off, twice, over all of them.
    between
        Called before each cut, for a strategy may be slow; what it raises ends the look.

    Raises
    ------
    Refused
        Naming the first bar and factor that changed, or that is not a number.
    """
    corners = _corners(study, trials)
    for strategy in corners:
        for series in study.many:
            _refuse_look_ahead(strategy, series, max(cuts // (len(corners) * len(study.many)), _FEWEST_CUTS), between)


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
    """Refuse a strategy of the user's own of which a glance finds that it looks ahead or enters for no number.

    Those of the shelf are held by tests.

    Raises
    ------
    Refused
        Naming the first bar and factor that changed, or that is not a number.
    Invalid
        If a column is not what it has to be, though nobody may have asked for it yet.
    """
    if type(strategy).__module__.startswith(f"{shelf.package}."):
        return
    for series in many:
        _refuse_look_ahead(strategy, series, GLANCE)


def _refuse_look_ahead(strategy: SignalStrategy, series: BarSeries, cuts: int, between: Callable[[], None] | None = None) -> None:
    windows = _newest_windows(strategy, series)
    found = next(_cut_off(_glance(strategy, windows, cuts), between), None)
    if found is not None:
        raise Refused(
            f"{type(strategy).__name__} looks ahead: {found} changes when the bars after it are cut off. wb.check tells more."
        )
    unfounded = _unfounded(strategy, windows)
    if unfounded is not None:
        raise Refused(_told_unfounded(type(strategy).__name__, unfounded))


class _Window:
    """A window, where its own block begins in it, and what a strategy says about it: each column is made once."""

    def __init__(self, strategy: SignalStrategy, bars: Candles, begin: int = 0) -> None:
        self.strategy, self.bars, self.begin = strategy, bars, begin
        self.signals = checked_signals(strategy, bars)
        self.names = ("enter", "exit", "confidence", "edge", *(f"factor {name}" for name in self.signals.factors))
        self._made: dict[str, Any] = {}

    def column(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = made_column(self.strategy, self.signals, name)
        return self._made[name]


_Cuts = Iterable[tuple[_Window, int]]


def _every_cut(strategy: SignalStrategy, series: BarSeries, whole: Candles, begin: int) -> _Cuts:
    """Yield every bar from a place on, in the window that it is traded in."""
    for first, low, high in blocks(series, strategy.memory).tolist():
        if high > begin:
            window = _Window(strategy, rows_of(whole, first, high), low - first)
            yield from ((window, place) for place in range(max(low, begin) - first, high - first))


def _newest_windows(strategy: SignalStrategy, series: BarSeries) -> list[_Window]:
    """Return the windows of the newest block and of the one before it, newest first."""
    # Three blocks hold both, and a year of minutes need not be read for them.
    tail = series[max(len(series) - 3 * strategy.memory, 0) :]
    whole, newest = candles(tail), reversed(blocks(tail, strategy.memory)[-2:].tolist())
    return [_Window(strategy, rows_of(whole, first, high), low - first) for first, low, high in newest]


def _glance(strategy: SignalStrategy, windows: Sequence[_Window], cuts: int) -> list[tuple[_Window, int]]:
    """Return so many places evenly between, and as many where it signals, once it has seen as much as it looks back."""
    covered = max(strategy.lookback - 1, 0)
    # Of the bars that trade, the first of a block has the most of its window's future after it; of all, the first covered one.
    first, *older = [(window, max(window.begin, covered), len(window.bars) - 2) for window in windows]
    evenly = [(first[0], first[1]), *((window, covered) for window, _, _ in older), (first[0], first[2])]
    evenly += [(window, low + round(share * (last - low))) for share in _FRACTIONS for window, low, last in (first, *older)]
    signals = []
    for window, low, last in (*older, first):
        flags = window.signals.enter | window.signals.exit
        signals += [(window, place) for place in (low + np.flatnonzero(flags[low : last + 1])).tolist()]
    chosen = [signals[round(share * (len(signals) - 1))] for share in _FRACTIONS if signals]
    places = dict.fromkeys([*islice(dict.fromkeys(evenly), cuts), *islice(dict.fromkeys(chosen), cuts)])
    return [(window, place) for window, place in places if covered <= place <= len(window.bars) - 2]


def _cut_off(cuts: _Cuts, between: Callable[[], None] | None = None) -> Iterator[Change]:
    """Yield what changes when the bars after each place of a window are gone."""
    for window, place in cuts:
        if between is not None:
            between()
        part = _Window(window.strategy, rows_of(window.bars, 0, place + 1))
        for name in window.names:
            before, after = float(window.column(name)[place]), float(part.column(name)[place])
            if before != after and not (np.isnan(before) and np.isnan(after)):
                yield Change(int(window.bars.ts[place]), name, before, after)


def _least(memory: int) -> int:
    return 2 * memory + max(memory // _LEAST, 1)


def _memory(strategy: SignalStrategy, whole: Candles) -> tuple[Change | None, int | None, bool]:
    """Return the first change by a longer window, the memory that is enough, and whether the bars tell about the declared one."""
    declared = strategy.memory
    is_judged = len(whole) >= _least(declared) and not _stands_still(strategy, whole)[2 * declared :].all()
    found = _first_change(strategy, whole, declared)
    if found is None:
        return None, declared if is_judged else None, is_judged
    memory = 2 * declared
    while memory <= _LONGEST and _least(memory) <= len(whole):
        if _first_change(strategy, whole, memory) is None:
            return found, memory, True
        memory *= 2
    return found, None, True


def _first_change(strategy: SignalStrategy, whole: Candles, memory: int) -> Change | None:
    """Return the first bar of which a window of `memory` bars and one twice as long say something else, stretch by stretch."""
    last = len(whole)
    if last <= 2 * memory:
        return None
    lows = [2 * memory, *range(last - memory, 2 * memory, -memory)]
    lows.sort()
    some = np.unique(np.linspace(0, len(lows) - 1, _MOST_SPANS).round().astype(np.int64))
    changes = (_change_between(strategy, whole, lows[i], min(lows[i] + memory, last), memory) for i in some)
    return next((change for change in changes if change is not None), None)


def _change_between(strategy: SignalStrategy, whole: Candles, low: int, high: int, memory: int) -> Change | None:
    short = _Window(strategy, rows_of(whole, low - memory, high))
    long = _Window(strategy, rows_of(whole, low - 2 * memory, high))
    differ = {}
    for name in short.names:
        one, other = short.column(name)[memory:], long.column(name)[2 * memory :]
        same = one == other if one.dtype == np.bool_ else _are_close(one, other, short.column(name), _FLOORS.get(name, 0.0))
        differ[name] = ~same & ~_stands_still(strategy, short.bars)[memory:]
    if not any(places.any() for places in differ.values()):
        return None
    some, others = _wavers(short), _wavers(long)
    found = []
    for name, places in differ.items():
        column = name if name in some else ""
        told = np.flatnonzero(places & ~(some[column][memory:] | others[column][2 * memory :]))[:1].tolist()
        before, after = short.column(name)[memory:], long.column(name)[2 * memory :]
        found += [(i, Change(int(whole.ts[low + i]), name, float(before[i]), float(after[i]))) for i in told]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _are_close(one: Floats, other: Floats, column: Floats, floor: float) -> Flags:
    finite = column[np.isfinite(column)]
    spread = float(np.ptp(finite)) if len(finite) else 0.0
    with np.errstate(invalid="ignore"):
        largest = np.maximum(np.maximum(np.abs(one), np.abs(other)), spread)
        near = np.isfinite(one) & np.isfinite(other) & (np.abs(one - other) <= np.maximum(CLOSE * largest, floor))
    close: Flags = near | (one == other) | (np.isnan(one) & np.isnan(other))
    return close


def _stands_still(strategy: SignalStrategy, bars: Candles) -> Flags:
    """Return where the price has stood still for as long as a strategy looks back: what it says there may be rounding alone."""
    # A lookback counts one bar more than a mean that is compared with the one before.
    places, moved = np.arange(len(bars)), np.zeros(len(bars), np.bool_)
    moved[1:] = bars.close[1:] != bars.close[:-1]
    still: Flags = places - np.maximum.accumulate(np.where(moved, places, 0)) >= max(strategy.lookback - 2, 1)
    return still


def _wavers(window: _Window) -> dict[str, Flags]:
    """Return where a breath on the prices turns a flag, as its rule stands on the threshold there and rounding decides.

    Under no name it is where a number comes or goes, such as a ratio to a deviation of nothing; no flag tells there either.
    """
    chance, bars = np.random.default_rng(0), window.bars
    found = {name: np.zeros(len(bars), np.bool_) for name in ("enter", "exit", "")}
    for _ in range(_BREATHS):
        breath = 1 + _BREATH * chance.standard_normal(len(bars))
        opened, high, low, close = (column * breath for column in (bars.open, bars.high, bars.low, bars.close))
        moved = _Window(window.strategy, frozen(Candles(bars.ts, opened, high, low, close, bars.volume, bars.step)))
        for name in window.names:
            one, other = window.column(name), moved.column(name)
            if one.dtype == np.bool_:
                found[name] |= one != other
            else:
                # What is a number before and after is 0 both times; what is none stays itself.
                one, other = (np.where(np.isfinite(column), 0.0, column) for column in (one, other))
                found[""] |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    for name in ("enter", "exit"):
        found[name] |= found[""]
    return found


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


def _undefined(strategy: SignalStrategy, bars: Candles) -> Change | None:
    """Return the first bar at which a factor lacks the value that more history gives it, or that of one that never has any.

    What has no value whatever comes before, such as a ratio to a volume of zero, is rightly undefined, and so is one to a
    price's deviation while the price stands still.
    """
    covered = max(strategy.lookback - 1, 0)
    begin = max((len(bars) - strategy.lookback) // 2, 0)
    window = _Window(strategy, bars)
    part = _Window(strategy, rows_of(bars, begin, len(bars))) if begin > 0 else window
    moves = ~_stands_still(strategy, part.bars)[covered:]
    for name in window.names[4:]:
        long, short = window.column(name)[begin + covered :], part.column(name)[covered:]
        lacking = moves & ~np.isfinite(short) & (np.isfinite(long) | ~np.isfinite(long).any())
        for i in np.flatnonzero(lacking)[:1].tolist():
            return Change(int(bars.ts[begin + covered + i]), name, float(long[i]), float(short[i]))
    return None


def _unfounded(strategy: SignalStrategy, windows: Sequence[_Window]) -> Change | None:
    """Return the first entry whose edge is not a number, or that of a factor that is none at any entry.

    Entries before the lookback is covered do not count, nor do those while the price stands still.
    """
    covered = max(strategy.lookback - 1, 0)
    entries = [np.flatnonzero(each.signals.enter & ~_stands_still(strategy, each.bars)) for each in windows]
    entries = [places[places >= max(each.begin, covered)] for each, places in zip(windows, entries, strict=True)]
    times = np.concatenate([each.bars.ts[places] for each, places in zip(windows, entries, strict=True)])
    for name in windows[0].names[3:]:
        values = np.concatenate([each.column(name)[places] for each, places in zip(windows, entries, strict=True)])
        lacking = np.isnan(values)
        if lacking.all() if name.startswith("factor ") else lacking.any():
            for i in np.flatnonzero(lacking)[np.argsort(times[lacking])][:1].tolist():
                return Change(int(times[i]), name, float(values[i]), float(values[i]))
    return None


def _told_unfounded(name: str, found: Change) -> str:
    others = ", nor at any other entry" if found.column.startswith("factor ") else ""
    return (
        f"{name} enters at {show_time(found.ts)} although its {found.column} is not a number there{others}: every decision tells "
        f"its reason, so give a number, or no signal where there is none."
    )
