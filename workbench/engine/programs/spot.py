"""One market order, kept as a run so that it stands beside the others."""

from decimal import Decimal
from typing import ClassVar

from workbench.domain.orders import Side
from workbench.engine.programs._schedule import Amount, Quantity, Scheduled, one_of


class Spot(Scheduled, frozen=True):
    """Buys an amount, or sells a quantity, at the next open."""

    title: ClassVar[str] = "Spot"
    summary: ClassVar[str] = "Trades all of it at once, at the next open."

    amount: Amount | None = None
    quantity: Quantity | None = None

    def check(self) -> None:
        one_of(self.amount, self.quantity)

    @property
    def size(self) -> tuple[Side, Decimal]:
        return one_of(self.amount, self.quantity)

    def times(self, start: int, length: int) -> list[int]:
        return [start]
