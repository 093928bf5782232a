"""`step()`: one input in, events out. Everything that trades here trades through this function.

A session is a fold over recorded inputs. `step` is pure: the same state, input and readings give the same events and the
same next state, in a backtest, in a replay and live.

Order within a slice: resting orders and exits first, instrument by instrument in the plan's order; then the marks; then,
again in order, what is decided at the close.
"""

from collections.abc import Sequence
from decimal import Decimal, localcontext

import msgspec

from workbench.domain.bars import DAY, Bar, Slice, parse_timeframe, show_time
from workbench.domain.commands import (
    CancelOrder,
    ChangeConfiguration,
    Command,
    Deposit,
    ForceExit,
    Pause,
    PlaceOrder,
    Resume,
    Stop,
    Withdraw,
)
from workbench.domain.config import StrategyConfiguration
from workbench.domain.events import (
    CommandReceived,
    CommandRefused,
    ConfigurationChanged,
    Deposited,
    EquityMarked,
    Event,
    OrderCancelled,
    OrderPlaced,
    OrderRejected,
    SessionCompleted,
    SessionPaused,
    SessionResumed,
    SessionStopped,
    ThoughtRecorded,
    Withdrawn,
    add_fill,
    add_order,
    close_ledger_digest,
)
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT, rounded, text
from workbench.domain.orders import Order, OrderType, Reason, Side
from workbench.domain.thoughts import Decision, Gate, Thought
from workbench.engine.exits import Exit, Holding, after_bar, exit_in_bar, held_too_long, hold
from workbench.engine.explain import explain
from workbench.engine.fills import fill
from workbench.engine.gates import entry_gates, holding_gates, stopped_by
from workbench.engine.sizing import entry_amount
from workbench.engine.state import State, mean_price
from workbench.engine.strategy import Reading
from workbench.errors import Broken, HoleInData

_FORCED = {
    Reason.STOP_LOSS: Decision.STOP_LOSS,
    Reason.TAKE_PROFIT: Decision.TAKE_PROFIT,
    Reason.TRAILING_STOP: Decision.TRAILING_STOP,
}


class Stepped(msgspec.Struct, frozen=True):
    """What a step gave.

    Parameters
    ----------
    state
        The next state.
    events
        What happened, in order; this is what the log keeps.
    thoughts
        Every evaluation of the slice, whether it was recorded or not.
    """

    state: State
    events: tuple[Event, ...]
    thoughts: tuple[Thought, ...] = ()


def step(state: State, given: Slice | Command, readings: Sequence[Reading | None] = (), by: str = "") -> Stepped:
    """Take one input and say what happened.

    Parameters
    ----------
    state
        Where the session is.
    given
        The closed bars of one open time, or a command.
    readings
        With a slice: what the strategy says about each of its bars, one place an instrument; it is computed outside,
        once for many bars, and is a pure function of the recorded ones.
    by
        With a command: who asked.

    Raises
    ------
    HoleInData
        If bars are missing and the configuration says `on_hole="raise"`.
    LedgerBroken
        If the accounting identity would not hold.
    """
    if state.stopped:
        raise Broken("A session that has ended takes no more input.")
    with localcontext(EXACT):
        turn = _Turn(state)
        if isinstance(given, Slice):
            turn.take_slice(given, readings)
        else:
            turn.take_command(given, by)
        return turn.result()


class _Turn:
    """One step in the making: the parts of the next state that may change, and what happened so far."""

    __slots__ = (
        "ambiguous", "book", "config", "day", "digest", "equity", "events", "holdings", "left", "marks", "missing",
        "next_order", "paused", "plan", "said", "seen", "state", "steps", "stopped", "thoughts", "trades_today", "ts",
    )  # fmt: skip

    def __init__(self, state: State) -> None:
        self.state = state
        self.plan, self.config = state.plan, state.plan.configuration
        self.book, self.marks, self.seen, self.holdings = state.book, state.marks, state.seen, state.holdings
        self.left, self.said, self.ts, self.steps, self.equity = state.left, state.said, state.ts, state.steps, state.equity
        self.day, self.trades_today, self.next_order = state.day, state.trades_today, state.next_order
        self.ambiguous, self.missing, self.digest = state.ambiguous, state.missing, state.digest
        self.paused, self.stopped = state.paused, state.stopped
        self.events: list[Event] = []
        self.thoughts: list[Thought] = []

    def result(self) -> Stepped:
        after = State(
            self.plan, self.book, self.marks, self.seen, self.holdings, self.left, self.said, self.ts, self.steps,
            self.equity, self.day, self.trades_today, self.next_order, self.ambiguous, self.missing, self.digest,
            self.paused, self.stopped,
        )  # fmt: skip
        return Stepped(after, tuple(self.events), tuple(self.thoughts))

    # --- a slice -----------------------------------------------------------------------------------------------------

    def take_slice(self, given: Slice, readings: Sequence[Reading | None]) -> None:
        if given.ts <= self.ts:
            raise Broken(f"Time must go forward: expected a slice after {show_time(self.ts)}, found {show_time(given.ts)}.")
        day = given.ts // DAY
        if day != self.day:
            self.day, self.trades_today = day, 0
        self.ts, self.steps = given.ts, self.steps + 1
        instruments, bars = self.plan.instruments, given.bars
        gaps = self._look_for_holes(given)
        before = self.next_order
        forced: dict[str, tuple[Exit, Holding]] = {}
        for instrument, bar in zip(instruments, bars, strict=True):
            if bar is not None:
                self._fill_resting(instrument, bar)
                self._leave_inside(instrument, bar, forced)
        self.marks, self.seen = {**self.marks}, {**self.seen}
        for instrument, bar in zip(instruments, bars, strict=True):
            if bar is not None:
                self.marks[instrument.key], self.seen[instrument.key] = bar.close, bar.ts
        self.equity = self.book.equity(self.marks)
        marks = {key: self.marks[key] for key in self.book.positions} if self.book.positions else {}
        absent = tuple(place for place, bar in enumerate(bars) if bar is None) if None in bars else ()
        self.events.append(EquityMarked(given.ts, self.equity, self.book.cash, marks, given.late, given.last, sum(gaps), absent))
        if self.next_order != before:
            self.book.check()
        for instrument, bar, reading, gap in zip(instruments, bars, readings, gaps, strict=True):
            if bar is not None and reading is not None:
                self._decide(instrument, bar, reading, gap, given.last, forced.get(instrument.key))

    def _look_for_holes(self, given: Slice) -> list[int]:
        """Return how many bars are absent right before each one, and count them."""
        length, seen_all = parse_timeframe(self.plan.timeframe), self.seen
        gaps, total = [], 0
        for instrument, bar in zip(self.plan.instruments, given.bars, strict=True):
            seen = None if bar is None else seen_all.get(instrument.key)
            gap = 0 if seen is None else (given.ts - seen) // length - 1
            if gap and self.config.on_hole == "raise":
                raise HoleInData(instrument.symbol, gap, show_time(given.ts))
            gaps.append(gap)
            total += gap
        self.missing += total
        return gaps

    def _fill_resting(self, instrument: Instrument, bar: Bar) -> None:
        for order in self.book.orders:
            if order.instrument == instrument.key:
                self._fill(order, bar.open, bar.ts, instrument)

    def _leave_inside(self, instrument: Instrument, bar: Bar, forced: dict[str, tuple[Exit, Holding]]) -> None:
        holding = self.holdings.get(instrument.key)
        if holding is None:
            return
        leaving = exit_in_bar(holding, bar)
        if leaving is not None:
            kind = OrderType.TAKE_PROFIT if leaving.reason is Reason.TAKE_PROFIT else OrderType.STOP
            order = self._place(instrument, Side.SELL, kind, leaving.reason, quantity=self.book.quantity(instrument.key))
            self.ambiguous += leaving.ambiguous
            if self._fill(order, leaving.price, bar.ts, instrument):
                forced[instrument.key] = leaving, holding
                return
        moved = after_bar(holding, bar, self.config, instrument.price_decimals)
        if moved is not holding:
            self.holdings = {**self.holdings, instrument.key: moved}

    def _decide(
        self, instrument: Instrument, bar: Bar, reading: Reading, gap: int, last: bool, forced: tuple[Exit, Holding] | None
    ) -> None:
        """Decide at the close, and say why."""
        key = instrument.key
        if forced is not None:
            leaving, was = forced
            gates = holding_gates(was, reading, float(leaving.price), bar.ts - was.entered, self.config, leaving)
            self._think(instrument, reading, _FORCED[leaving.reason], gates, leaving.reason.value, self.next_order - 1)
            if not reading.enter:
                return
        holding = self.holdings.get(key)
        resting = any(order.instrument == key for order in self.book.orders)
        if holding is not None:
            close_ts = bar.ts + parse_timeframe(self.plan.timeframe)
            too_long = held_too_long(holding, close_ts, self.config)
            gates = holding_gates(holding, reading, float(bar.close), close_ts - holding.entered, self.config, too_long=too_long)
            wants_out = reading.exit or too_long
            if wants_out and not resting and not last:
                reason = Reason.EXIT_SIGNAL if reading.exit else Reason.MAX_HOLD
                order = self._place(instrument, Side.SELL, OrderType.MARKET, reason, quantity=self.book.quantity(key))
                self._think(instrument, reading, Decision.SELL, gates, stopped_by(gates), order.id)
            else:
                self._think(instrument, reading, Decision.HOLD, gates, stopped_by(gates) if wants_out else "")
        elif resting:
            self._think(instrument, reading, Decision.HOLD, (), "")
        else:
            self._consider_entry(instrument, bar, reading, gap, last)

    def _consider_entry(self, instrument: Instrument, bar: Bar, reading: Reading, gap: int, last: bool) -> None:
        orders = self.book.orders
        buys = [order for order in orders if order.side is Side.BUY] if orders else []
        available = self.book.cash
        for order in buys:
            available -= order.amount or 0
        left = self.left.get(instrument.key)
        gates = entry_gates(
            self.config,
            reading,
            paused=self.paused,
            last=last,
            missing=gap,
            open_positions=len(self.book.positions) + len({order.instrument for order in buys} - self.book.positions.keys()),
            trades_today=self.trades_today + len(orders),
            since_exit=None if left is None else bar.ts - left,
            available=available,
        )
        stopping = stopped_by(gates)
        if stopping:
            decision = Decision.WAIT if stopping == "signal" else Decision.SKIP
            self._think(instrument, reading, decision, gates, stopping)
            return
        amount = entry_amount(self.config, self.equity)
        order = self._place(instrument, Side.BUY, OrderType.MARKET, Reason.ENTRY_SIGNAL, amount=amount)
        self._think(instrument, reading, Decision.BUY, gates, "", order.id)

    def _think(
        self,
        instrument: Instrument,
        reading: Reading,
        decision: Decision,
        gates: tuple[Gate, ...],
        stopping: str,
        order: int | None = None,
    ) -> None:
        """Keep the evaluation; record it, with its sentence, if something changed."""
        key = instrument.key
        said = f"{decision}|{stopping}|{order or ''}"
        changed = self.said.get(key) != said
        thought = Thought(
            self.ts,
            key,
            instrument.symbol,
            self.config.strategy,
            decision,
            stopping,
            reading.confidence,
            gates,
            dict(zip(reading.names, reading.values, strict=True)),
            order,
            explain(decision, gates, stopping, reading, reading.confidence) if changed else "",
        )
        self.thoughts.append(thought)
        if changed:
            self.said = {**self.said, key: said}
            self.events.append(ThoughtRecorded(thought))

    # --- orders and fills --------------------------------------------------------------------------------------------

    def _place(
        self,
        instrument: Instrument,
        side: Side,
        kind: OrderType,
        reason: Reason,
        amount: Decimal | None = None,
        quantity: Decimal | None = None,
    ) -> Order:
        order = Order(self.next_order, instrument.key, side, kind, reason, self.ts, amount, quantity)
        self.next_order += 1
        self.book = self.book.placed(order)
        self.events.append(OrderPlaced(order))
        return order

    def _fill(self, order: Order, at: Decimal, ts: int, instrument: Instrument) -> bool:
        """Fill an order as far as it goes, and keep holdings, counters and the ledger digest with it."""
        happened = fill(order, at, ts, self.book, instrument, self.plan.costs)
        self.events.append(happened)
        if isinstance(happened, OrderRejected):
            self.book = self.book.without_order(order.id)
            return False
        self.book = self.book.filled(happened)
        self.digest = add_fill(add_order(self.digest, order), happened, instrument)
        self.trades_today += 1
        key, held = instrument.key, self.book.positions.get(instrument.key)
        holdings = {name: holding for name, holding in self.holdings.items() if name != key}
        if held is None:
            self.left = {**self.left, key: ts}
        elif happened.side is Side.SELL:
            holdings[key] = self.holdings[key]
        else:
            was = self.holdings.get(key)
            price = happened.price if was is None else mean_price(held.cost, held.quantity, instrument.price_decimals)
            high = price if was is None else max(was.high, price)
            holdings[key] = hold(was.entered if was else ts, price, high, self.config, instrument.price_decimals)
        self.holdings = holdings
        return True

    # --- a command ---------------------------------------------------------------------------------------------------

    def take_command(self, command: Command, by: str) -> None:
        why = self._obstacle(command)
        if why:
            self.events.append(CommandRefused(command, why))
            return
        self.events.append(CommandReceived(command, by))
        match command:
            case Pause():
                self.paused = True
                self.events.append(SessionPaused())
            case Resume():
                self.paused = False
                self.events.append(SessionResumed())
            case Deposit(amount):
                self.book = self.book.deposited(rounded(amount, 8))
                self._cash_moved(Deposited(rounded(amount, 8), self.book.cash))
            case Withdraw(amount):
                self.book = self.book.withdrawn(rounded(amount, 8))
                self._cash_moved(Withdrawn(rounded(amount, 8), self.book.cash))
            case PlaceOrder(key, side, amount, quantity):
                self._place(self._instrument(key), side, OrderType.MARKET, Reason.MANUAL, amount, quantity)
            case CancelOrder(number):
                self._cancel(number, "cancelled by hand")
            case ForceExit(wanted):
                for instrument in self.plan.instruments:
                    if wanted in (None, instrument.key) and instrument.key in self.book.positions:
                        quantity = self.book.quantity(instrument.key)
                        self._place(instrument, Side.SELL, OrderType.MARKET, Reason.FORCE_EXIT, quantity=quantity)
            case ChangeConfiguration(configuration):
                self._reconfigure(configuration)
            case Stop(reason, close_positions):
                self._stop(reason, close_positions)

    def _obstacle(self, command: Command) -> str:
        """Return why a command cannot be done, or nothing."""
        match command:
            case Pause() if self.paused:
                return "The session is already paused."
            case Resume() if not self.paused:
                return "The session is not paused."
            case Deposit(amount) | Withdraw(amount) if amount <= 0:
                return f"Expected an amount above zero, found {text(amount)}."
            case Withdraw(amount) if amount > self.book.cash:
                return f"Expected at most the {text(self.book.cash)} cash at hand, found {text(amount)}."
            case PlaceOrder(key, side, amount, quantity):
                return self._order_obstacle(key, side, amount, quantity)
            case CancelOrder(number) if all(order.id != number for order in self.book.orders):
                return f"No order {number} rests."
            case ForceExit(wanted) if not (self.book.positions.keys() & (self._keys() if wanted is None else {wanted})):
                return f"Nothing is held in {wanted or 'any instrument of this session'}."
            case _:
                return ""

    def _order_obstacle(self, key: str, side: Side, amount: Decimal | None, quantity: Decimal | None) -> str:
        if key not in self._keys():
            return f"This session does not trade {key}."
        if side is Side.BUY and (amount is None or amount <= 0):
            return f"A buy needs an amount above zero, found {amount}."
        if side is Side.BUY and amount is not None and amount > self.book.cash:
            return f"Expected an amount of at most the {text(self.book.cash)} cash at hand, found {text(amount)}."
        if side is Side.SELL and (quantity is None or quantity <= 0 or quantity > self.book.quantity(key)):
            return f"Expected a quantity above zero and at most the {text(self.book.quantity(key))} held, found {quantity}."
        return ""

    def _keys(self) -> set[str]:
        return {instrument.key for instrument in self.plan.instruments}

    def _instrument(self, key: str) -> Instrument:
        return next(instrument for instrument in self.plan.instruments if instrument.key == key)

    def _cash_moved(self, event: Event) -> None:
        self.equity = self.book.equity(self.marks)
        self.events.append(event)

    def _cancel(self, number: int, why: str) -> None:
        self.book = self.book.without_order(number)
        self.events.append(OrderCancelled(number, why))

    def _reconfigure(self, configuration: StrategyConfiguration) -> None:
        self.config = configuration
        self.plan = msgspec.structs.replace(self.plan, configuration=configuration)
        decimals = {instrument.key: instrument.price_decimals for instrument in self.plan.instruments}
        self.holdings = {
            key: hold(held.entered, held.price, held.high, configuration, decimals[key]) for key, held in self.holdings.items()
        }
        self.events.append(ConfigurationChanged(configuration))

    def _stop(self, reason: str, close_positions: bool) -> None:
        for order in self.book.orders:
            self._cancel(order.id, "the session stopped")
        if close_positions:
            for instrument in self.plan.instruments:
                if instrument.key in self.book.positions:
                    quantity = self.book.quantity(instrument.key)
                    order = self._place(instrument, Side.SELL, OrderType.MARKET, Reason.SESSION_STOPPED, quantity=quantity)
                    self._fill(order, self.marks[instrument.key], max(self.ts, 0), instrument)
            self.book.check()
        self.equity = self.book.equity(self.marks)
        self.stopped = True
        self.events.append(SessionStopped(reason, self.ts, self.equity, close_ledger_digest(self.digest, self.equity)))


def complete(state: State, reason: str) -> Stepped:
    """End a session whose data or time have ended: orders that still rest are cancelled, positions stay.

    Returns
    -------
    Stepped
        With a `SessionCompleted`, which carries the closed ledger digest.
    """
    cancelled = tuple(OrderCancelled(order.id, "the session ended") for order in state.book.orders)
    book = msgspec.structs.replace(state.book, orders=())
    after = msgspec.structs.replace(state, book=book, stopped=True)
    done = SessionCompleted(reason, state.ts, state.equity, close_ledger_digest(state.digest, state.equity))
    return Stepped(after, (*cancelled, done))


def digest_of(state: State) -> str:
    """Return the ledger digest of a run as it stands, closed with its equity."""
    return close_ledger_digest(state.digest, state.equity)
