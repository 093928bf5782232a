"""Matching: what a bar does to the orders that rest in an instrument, and to the position in it.

The order of things: what is over expires; what the open reaches trades, in order of number; then the stops, the highest
first; then the buys inside the bar, each followed at once by the exits that it brings; then targets and limits to sell.
"""

from decimal import Decimal
from typing import NamedTuple

from workbench.domain.bars import Bar
from workbench.domain.breakers import TradingState
from workbench.domain.instruments import Instrument
from workbench.domain.orders import Order, OrderType, Reason, Side, TimeInForce
from workbench.engine.exits import Exit, Holding, after_bar, exit_in_bar
from workbench.engine.paths import (
    Reached,
    is_stop,
    reached_at_open,
    reached_inside,
    rest_after_buy,
    rest_after_trigger,
    trailed,
)
from workbench.engine.resting import is_under_way, sum_up
from workbench.engine.turn import Turn


class ForcedExit(NamedTuple):
    """A position that a rule sold inside a bar: how, what was held, and with which order."""

    exit: Exit
    holding: Holding
    order: int


Forced = dict[str, ForcedExit]
_STOPPED = (Reason.STOP_LOSS, Reason.TRAILING_STOP)
_LAST = Decimal(-1)


def match_bar(turn: Turn, instrument: Instrument, bar: Bar, forced: Forced) -> None:
    """Let a bar act on an instrument's orders and position; exits that the rules forced are put into `forced`."""
    key, orders = instrument.key, turn.now.book.orders
    if not orders or not _any_awake(orders, key, bar):
        leave_inside(turn, instrument, bar, forced)
    else:
        _at_open(turn, instrument, bar)
        # Orders that a stop has armed inside this bar have had their chance on the way to its close.
        armed, unclear = _stops(turn, instrument, bar, forced)
        born, unclear_too = _buys(turn, instrument, bar, forced)
        _targets(turn, instrument, bar, armed | born)
        _trail(turn, instrument, bar)
        turn.now.ambiguous += unclear or unclear_too
    holding = turn.now.holdings.get(key)
    if holding is not None:
        moved = after_bar(holding, bar, turn.config, instrument.price_decimals)
        if moved is not holding:
            turn.now.holdings = {**turn.now.holdings, key: moved}


def _any_awake(orders: tuple[Order, ...], key: str, bar: Bar) -> bool:
    """Tell whether a bar may do something to any order of an instrument; most rest far away from most bars."""
    wakes = sum_up(orders).wakes.get(key)
    return wakes is not None and (wakes.always or bar.low <= wakes.down_to or bar.high >= wakes.up_to or bar.ts >= wakes.expires)


def expire(turn: Turn, key: str, ts: int) -> None:
    """End the orders whose time is over in an instrument that has no bar now."""
    for order in _resting(turn, key):
        if order.expires is not None and ts >= order.expires and turn.now.book.order(order.id) is not None:
            turn.expire(order, ts)


def leave_inside(turn: Turn, instrument: Instrument, bar: Bar, forced: Forced) -> None:
    """Sell the position where the bar reaches its stop, its trail or its target."""
    holding = turn.now.holdings.get(instrument.key)
    if holding is None:
        return
    leaving = exit_in_bar(holding, bar)
    if leaving is None or _own_sale_under_way(turn, instrument.key):
        return
    kind = OrderType.TAKE_PROFIT if leaving.reason is Reason.TAKE_PROFIT else OrderType.STOP
    quantity = turn.now.book.quantity(instrument.key)
    order = turn.place(instrument, Side.SELL, kind, leaving.reason, quantity=quantity, triggered=True)
    turn.now.ambiguous += leaving.ambiguous
    if turn.fill(order, leaving.price, bar, instrument, reference=leaving.price):
        forced[instrument.key] = ForcedExit(leaving, holding, order.id)


def _own_sale_under_way(turn: Turn, key: str) -> bool:
    return Side.SELL in sum_up(turn.now.book.orders).going.get(key, ())


def _resting(turn: Turn, key: str) -> list[Order]:
    return [order for order in turn.now.book.orders if order.instrument == key]


def _at_open(turn: Turn, instrument: Instrument, bar: Bar) -> None:
    seen, key = turn.now.seen.get(instrument.key, -1), instrument.key
    waiting, last = _resting(turn, key), turn.now.next_order
    while waiting:
        order = waiting.pop(0)
        if turn.now.book.order(order.id) is None:
            continue
        if not _may_trade(turn, order):
            continue
        if order.expires is not None and bar.ts >= order.expires:
            turn.expire(order, bar.ts)
            continue
        fresh = order.ts >= seen
        reached = reached_at_open(order, bar, fresh)
        if reached is not None:
            _trade(turn, order, reached, bar, instrument)
        if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and turn.now.book.order(order.id) is not None:
            turn.cancel(order.id, "it was not filled at once")
        # What a buy brought with it here meets the same open.
        waiting += [born for born in _resting(turn, key) if born.id >= last and born.id not in {w.id for w in waiting}]
        last = turn.now.next_order


def _may_trade(turn: Turn, order: Order) -> bool:
    """Tell whether an order may trade now: a buy that rests waits while no entries are made; one that was sent is on its way."""
    return order.side is Side.SELL or is_under_way(order) or turn.now.trading is TradingState.ACTIVE


def _trade(turn: Turn, order: Order, reached: Reached, bar: Bar, instrument: Instrument) -> bool:
    """Trade an order where it is reached; a stop that does not trade at once stays armed."""
    if order.type is OrderType.STOP_LIMIT and not order.triggered:
        order = turn.trigger(order, bar.ts, reached.price)
    traded = turn.fill(order, reached.price, bar, instrument, reference=reached.reference, maker=reached.maker)
    left = turn.now.book.order(order.id)
    if left is not None and not left.triggered and left.type not in (OrderType.MARKET, OrderType.LIMIT):
        turn.trigger(left, bar.ts, reached.price)
    return traded


def _stops(turn: Turn, instrument: Instrument, bar: Bar, forced: Forced) -> tuple[frozenset[int], bool]:
    """Let the stops act, the highest first, that of the position's own exit among them.

    Returns
    -------
    frozenset of int, bool
        The orders that were reached; whether the bar was unclear.
    """
    key, unclear = instrument.key, False
    found: list[tuple[Decimal, int]] = []
    for order in _resting(turn, key):
        if order.side is Side.SELL and is_stop(order):
            reached = reached_inside(order, bar)
            if reached is not None:
                found.append((reached.price, order.id))
    holding = turn.now.holdings.get(key)
    own = None if holding is None else exit_in_bar(holding, bar)
    if own is not None:
        # The position's own target comes after every stop: of the two the worse is taken.
        found.append((own.price if own.reason in _STOPPED else _LAST, 0))
    for _, number in sorted(found, key=lambda each: (-each[0], each[1])):
        if number == 0:
            leave_inside(turn, instrument, bar, forced)
            continue
        stop = turn.now.book.order(number)
        reached = None if stop is None else reached_inside(stop, bar)
        if stop is None or reached is None:
            continue
        unclear = unclear or _could_be_target(turn, stop, bar) or (own is not None and own.reason is Reason.TAKE_PROFIT)
        _trade(turn, stop, reached, bar, instrument)
        unclear = _after_trigger(turn, stop, reached, bar, instrument) or unclear
    return frozenset(number for _, number in found), unclear


def _could_be_target(turn: Turn, stop: Order, bar: Bar) -> bool:
    """Tell whether the bar reaches a target or limit to sell as well as this stop."""
    others = (o for o in _resting(turn, stop.instrument) if o.side is Side.SELL and o.id != stop.id and not is_stop(o))
    return any(reached_inside(order, bar) is not None for order in others)


def _after_trigger(turn: Turn, order: Order, reached: Reached, bar: Bar, instrument: Instrument) -> bool:
    """Let a stop-limit that was triggered and not met at once be met on the way to the close; tell whether it is unclear."""
    left = turn.now.book.order(order.id)
    if left is None or left.type is not OrderType.STOP_LIMIT or left.filled != order.filled:
        return False
    rest = rest_after_trigger(left, reached.price, bar)
    met = reached_inside(left, rest)
    if met is None:
        return reached_inside(left, bar) is not None
    _trade(turn, left, met, rest, instrument)
    return False


def _buys(turn: Turn, instrument: Instrument, bar: Bar, forced: Forced) -> tuple[frozenset[int], bool]:
    """Let the buys inside the bar trade, each followed by the exits that act on what of the bar is left.

    Returns
    -------
    frozenset of int, bool
        The orders that were born here and have had their chance; whether the bar was unclear.
    """
    key, unclear, first = instrument.key, False, turn.now.next_order
    for order in _resting(turn, key):
        if order.side is not Side.BUY or turn.now.book.order(order.id) is None or not _may_trade(turn, order):
            continue
        reached = reached_inside(order, bar)
        if reached is None:
            continue
        held_before, before = key in turn.now.holdings, turn.now.next_order
        if not _trade(turn, order, reached, bar, instrument):
            unclear = _after_trigger(turn, order, reached, bar, instrument) or unclear
            continue
        rest = rest_after_buy(order, reached.price, bar)
        if not held_before:
            leave_inside(turn, instrument, rest, forced)
        for child in _resting(turn, key):
            if child.id >= before and child.side is Side.SELL and turn.now.book.order(child.id) is not None:
                hit = reached_at_open(child, rest, fresh=False) or reached_inside(child, rest)
                if hit is not None:
                    unclear = unclear or (is_stop(child) and _could_be_target(turn, child, bar))
                    _trade(turn, child, hit, bar, instrument)
    return frozenset(range(first, turn.now.next_order)), unclear


def _targets(turn: Turn, instrument: Instrument, bar: Bar, done: frozenset[int]) -> None:
    """Let targets and limits to sell trade, but those that have had their chance."""
    for order in _resting(turn, instrument.key):
        if order.side is Side.SELL and not is_stop(order) and order.id not in done and turn.now.book.order(order.id) is not None:
            reached = reached_inside(order, bar)
            if reached is not None:
                _trade(turn, order, reached, bar, instrument)


def _trail(turn: Turn, instrument: Instrument, bar: Bar) -> None:
    for order in _resting(turn, instrument.key):
        if order.type is OrderType.TRAILING_STOP and not order.triggered:
            moved = trailed(order, bar, instrument.price_decimals)
            if moved is not None:
                turn.move_stop(order, bar.ts, *moved)
