"""One step in the making: the parts of the next state that may change, and what happened so far.

Only `Turn` grows the book during a step. Matching, deciding and commanding tell it what to do.
"""

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
from workbench.domain.programs import ProgramRun, grown, sold_from
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

    Attributes
    ----------
    before, now
        Where it was, and where it is by now.
    config
        What it goes by.
    events, thoughts
        What happened so far.
    capacity
        How much of each instrument can still be filled in this bar, where that is limited.
    ended
        Round trips that ended in this step.
    unlimited
        Whether fills go without a limit by volume or depth, as at a session's end.
    """

    __slots__ = ("before", "capacity", "config", "ended", "events", "now", "thoughts", "unlimited")

    def __init__(self, state: State) -> None:
        self.before = state
        # Its fields are replaced one by one; what they hold is never changed in place, so `before` stays what it was.
        self.now: State = state.__copy__()  # type: ignore[attr-defined]  # in C; `copy.copy` takes thrice as long
        self.config = state.plan.configuration
        self.events: list[Event] = []
        self.thoughts: list[Thought] = []
        self.capacity: dict[str, Decimal] = {}
        self.ended: list[Outcome] = []
        self.unlimited = False

    # --- orders ------------------------------------------------------------------------------------------------------

    def place(self, instrument: Instrument, side: Side, kind: OrderType, reason: Reason, **fields: Any) -> Order:
        """Place an order; it rests until it is filled, cancelled or expires."""
        order = Order(self.now.next_order, instrument.key, side, kind, reason, self.now.ts, **fields)
        self.now.next_order += 1
        self.now.book = self.now.book.placed(order)
        self.events.append(OrderPlaced(order))
        return order

    def amend(self, order: Order) -> None:
        """Go on with a resting order as this one."""
        self.now.book = self.now.book.amended(order)
        self.events.append(OrderAmended(order))

    def trigger(self, order: Order, ts: int, price: Decimal) -> Order:
        """Arm a stop order that does not fill at once."""
        armed = msgspec.structs.replace(order, triggered=True)
        self.now.book = self.now.book.amended(armed)
        self.events.append(OrderTriggered(order.id, ts, price))
        return armed

    def move_stop(self, order: Order, ts: int, stop_price: Decimal, extreme: Decimal) -> None:
        """Let a trailing stop follow the price."""
        self.now.book = self.now.book.amended(msgspec.structs.replace(order, stop_price=stop_price, extreme=extreme))
        self.events.append(StopMoved(order.id, ts, stop_price, extreme))

    def cancel(self, number: int, why: str) -> None:
        """Take back an order, and those that it would have cancelled."""
        order = self.now.book.order(number)
        self.now.book = self.now.book.without_order(number)
        self.events.append(OrderCancelled(number, why))
        if order is not None and order.group is not None:
            self._cancel_group(order.group, f"order {number} of its group was cancelled")

    def expire(self, order: Order, ts: int) -> None:
        """End an order whose time is over."""
        self.now.book = self.now.book.without_order(order.id)
        self.events.append(OrderExpired(order.id, ts))

    def cancel_sales(self, key: str, why: str) -> None:
        """Take back every resting sale of an instrument that is held no more."""
        for order in self.now.book.orders:
            if order.instrument == key and order.side is Side.SELL:
                self.now.book = self.now.book.without_order(order.id)
                self.events.append(OrderCancelled(order.id, why))

    def _cancel_group(self, group: int, why: str) -> None:
        for order in self.now.book.orders:
            if order.group == group:
                self.now.book = self.now.book.without_order(order.id)
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
        decided = self.now.marks.get(key, at) if reference is None else reference
        market = Market(bar, at, decided, self._capacity(at, bar, instrument), self._native(), maker)
        happened = fill(order, market, self.now.book, instrument, self.now.plan)
        if happened is None:
            return False
        if isinstance(happened, OrderRejected) and order.filled:
            # What is left of an order that traded before, and too little for another fill.
            self.cancel(order.id, f"the rest of it could not be filled: {happened.why}")
            return False
        self.events.append(happened)
        self.now.sent = (self.now.sent + ("o" if isinstance(happened, OrderFilled) else "x"))[-SENT:]
        match happened:
            case OrderRejected():
                self.now.book = self.now.book.without_order(order.id)
                return False
            case OrderReverted():
                self.now.book = self.now.book.reverted(happened)
                self.now.digest = add_revert(add_order(self.now.digest, order), happened)
                return False
        self.now.book = self.now.book.filled(happened)
        self.now.digest = add_fill(add_order(self.now.digest, order), happened, instrument)
        self.now.trades_today += 1
        if key in self.capacity:
            self.capacity[key] -= happened.quantity
        self._hold(happened, instrument)
        self._account(happened)
        if self.now.runs:
            self._credit(order, happened)
        self._follow(order, happened, instrument)
        return True

    def _capacity(self, at: Decimal, bar: Bar, instrument: Instrument) -> Decimal | None:
        key = instrument.key
        if self.unlimited:
            return None
        if key not in self.capacity:
            whole = capacity_of(self.now.plan, at, bar, instrument)
            if whole is None:
                return None
            self.capacity[key] = whole
        return max(self.capacity[key], ZERO)

    def _native(self) -> Decimal | None:
        """Return the price of the chain's currency, where the session trades it."""
        for instrument in self.now.plan.instruments:
            if instrument.symbol in NATIVE:
                return self.now.marks.get(instrument.key)
        return None

    def _account(self, filled: OrderFilled) -> None:
        """Keep what went into a position and came out of it, and how its round trip ended."""
        key, buys = filled.instrument, filled.side is Side.BUY
        flow = self.now.flows.get(key, NO_CASH) + (-filled.notional if buys else filled.notional) - filled.paid
        if key in self.now.book.positions:
            self.now.flows = {**self.now.flows, key: flow}
            return
        self.now.flows = {name: kept for name, kept in self.now.flows.items() if name != key}
        put_in = filled.notional - flow
        gained = share(flow, Decimal(100), put_in, 4) if put_in > 0 else NO_CASH
        outcome = Outcome(filled.ts, key, filled.reason.value, flow, gained)
        self.now.outcomes = (*self.now.outcomes, outcome)[-OUTCOMES:]
        self.now.streak = 0 if flow > 0 else self.now.streak + 1
        self.ended.append(outcome)

    def _credit(self, order: Order, filled: OrderFilled) -> None:
        """Keep the books of the program runs: a run's own fills are its own, and so is what others sell of what it holds.

        A sale takes first what its own run holds, then what no run holds, and then from the others, the oldest first.
        """
        runs, wanted = self.now.runs, filled.quantity
        mine = runs.get(order.run) if order.run is not None else None
        theirs = [run for run in runs.values() if run.instrument == filled.instrument and run is not mine and run.held > 0]
        if mine is not None:
            wanted -= min(mine.held, wanted)
            self.now.runs = {**runs, mine.id: grown(mine, order.id, filled)}
        if filled.side is Side.BUY or not wanted or not theirs:
            return
        of_others = sum((run.held for run in theirs), ZERO)
        left = self.now.book.quantity(filled.instrument)
        beyond = of_others - left
        for run in theirs:
            taken = min(run.held, beyond)
            if taken > 0:
                self.now.runs = {**self.now.runs, run.id: sold_from(run, taken, filled)}
                beyond -= taken

    def _hold(self, filled: OrderFilled, instrument: Instrument) -> None:
        key, held = instrument.key, self.now.book.positions.get(instrument.key)
        holdings = {name: holding for name, holding in self.now.holdings.items() if name != key}
        if held is None:
            self.now.left = {**self.now.left, key: filled.ts}
            stopped = filled.reason in (Reason.STOP_LOSS, Reason.TRAILING_STOP)
            if stopped != (key in self.now.stopped_out):
                self.now.stopped_out = self.now.stopped_out ^ {key}
        elif filled.side is Side.SELL:
            holdings[key] = self.now.holdings[key]
        else:
            was = self.now.holdings.get(key)
            price = filled.price if was is None else mean_price(held.cost, held.quantity, instrument.price_decimals)
            high = price if was is None else max(was.high, price)
            holdings[key] = hold(was.entered if was else filled.ts, price, high, self.config, instrument.price_decimals)
        self.now.holdings = holdings

    def _follow(self, order: Order, filled: OrderFilled, instrument: Instrument) -> None:
        """Keep with a fill the orders that hang on it: its bracket, its group, and sales of what is held no more."""
        if filled.side is Side.BUY:
            if order.stop_loss is not None or order.take_profit is not None:
                self._bracket(order, filled, instrument)
            return
        if filled.instrument not in self.now.book.positions:
            self.cancel_sales(filled.instrument, "the position was sold")
        elif order.group is not None:
            if not filled.left:
                self._cancel_group(order.group, f"order {order.id} of its group was filled")
            else:
                for other in self.now.book.orders:
                    if other.group == order.group and other.id != order.id:
                        self.amend(msgspec.structs.replace(other, quantity=filled.left))

    def _bracket(self, order: Order, filled: OrderFilled, instrument: Instrument) -> None:
        """Place the stop and the target that a filled buy brings with it, or let them grow with it."""
        grown = False
        for other in self.now.book.orders:
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

    # --- program runs ------------------------------------------------------------------------------------------------

    def keep_run(self, run: ProgramRun) -> None:
        """Go on with a run as this one; one that is over is kept no more."""
        runs = {number: kept for number, kept in self.now.runs.items() if number != run.id}
        self.now.runs = dict(sorted({**runs, run.id: run}.items())) if run.status.is_active else runs

    def runs_in(self, key: str) -> list[ProgramRun]:
        """Return the program runs in an instrument that go on, the oldest first."""
        return [run for run in self.now.runs.values() if run.instrument == key]

    # --- what else may change ----------------------------------------------------------------------------------------

    def reconfigure(self, configuration: StrategyConfiguration) -> None:
        """Go on with another configuration; the exits of what is held move with it."""
        self.config = configuration
        self.now.plan = msgspec.structs.replace(self.now.plan, configuration=configuration)
        decimals = {instrument.key: instrument.price_decimals for instrument in self.now.plan.instruments}
        self.now.holdings = {
            key: hold(held.entered, held.price, held.high, configuration, decimals[key]) for key, held in self.now.holdings.items()
        }

    def instrument(self, key: str) -> Instrument:
        """Return the instrument of the plan that has a key."""
        return next(instrument for instrument in self.now.plan.instruments if instrument.key == key)

    @property
    def keys(self) -> set[str]:
        """The keys of the plan's instruments."""
        return {instrument.key for instrument in self.now.plan.instruments}
