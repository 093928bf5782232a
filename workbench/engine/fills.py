"""Filling an order: at what price, how much, and what it costs."""

from decimal import Decimal

from workbench.domain.book import Book
from workbench.domain.config import CostModel
from workbench.domain.events import OrderFilled, OrderRejected
from workbench.domain.instruments import Instrument
from workbench.domain.money import NO_CASH, product, text
from workbench.domain.orders import Order, Side
from workbench.engine.costs import costed_price, fee_of, gas_of, in_bps
from workbench.engine.sizing import quantity_for


def fill(order: Order, at: Decimal, ts: int, book: Book, instrument: Instrument, costs: CostModel) -> OrderFilled | OrderRejected:
    """Return what becomes of an order at a price.

    Parameters
    ----------
    order
        A buy spends its amount as far as cash goes; a sale sells its quantity as far as there is one.
    at
        The market's price before spread and slippage.
    ts
        Open time of the bar that fills it, milliseconds UTC.
    book
        The book before it.

    Returns
    -------
    OrderFilled or OrderRejected
        The latter, with the reason, where cash or holdings allow nothing.
    """
    price = costed_price(at, order.side, costs, instrument.price_decimals)
    gas = gas_of(costs)
    if order.side is Side.BUY:
        amount = order.amount or NO_CASH
        quantity = quantity_for(amount, book.cash, price, costs, instrument.size_decimals)
        notional = product(quantity, price, 8)
        if not notional:
            return OrderRejected(order.id, f"{text(amount)} at {text(price)} with {text(book.cash)} cash buys nothing")
        fee, realised = fee_of(notional, costs), NO_CASH
        cash = book.cash - notional - fee - gas
    else:
        quantity = min(order.quantity or NO_CASH, book.quantity(order.instrument))
        notional = product(quantity, price, 8)
        fee = fee_of(notional, costs)
        cash = book.cash + notional - fee - gas
        if not quantity:
            return OrderRejected(order.id, "nothing is held that could be sold")
        if cash < 0:
            return OrderRejected(
                order.id, f"the sale brings {text(notional)}, which with {text(book.cash)} cash does not pay its costs"
            )
        realised = notional - book.sell(order.instrument, quantity).cost
    before = product(quantity, at, 8)
    return OrderFilled(
        order.id,
        order.instrument,
        order.side,
        order.reason,
        ts,
        price,
        quantity,
        notional,
        fee,
        gas,
        in_bps(before, costs.half_spread_bps),
        in_bps(before, costs.slippage_bps),
        realised,
        cash,
    )
