"""Placing an order that a person or a program asks for, or saying which bound stands against it, and by how much."""

from decimal import Decimal

from workbench.domain.bars import parse_timeframe, show_time
from workbench.domain.breakers import TradingState
from workbench.domain.commands import PlaceOrder
from workbench.domain.config import StrategyConfiguration
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT, exact_product, product, quantum, rounded, text
from workbench.domain.orders import Order, OrderType, Reason, Side, TimeInForce
from workbench.engine.paths import trail_price
from workbench.engine.turn import Turn

_PRICES = ("limit_price", "stop_price", "stop_loss", "take_profit", "trail_amount")
_NEEDS = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAILING_STOP: (),
    OrderType.TAKE_PROFIT: ("stop_price",),
}
_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def place(turn: Turn, asked: PlaceOrder, reason: Reason, group: int | None = None, run: int | None = None) -> Order:
    """Place the order that a person or a program asks for; it was found to be possible before."""
    instrument = turn.instrument(asked.instrument)
    names = ("amount", "quantity", *_PRICES, "trail_pct", "time_in_force", "expires", "reduce_only")
    fields = {name: getattr(asked, name) for name in names}
    for name in ("amount", "quantity"):
        if fields[name] is not None:
            fields[name] = rounded(fields[name], 8)
    for name in _PRICES:
        if fields[name] is not None:
            fields[name] = rounded(fields[name], instrument.price_decimals)
    if asked.type is OrderType.TRAILING_STOP:
        mark = turn.now.marks[instrument.key]
        draft = Order(0, asked.instrument, asked.side, asked.type, reason, turn.now.ts, **fields)
        fields |= {"stop_price": trail_price(draft, mark, instrument.price_decimals), "extreme": mark}
    return turn.place(instrument, asked.side, asked.type, reason, group=group, run=run, **fields)


def order_obstacle(turn: Turn, asked: PlaceOrder, beside: int = 0) -> str:
    """Return which bound stands against an order, and by how much; nothing where none does.

    Parameters
    ----------
    beside
        A resting order whose place it would take: what that one has reserved is free for it.
    """
    if asked.instrument not in turn.keys:
        return f"This session does not trade {asked.instrument}."
    instrument = turn.instrument(asked.instrument)
    return (
        _token_obstacle(turn, asked, instrument)
        or _shape_obstacle(asked)
        or _price_obstacle(turn, asked, instrument)
        or _time_obstacle(turn, asked)
        or _size_obstacle(turn, asked, instrument, beside)
    )


def _token_obstacle(turn: Turn, asked: PlaceOrder, instrument: Instrument) -> str:
    if asked.side is Side.SELL:
        return ""
    if not may_be_traded(turn.config, instrument):
        return f"{instrument.symbol} is not one of the tokens that may be traded."
    if turn.now.trading is not TradingState.ACTIVE:
        return "The session makes no entries now: expected it to be active, found it paused."
    return ""


def may_be_traded(c: StrategyConfiguration, instrument: Instrument) -> bool:
    """Tell whether the lists of a configuration let a token be bought."""
    symbol = instrument.symbol.upper()
    return symbol not in c.blocked_tokens and (not c.allowed_tokens or symbol in c.allowed_tokens)


def _shape_obstacle(asked: PlaceOrder) -> str:
    kind = asked.type.replace("_", "-")
    for name in ("limit_price", "stop_price"):
        given, needed = getattr(asked, name) is not None, name in _NEEDS[asked.type]
        if needed and not given:
            return f"A {kind} order needs a {name.replace('_', ' ')}, found none."
        if given and not needed:
            return f"A {kind} order takes no {name.replace('_', ' ')}, found {text(getattr(asked, name))}."
    trails = sum(value is not None for value in (asked.trail_pct, asked.trail_amount))
    if trails != (asked.type is OrderType.TRAILING_STOP):
        wanted = "one of trail_pct and trail_amount" if asked.type is OrderType.TRAILING_STOP else "no trail"
        return f"A {kind} order takes {wanted}, found {trails}."
    if asked.time_in_force in _ONCE and asked.type not in (OrderType.MARKET, OrderType.LIMIT):
        return f"Only a market or a limit order can be {asked.time_in_force.upper()}, found a {kind} order."
    if asked.side is Side.SELL and (asked.stop_loss is not None or asked.take_profit is not None):
        return "Only a buy brings a stop loss and a take profit with it, found a sale."
    for side, name in ((Side.BUY, "quantity"), (Side.SELL, "amount")):
        if asked.side is side and getattr(asked, name) is not None:
            other = "amount" if side is Side.BUY else "quantity"
            return f"A {side} names its {other}, found {'an' if name == 'amount' else 'a'} {name} of {text(getattr(asked, name))}."
    if asked.side is Side.BUY and asked.reduce_only:
        return "Only a sale reduces a position, found a buy that is reduce-only."
    return ""


def _price_obstacle(turn: Turn, asked: PlaceOrder, instrument: Instrument) -> str:
    for name in _PRICES:
        price = getattr(asked, name)
        if price is not None and price <= 0:
            return f"Expected a {name.replace('_', ' ')} above zero, found {text(price)}."
        if price is not None and price != rounded(price, instrument.price_decimals):
            return f"Expected a {name.replace('_', ' ')} with at most {instrument.price_decimals} decimals, found {text(price)}."
    mark = turn.now.marks.get(asked.instrument)
    if asked.stop_loss is not None and asked.take_profit is not None and asked.stop_loss >= asked.take_profit:
        return f"Expected a stop loss below the take profit of {text(asked.take_profit)}, found {text(asked.stop_loss)}."
    if mark is None and (asked.limit_price or asked.stop_price):
        return _bracket_obstacle(asked, asked.limit_price or asked.stop_price or Decimal(0))
    if mark is None:
        return "" if asked.type is not OrderType.TRAILING_STOP else f"There is no price of {instrument.symbol} yet to trail."
    stop = asked.stop_price
    if stop is not None:
        above = (asked.side is Side.BUY) == (asked.type is not OrderType.TAKE_PROFIT)
        if stop <= mark if above else stop >= mark:
            return _wrong_side(asked, "stop price", stop, above, mark)
    entry = asked.limit_price or stop or mark
    if asked.trail_amount is not None and asked.trail_amount >= mark:
        return f"Expected a trail below the price of {text(mark)}, found {text(asked.trail_amount)}."
    if asked.trail_pct is not None and trails_to_nothing(asked.trail_pct, mark, instrument):
        return f"Expected a trail that leaves a price above zero, found {text(asked.trail_pct)} % below {text(mark)}."
    return _bracket_obstacle(asked, entry)


def trails_to_nothing(percent: Decimal, mark: Decimal, instrument: Instrument) -> bool:
    """Tell whether a trigger so far below a price would be rounded to zero."""
    return rounded(exact_product(mark, 100 - percent).scaleb(-2, context=EXACT), instrument.price_decimals) <= 0


def _bracket_obstacle(asked: PlaceOrder, entry: Decimal) -> str:
    if asked.stop_loss is not None and asked.stop_loss >= entry:
        return f"Expected a stop loss below the entry at {text(entry)}, found {text(asked.stop_loss)}."
    if asked.take_profit is not None and asked.take_profit <= entry:
        return f"Expected a take profit above the entry at {text(entry)}, found {text(asked.take_profit)}."
    return ""


def _wrong_side(asked: PlaceOrder, name: str, price: Decimal, above: bool, mark: Decimal) -> str:
    side, kind = "above" if above else "below", asked.type.replace("_", "-")
    return (
        f"Expected the {name} of a {kind} order to {asked.side} {side} the price of {text(mark)}, "
        f"found {text(price)}, {text(abs(price - mark))} on the wrong side."
    )


def _time_obstacle(turn: Turn, asked: PlaceOrder) -> str:
    if (asked.expires is None) == (asked.time_in_force is TimeInForce.GTD):
        wanted = "a time at which it expires" if asked.time_in_force is TimeInForce.GTD else "no time at which it expires"
        return f"A {asked.time_in_force.upper()} order takes {wanted}, found {asked.expires or 'none'}."
    first = turn.now.ts + parse_timeframe(turn.now.plan.timeframe)
    if asked.expires is not None and asked.expires <= first:
        return f"Expected an expiry after the next bar's open at {show_time(first)}, found {show_time(asked.expires)}."
    return ""


def _size_obstacle(turn: Turn, asked: PlaceOrder, instrument: Instrument, beside: int) -> str:
    book, key = turn.now.book, asked.instrument
    if asked.side is Side.BUY:
        if asked.amount is None or asked.amount <= 0:
            return f"A buy needs an amount above zero, found {asked.amount}."
        free = book.free_cash(beside)
        if asked.amount > free:
            return f"Expected an amount of at most the {text(free)} cash at hand, found {text(asked.amount)}."
        price = asked.limit_price or asked.stop_price or turn.now.marks.get(key)
        least = turn.config.min_trade_size
        if price is not None:
            least = max(least, product(price, quantum(instrument.size_decimals), 8))
        if asked.amount < least:
            return f"Expected an amount of at least {text(least)}, the smallest trade, found {text(asked.amount)}."
        return ""
    held = book.quantity(key) if asked.reduce_only else book.free_quantity(key, beside)
    if asked.quantity is None or asked.quantity <= 0 or asked.quantity > held:
        return f"Expected a quantity above zero and at most the {text(held)} held, found {asked.quantity}."
    if asked.quantity != rounded(asked.quantity, instrument.size_decimals):
        return f"Expected a quantity with at most {instrument.size_decimals} decimals, found {text(asked.quantity)}."
    return ""
