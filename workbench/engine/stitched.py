"""Stitched candles: a whole series at once, each bar with the indicators of its own window.

A bar's factors are computed on the array that begins one block before its own (`workbench.engine.windows`). Asking a strategy
block by block costs most where its rule is cheap. So the blocks' own parts are laid end to end, each with the few bars before
it that the rule looks back on, as its own window has them; indicators are computed window by window and laid out the same
way; and the rule runs once over all. What a strategy says is the same to the bit, and the contract tests hold it to that.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from workbench.domain.bars import parse_timeframe
from workbench.engine.measures import Ints
from workbench.engine.series import BarSeries
from workbench.engine.slower import slower_bars
from workbench.engine.strategy import COLUMNS, Candles, SignalStrategy, Slower, candles, frozen
from workbench.errors import Broken

Rows = list[tuple[int, int]]

MOST_BYTES: Final = 256 * 2**20
"""What the indicators of one series may take up; the ones longest unasked go first."""


def window_start(ts: int, timeframe: str, memory: int) -> int:
    """Return the open time from which the factors of the bar at `ts` are computed, in milliseconds."""
    block = parse_timeframe(timeframe) * memory
    return (ts // block - 1) * block


def blocks(series: BarSeries, memory: int) -> Ints:
    """Return, for every block that has bars, where its window begins, where it begins itself and where it ends: shape (n, 3)."""
    if not len(series):
        return np.zeros((0, 3), np.int64)
    numbers = series.ts // (series.step * memory)
    lows = np.append(0, np.flatnonzero(np.diff(numbers)) + 1)
    highs = np.append(lows[1:], len(series))
    first = np.searchsorted(series.ts, (numbers[lows] - 1) * series.step * memory)
    return np.stack([first, lows, highs], axis=1)


def rows_of(bars: Candles, low: int, high: int) -> Candles:
    """Return a stretch of candles."""
    ts, opened, highs, lows, close, volume = (getattr(bars, name)[low:high] for name in COLUMNS)
    return Candles(ts, opened, highs, lows, close, volume, bars.step)


class Remembered:
    """Indicators that were computed before, up to so many bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._bytes = 0
        self._own = threading.Lock()
        self.lock = threading.RLock()
        """Held while an indicator is computed, so that two threads never compute the same one; it may ask for another."""

    def get(self, key: tuple[Any, ...]) -> Any:
        """Return what was kept under a key, or None."""
        with self._own:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def recall(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what is kept under a key, made now where nothing is."""
        found = self.get(key)
        if found is None:
            with self.lock:
                found = self.get(key)
                if found is None:
                    found = make()
                    self.keep(key, found)
        return found

    def keep(self, key: tuple[Any, ...], value: Any) -> None:
        """Keep a value that nobody may write into, and forget what was not asked for the longest where it gets too much."""
        frozen(value)
        with self._own:
            if key not in self._kept:
                self._bytes += _size(value)
            self._kept[key] = value
            while self._bytes > MOST_BYTES and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= _size(gone)


class Stitched(Candles, frozen=True):
    """Candles of a whole series, laid out block by block.

    Parameters
    ----------
    whole
        The same candles as they are.
    parts
        The blocks.
    lag
        How many bars of its window each block has before it.
    rows
        From where to where the bars of their own lie, block by block; None where all rows are such.
    at_hand
        On how many bars the factors of each bar are computed.
    remembered
        Indicators that were asked for before.
    """

    whole: Candles
    parts: Ints
    lag: int
    rows: Rows | None
    at_hand: Ints
    remembered: Remembered

    def indicator(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return an indicator of the columns, each block's on its own window, computed once."""
        named = tuple(self._name_of(argument) for argument in arguments)
        return self.remembered.recall((function, *named), lambda: self._computed(function, named))

    def every(self, timeframe: str | int) -> Slower:
        """Refuse: a slower timeframe is read block by block.

        Raises
        ------
        Broken
            Always.
        """
        raise Broken(f"A strategy that reads a slower timeframe ({timeframe}) is read block by block: leave its `lag` out.")

    def _name_of(self, argument: Any) -> Any:
        if not isinstance(argument, np.ndarray):
            return argument
        for name in COLUMNS:
            if argument is getattr(self, name):
                return _Column(name)
        raise Broken(
            "A strategy that declares its lag asks for indicators of columns of its candles only: expected bars.close or another "
            "one, found an array of its own. Leave `lag` out, and it is read block by block."
        )

    def _computed(self, function: Callable[..., Any], named: tuple[Any, ...]) -> Any:
        out: list[Any] = []
        many, at = False, 0
        for first, low, high in self.parts.tolist():
            given = [getattr(self.whole, each.name)[first:high] if isinstance(each, _Column) else each for each in named]
            found = function(*given)
            many = isinstance(found, tuple)
            arrays = found if many else (found,)
            begin = max(low - first - self.lag, 0)
            if not out:
                out = [np.empty(len(self), array.dtype) for array in arrays]
            for column, array in zip(out, arrays, strict=True):
                column[at : at + high - first - begin] = array[begin:]
            at += high - first - begin
        return tuple(out) if many else out[0]


class _Column(str):
    """The name of a column, where an indicator is asked of it."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name itself."""
        return str(self)


def _size(value: Any) -> int:
    if isinstance(value, Candles):
        return sum(getattr(value, name).nbytes for name in COLUMNS)
    return sum(array.nbytes for array in value) if isinstance(value, tuple) else int(getattr(value, "nbytes", 0))


class Recalling(Candles, frozen=True):
    """Candles of one window that remember what was asked of them.

    Parameters
    ----------
    remembered
        Indicators that were asked for before.
    key
        Which candles they are.
    """

    remembered: Remembered
    key: tuple[Any, ...]

    def indicator(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return an indicator; one of the columns is computed once."""
        return _recalled(self, self.remembered, self.key, function, arguments)

    def every(self, timeframe: str | int) -> Slower:
        """Return the same market in a slower timeframe, which remembers too."""
        key = (*self.key, "every", timeframe)

        def made() -> Slower:
            found = slower_bars(self, timeframe)
            ts, opened, high, low, close, volume = (getattr(found, name) for name in COLUMNS)
            return RecallingSlower(ts, opened, high, low, close, volume, found.step, found.last, self.remembered, key)

        slower: Slower = self.remembered.recall(key, made)
        return slower


class RecallingSlower(Slower, frozen=True):
    """Slower candles that remember what was asked of them."""

    remembered: Remembered
    key: tuple[Any, ...]

    def indicator(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return an indicator; one of the columns is computed once."""
        return _recalled(self, self.remembered, self.key, function, arguments)


def _recalled(
    bars: Candles, remembered: Remembered, key: tuple[Any, ...], function: Callable[..., Any], arguments: tuple[Any, ...]
) -> Any:
    named = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            name = next((name for name in COLUMNS if argument is getattr(bars, name)), None)
            if name is None:
                # An array of the strategy's own has no name to be remembered by.
                return frozen(function(*arguments))
            named.append(_Column(name))
        else:
            named.append(argument)
    return remembered.recall((*key, function, *named), lambda: function(*arguments))


class Blocks:
    """A series cut into its windows, which remember their indicators: for strategies that are read block by block.

    Parameters
    ----------
    series, memory
        Of which the windows are, and their block length in bars.

    Attributes
    ----------
    parts
        Where each window begins, where its block begins and where it ends.
    windows
        The candles of each.
    """

    def __init__(self, series: BarSeries, memory: int) -> None:
        self.parts, remembered, whole = blocks(series, memory), Remembered(), candles(series)
        self.windows: list[Candles] = []
        for place, (first, _, high) in enumerate(self.parts.tolist()):
            ts, opened, highs, lows, close, volume = (getattr(whole, name)[first:high] for name in COLUMNS)
            self.windows.append(Recalling(ts, opened, highs, lows, close, volume, whole.step, remembered, (place,)))


def lay_out(series: BarSeries, strategy: SignalStrategy) -> Stitched | Blocks:
    """Return a series laid out for many strategies of one kind."""
    stitched = None if strategy.lag is None else stitch(series, strategy.memory, strategy.lag)
    return Blocks(series, strategy.memory) if stitched is None else stitched


def stitch(series: BarSeries, memory: int, lag: int) -> Stitched | None:
    """Return a series laid out for strategies of a memory and a lag; None where a block has too little before it."""
    parts = blocks(series, memory)
    first, lows, highs = parts.T
    before = np.minimum(lag, lows - first)
    if not len(series) or (before[1:] < lag).any():
        return None
    whole = candles(series)
    at_hand = np.arange(1, len(series) + 1) - np.repeat(first, highs - lows)
    columns = [getattr(whole, name) for name in COLUMNS]
    if not before.any():
        return _made(columns, whole, parts, lag, None, at_hand)
    # Each block begins further back by what all before it have added.
    begins = lows + np.cumsum(before)
    rows = list(zip(begins.tolist(), (begins + highs - lows).tolist(), strict=True))
    stretches = list(zip((lows - before).tolist(), highs.tolist(), strict=True))
    laid = [np.concatenate([column[low:high] for low, high in stretches]) for column in columns]
    return _made(laid, whole, parts, lag, rows, at_hand)


def _made(columns: list[Any], whole: Candles, parts: Ints, lag: int, rows: Rows | None, at_hand: Ints) -> Stitched:
    ts, opened, high, low, close, volume = columns
    made = Stitched(ts, opened, high, low, close, volume, whole.step, whole, parts, lag, rows, at_hand, Remembered())
    return frozen(made)  # type: ignore[no-any-return]
