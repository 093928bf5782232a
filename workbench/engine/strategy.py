"""The port of a strategy: parameters in its fields, one method from arrays of closed bars to arrays of signals."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.domain.params import Param, check_fields
from workbench.engine.series import BarSeries, Floats
from workbench.errors import Invalid

__all__ = [
    "COLUMNS", "Candles", "Param", "Reading", "SignalStrategy", "Signals", "Slower",
    "crossed_above", "crossed_below", "crossings", "share_of_hundred",
]  # fmt: skip

Flags = NDArray[np.bool_]
_WORTH_COMPILING = 10_000
Column = Floats | Callable[[], Floats]


COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume")
"""The arrays of candles."""


class Candles(msgspec.Struct, frozen=True):
    """Closed bars as a strategy sees them: float64 arrays of one length, oldest first, and open times in milliseconds.

    `step` is the length of a bar in milliseconds.
    """

    ts: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    step: int

    def __len__(self) -> int:
        return len(self.ts)

    def indicator(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `function(*arguments)`, where the arrays among the arguments are columns of these candles.

        Said this way, a sweep computes it once for all trials that ask the same, and a strategy that declares its `lag`
        is asked once for a whole series. What it gives cannot be written into, for others may be given the same.

        Parameters
        ----------
        function
            From arrays of closed bars to one array or several of their length, causal, such as `talib.SMA`.

        Examples
        --------
        >>> import talib
        >>> few = Candles(*(np.arange(1.0, 5.0) for _ in range(6)), step=1)
        >>> few.indicator(talib.SMA, few.close, 2).tolist()
        [nan, 1.5, 2.5, 3.5]
        """
        return frozen(function(*arguments))

    def every(self, timeframe: str | int) -> "Slower":
        """Return the same market in a slower timeframe, closed bars only.

        A slower bar is known from the moment that it has closed, so nothing that is made of it can look ahead. One whose
        beginning lies before these candles is left out. Where the beginning of a window cuts through slower bars, as with a
        day in windows of 2,048 hours, the first whole one is where it begins.

        Parameters
        ----------
        timeframe
            Such as `"4h"`, or how many of these bars make one, such as 4; slower bars begin at multiples of it since the epoch.

        Raises
        ------
        Invalid
            If it is no multiple of the bars' own timeframe.

        Examples
        --------
        >>> hours = np.arange(6) * 3_600_000
        >>> few = Candles(hours, *(np.arange(1.0, 7.0) for _ in range(5)), step=3_600_000)
        >>> few.every("2h").close.tolist()
        [2.0, 4.0, 6.0]
        >>> few.every("2h").known(few.every("2h").close).tolist()
        [nan, 2.0, 2.0, 4.0, 4.0, 6.0]
        """
        from workbench.engine.slower import slower_bars

        return frozen(slower_bars(self, timeframe))  # type: ignore[no-any-return]


class Slower(Candles, frozen=True):
    """Closed bars of a slower timeframe, and what is known of them at each of the faster bars.

    Parameters
    ----------
    last
        For each of the faster bars, the place of the slower one that had closed last when it closed; -1 where none had.
    """

    last: NDArray[np.int64]

    def known(self, values: Any) -> Any:
        """Return, for each of the faster bars, the value at the slower bar that had closed last; nan, or no, where none had.

        Parameters
        ----------
        values
            One a slower bar, or several such arrays.
        """
        if isinstance(values, tuple):
            return tuple(self.known(each) for each in values)
        values = np.asarray(values)
        if len(values) != len(self):
            raise Invalid("known", f"one value for each of {len(self):,} slower bars", f"{len(values):,} values")
        none: Any = False if values.dtype == np.bool_ else np.nan
        if not len(values):
            return np.full(len(self.last), none)
        return np.where(self.last >= 0, values[np.maximum(self.last, 0)], none)


class Signals(msgspec.Struct, frozen=True):
    """What a strategy says about each bar; every array has the length of the candles.

    A column of numbers may be given as a function that makes it: it is called only where somebody reads it, which a sweep of
    a thousand trials mostly does not.

    Parameters
    ----------
    enter, exit
        Whether it wants in, or out, at the close of each bar.
    confidence
        How sure it is, 0 to 100.
    edge
        How far the rule's own quantity lies beyond its threshold, in `edge_unit`: negative where it falls short.
    factors
        Its named values, to be shown beside the decision.
    """

    enter: Flags
    exit: Flags
    confidence: Column
    edge: Column
    factors: dict[str, Column]


class Reading(msgspec.Struct, frozen=True):
    """What the strategy says about one bar of one instrument.

    Parameters
    ----------
    bars_at_hand
        How many bars the factors were computed on.
    names, values
        The factors; a value is None where it is not defined yet.
    measures
        What sizing and rules asked to know of the market, in millionths; None where it is not known yet.
    """

    enter: bool
    exit: bool
    confidence: float
    edge: float | None
    bars_at_hand: int
    names: tuple[str, ...]
    values: tuple[float | None, ...]
    strategy: "SignalStrategy"
    measures: dict[str, int | None] = {}


class SignalStrategy(msgspec.Struct, frozen=True):
    """A strategy whose fields are its parameters.

    A subclass is one file in `strategies/`: it declares `title`, `summary`, its parameters with their bounds, how many
    bars it looks back, and `signals`. It is vectorised, causal and without state.

    Attributes
    ----------
    title, summary
        What a person calls it, and what it does in a sentence.
    memory
        The block length of its windows in bars, a power of two; a bar's factors are computed on at least this many bars.
    lag
        How many bars back `signals` reads beside its indicators (`bars.indicator`), such as 1 for a crossing; None where it
        computes on the columns in any other way. It is a promise: with it a series is read at once, without it block by block.
    edge_unit
        What `Signals.edge` is counted in.
    is_silent
        Whether it never signals, so that what is traded others place.
    """

    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    memory: ClassVar[int] = 2048
    lag: ClassVar[int | None] = None
    edge_unit: ClassVar[str] = "bps"
    is_silent: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        self.check()
        if type(self).lookback is not SignalStrategy.lookback and self.lookback > self.memory:
            whose = f"{type(self).__name__}.lookback"
            raise Invalid(whose, f"at most its memory, which is {self.memory:,} bars: no more are at hand", self.lookback)

    def check(self) -> None:
        """Refuse parameters that do not go together; a subclass says which.

        Raises
        ------
        Invalid
            Naming the parameter.
        """

    @property
    def lookback(self) -> int:
        """How many bars it needs before its first signal means something."""
        raise NotImplementedError

    def signals(self, bars: Candles) -> Signals:
        """Return what it says about every bar, from that bar and the ones before it only."""
        raise NotImplementedError

    def because(self, factors: Mapping[str, float | None]) -> str:
        """Return the state of its rule in a clause, such as `"the fast mean is 12.3 bps above the slow one"`."""
        raise NotImplementedError


def frozen(value: Any) -> Any:
    """Return an array, several, or candles, once nobody can write into them.

    A strategy that wrote into what others are given too would change what they say.
    """
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, tuple):
        for each in value:
            frozen(each)
    elif isinstance(value, Candles):
        for name in (*COLUMNS, *(("last",) if isinstance(value, Slower) else ())):
            frozen(getattr(value, name))
    return value


def candles(series: BarSeries) -> Candles:
    """Return a series as a strategy sees it."""
    o, h, l, c = (series.floats(name) for name in ("open", "high", "low", "close"))
    ts, volume = series.ts.view(), series.volume.view()
    found: Candles = frozen(Candles(ts, o, h, l, c, volume, series.step))
    return found


def share_of_hundred(values: Floats) -> Floats:
    """Return values kept from 0 to 100; 0 where one is not defined: the shape of a confidence."""
    kept: Floats = np.clip(values, 0.0, 100.0)
    unknown = np.isnan(kept)
    if unknown.any():
        kept[unknown] = 0.0
    return kept


def crossed_above(a: Floats, b: Floats) -> Flags:
    """Return where `a` has risen above `b`: above at this bar, at or below it one bar ago."""
    above = np.zeros(len(a), np.bool_)
    above[1:] = (a[1:] > b[1:]) & (a[:-1] <= b[:-1])
    return above


def crossed_below(a: Floats, b: Floats) -> Flags:
    """Return where `a` has fallen below `b`: below at this bar, at or above it one bar ago."""
    return crossed_above(b, a)


def _are_lines(*given: Any) -> bool:
    """Return whether all are arrays of floats of one length, which compiled code takes on trust."""
    shapes = {each.shape if isinstance(each, np.ndarray) and each.dtype == np.float64 else () for each in given}
    return len(shapes) == 1 and len(shapes.pop()) == 1


def crossings(a: Floats, b: Floats) -> tuple[Flags, Flags]:
    """Return where `a` has risen above `b`, and where it has fallen below it.

    Examples
    --------
    >>> above, below = crossings(np.array([1.0, 3.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    >>> above.tolist(), below.tolist()
    ([False, True, False], [False, False, True])
    """
    # A process that has the kernel has this compiled too; no other waits for a compiler.
    compiled = sys.modules.get("workbench.engine.crossing")
    if compiled is not None and compiled.ready.is_set() and _are_lines(a, b) and len(a) > _WORTH_COMPILING:
        both: tuple[Flags, Flags] = compiled.crossings(a, b)
        return both
    return crossed_above(a, b), crossed_below(a, b)
