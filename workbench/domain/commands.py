"""What may be asked of a running session; imperative, recorded as rows, applied before the next slice."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.money import rounded
from workbench.domain.orders import OrderType, Side, TimeInForce
from workbench.domain.params import Param, check_fields
from workbench.errors import Invalid

Amount = Annotated[Decimal, Param(0, 1e12, help="In the quote currency, at most 8 decimals.", decimals=18)]
Quantity = Annotated[Decimal, Param(0, 1e15, help="In units of the token, at most 8 decimals.", decimals=18)]

Price = Annotated[Decimal, Param(0, 1e15, help="In the quote currency.", decimals=18)]


class _Numbers(msgspec.Struct, frozen=True):
    """Checks the bounds and the decimals of its numbers when it is made."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("amount", "quantity"):
            value = getattr(self, name, None)
            if value is not None and value != rounded(value, 8):
                raise Invalid(name, "at most 8 decimals", format(value, "f"))


class Stop(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """End the session: resting orders are cancelled; positions stay unless they are to be closed."""

    reason: str = "asked to stop"
    close_positions: bool = False


class Pause(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Make no more entries; exits go on."""


class Halt(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Make no more entries and take back every order that would; exits go on."""


class ResetBreaker(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Close a breaker that has tripped, or all of them where None."""

    name: str | None = None


class Resume(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Make entries again."""


class PlaceOrder(_Numbers, frozen=True, tag_field="command", tag=True, omit_defaults=True):
    """Place an order; what its fields mean stands at `workbench.domain.orders.Order`.

    A buy names its amount, a sale its quantity. A market order trades at the next open; the others rest.
    """

    instrument: str
    side: Side
    amount: Amount | None = None
    quantity: Quantity | None = None
    type: OrderType = OrderType.MARKET
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail_pct: Annotated[Decimal, Param(0.01, 99, 0.1, unit="%", help="How far a trailing stop stays behind.")] | None = None
    trail_amount: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires: int | None = None
    reduce_only: bool = False
    stop_loss: Price | None = None
    take_profit: Price | None = None


class PlaceOco(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Place two sales of one position that cancel each other."""

    first: PlaceOrder
    second: PlaceOrder


class AmendOrder(_Numbers, frozen=True, tag_field="command", tag=True, omit_defaults=True):
    """Change a resting order; what is None stays as it is. It keeps its number and its place."""

    order: int
    amount: Amount | None = None
    quantity: Quantity | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    expires: int | None = None


class CancelOrder(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Take back a resting order."""

    order: int


class ForceExit(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Sell the whole position in one instrument, or in all where None, at the next open."""

    instrument: str | None = None


class ChangeConfiguration(msgspec.Struct, frozen=True, tag_field="command", tag=True, omit_defaults=True):
    """Go on with another configuration from the next bar.

    Parameters
    ----------
    source
        Digest of the file of the user's own that its strategy was in when it was asked for; filled in with the asking.
    """

    configuration: StrategyConfiguration
    source: str = ""


class StartProgram(msgspec.Struct, frozen=True, tag_field="command", tag=True, omit_defaults=True):
    """Start a program in an instrument; which there are stands at `workbench.engine.programs`."""

    program: str
    instrument: str
    parameters: dict[str, Any] = {}


class PauseProgram(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Take back what a program run has resting, and place nothing more until it is resumed."""

    run: int


class ResumeProgram(msgspec.Struct, frozen=True, tag_field="command", tag=True):
    """Let a paused program run go on; what came due meanwhile is made up for."""

    run: int


class CancelProgram(msgspec.Struct, frozen=True, tag_field="command", tag=True, omit_defaults=True):
    """End a program run: what it has resting is taken back; what it bought stays unless it is to be sold."""

    run: int
    sell: bool = False


class Deposit(_Numbers, frozen=True, tag_field="command", tag=True):
    """Put cash in."""

    amount: Amount


class Withdraw(_Numbers, frozen=True, tag_field="command", tag=True):
    """Take cash out."""

    amount: Amount


Command = (
    Stop
    | Pause
    | Halt
    | Resume
    | PlaceOrder
    | PlaceOco
    | AmendOrder
    | CancelOrder
    | ForceExit
    | ChangeConfiguration
    | ResetBreaker
    | StartProgram
    | PauseProgram
    | ResumeProgram
    | CancelProgram
    | Deposit
    | Withdraw
)
