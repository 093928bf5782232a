"""Buying in equal parts at equal intervals."""

from decimal import Decimal
from typing import Annotated, ClassVar

from workbench.domain.orders import Side
from workbench.domain.params import Param
from workbench.engine.programs._schedule import Amount, Scheduled, bars_in


class Dca(Scheduled, frozen=True):
    """Spends an amount in equal parts, one at each interval, whatever the price (dollar-cost averaging)."""

    title: ClassVar[str] = "DCA"
    summary: ClassVar[str] = "Dollar-cost averaging: buys in equal parts at equal intervals, whatever the price."

    amount: Amount = Decimal(1000)
    intervals: Annotated[int, Param(2, 1000, 1, "Intervals", "How many parts.")] = 5
    interval_hours: Annotated[Decimal, Param(0.001, 8760, 1, "Interval", "Between two parts.", "h")] = Decimal(24)

    @property
    def size(self) -> tuple[Side, Decimal]:
        return Side.BUY, self.amount

    def bounds(self, length: int) -> str:
        if bars_in(self.interval_hours, length):
            return ""
        bar = length / 3_600_000
        return f"Expected an interval of at least one bar, {bar:.6g} hours, found {self.interval_hours:f}."

    def times(self, start: int, length: int) -> list[int]:
        # The nearest number of whole bars; `bounds` sees to it that there is one.
        every = (int(self.interval_hours * 3_600_000) + length // 2) // length * length
        return [start + place * every for place in range(self.intervals)]
