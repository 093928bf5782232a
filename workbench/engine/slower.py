"""Slower bars: a market's closed bars joined into those of a slower timeframe, for strategies that read two."""

import numpy as np

from workbench.domain.bars import parse_timeframe
from workbench.engine.series import Floats, Ints
from workbench.engine.strategy import Candles, Flags, Slower
from workbench.errors import Invalid


def slower_bars(bars: Candles, timeframe: str | int) -> Slower:
    """Return bars joined into a slower timeframe; only those that have closed.

    A slower bar is made of the faster ones that are there: a hole inside it is left out of it, and one that falls whole into a
    hole is absent.
    """
    length = _length(bars.step, timeframe)
    if not len(bars):
        none = np.zeros(0)
        return Slower(bars.ts, none, none, none, none, none, length, bars.ts)
    numbers = bars.ts // length
    begins = np.append(0, np.flatnonzero(np.diff(numbers)) + 1)
    ends = np.append(begins[1:], len(bars))
    # What came before the first of these candles is not known: a slower bar that began before it is not whole.
    whole = numbers[begins] * length >= bars.ts[0]
    closed = (numbers[begins] + 1) * length <= bars.ts[-1] + bars.step
    kept = whole & closed
    starts, stops = begins[kept], ends[kept]
    opens = numbers[starts] * length
    last = np.searchsorted(opens + length, bars.ts + bars.step, side="right") - 1
    return Slower(
        opens,
        bars.open[starts],
        _reduced(np.maximum, bars.high, begins, kept),
        _reduced(np.minimum, bars.low, begins, kept),
        bars.close[stops - 1],
        _reduced(np.add, bars.volume, begins, kept),
        length,
        last,
    )


def _reduced(by: np.ufunc, column: Floats, begins: Ints, kept: Flags) -> Floats:
    joined: Floats = by.reduceat(column, begins)[kept]
    return joined


def _length(step: int, timeframe: str | int) -> int:
    length = timeframe * step if isinstance(timeframe, int) else parse_timeframe(timeframe)
    if length < step or length % step:
        raise Invalid("every", f"a multiple of the bars' own {step // 1000:,} seconds", timeframe)
    return length
