"""The shelf of metrics: one per file, each a small class that reads a finished run.

Adding a metric is adding one file: it appears in `result.stats`, on the command line and in the notebook by itself.
"""

from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.analytics.returns import daily, every_day
from workbench.domain.bars import DAY
from workbench.engine.columns import Trips
from workbench.shelf import Shelf

Value = float | int | None


class Paid(NamedTuple):
    """What all fills of a run traded and cost, in 10**-8, and how many there were."""

    notional: int
    fee: int
    gas: int
    tax: int
    spread: int
    slippage: int
    impact: int
    fills: int


class Run(msgspec.Struct, frozen=True):
    """What the metrics read.

    Parameters
    ----------
    opening
        Equity before the first bar.
    ts, equity
        Open time of each bar and equity at its close, oldest first.
    final
        Equity at the last close.
    trips, open_trips
        Closed round trips in columns, and how many stayed open.
    paid
        What the fills traded and cost.
    market
        Closes of each instrument's first and last bar.
    held_bars
        Bars at whose close something was held.
    missing, ambiguous
        Absent bars, and bars that could not tell stop from target.
    """

    opening: Decimal
    ts: NDArray[np.int64]
    equity: NDArray[np.float64]
    final: Decimal
    trips: Trips
    open_trips: int
    paid: Paid
    market: tuple[tuple[Decimal, Decimal], ...]
    held_bars: int
    missing: int = 0
    ambiguous: int = 0

    @property
    def trip_returns(self) -> NDArray[np.float64]:
        """The result of each round trip as a share of what it invested."""
        invested = self.trips.invested
        return np.where(invested > 0, self.trips.result / np.maximum(invested, 1), 0.0)

    def day_ends(self) -> NDArray[np.float64]:
        """Return equity at the end of each UTC day of bar time; a day without a bar ends as the one before it."""
        if not len(self.ts):
            return self.equity
        days = self.ts // DAY
        last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
        return every_day(days[last], self.equity[last])

    def daily_returns(self) -> NDArray[np.float64]:
        """Return the change of every day, from the opening to the first one's end and from each end to the next, as shares."""
        return daily(float(self.opening), self.day_ends())

    @property
    def days(self) -> float:
        """How long it ran, in days, from the first bar's open to the last one's."""
        return float(self.ts[-1] - self.ts[0]) / DAY if len(self.ts) else 0.0


def defined(value: Any) -> float | None:
    """Return a figure as a plain number; None where it is not a finite one."""
    number = float(value)
    return number if np.isfinite(number) else None


CASH = 100_000_000
"""Money in columns is counted in 10**-8."""


class Metric:
    """The port of a metric.

    Attributes
    ----------
    place
        Where it stands in a list; small comes first.
    title, help
        Its name for a person, and its formula and basis in a sentence.
    unit
        Such as `"%"`; empty for a plain number.
    """

    place: ClassVar[int] = 100
    title: ClassVar[str]
    help: ClassVar[str]
    unit: ClassVar[str] = ""

    def of(self, run: Run) -> Value:
        """Return the metric's value for a run; None where it is not defined."""
        raise NotImplementedError


shelf: Shelf[Metric] = Shelf("workbench.analytics.metrics", Metric, "metric")


@cache
def all_metrics() -> list[tuple[str, Metric]]:
    """Return every metric on the shelf with its name, in their order."""
    found = [(name, shelf.get(name)()) for name in shelf.names()]
    return sorted(found, key=lambda pair: (pair[1].place, pair[0]))


def statistics(run: Run) -> dict[str, Value]:
    """Return every metric of a run by name."""
    return {name: metric.of(run) for name, metric in all_metrics()}
