"""Commands: what a person, a clock or the autopilot asks is done here, or refused with the bound that stands against it."""

from decimal import Decimal

import msgspec

from workbench.domain.bars import Bar
from workbench.domain.breakers import TradingState
from workbench.domain.commands import (
    AmendOrder,
    CancelOrder,
    CancelProgram,
    ChangeConfiguration,
    Command,
    Deposit,
    ForceExit,
    Halt,
    Pause,
    PauseProgram,
    PlaceOco,
    PlaceOrder,
    ResetBreaker,
    Resume,
    ResumeProgram,
    StartProgram,
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
from workbench.domain.money import rounded, share, text
from workbench.domain.orders import Order, OrderType, Reason, Side
from workbench.domain.programs import RunStatus
from workbench.engine import running
from workbench.engine.breakers import close_breaker
from workbench.engine.placing import order_obstacle, place
from workbench.engine.programs import make_program
from workbench.engine.turn import Turn


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
            turn.amend(_amended(resting, command, turn.now.ts))
        case CancelOrder(number):
            turn.cancel(number, "cancelled by hand")
        case ForceExit(wanted):
            for instrument in turn.now.plan.instruments:
                if wanted in (None, instrument.key) and instrument.key in turn.now.book.positions:
                    quantity = turn.now.book.quantity(instrument.key)
                    turn.place(instrument, Side.SELL, OrderType.MARKET, Reason.FORCE_EXIT, quantity=quantity)
        case StartProgram(program, instrument_key, parameters):
            running.start(turn, make_program(program, parameters), instrument_key, reason="it was asked for")
        case PauseProgram(run):
            running.pause(turn, run, "it was paused by hand")
        case ResumeProgram(run):
            running.resume(turn, run)
        case CancelProgram(run, sell):
            running.cancel(turn, run, "it was cancelled by hand", sell)
        case ChangeConfiguration(configuration=configuration):
            turn.reconfigure(configuration)
            turn.events.append(ConfigurationChanged(configuration))
        case Stop(reason, close_positions):
            _stop(turn, reason, close_positions)


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
        case CancelOrder(number):
            return _cancel_obstacle(turn, number)
        case StartProgram():
            return running.start_obstacle(turn, command)
        case PauseProgram(run) | ResumeProgram(run) | CancelProgram(run):
            return _run_obstacle(turn, run, command)
        case ForceExit(wanted) if not (turn.now.book.positions.keys() & (turn.keys if wanted is None else {wanted})):
            return f"Nothing is held in {wanted or 'any instrument of this session'}."
        case _:
            return ""


def _oco_obstacle(turn: Turn, first: PlaceOrder, second: PlaceOrder) -> str:
    if first.side is not Side.SELL or second.side is not Side.SELL or first.instrument != second.instrument:
        return "Two orders that cancel each other are both sales of one instrument, found something else."
    if first.quantity != second.quantity:
        return f"Two orders that cancel each other sell the same quantity, found {first.quantity} and {second.quantity}."
    if OrderType.MARKET in (first.type, second.type):
        return "Two orders that cancel each other both rest, found a market order."
    return order_obstacle(turn, first) or order_obstacle(turn, second)


def _cancel_obstacle(turn: Turn, number: int) -> str:
    resting = turn.now.book.order(number)
    if resting is None:
        return f"No order {number} rests."
    if resting.run is not None and resting.run in turn.now.runs:
        return f"Order {number} belongs to program run {resting.run}; pause or cancel the run instead."
    return ""


def _run_obstacle(turn: Turn, number: int, command: Command) -> str:
    run = turn.now.runs.get(number)
    if run is None:
        going = ", ".join(map(str, turn.now.runs)) or "none"
        return f"Expected a program run that goes on, of {going}, found {number}."
    if run.status is RunStatus.ENDING:
        return f"Program run {number} is ending already."
    if isinstance(command, PauseProgram) and run.status is RunStatus.PAUSED:
        return f"Program run {number} is already paused."
    if isinstance(command, ResumeProgram) and run.status is RunStatus.RUNNING:
        return f"Program run {number} is not paused."
    return ""


def _amend_obstacle(turn: Turn, command: AmendOrder) -> str:
    resting = turn.now.book.order(command.order)
    if resting is None:
        return f"No order {command.order} rests."
    if resting.run is not None:
        return f"Order {command.order} belongs to program run {resting.run}, which minds it by itself."
    changed = _amended(resting, command, turn.now.ts)
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


def _amended(order: Order, command: AmendOrder, ts: int) -> Order:
    names = ("amount", "quantity", "limit_price", "stop_price", "expires")
    changes = {name: getattr(command, name) for name in names if getattr(command, name) is not None}
    if {"limit_price", "stop_price"} & changes.keys():
        # At another price it arrives anew: what of the market lies beyond it is met at the market's price, as a taker.
        changes["ts"] = ts
    return msgspec.structs.replace(order, **changes)


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
                turn.unlimited = True
                turn.fill(order, price, _moment(max(turn.now.ts, 0), price), instrument)
        for order in turn.now.book.orders:
            turn.cancel(order.id, "the session stopped before all of it could be sold")
        turn.now.book.check()
    for number in tuple(turn.now.runs):
        running.end(turn, number, RunStatus.CANCELLED, "the session stopped")
    turn.now.equity = turn.now.book.equity(turn.now.marks)
    turn.now.stopped = True
    turn.events.append(SessionStopped(reason, turn.now.ts, turn.now.equity, close_ledger_digest(turn.now.digest, turn.now.equity)))


def _moment(ts: int, price: Decimal) -> Bar:
    """Return a bar that is one price: what a session is closed at, where no volume limits it."""
    return Bar(ts, price, price, price, price, Decimal(0))
