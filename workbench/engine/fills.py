"""Filling an order: at what price, how much, and what it costs."""

from decimal import Decimal
from typing import NamedTuple

from workbench.domain.bars import Bar
from workbench.domain.book import Book
from workbench.domain.costs import PoolCosts
from workbench.domain.events import OrderFilled, OrderRejected, OrderReverted
from workbench.domain.instruments import Instrument
from workbench.domain.money import NO_CASH, ZERO, floor_quotient, product, quantum, text
from workbench.domain.orders import Order, OrderType, Side, TimeInForce
from workbench.domain.sessions import Plan
from workbench.engine.chance import happens
from workbench.engine.costs import Charges, Quote, after_delay, charges_of, in_bps, market_price_for, quote, tolerated
from workbench.engine.sizing import quantity_for

Filled = OrderFilled | OrderRejected | OrderReverted


class Market(NamedTuple):
    """What an order meets.

    Parameters
    ----------
    bar
        The bar in which it trades.
    at
        The market's price where it is reached, before all costs.
    reference
        The price at which it was decided: a swap tolerates so much beyond it.
    capacity
        How much can still be filled in this bar, in the instrument's own units; None for no limit.
    native
        The price of the chain's currency, where the session trades it.
    maker
        Whether the order rested and is met at its own price.
    """

    bar: Bar
    at: Decimal
    reference: Decimal
    capacity: Decimal | None = None
    native: Decimal | None = None
    maker: bool = False


def fill(order: Order, market: Market, book: Book, instrument: Instrument, plan: Plan) -> Filled | None:
    """Return what becomes of an order where it is reached.

    Parameters
    ----------
    order
        A buy spends its amount as far as free cash goes; a sale sells its quantity as far as there is one.
    book
        The book before it.

    Returns
    -------
    OrderFilled, OrderRejected, OrderReverted or None
        Rejected, with the reason, where cash or holdings allow nothing; reverted where a swap came back and cost its gas;
        None where nothing happens in this bar: its limit is not met, or there is no volume left for it.
    """
    bar, maker, side = market.bar, market.maker, order.side
    free = book.free_cash(order.id) if side is Side.BUY else book.cash
    held = ZERO if side is Side.BUY else book.quantity(order.instrument)
    size = min(order.left, free) if side is Side.BUY else min(order.left, held)
    charges = charges_of(plan, instrument, side, bar.ts, maker, market.native)
    if market.capacity is not None and not market.capacity:
        return None
    at = market.at if maker else after_delay(plan, side, market.at, bar, instrument)
    priced = quote(plan, side, at, _tradable(size, market, at, side), bar, instrument, maker)
    if maker and isinstance(plan.costs, PoolCosts) and order.limit_price is not None:
        # A pool has no queue to rest in: the limit is met once the market has run so far that impact and all stay within it.
        shown = _tradable(size, market, at, side)
        met = market_price_for(plan, plan.costs, side, order.limit_price, shown, bar, instrument)
        if met is None or (bar.low >= met if side is Side.BUY else bar.high <= met):
            return None
        met = min(met, bar.high) if side is Side.BUY else max(met, bar.low)
        market, priced = market._replace(at=met), quote(plan, side, met, shown, bar, instrument, maker)
    price = priced.price
    if order.limit_price is not None and (price > order.limit_price if side is Side.BUY else price < order.limit_price):
        return None
    # Only what would trade is sent, and only what is sent can fail.
    if plan.realism.simulate_network_issues and happens(
        plan.realism.failure_rate_pct, plan.seed, instrument.key, bar.ts, "network", order.id
    ):
        return _failed(order, bar, charges, book, plan, "the network failed")
    if price <= 0:
        return _failed(order, bar, charges, book, plan, "the pool would pay nothing for it", ran=True)
    if order.limit_price is None and isinstance(plan.costs, PoolCosts):
        worst = tolerated(plan.costs, side, market.reference, instrument.price_decimals, order.reverts)
        if worst is not None:
            if price > worst if side is Side.BUY else price < worst:
                why = f"{text(price)} is beyond the {text(worst)} that it tolerates"
                return _failed(order, bar, charges, book, plan, why, ran=True)
            if plan.realism.simulate_mev and happens(
                plan.realism.sandwich_pct, plan.seed, instrument.key, bar.ts, "sandwich", order.id
            ):
                # However often it was sent again: a sandwich takes what the cost model tolerates, and no more.
                taken = tolerated(plan.costs, side, market.reference, instrument.price_decimals)
                assert taken is not None
                price = max(price, taken) if side is Side.BUY else max(min(price, taken), quantum(instrument.price_decimals))
    moved = isinstance(plan.costs, PoolCosts) or (not maker and (bool(plan.costs.volume_impact_bps) or at != market.at))
    terms = _Terms(order, market, priced, price, charges, moved)
    return _bought(terms, free, book, instrument) if side is Side.BUY else _sold(terms, size, book)


def _tradable(size: Decimal, market: Market, at: Decimal, side: Side) -> Decimal:
    """Return what of an order's size can trade in this bar at all: only that moves the price."""
    if market.capacity is None:
        return size
    return min(size, product(market.capacity, at, 8)) if side is Side.BUY else min(size, market.capacity)


class _Terms(NamedTuple):
    """An order about to be filled: its market, its price with all that lies in it, and whether size or delay moved that."""

    order: Order
    market: Market
    quote: Quote
    price: Decimal
    charges: Charges
    moved: bool


def _bought(terms: _Terms, free: Decimal, book: Book, instrument: Instrument) -> Filled | None:
    order, price, charges, capacity = terms.order, terms.price, terms.charges, terms.market.capacity
    quantity = quantity_for(order.left, free, price, charges, instrument.size_decimals)
    if order.time_in_force is TimeInForce.FOK and quantity < floor_quotient(order.left, price, instrument.size_decimals):
        return None
    left = NO_CASH
    if capacity is not None and quantity > capacity:
        quantity = capacity
        if not quantity or order.time_in_force is TimeInForce.FOK:
            return None
        left = order.left - product(quantity, price, 8)
        if left < product(price, quantum(instrument.size_decimals), 8):
            left = NO_CASH
    notional = product(quantity, price, 8)
    if not notional:
        return OrderRejected(order.id, f"{text(order.left)} at {text(price)} with {text(free)} cash buys nothing")
    return _filled(terms, quantity, notional, NO_CASH, book.cash - notional - charges.on(notional), left)


def _sold(terms: _Terms, size: Decimal, book: Book) -> Filled | None:
    order, capacity = terms.order, terms.market.capacity
    if not size:
        return OrderRejected(order.id, "nothing is held that could be sold")
    quantity, left = size, ZERO
    if capacity is not None and quantity > capacity:
        quantity = capacity
        if not quantity or order.time_in_force is TimeInForce.FOK:
            return None
        left = size - quantity
    notional = product(quantity, terms.price, 8)
    cash = book.cash + notional - terms.charges.on(notional)
    if cash < 0:
        return OrderRejected(
            order.id, f"the sale brings {text(notional)}, which with {text(book.cash)} cash does not pay its costs"
        )
    return _filled(terms, quantity, notional, notional - book.sell(order.instrument, quantity).cost, cash, left)


def _filled(terms: _Terms, quantity: Decimal, notional: Decimal, realised: Decimal, cash: Decimal, left: Decimal) -> OrderFilled:
    order, charges, market = terms.order, terms.charges, terms.market
    before = product(quantity, market.at, 8)
    spread, slippage = in_bps(before, terms.quote.spread_bps), in_bps(before, terms.quote.slippage_bps)
    worse = notional - before if order.side is Side.BUY else before - notional
    return OrderFilled(
        order.id, order.instrument, order.side, order.reason, market.bar.ts, terms.price, quantity, notional,
        charges.fee(notional), charges.gas, spread, slippage, realised, cash,
        worse - spread - slippage if terms.moved else NO_CASH, charges.tax(notional), left, market.maker,
    )  # fmt: skip


def _failed(order: Order, bar: Bar, charges: Charges, book: Book, plan: Plan, why: str, ran: bool = False) -> Filled:
    """Return the end of an order that was sent and came back: on a chain its gas is lost.

    Parameters
    ----------
    ran
        Whether the price had run beyond what it tolerates; the next time it tolerates more.
    """
    gas = charges.gas if isinstance(plan.costs, PoolCosts) else NO_CASH
    if gas > book.cash:
        return OrderRejected(order.id, f"{text(book.cash)} cash does not pay its gas of {text(gas)}")
    retried = order.side is Side.SELL or order.type is not OrderType.MARKET
    return OrderReverted(order.id, order.instrument, bar.ts, gas, book.cash - gas, why, retried, ran)
