"""One step in the making: the parts of the next state that may change, and what happened so far.

Only `Turn` grows the book during a step. Matching, deciding and commanding tell it what to do.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workbench.domain.bars import Bar
from workbench.domain.breakers import Outcome
from workbench.domain.config import StrategyConfiguration
from workbench.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderReverted,
    OrderTriggered,
    StopMoved,
    add_fill,
    add_order,
    add_revert,
)
from workbench.domain.instruments import Instrument
from workbench.domain.money import NO_CASH, ZERO, share
from workbench.domain.orders import Order, OrderType, Reason, Side
from workbench.domain.thoughts import Thought
from workbench.engine.costs import capacity_of
from workbench.engine.exits import hold
from workbench.engine.fills import Market, fill
from workbench.engine.state import State, mean_price

SENT = 20
"""Orders that the error rate looks back on."""
OUTCOMES = 100
"""Round trips that are remembered."""
NATIVE = frozenset({"ETH", "WETH"})
"""Symbols of the currency in which gas is paid."""


class Turn:
    """The next state while it is made.

    Parameters
    ----------
    state
        Where the session was.
    """

    __slots__ = (
        "ambiguous", "book", "breakers", "capacity", "config", "day", "day_equity", "digest", "ended", "equity", "events", "flows",
        "holdings", "left", "marks", "missing", "next_order", "outcomes", "peak", "plan", "said", "seen", "sent", "state", "steps",
        "stopped", "stopped_out", "streak", "thoughts", "trades_today", "trading", "ts",
    )  # fmt: skip

    def __init__(self, state: State) -> None:
        self.state = state
        self.plan, self.config = state.plan, state.plan.configuration
        self.book, self.marks, self.seen, self.holdings = state.book, state.marks, state.seen, state.holdings
        self.left, self.stopped_out, self.said = state.left, state.stopped_out, state.said
        self.ts, self.steps, self.equity = state.ts, state.steps, state.equity
        self.day, self.trades_today, self.next_order = state.day, state.trades_today, state.next_order
        self.ambiguous, self.missing, self.digest = state.ambiguous, state.missing, state.digest
        self.trading, self.stopped = state.trading, state.stopped
        self.breakers, self.day_equity, self.peak, self.flows = state.breakers, state.day_equity, state.peak, state.flows
        self.outcomes, self.streak, self.sent = state.outcomes, state.streak, state.sent
        self.ended: list[Outcome] = []
        self.events: list[Event] = []
        self.thoughts: list[Thought] = []
        self.capacity: dict[str, Decimal] = {}

    def after(self) -> State:
        """Return the next state."""
        return State(
            self.plan, self.book, self.marks, self.seen, self.holdings, self.left, self.stopped_out, self.said, self.ts, self.steps,
            self.equity, self.day, self.trades_today, self.next_order, self.ambiguous, self.missing, self.digest,
            self.trading, self.stopped, self.breakers, self.day_equity, self.peak, self.flows, self.outcomes, self.streak,
            self.sent,
        )  # fmt: skip

    # --- orders ------------------------------------------------------------------------------------------------------

    def place(self, instrument: Instrument, side: Side, kind: OrderType, reason: Reason, **fields: Any) -> Order:
        """Place an order; it rests until it is filled, cancelled or expires."""
        order = Order(self.next_order, instrument.key, side, kind, reason, self.ts, **fields)
        self.next_order += 1
        self.book = self.book.placed(order)
        self.events.append(OrderPlaced(order))
        return order

    def amend(self, order: Order) -> None:
        """Go on with a resting order as this one."""
        self.book = self.book.amended(order)
        self.events.append(OrderAmended(order))

    def trigger(self, order: Order, ts: int, price: Decimal) -> Order:
        """Arm a stop order that does not fill at once."""
        armed = msgspec.structs.replace(order, triggered=True)
        self.book = self.book.amended(armed)
        self.events.append(OrderTriggered(order.id, ts, price))
        return armed

    def move_stop(self, order: Order, ts: int, stop_price: Decimal, extreme: Decimal) -> None:
        """Let a trailing stop follow the price."""
        self.book = self.book.amended(msgspec.structs.replace(order, stop_price=stop_price, extreme=extreme))
        self.events.append(StopMoved(order.id, ts, stop_price, extreme))

    def cancel(self, number: int, why: str) -> None:
        """Take back an order, and those that it would have cancelled."""
        order = self.book.order(number)
        self.book = self.book.without_order(number)
        self.events.append(OrderCancelled(number, why))
        if order is not None and order.group is not None:
            self._cancel_group(order.group, f"order {number} of its group was cancelled")

    def expire(self, order: Order, ts: int) -> None:
        """End an order whose time is over."""
        self.book = self.book.without_order(order.id)
        self.events.append(OrderExpired(order.id, ts))

    def cancel_sales(self, key: str, why: str) -> None:
        """Take back every resting sale of an instrument that is held no more."""
        for order in self.book.orders:
            if order.instrument == key and order.side is Side.SELL:
                self.book = self.book.without_order(order.id)
                self.events.append(OrderCancelled(order.id, why))

    def _cancel_group(self, group: int, why: str) -> None:
        for order in self.book.orders:
            if order.group == group:
                self.book = self.book.without_order(order.id)
                self.events.append(OrderCancelled(order.id, why))

    # --- fills -------------------------------------------------------------------------------------------------------

    def fill(
        self, order: Order, at: Decimal, bar: Bar, instrument: Instrument, *, reference: Decimal | None = None, maker: bool = False
    ) -> bool:
        """Fill an order as far as it goes, and keep holdings, counters and the ledger digest with it.

        Parameters
        ----------
        at
            The market's price where the order is reached, before costs.
        reference
            The price at which it was decided; the newest mark where None.
        maker
            Whether it rested and is met at its own price.

        Returns
        -------
        bool
            Whether something was traded.
        """
        key = instrument.key
        decided = self.marks.get(key, at) if reference is None else reference
        market = Market(bar, at, decided, self._capacity(at, bar, instrument), self._native(), maker)
        happened = fill(order, market, self.book, instrument, self.plan)
        if happened is None:
            return False
        if isinstance(happened, OrderRejected) and order.filled:
            # What is left of an order that traded before, and too little for another fill.
            self.cancel(order.id, f"the rest of it could not be filled: {happened.why}")
            return False
        self.events.append(happened)
        self.sent = (self.sent + ("o" if isinstance(happened, OrderFilled) else "x"))[-SENT:]
        match happened:
            case OrderRejected():
                self.book = self.book.without_order(order.id)
                return False
            case OrderReverted():
                self.book = self.book.reverted(happened)
                self.digest = add_revert(add_order(self.digest, order), happened)
                return False
        self.book = self.book.filled(happened)
        self.digest = add_fill(add_order(self.digest, order), happened, instrument)
        self.trades_today += 1
        if key in self.capacity:
            self.capacity[key] -= happened.quantity
        self._hold(happened, instrument)
        self._account(happened)
        self._follow(order, happened, instrument)
        return True

    def _capacity(self, at: Decimal, bar: Bar, instrument: Instrument) -> Decimal | None:
        key = instrument.key
        if key not in self.capacity:
            whole = capacity_of(self.plan, at, bar, instrument)
            if whole is None:
                return None
            self.capacity[key] = whole
        return max(self.capacity[key], ZERO)

    def _native(self) -> Decimal | None:
        """Return the price of the chain's currency, where the session trades it."""
        for instrument in self.plan.instruments:
            if instrument.symbol in NATIVE:
                return self.marks.get(instrument.key)
        return None

    def _account(self, filled: OrderFilled) -> None:
        """Keep what went into a position and came out of it, and how its round trip ended."""
        key, buys = filled.instrument, filled.side is Side.BUY
        flow = self.flows.get(key, NO_CASH) + (-filled.notional if buys else filled.notional) - filled.paid
        if key in self.book.positions:
            self.flows = {**self.flows, key: flow}
            return
        self.flows = {name: kept for name, kept in self.flows.items() if name != key}
        put_in = filled.notional - flow
        gained = share(flow, Decimal(100), put_in, 4) if put_in > 0 else NO_CASH
        outcome = Outcome(filled.ts, key, filled.reason.value, flow, gained)
        self.outcomes = (*self.outcomes, outcome)[-OUTCOMES:]
        self.streak = 0 if flow > 0 else self.streak + 1
        self.ended.append(outcome)

    def _hold(self, filled: OrderFilled, instrument: Instrument) -> None:
        key, held = instrument.key, self.book.positions.get(instrument.key)
        holdings = {name: holding for name, holding in self.holdings.items() if name != key}
        if held is None:
            self.left = {**self.left, key: filled.ts}
            stopped = filled.reason in (Reason.STOP_LOSS, Reason.TRAILING_STOP)
            if stopped != (key in self.stopped_out):
                self.stopped_out = self.stopped_out ^ {key}
        elif filled.side is Side.SELL:
            holdings[key] = self.holdings[key]
        else:
            was = self.holdings.get(key)
            price = filled.price if was is None else mean_price(held.cost, held.quantity, instrument.price_decimals)
            high = price if was is None else max(was.high, price)
            holdings[key] = hold(was.entered if was else filled.ts, price, high, self.config, instrument.price_decimals)
        self.holdings = holdings

    def _follow(self, order: Order, filled: OrderFilled, instrument: Instrument) -> None:
        """Keep with a fill the orders that hang on it: its bracket, its group, and sales of what is held no more."""
        if filled.side is Side.BUY:
            if order.stop_loss is not None or order.take_profit is not None:
                self._bracket(order, filled, instrument)
            return
        if filled.instrument not in self.book.positions:
            self.cancel_sales(filled.instrument, "the position was sold")
        elif order.group is not None:
            if not filled.left:
                self._cancel_group(order.group, f"order {order.id} of its group was filled")
            else:
                for other in self.book.orders:
                    if other.group == order.group and other.id != order.id:
                        self.amend(msgspec.structs.replace(other, quantity=filled.left))

    def _bracket(self, order: Order, filled: OrderFilled, instrument: Instrument) -> None:
        """Place the stop and the target that a filled buy brings with it, or let them grow with it."""
        grown = False
        for other in self.book.orders:
            if other.group == order.id:
                self.amend(msgspec.structs.replace(other, quantity=other.left + filled.quantity))
                grown = True
        if grown:
            return
        legs = ((OrderType.STOP, Reason.STOP_LOSS, order.stop_loss), (OrderType.TAKE_PROFIT, Reason.TAKE_PROFIT, order.take_profit))
        for kind, reason, price in legs:
            if price is not None:
                self.place(
                    instrument, Side.SELL, kind, reason, quantity=filled.quantity, stop_price=price, group=order.id, run=order.run
                )

    # --- what else may change ----------------------------------------------------------------------------------------

    def reconfigure(self, configuration: StrategyConfiguration) -> None:
        """Go on with another configuration; the exits of what is held move with it."""
        self.config = configuration
        self.plan = msgspec.structs.replace(self.plan, configuration=configuration)
        decimals = {instrument.key: instrument.price_decimals for instrument in self.plan.instruments}
        self.holdings = {
            key: hold(held.entered, held.price, held.high, configuration, decimals[key]) for key, held in self.holdings.items()
        }

    def instrument(self, key: str) -> Instrument:
        """Return the instrument of the plan that has a key."""
        return next(instrument for instrument in self.plan.instruments if instrument.key == key)

    @property
    def keys(self) -> set[str]:
        """The keys of the plan's instruments."""
        return {instrument.key for instrument in self.plan.instruments}

    def marks_of_held(self) -> Mapping[str, Decimal]:
        """Return the newest price of each instrument that is held."""
        return {key: self.marks[key] for key in self.book.positions} if self.book.positions else {}
