"""Orders: what is asked of the market."""

from decimal import Decimal
from enum import StrEnum

import msgspec

NOTHING = Decimal(0)


class Side(StrEnum):
    """Which way a trade goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order finds its price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"


class TimeInForce(StrEnum):
    """How long an order lives.

    `GTC` until it is cancelled, `GTD` until a time; `IOC` takes what it gets at its first open and is gone, `FOK` takes all
    there or nothing.
    """

    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


class Reason(StrEnum):
    """Why an order exists."""

    ENTRY_SIGNAL = "entry_signal"
    EXIT_SIGNAL = "exit_signal"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    MAX_HOLD = "max_hold"
    FORCE_EXIT = "force_exit"
    MANUAL = "manual"
    PROGRAM = "program"
    SESSION_STOPPED = "session_stopped"
    RESET = "reset"


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wish to trade.

    Parameters
    ----------
    id
        Its number within the session, from 1.
    instrument
        The instrument's key.
    side, type, reason
        What, how and why.
    ts
        Open time of the bar at whose close it was placed (for an exit inside a bar, of that bar), milliseconds UTC.
    amount
        What a buy still spends before costs, in the quote currency; None for a sale.
    quantity
        What a sale still sells; None for a buy.
    limit_price
        The worst price, costs in the price included, at which a limit or a stop-limit trades.
    stop_price
        The price that triggers a stop, stop-limit, trailing stop or take-profit; a trailing stop's moves.
    trail_pct, trail_amount
        How far a trailing stop stays behind, in percent or in the quote currency.
    extreme
        The best price that a trailing stop has seen.
    time_in_force, expires
        How long it lives; for `GTD` the open time of the first bar in which it lives no more, milliseconds UTC.
    reduce_only
        A sale that shrinks with the position instead of reserving a part of it.
    stop_loss, take_profit
        Prices of the two orders that a filled buy brings with it, of which one cancels the other: a bracket.
    group
        Orders with one group cancel each other: the number of the first of them.
    triggered
        Whether the price that arms it was seen: from then on it is a market order, or a limit order at its limit.
    filled
        How much was traded so far.
    run
        The program run that placed it.
    reverts
        How often it was sent and came back; each time it tolerates more.
    """

    id: int
    instrument: str
    side: Side
    type: OrderType
    reason: Reason
    ts: int
    amount: Decimal | None = None
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_pct: Decimal | None = None
    trail_amount: Decimal | None = None
    extreme: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires: int | None = None
    reduce_only: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    group: int | None = None
    triggered: bool = False
    filled: Decimal = NOTHING
    run: int | None = None
    reverts: int = 0

    @property
    def left(self) -> Decimal:
        """What it still spends, for a buy, or sells."""
        left = self.amount if self.side is Side.BUY else self.quantity
        return NOTHING if left is None else left
