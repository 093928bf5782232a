"""Trading a large order evenly over time."""

from decimal import Decimal
from typing import Annotated, ClassVar

from workbench.domain.orders import Side
from workbench.domain.params import Param
from workbench.engine.programs._schedule import Amount, Quantity, Scheduled, even_times, one_of, too_many_slices


class Twap(Scheduled, frozen=True):
    """Buys an amount, or sells a quantity, in equal slices spread evenly over a window (time-weighted average price)."""

    title: ClassVar[str] = "TWAP"
    summary: ClassVar[str] = "Time-weighted: trades a large order in equal slices, spread evenly over a window."

    amount: Amount | None = None
    quantity: Quantity | None = None
    slices: Annotated[int, Param(2, 1000, 1, "Slices", "How many parts.")] = 8
    window_hours: Annotated[Decimal, Param(0.001, 8760, 1, "Window", "Over how long.", "h")] = Decimal(4)

    def check(self) -> None:
        one_of(self.amount, self.quantity)

    @property
    def size(self) -> tuple[Side, Decimal]:
        return one_of(self.amount, self.quantity)

    def bounds(self, length: int) -> str:
        return too_many_slices(length, self.window_hours, self.slices)

    def times(self, start: int, length: int) -> list[int]:
        return even_times(start, length, self.window_hours, self.slices)
