"""What the resting orders amount to: worked out when they change, not at every bar at which they rest."""

from decimal import Decimal, localcontext
from typing import NamedTuple

from workbench.domain.money import EXACT, NO_CASH
from workbench.domain.orders import Order, OrderType, Side, TimeInForce


class Wakes(NamedTuple):
    """What a bar must reach to do anything to the orders of an instrument.

    Parameters
    ----------
    always
        Whether any bar does something to one of them.
    down_to, up_to
        The highest price at which a fall wakes one, and the lowest at which a rise does.
    expires
        When the first of them is over.
    """

    always: bool
    down_to: Decimal
    up_to: Decimal
    expires: int


class Resting(NamedTuple):
    """The resting orders in sums.

    Parameters
    ----------
    orders
        Themselves.
    reserved
        What the buys among them still spend.
    buying
        Keys of the instruments that they buy.
    under_way
        How many trade at the next open whatever the price.
    going
        Of those, which way they go in each instrument.
    wakes
        What a bar of each instrument must reach to matter to any of them.
    """

    orders: tuple[Order, ...]
    reserved: Decimal
    buying: frozenset[str]
    under_way: int
    going: dict[str, set[Side]]
    wakes: dict[str, Wakes]


NONE = Resting((), NO_CASH, frozenset(), 0, {}, {})
_newest = NONE


def sum_up(orders: tuple[Order, ...]) -> Resting:
    """Return the sums of these orders; those of the very same tuple as last time are remembered."""
    global _newest
    if not orders:
        return NONE
    found = _newest
    if found.orders is not orders:
        found = _newest = _summed(orders)
    return found


def is_under_way(order: Order) -> bool:
    """Tell whether an order trades at the next open whatever the price."""
    return order.type is OrderType.MARKET or (order.triggered and order.type is not OrderType.STOP_LIMIT)


def _summed(orders: tuple[Order, ...]) -> Resting:
    going: dict[str, set[Side]] = {}
    under_way = 0
    for order in orders:
        if is_under_way(order):
            under_way += 1
            going.setdefault(order.instrument, set()).add(order.side)
    buys = [order for order in orders if order.side is Side.BUY]
    with localcontext(EXACT):
        reserved = sum((order.left for order in buys), NO_CASH)
    return Resting(orders, reserved, frozenset(order.instrument for order in buys), under_way, going, _wakes(orders))


_NEVER = Wakes(False, Decimal(-1), Decimal("Infinity"), 2**62)
_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def _wakes(orders: tuple[Order, ...]) -> dict[str, Wakes]:
    found: dict[str, Wakes] = {}
    for order in orders:
        always, down_to, up_to, expires = found.get(order.instrument, _NEVER)
        buys, price = order.side is Side.BUY, order.limit_price if order.type is OrderType.LIMIT else order.stop_price
        moves = order.type in (OrderType.MARKET, OrderType.TRAILING_STOP) or order.time_in_force in _ONCE or order.triggered
        if moves or price is None:
            always = True
        elif buys == (order.type in (OrderType.LIMIT, OrderType.TAKE_PROFIT)):
            down_to = max(down_to, price)
        else:
            up_to = min(up_to, price)
        found[order.instrument] = Wakes(always, down_to, up_to, expires if order.expires is None else min(expires, order.expires))
    return found
