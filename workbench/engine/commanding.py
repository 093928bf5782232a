"""Commands: what a person, a clock or the autopilot asks is done here, or refused with the bound that stands against it."""

from decimal import Decimal

import msgspec

from workbench.domain.bars import Bar, parse_timeframe, show_time
from workbench.domain.breakers import TradingState
from workbench.domain.commands import (
    AmendOrder,
    CancelOrder,
    ChangeConfiguration,
    Command,
    Deposit,
    ForceExit,
    Halt,
    Pause,
    PlaceOco,
    PlaceOrder,
    ResetBreaker,
    Resume,
    Stop,
    Withdraw,
)
from workbench.domain.events import (
    CommandReceived,
    CommandRefused,
    ConfigurationChanged,
    Deposited,
    Event,
    SessionHalted,
    SessionPaused,
    SessionResumed,
    SessionStopped,
    Withdrawn,
    close_ledger_digest,
)
from workbench.domain.instruments import Instrument
from workbench.domain.money import product, quantum, rounded, share, text
from workbench.domain.orders import Order, OrderType, Reason, Side, TimeInForce
from workbench.engine.breakers import close_breaker
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


def obey(turn: Turn, command: Command, by: str) -> None:
    """Do what a command says, or refuse it and change nothing."""
    why = _obstacle(turn, command)
    if why:
        turn.events.append(CommandRefused(command, why))
        return
    turn.events.append(CommandReceived(command, by))
    match command:
        case Pause():
            turn.now.trading = TradingState.REDUCING
            turn.events.append(SessionPaused())
        case Halt():
            turn.now.trading = TradingState.HALTED
            turn.events.append(SessionHalted())
            for order in turn.now.book.orders:
                if order.side is Side.BUY:
                    turn.cancel(order.id, "the session was halted")
        case Resume():
            turn.now.trading = TradingState.ACTIVE
            turn.events.append(SessionResumed())
        case ResetBreaker(name):
            for tripped in (name,) if name else tuple(turn.now.breakers):
                close_breaker(turn, tripped, "it was reset")
        case Deposit(amount):
            turn.now.book = turn.now.book.deposited(rounded(amount, 8))
            _cash_moved(turn, Deposited(rounded(amount, 8), turn.now.book.cash))
        case Withdraw(amount):
            turn.now.book = turn.now.book.withdrawn(rounded(amount, 8))
            _cash_moved(turn, Withdrawn(rounded(amount, 8), turn.now.book.cash))
        case PlaceOrder():
            place(turn, command, Reason.MANUAL)
        case PlaceOco(first, second):
            group = turn.now.next_order
            place(turn, first, Reason.MANUAL, group)
            place(turn, second, Reason.MANUAL, group)
        case AmendOrder(number):
            resting = turn.now.book.order(number)
            assert resting is not None
            turn.amend(_amended(resting, command))
        case CancelOrder(number):
            turn.cancel(number, "cancelled by hand")
        case ForceExit(wanted):
            for instrument in turn.now.plan.instruments:
                if wanted in (None, instrument.key) and instrument.key in turn.now.book.positions:
                    quantity = turn.now.book.quantity(instrument.key)
                    turn.place(instrument, Side.SELL, OrderType.MARKET, Reason.FORCE_EXIT, quantity=quantity)
        case ChangeConfiguration(configuration):
            turn.reconfigure(configuration)
            turn.events.append(ConfigurationChanged(configuration))
        case Stop(reason, close_positions):
            _stop(turn, reason, close_positions)


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


# --- what stands against a command -------------------------------------------------------------------------------------


def _obstacle(turn: Turn, command: Command) -> str:
    """Return why a command cannot be done, or nothing."""
    match command:
        case Pause() if turn.now.trading is not TradingState.ACTIVE:
            return f"The session is already {turn.now.trading}."
        case Halt() if turn.now.trading is TradingState.HALTED:
            return "The session is already HALTED."
        case Resume() if turn.now.trading is TradingState.ACTIVE:
            return "The session is not paused."
        case ResetBreaker(name) if not turn.now.breakers or (name is not None and name not in turn.now.breakers):
            return f"Expected a breaker that has tripped, of {', '.join(turn.now.breakers) or 'none'}, found {name or 'no name'}."
        case PlaceOrder(side=Side.BUY) if turn.now.trading is TradingState.HALTED:
            return "The session is HALTED: only sales can be placed."
        case Deposit(amount) | Withdraw(amount) if amount <= 0:
            return f"Expected an amount above zero, found {text(amount)}."
        case Withdraw(amount) if amount > turn.now.book.free_cash():
            return f"Expected at most the {text(turn.now.book.free_cash())} cash at hand, found {text(amount)}."
        case PlaceOrder():
            return order_obstacle(turn, command)
        case PlaceOco(first, second):
            return _oco_obstacle(turn, first, second)
        case AmendOrder():
            return _amend_obstacle(turn, command)
        case CancelOrder(number) if turn.now.book.order(number) is None:
            return f"No order {number} rests."
        case ForceExit(wanted) if not (turn.now.book.positions.keys() & (turn.keys if wanted is None else {wanted})):
            return f"Nothing is held in {wanted or 'any instrument of this session'}."
        case _:
            return ""


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
        _shape_obstacle(asked)
        or _price_obstacle(turn, asked, instrument)
        or _time_obstacle(turn, asked)
        or _size_obstacle(turn, asked, instrument, beside)
    )


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


def _oco_obstacle(turn: Turn, first: PlaceOrder, second: PlaceOrder) -> str:
    if first.side is not Side.SELL or second.side is not Side.SELL or first.instrument != second.instrument:
        return "Two orders that cancel each other are both sales of one instrument, found something else."
    if first.quantity != second.quantity:
        return f"Two orders that cancel each other sell the same quantity, found {first.quantity} and {second.quantity}."
    if OrderType.MARKET in (first.type, second.type):
        return "Two orders that cancel each other both rest, found a market order."
    return order_obstacle(turn, first) or order_obstacle(turn, second)


def _amend_obstacle(turn: Turn, command: AmendOrder) -> str:
    resting = turn.now.book.order(command.order)
    if resting is None:
        return f"No order {command.order} rests."
    if resting.run is not None:
        return f"Order {command.order} belongs to program run {resting.run}, which minds it by itself."
    changed = _amended(resting, command)
    if changed == resting:
        return f"Nothing about order {command.order} would change."
    names = set(PlaceOrder.__struct_fields__) - {"trail_pct", "trail_amount", "stop_price", "expires"}
    asked = PlaceOrder(**{name: getattr(changed, name) for name in names})
    given = {"trail_pct": changed.trail_pct, "trail_amount": changed.trail_amount, "expires": changed.expires}
    if changed.type is OrderType.TRAILING_STOP:
        if command.stop_price is not None:
            return "The stop price of a trailing stop follows the price; cancel it and place another."
    else:
        given["stop_price"] = changed.stop_price
    if changed.triggered:
        given["stop_price"] = None
        asked = msgspec.structs.replace(asked, type=OrderType.LIMIT if changed.limit_price is not None else OrderType.MARKET)
    return order_obstacle(turn, msgspec.structs.replace(asked, **given), beside=resting.id)


def _amended(order: Order, command: AmendOrder) -> Order:
    names = ("amount", "quantity", "limit_price", "stop_price", "expires")
    return msgspec.structs.replace(order, **{name: getattr(command, name) for name in names if getattr(command, name) is not None})


# --- how some are done --------------------------------------------------------------------------------------------------


def _cash_moved(turn: Turn, event: Event) -> None:
    """Mark the book anew; the day's loss and the drawdown stay what the market made them."""
    before, turn.now.equity = turn.now.equity, turn.now.book.equity(turn.now.marks)
    turn.now.day_equity += turn.now.equity - before
    turn.now.peak = share(turn.now.peak, turn.now.equity, before) if before > 0 else turn.now.equity
    turn.events.append(event)


def _stop(turn: Turn, reason: str, close_positions: bool) -> None:
    for order in turn.now.book.orders:
        if turn.now.book.order(order.id) is not None:
            turn.cancel(order.id, "the session stopped")
    if close_positions:
        for instrument in turn.now.plan.instruments:
            if instrument.key in turn.now.book.positions:
                price = turn.now.marks[instrument.key]
                quantity = turn.now.book.quantity(instrument.key)
                order = turn.place(instrument, Side.SELL, OrderType.MARKET, Reason.SESSION_STOPPED, quantity=quantity)
                turn.fill(order, price, _moment(max(turn.now.ts, 0), price), instrument)
        for order in turn.now.book.orders:
            turn.cancel(order.id, "the session stopped before all of it could be sold")
        turn.now.book.check()
    turn.now.equity = turn.now.book.equity(turn.now.marks)
    turn.now.stopped = True
    turn.events.append(SessionStopped(reason, turn.now.ts, turn.now.equity, close_ledger_digest(turn.now.digest, turn.now.equity)))


def _moment(ts: int, price: Decimal) -> Bar:
    """Return a bar that is one price: what a session is closed at, where no volume limits it."""
    return Bar(ts, price, price, price, price, Decimal(0))
