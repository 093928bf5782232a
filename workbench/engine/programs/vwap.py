"""Trading a large order as the market's volume is spread over the day."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from workbench.domain.orders import Side
from workbench.domain.params import Param
from workbench.engine.program import Moment
from workbench.engine.programs._schedule import Amount, Quantity, Scheduled, bars_in, even_times, one_of, too_many_slices
from workbench.engine.series import BarSeries
from workbench.errors import Invalid

HOURS = 24
_HOUR = 3_600_000


class Vwap(Scheduled, frozen=True):
    """Trades slices over a window, each as large as the volume that is usual in its time (volume-weighted average price).

    `curve` says what is usual: 24 weights, one for each hour of a UTC day, as `volume_curve` reads them from bars. A
    session that is asked for a VWAP without one reads it from the bars stored by then.
    """

    title: ClassVar[str] = "VWAP"
    summary: ClassVar[str] = "Volume-weighted: trades a large order in slices, each as large as the volume usual at its hour."

    amount: Amount | None = None
    quantity: Quantity | None = None
    slices: Annotated[int, Param(2, 1000, 1, "Slices", "How many parts.")] = 8
    window_hours: Annotated[Decimal, Param(0.001, 8760, 1, "Window", "Over how long.", "h")] = Decimal(4)
    curve: tuple[int, ...] = ()

    def check(self) -> None:
        one_of(self.amount, self.quantity)
        given: Any = self.curve
        whole = isinstance(given, (list, tuple)) and all(type(weight) is int and weight >= 0 for weight in given)
        if not whole:
            raise Invalid("curve", "24 whole numbers, none below zero", given)
        if given and (len(given) != HOURS or not sum(given)):
            raise Invalid("curve", "24 whole numbers, not all of them zero", f"{len(given)} that add up to {sum(given)}")
        msgspec.structs.force_setattr(self, "curve", tuple(given))

    @property
    def size(self) -> tuple[Side, Decimal]:
        return one_of(self.amount, self.quantity)

    def bounds(self, length: int) -> str:
        if not self.curve:
            return "A VWAP needs to know how volume is spread over the day: expected a curve of 24 weights, found none."
        return too_many_slices(length, self.window_hours, self.slices)

    def obstacle(self, at: Moment) -> str:
        if self.curve and not self.weighed(at.next_open, at.length):
            return "Expected some volume at the hours of its slices, found a curve that has none there."
        return super().obstacle(at)

    def weighed(self, start: int, length: int) -> list[tuple[int, int]]:
        times = even_times(start, length, self.window_hours, self.slices)
        ends = [*times[1:], start + bars_in(self.window_hours, length) * length]
        # Where nothing is usually traded nothing is sent: a slice of nothing is no slice.
        slices = ((ts, self._usual(ts, end)) for ts, end in zip(times, ends, strict=True))
        return [(ts, weight) for ts, weight in slices if weight]

    def _usual(self, begin: int, end: int) -> int:
        """Return what is usually traded from one time to another: the weight of each hour by how much of it lies between."""
        hours = range(begin // _HOUR, -(-end // _HOUR))
        return sum(self.curve[hour % HOURS] * (min(end, (hour + 1) * _HOUR) - max(begin, hour * _HOUR)) for hour in hours)


def volume_curve(bars: BarSeries) -> tuple[int, ...]:
    """Return how a day's volume is spread over its hours: 24 weights in millionths of the day, for `Vwap.curve`.

    Parameters
    ----------
    bars
        Of any timeframe up to a day; the longer the history, the better the curve. Give it what came before the trade:
        a curve that knows the future is no test.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> curve = volume_curve(simulate_bars("WETH", "1h", 480))
    >>> len(curve), abs(sum(curve) - 1_000_000) < 24
    (24, True)
    """
    hours = (bars.ts // _HOUR % HOURS).astype(np.int64)
    summed = np.bincount(hours, weights=bars.volume, minlength=HOURS)
    whole = summed.sum()
    return tuple(np.rint(summed * 1_000_000 / whole).astype(int).tolist()) if whole else ()
