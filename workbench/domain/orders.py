"""Orders: what is asked of the market."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class Side(StrEnum):
    """Which way a trade goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How an order finds its price."""

    MARKET = "market"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"


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
    SESSION_STOPPED = "session_stopped"
    RESET = "reset"


class Order(msgspec.Struct, frozen=True):
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
        What a buy spends before costs, in the quote currency; None for a sale.
    quantity
        What a sale sells; None for a buy.
    """

    id: int
    instrument: str
    side: Side
    type: OrderType
    reason: Reason
    ts: int
    amount: Decimal | None = None
    quantity: Decimal | None = None
