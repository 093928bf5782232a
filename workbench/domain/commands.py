"""What may be asked of a running session; imperative, recorded as rows, applied before the next slice."""

from decimal import Decimal
from typing import Annotated

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.money import rounded
from workbench.domain.orders import Side
from workbench.domain.params import Param, check_fields
from workbench.errors import Invalid

Amount = Annotated[Decimal, Param(0, 1e12, help="In the quote currency, at most 8 decimals.", decimals=18)]
Quantity = Annotated[Decimal, Param(0, 1e15, help="In units of the token, at most 8 decimals.", decimals=18)]


class _Numbers(msgspec.Struct, frozen=True):
    """Checks the bounds and the decimals of its numbers when it is made."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("amount", "quantity"):
            value = getattr(self, name, None)
            if value is not None and value != rounded(value, 8):
                raise Invalid(name, "at most 8 decimals", format(value, "f"))


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End the session: resting orders are cancelled; positions stay unless they are to be closed."""

    reason: str = "asked to stop"
    close_positions: bool = False


class Pause(msgspec.Struct, frozen=True, tag=True):
    """Make no more entries; exits go on."""


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Make entries again."""


class PlaceOrder(_Numbers, frozen=True, tag=True):
    """Buy for an amount, or sell a quantity, at the next open."""

    instrument: str
    side: Side
    amount: Amount | None = None
    quantity: Quantity | None = None


class CancelOrder(msgspec.Struct, frozen=True, tag=True):
    """Take back a resting order."""

    order: int


class ForceExit(msgspec.Struct, frozen=True, tag=True):
    """Sell the whole position in one instrument, or in all where None, at the next open."""

    instrument: str | None = None


class ChangeConfiguration(msgspec.Struct, frozen=True, tag=True):
    """Go on with another configuration from the next bar."""

    configuration: StrategyConfiguration


class Deposit(_Numbers, frozen=True, tag=True):
    """Put cash in."""

    amount: Amount


class Withdraw(_Numbers, frozen=True, tag=True):
    """Take cash out."""

    amount: Amount


Command = Stop | Pause | Resume | PlaceOrder | CancelOrder | ForceExit | ChangeConfiguration | Deposit | Withdraw
