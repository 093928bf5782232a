"""Windows: on which bars a factor is computed, so that it is the same, to the bit, live and in every backtest.

An indicator's value depends on where its array starts. Here time is cut into blocks of `memory` bars, aligned to the
epoch, and a bar's factors are computed on the array that begins one block before the bar's own: never on more, never on
less. A backtest computes once a block and a live step on the window so far; because indicators are causal
(`f(x[:t]) == f(x)[:t]`), the two agree bit for bit, wherever the data begin.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import overload

import numpy as np

from workbench.domain.bars import parse_timeframe, show_time
from workbench.engine.measures import UNKNOWN, Ints, measure
from workbench.engine.series import BarSeries, Floats
from workbench.engine.strategy import Candles, Reading, Signals, SignalStrategy, candles
from workbench.errors import Invalid

Measures = Mapping[str, Ints]
Wanted = dict[str, tuple[float, ...]]
_NO_MEASURES: Wanted = {}
_NOTHING: dict[str, int | None] = {}


def window_start(ts: int, timeframe: str, memory: int) -> int:
    """Return the open time from which the factors of the bar at `ts` are computed, in milliseconds."""
    block = parse_timeframe(timeframe) * memory
    return (ts // block - 1) * block


class Readings(Sequence[Reading]):
    """The strategy's word on every bar of a series, kept as plain lists because they are read one bar at a time."""

    def __init__(
        self, strategy: SignalStrategy, signals: Signals, bars_at_hand: list[int], measures: Measures | None = None
    ) -> None:
        self.strategy = strategy
        self.signals = signals
        self.bars_at_hand = bars_at_hand
        self.enter: list[bool] = signals.enter.tolist()
        self.exit: list[bool] = signals.exit.tolist()
        self.confidence: list[float] = signals.confidence.tolist()
        self.edge = _or_none(signals.edge)
        self.names = tuple(signals.factors)
        self.measures = {
            name: [None if value == UNKNOWN else value for value in column.tolist()] for name, column in (measures or {}).items()
        }
        columns = [_or_none(column) for column in signals.factors.values()]
        self.values: list[tuple[float | None, ...]] = list(zip(*columns, strict=True)) if columns else [()] * len(self.enter)

    def __len__(self) -> int:
        return len(self.enter)

    @overload
    def __getitem__(self, i: int) -> Reading: ...

    @overload
    def __getitem__(self, i: slice) -> list[Reading]: ...

    def __getitem__(self, i: int | slice) -> Reading | list[Reading]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        return Reading(
            self.enter[i],
            self.exit[i],
            self.confidence[i],
            self.edge[i],
            self.bars_at_hand[i],
            self.names,
            self.values[i],
            self.strategy,
            {name: column[i] for name, column in self.measures.items()} if self.measures else _NOTHING,
        )


def read_series(strategy: SignalStrategy, series: BarSeries, wanted: Wanted = _NO_MEASURES) -> Readings:
    """Return the strategy's readings of a whole series, one block at a time.

    Parameters
    ----------
    wanted
        The measures that the configuration asks for, as `measures_of` returns them.
    """
    every = candles(series)
    parts: list[Signals] = []
    measured: list[Measures] = []
    at_hand: list[int] = []
    block = series.step * strategy.memory
    numbers = series.ts // block
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(series)]
    for low, high in pairwise(edges):
        if low == high:
            continue
        first = int(np.searchsorted(series.ts, window_start(int(series.ts[low]), series.timeframe, strategy.memory)))
        window = _rows_of(every, first, high)
        parts.append(_rows(checked_signals(strategy, window), low - first))
        if wanted:
            measured.append({name: column[low - first :] for name, column in measure(window, wanted).items()})
        at_hand += range(low - first + 1, high - first + 1)
    measures = {name: np.concatenate([part[name] for part in measured]) for name in wanted} if measured else {}
    return Readings(strategy, _joined(parts), at_hand, measures)


def read_last(strategy: SignalStrategy, window: Candles, wanted: Wanted = _NO_MEASURES) -> Reading:
    """Return the strategy's reading of a window's last bar; the window begins where `window_start` says."""
    last = _rows(checked_signals(strategy, window), len(window) - 1)
    measures = {name: column[-1:] for name, column in measure(window, wanted).items()} if wanted else {}
    return Readings(strategy, last, [len(window)], measures)[0]


def checked_signals(strategy: SignalStrategy, bars: Candles) -> Signals:
    """Return what a strategy says about bars, once it is sure that every array is what it has to be.

    Raises
    ------
    Invalid
        Naming the array that is not.
    """
    said = strategy.signals(bars)
    name, count = type(strategy).__name__, len(bars)
    for field in ("enter", "exit", "confidence", "edge"):
        _check_array(f"{name}.{field}", getattr(said, field), count, np.bool_ if field in ("enter", "exit") else np.float64)
    for factor, column in said.factors.items():
        _check_array(f"{name} factor {factor}", column, count, np.float64)
    for i in np.flatnonzero(~((said.confidence >= 0) & (said.confidence <= 100)))[:1]:
        found = f"{said.confidence[i]} at {show_time(int(bars.ts[i]))}"
        raise Invalid(f"{name}.confidence", "numbers from 0 to 100", found)
    return said


def _check_array(name: str, found: object, count: int, kind: type) -> None:
    if not isinstance(found, np.ndarray) or found.dtype != kind or found.shape != (count,):
        what = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise Invalid(name, f"an array of {kind.__name__.rstrip('_')} with one value a bar, {count:,} of them", what)


def _rows_of(bars: Candles, low: int, high: int) -> Candles:
    return Candles(*(getattr(bars, name)[low:high] for name in Candles.__struct_fields__))


def _rows(signals: Signals, low: int) -> Signals:
    factors = {name: column[low:] for name, column in signals.factors.items()}
    return Signals(signals.enter[low:], signals.exit[low:], signals.confidence[low:], signals.edge[low:], factors)


def _joined(parts: list[Signals]) -> Signals:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = np.zeros(0)
        return Signals(none.astype(np.bool_), none.astype(np.bool_), none, none, {})
    factors = {name: np.concatenate([part.factors[name] for part in parts]) for name in parts[0].factors}
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("enter", "exit", "confidence", "edge")}
    return Signals(**columns, factors=factors)


def _or_none(column: Floats) -> list[float | None]:
    """Return a column as a list in which what is not a finite number is None, for JSON has no other word for it."""
    values: list[float] = column.tolist()
    if np.isfinite(column).all():
        return [*values]
    return [value if value - value == 0 else None for value in values]
