"""Windows: on which bars a factor is computed, so that it is the same, to the bit, live and in every backtest.

An indicator's value depends on where its array starts. Here time is cut into blocks of `memory` bars, aligned to the
epoch, and a bar's factors are computed on the array that begins one block before the bar's own: never on more, never on
less. A backtest computes once a block and a live step on the window so far; because indicators are causal
(`f(x[:t]) == f(x)[:t]`), the two agree bit for bit, wherever the data begin.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any, overload

import numpy as np

from workbench.domain.bars import show_time
from workbench.engine.measures import UNKNOWN, Ints, measure
from workbench.engine.series import BarSeries, Floats
from workbench.engine.stitched import Blocks, Remembered, Rows, Stitched, blocks, lay_out, rows_of, window_start
from workbench.engine.strategy import Candles, Column, Flags, Reading, Signals, SignalStrategy, candles, frozen
from workbench.errors import Broken, Invalid, Refused, WorkbenchError

__all__ = [
    "Readings",
    "Relay",
    "Wanted",
    "checked_signals",
    "made_column",
    "measures_in",
    "plain_flags",
    "read_last",
    "read_series",
    "window_start",
]

Measures = Mapping[str, Ints]
Wanted = dict[str, tuple[float, ...]]
_NO_MEASURES: Wanted = {}
_NOTHING: dict[str, int | None] = {}
_NO_GATE: Flags = frozen(np.zeros(0, np.bool_))


class Readings(Sequence[Reading]):
    """The strategy's word on every bar of a series: as columns for the kernel, and bar by bar, as plain lists, for the fold.

    Parameters
    ----------
    strategy, parts
        Who says what, in as many parts as it was read in.
    bars_at_hand
        On how many bars the factors of each were computed.
    measures
        Those that were asked for, in whole numbers; `UNKNOWN` where one is not known yet.
    rows
        From where to where the bars lie in the parts; None where all rows are bars.
    remembered
        What readings of the same series have in common.
    span
        From which place of the series to which they go; all of it where None.
    """

    def __init__(
        self,
        strategy: SignalStrategy,
        parts: Sequence[Signals],
        bars_at_hand: Ints,
        measures: Measures | None = None,
        rows: Rows | None = None,
        remembered: Remembered | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        self.strategy = strategy
        self.at_hand = bars_at_hand
        self.measured: Measures = measures or {}
        self._parts, self._rows, self._remembered, self._span = parts, rows, remembered, span

    def between(self, low: int, high: int) -> "Readings":
        """Return the readings of the bars from one place to another; what came before them stays their history."""
        if self._span is not None:
            raise Broken("Readings are cut once: expected those of a whole series, found a part.")
        measured = {name: column[low:high] for name, column in self.measured.items()}
        return Readings(self.strategy, self._parts, self.at_hand[low:high], measured, self._rows, None, (low, high))

    def column(self, name: str) -> Any:
        """Return one of the arrays of its signals: `"enter"`, `"exit"`, `"confidence"` or `"edge"`."""
        return self._whole([made_column(self.strategy, part, name) for part in self._parts])

    def covered(self) -> Flags:
        """Return where the strategy's lookback is covered."""
        return self.at_hand >= self.strategy.lookback

    def kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what is the same for all readings of the series that share a key, made once where they have much in common."""
        return make() if self._remembered is None else self._remembered.recall(("kept", *key), make)

    def places(self, name: str, gate: Flags | None = None) -> Ints:
        """Return the places at which one of the flags of its signals is set: `"enter"` or `"exit"`.

        Parameters
        ----------
        gate
            The bars that count; all of them where None.
        """
        # A process that has the kernel has this compiled too; no other waits for a compiler.
        compiled = sys.modules.get("workbench.engine.crossing")
        if (
            compiled is None
            or not compiled.ready.is_set()
            or self._rows is None
            or self._remembered is None
            or len(self._parts) != 1
        ):
            column = self.column(name)
            return np.flatnonzero(column if gate is None else column & gate)
        flags = np.ascontiguousarray(made_column(self.strategy, self._parts[0], name))
        # What a strategy gives may be read-only, for which everything would be compiled anew.
        set_at = compiled.places(flags if flags.flags.writeable else flags.copy())
        return compiled.owned(set_at, self._row_ends(), _NO_GATE if gate is None else gate)  # type: ignore[no-any-return]

    def _row_ends(self) -> Ints:
        assert self._remembered is not None
        found: Ints = self._remembered.recall(("rows",), lambda: np.array(self._rows, np.int64))
        return found

    def factor(self, name: str) -> Floats:
        """Return one of its factors."""
        return self._whole([made_column(self.strategy, part, f"factor {name}") for part in self._parts])  # type: ignore[no-any-return]

    def _whole(self, columns: Sequence[Any]) -> Any:
        joined = columns[0] if len(columns) == 1 else np.concatenate(columns)
        whole = joined if self._rows is None else self._own(joined)
        return whole if self._span is None else whole[self._span[0] : self._span[1]]

    def _own(self, column: Any) -> Any:
        """Return the rows that are the bars' own, without those that were laid before each block."""
        assert self._rows is not None
        return np.concatenate([column[low:high] for low, high in self._rows])

    @cached_property
    def enter(self) -> list[bool]:
        """Whether it wants in, bar by bar."""
        return self.column("enter").tolist()  # type: ignore[no-any-return]

    @cached_property
    def exit(self) -> list[bool]:
        """Whether it wants out."""
        return self.column("exit").tolist()  # type: ignore[no-any-return]

    @cached_property
    def confidence(self) -> list[float]:
        """How sure it is."""
        return self.column("confidence").tolist()  # type: ignore[no-any-return]

    @cached_property
    def bars_at_hand(self) -> list[int]:
        """On how many bars its factors were computed."""
        return self.at_hand.tolist()  # type: ignore[no-any-return]

    @cached_property
    def edge(self) -> list[float | None]:
        """How far its quantity lies beyond its threshold."""
        return _or_none(self.column("edge"))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What its factors are called."""
        return tuple(self._parts[0].factors)

    @cached_property
    def values(self) -> list[tuple[float | None, ...]]:
        """Its factors, in the order of their names."""
        columns = [_or_none(self.factor(name)) for name in self.names]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self)

    @cached_property
    def measures(self) -> dict[str, list[int | None]]:
        """The measures, None where one is not known yet."""
        return {name: [None if value == UNKNOWN else value for value in column.tolist()] for name, column in self.measured.items()}

    def __len__(self) -> int:
        return len(self.at_hand)

    @overload
    def __getitem__(self, i: int) -> Reading: ...

    @overload
    def __getitem__(self, i: slice) -> list[Reading]: ...

    def __getitem__(self, i: int | slice) -> Reading | list[Reading]:
        if isinstance(i, slice):
            return [self._at(j) for j in range(*i.indices(len(self)))]
        return self._at(i if i >= 0 else len(self) + i)

    def _at(self, i: int) -> Reading:
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


class Relay(Readings):
    """Readings that one strategy after another made, each of its own stretch of a series.

    Parameters
    ----------
    legs
        In order of time; the strategies are of one kind.
    """

    def __init__(self, legs: Sequence[Readings]) -> None:
        # Where rules differ from leg to leg a fold asks each leg for its own measures; columns are for rules that stay.
        names = [name for name in legs[0].measured if all(name in leg.measured for leg in legs)]
        measured = {name: np.concatenate([leg.measured[name] for leg in legs]) for name in names}
        super().__init__(legs[-1].strategy, [], np.concatenate([leg.at_hand for leg in legs]), measured)
        self._legs = tuple(legs)
        self._ends = np.cumsum([len(leg) for leg in legs])

    def column(self, name: str) -> Any:
        """Return one of the arrays of their signals."""
        return np.concatenate([leg.column(name) for leg in self._legs])

    def covered(self) -> Flags:
        """Return where the lookback of the strategy at work is covered."""
        return np.concatenate([leg.covered() for leg in self._legs])

    def factor(self, name: str) -> Floats:
        """Return one of their factors."""
        return np.concatenate([leg.factor(name) for leg in self._legs])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What their factors are called."""
        return self._legs[0].names

    def _at(self, place: int) -> Reading:
        leg = int(np.searchsorted(self._ends, place, side="right"))
        return self._legs[leg][place - (int(self._ends[leg - 1]) if leg else 0)]


def read_series(
    strategy: SignalStrategy, series: BarSeries, wanted: Wanted = _NO_MEASURES, laid: Stitched | Blocks | None = None
) -> Readings:
    """Return the strategy's readings of a whole series: at once where it declares its `lag`, else one block at a time.

    Parameters
    ----------
    wanted
        The measures that the configuration asks for, as `measures_of` returns them.
    laid
        The series laid out for strategies of this kind, where it was laid out before.
    """
    if laid is None:
        laid = lay_out(series, strategy)
    if isinstance(laid, Stitched):
        said = checked_signals(strategy, laid)
        return Readings(strategy, [said], laid.at_hand, measures_in(strategy, series, wanted), laid.rows, laid.remembered)
    parts: list[Signals] = []
    at_hand: list[Ints] = []
    for (first, low, high), window in zip(laid.parts.tolist(), laid.windows, strict=True):
        parts.append(_rows(strategy, checked_signals(strategy, window), low - first))
        at_hand.append(np.arange(low - first + 1, high - first + 1))
    together = np.concatenate(at_hand) if at_hand else np.zeros(0, np.int64)
    return Readings(
        strategy, parts or [checked_signals(strategy, candles(series))], together, measures_in(strategy, series, wanted)
    )


def measures_in(strategy: SignalStrategy, series: BarSeries, wanted: Wanted) -> Measures:
    """Return the measures of every bar of a series, each on the windows of a strategy."""
    if not wanted:
        return {}
    every = candles(series)
    parts = [
        {name: column[low - first :] for name, column in measure(rows_of(every, first, high), wanted).items()}
        for first, low, high in blocks(series, strategy.memory).tolist()
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in wanted} if parts else {}


def read_last(strategy: SignalStrategy, window: Candles, wanted: Wanted = _NO_MEASURES) -> Reading:
    """Return the strategy's reading of a window's last bar; the window begins where `window_start` says."""
    last = _rows(strategy, checked_signals(strategy, window), len(window) - 1)
    measures = {name: column[-1:] for name, column in measure(window, wanted).items()} if wanted else {}
    return Readings(strategy, [last], np.array([len(window)]), measures)[0]


def checked_signals(strategy: SignalStrategy, bars: Candles) -> Signals:
    """Return what a strategy says about bars, once it is sure that every array is what it has to be.

    Columns that are given as functions are checked when they are made.

    Raises
    ------
    Invalid
        Naming the array that is not.
    Refused
        If the strategy raises something of its own; the sentence says what and where.
    """
    with _asked(strategy):
        given: Any = strategy.signals(bars)
    if not isinstance(given, Signals) or not isinstance(given.factors, dict):
        what = "factors of " + type(given.factors).__name__ if isinstance(given, Signals) else type(given).__name__
        raise Invalid(f"{type(strategy).__name__}.signals", "Signals(enter, exit, confidence, edge, {name: factor})", what)
    said: Signals = given
    for field in ("enter", "exit"):
        _check_array(f"{type(strategy).__name__}.{field}", getattr(said, field), len(bars), np.bool_)
    columns: dict[str, Any] = {"confidence": said.confidence, "edge": said.edge}
    for name, column in [*columns.items(), *((f"factor {name}", column) for name, column in said.factors.items())]:
        if not callable(column):
            checked_column(strategy, name, column, len(bars), bars)
    enter, out = plain_flags(said.enter), plain_flags(said.exit)
    is_plain = enter is said.enter and out is said.exit
    return said if is_plain else Signals(enter, out, said.confidence, said.edge, said.factors)


def made_column(strategy: SignalStrategy, said: Signals, name: str) -> Any:
    """Return a column of signals that were checked; one that is given as a function is made and checked now.

    Parameters
    ----------
    name
        Such as `"edge"` or `"factor mean"`.

    Raises
    ------
    Invalid
        Naming the column.
    Refused
        If the function raises something of its own; the sentence says what and where.
    """
    factor = name.removeprefix("factor ")
    if factor != name and factor not in said.factors:
        whose = f"{type(strategy).__name__}.signals"
        raise Invalid(whose, "the same factors for whatever bars", f"{', '.join(said.factors) or 'none'} without {factor}")
    column = getattr(said, name) if factor == name else said.factors[factor]
    if not callable(column):
        return column
    with _asked(strategy):
        made = column()
    return checked_column(strategy, name, made, len(said.enter))


@contextmanager
def _asked(strategy: SignalStrategy) -> Iterator[None]:
    """Say in a sentence what a strategy raises, and that it writes into what others are given too."""
    try:
        yield
    except WorkbenchError:
        raise
    # A strategy is code of anybody's, and this is where it is called: whatever it raises is theirs to know, with the line.
    except Exception as problem:
        if isinstance(problem, ValueError) and "read-only" in str(problem):
            whose, found = f"{type(strategy).__name__}.signals", "a column or an indicator of the candles, written into"
            raise Invalid(whose, "arrays of its own to write into, such as bars.close.copy() or 1.01 * upper", found) from problem
        found = f"{type(problem).__name__}: {problem}".removesuffix(": ").rstrip(".")
        where = _place_of(problem, type(strategy).__module__)
        raise Refused(f"{type(strategy).__name__} broke {where}: expected what it says about its bars, found {found}.") from problem


def _place_of(problem: Exception, module: str) -> str:
    """Return the innermost place of a module that an error came through; the innermost of all where it came through none."""
    passed = [(frame.f_globals.get("__name__"), frame.f_code.co_filename, line) for frame, line in walk_tb(problem.__traceback__)]
    own = [(name, line) for whose, name, line in passed if whose == module]
    name, line = own[-1] if own else passed[-1][1:]
    is_cell = name.startswith("<") or "ipykernel" in name
    return f"in line {line} of its cell" if is_cell else f"in {Path(name).name}, line {line}"


def checked_column(strategy: SignalStrategy, name: str, column: Any, count: int, bars: Candles | None = None) -> Floats:
    """Return a column of numbers, once it is sure that it is one, and from 0 to 100 where it says how sure a strategy is.

    Parameters
    ----------
    count
        How many numbers it has to have.
    bars
        Those that it is of, where they are at hand to tell when one is wrong.

    Raises
    ------
    Invalid
        Naming the column.
    """
    whose = f"{type(strategy).__name__}{' ' if name.startswith('factor') else '.'}{name}"
    _check_array(whose, column, count, np.float64)
    if name == "confidence":
        for i in np.flatnonzero(~((column >= 0) & (column <= 100)))[:1]:
            when = "" if bars is None else f" at {show_time(int(bars.ts[i]))}"
            raise Invalid(whose, "numbers from 0 to 100", f"{column[i]}{when}")
    return column  # type: ignore[no-any-return]


def plain_flags(flags: Flags) -> Flags:
    """Return flags of which each is a byte of one or nothing, as compiled code takes them; a view of other bytes need not be."""
    bytes_ = flags.view(np.uint8)
    return flags if (bytes_ <= 1).all() else bytes_ != 0


def _check_array(name: str, found: object, count: int, kind: type) -> None:
    if not isinstance(found, np.ndarray) or found.dtype != kind or found.shape != (count,):
        what = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise Invalid(name, f"an array of {kind.__name__.rstrip('_')} with one value a bar, {count:,} of them", what)


def _rows(strategy: SignalStrategy, said: Signals, low: int) -> Signals:
    factors: dict[str, Column] = {name: made_column(strategy, said, f"factor {name}")[low:] for name in said.factors}
    sure, edge = (made_column(strategy, said, name)[low:] for name in ("confidence", "edge"))
    return Signals(said.enter[low:], said.exit[low:], sure, edge, factors)


def _or_none(column: Floats) -> list[float | None]:
    """Return a column as a list in which what is not a finite number is None, for JSON has no other word for it."""
    values: list[float] = column.tolist()
    if np.isfinite(column).all():
        return [*values]
    return [value if value - value == 0 else None for value in values]
