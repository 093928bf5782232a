"""Where a bar reaches an order: the rules of the path inside a bar.

A bar tells four prices and not their order. What follows holds for sales; for buys high and low change places.

* At the open everything that is already met trades: a market order, a stop that the open lies beyond, a limit order that
  has just arrived and is met there. A limit order that rested before trades at its own price, never better; where the whole
  bar lies beyond that, at the bar's price that is worst for it, for nothing trades where the bar never was.
* Inside the bar a stop is reached when the price touches it; a limit only when the price goes through it, for there is a
  queue in front of it. A take-profit is a market order that is sent when its price is touched.
* Where the bar cannot tell, the worse is taken: of a stop and a target that both lie in the bar, the stop. What was bought
  inside the bar can be stopped at any price of the bar, but reaches its target only where the bar's high must come after
  the buy.
"""

from decimal import Decimal
from typing import NamedTuple

from workbench.domain.bars import Bar
from workbench.domain.money import EXACT, exact_product, rounded
from workbench.domain.orders import Order, OrderType, Side

_STOPS = (OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT)


class Reached(NamedTuple):
    """Where an order is reached: the market's price, whether the order rested there, and the price it was decided at."""

    price: Decimal
    maker: bool = False
    reference: Decimal | None = None


def reached_at_open(order: Order, bar: Bar, fresh: bool) -> Reached | None:
    """Return where the open reaches an order, or None.

    Parameters
    ----------
    fresh
        Whether this is the first bar since the order was placed.
    """
    if order.type is OrderType.MARKET or (order.triggered and order.type is not OrderType.STOP_LIMIT):
        return Reached(bar.open)
    if order.type is OrderType.LIMIT or order.triggered:
        assert order.limit_price is not None
        if fresh:
            return Reached(bar.open)
        beyond = bar.open < order.limit_price if order.side is Side.BUY else bar.open > order.limit_price
        return Reached(_within(order, bar), True) if beyond else None
    if order.stop_price is None:
        return None
    return Reached(bar.open, reference=order.stop_price) if _met(order, bar.open, bar.open) else None


def reached_inside(order: Order, bar: Bar) -> Reached | None:
    """Return where the rest of a bar reaches an order that the open did not, or None."""
    if order.type is OrderType.LIMIT or order.triggered:
        limit = order.limit_price
        through = limit is not None and (bar.low < limit if order.side is Side.BUY else bar.high > limit)
        return Reached(_within(order, bar), True) if limit is not None and through else None
    price = order.stop_price
    if price is None or not _met(order, bar.low, bar.high):
        return None
    return Reached(price, reference=price)


def _within(order: Order, bar: Bar) -> Decimal:
    """Return a limit order's own price; where the bar lies beyond it as a whole, the price of the bar that is worst for it."""
    assert order.limit_price is not None
    return min(order.limit_price, bar.high) if order.side is Side.BUY else max(order.limit_price, bar.low)


def is_stop(order: Order) -> bool:
    """Tell whether it trades when the price moves against what it protects."""
    return order.type in _STOPS and not order.triggered


def rest_after_buy(order: Order, at: Decimal, bar: Bar) -> Bar:
    """Return what of a bar surely comes after a buy inside it.

    A buy below the open was reached on the way down: of the prices above it only the close is sure to come after. A buy
    above the open was reached on the way up: the high comes after it, and the low may.
    """
    high = bar.high if is_stop(order) else max(at, bar.close)
    return Bar(bar.ts, at, high, min(bar.low, at), bar.close, bar.volume, bar.liquidity)


def rest_after_trigger(order: Order, at: Decimal, bar: Bar) -> Bar:
    """Return what of a bar surely comes after a stop inside it was triggered: the way from there to the close."""
    high, low = max(at, bar.close), min(at, bar.close)
    return Bar(bar.ts, at, high, low, bar.close, bar.volume, bar.liquidity)


def _met(order: Order, low: Decimal, high: Decimal) -> bool:
    """Tell whether prices from low to high touch the price that arms an order."""
    assert order.stop_price is not None
    falling = (order.side is Side.SELL) == (order.type is not OrderType.TAKE_PROFIT)
    return low <= order.stop_price if falling else high >= order.stop_price


def trailed(order: Order, bar: Bar, decimals: int) -> tuple[Decimal, Decimal] | None:
    """Return a trailing stop's trigger and the best price it has seen, once a bar has closed; None where neither moves."""
    best = bar.high if order.side is Side.SELL else bar.low
    if order.extreme is not None and (best <= order.extreme if order.side is Side.SELL else best >= order.extreme):
        return None
    return trail_price(order, best, decimals), best


def trail_price(order: Order, best: Decimal, decimals: int) -> Decimal:
    """Return the trigger of a trailing stop that has seen a best price, rounded half-even."""
    sign = -1 if order.side is Side.SELL else 1
    if order.trail_amount is not None:
        return rounded(best + sign * order.trail_amount, decimals)
    assert order.trail_pct is not None
    return rounded(exact_product(best, 100 + sign * order.trail_pct).scaleb(-2, context=EXACT), decimals)
