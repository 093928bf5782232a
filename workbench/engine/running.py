"""Running programs: they are started, advanced at every close, paused, resumed and ended here, whoever asks for it.

A program's orders are ordinary orders that carry its run's number; whatever holds for an order holds for them. Programs
act at the close of a bar, in order of their numbers, before anything else is decided there.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from workbench.domain.bars import Slice, parse_timeframe
from workbench.domain.breakers import TradingState
from workbench.domain.commands import PlaceOrder, StartProgram
from workbench.domain.events import (
    Event,
    ProgramAdvanced,
    ProgramEnded,
    ProgramPaused,
    ProgramResumed,
    ProgramStarted,
)
from workbench.domain.instruments import Instrument
from workbench.domain.money import NO_CASH
from workbench.domain.orders import OrderType, Reason, Side
from workbench.domain.programs import Child, ProgramRun, RunStatus
from workbench.engine.breakers import blocking
from workbench.engine.placing import may_be_traded, order_obstacle, place
from workbench.engine.program import Doing, Moment, ProgramStrategy
from workbench.engine.programs import make_program, name_of, parameters_of
from workbench.engine.resting import sum_up
from workbench.engine.state import State
from workbench.engine.turn import Turn
from workbench.errors import Refused

MOST_MISSES: Final = 20
"""Closes in a row at which nothing of a run could be placed; then it has failed."""


def program_of(run: ProgramRun) -> ProgramStrategy:
    """Return the program of a run."""
    return _made(run.program, msgspec.json.encode(run.parameters))


@lru_cache(256)
def _made(name: str, parameters: bytes) -> ProgramStrategy:
    return make_program(name, msgspec.json.decode(parameters))


def start_obstacle(turn: Turn, asked: StartProgram) -> str:
    """Return why a program cannot be started, or nothing."""
    if asked.instrument not in turn.keys:
        return f"This session does not trade {asked.instrument}."
    try:
        program = make_program(asked.program, asked.parameters)
    except Refused as problem:
        return str(problem)
    instrument = turn.instrument(asked.instrument)
    if not may_be_traded(turn.config, instrument):
        return f"{instrument.symbol} is not one of the tokens that may be traded."
    if instrument.key not in turn.now.marks:
        return program.bounds(parse_timeframe(turn.now.plan.timeframe))
    return obstacle_to(turn, program, instrument)


def obstacle_to(turn: Turn, program: ProgramStrategy, instrument: Instrument) -> str:
    """Return which bound stands against starting a program at the newest price, and by how much; or nothing."""
    draft = ProgramRun(0, name_of(program), instrument.key, {}, turn.now.ts)
    return program.obstacle(_moment(turn, draft, instrument, ()))


def start(turn: Turn, program: ProgramStrategy, key: str, *, by_rule: bool = False, reason: str = "") -> ProgramRun:
    """Start a program; where a price is known it acts at once, and otherwise at its instrument's first close."""
    run = ProgramRun(turn.now.next_run, name_of(program), key, parameters_of(program), turn.now.ts, by_rule=by_rule, reason=reason)
    turn.now.next_run += 1
    turn.keep_run(run)
    turn.events.append(ProgramStarted(run))
    if key in turn.now.marks:
        _advance(turn, run)
    return run


def pause(turn: Turn, number: int, why: str) -> None:
    """Take back what a run has resting, and let it wait."""
    _cancel_orders(turn, turn.now.runs[number], f"program run {number} was paused")
    run = turn.now.runs[number]
    # What was taken back untraded has not failed.
    traded = tuple(child for child in run.children if child.quantity)
    run = replace(run, status=RunStatus.PAUSED, why=why, due=None, children=traded)
    turn.keep_run(run)
    turn.events.append(ProgramPaused(run))


def resume(turn: Turn, number: int) -> None:
    """Let a run go on; it acts at once."""
    run = replace(turn.now.runs[number], status=RunStatus.RUNNING, why="", misses=0)
    turn.keep_run(run)
    turn.events.append(ProgramResumed(run))
    if run.instrument in turn.now.marks:
        _advance(turn, run)


def cancel(turn: Turn, number: int, why: str, sell: bool = False) -> None:
    """End a run; what it holds is sold at the next open if it is to be, and then it is over."""
    run = turn.now.runs[number]
    _cancel_orders(turn, run, f"program run {number} ends")
    quantity = min(run.held, turn.now.book.free_quantity(run.instrument)) if sell else NO_CASH
    if quantity > 0:
        turn.place(turn.instrument(run.instrument), Side.SELL, OrderType.MARKET, Reason.PROGRAM, quantity=quantity, run=number)
        leave(turn, number, why)
    else:
        end(turn, number, RunStatus.CANCELLED, why)


def leave(turn: Turn, number: int, why: str) -> None:
    """Let a run place nothing more; it is over once what it holds has been sold."""
    run = replace(turn.now.runs[number], status=RunStatus.ENDING, why=why, due=None, children=())
    turn.keep_run(run)
    turn.events.append(ProgramAdvanced(run))


def still_to_spend(run: ProgramRun) -> Decimal:
    """Return what a run may still buy for: its whole amount less what of it is held, as long as it places orders."""
    if run.status is RunStatus.ENDING:
        return NO_CASH
    meant = program_of(run).most_spent
    return max(meant - max(run.spent - run.received, NO_CASH), NO_CASH)


def leave_entry(turn: Turn, runs: Sequence[ProgramRun], why: str) -> None:
    """Let the runs that the session's own rules have picked leave with the entry that they serve."""
    for run in runs:
        if run.by_rule and run.status is not RunStatus.ENDING:
            _cancel_orders(turn, run, f"program run {run.id} ends")
            leave(turn, run.id, why)


def end(turn: Turn, number: int, status: RunStatus, why: str) -> None:
    """End a run: what it has resting is taken back, and its result is kept."""
    _cancel_orders(turn, turn.now.runs[number], f"program run {number} ended")
    run = replace(turn.now.runs[number], status=status, why=why, ended=turn.now.ts, due=None, children=())
    turn.keep_run(run)
    turn.events.append(ProgramEnded(run))


def ended_with_session(state: State, why: str) -> tuple[Event, ...]:
    """Return the ends of the runs of a session that has ended, whose orders are gone already."""
    runs = (replace(run, status=RunStatus.CANCELLED, why=why, ended=state.ts, due=None, children=()) for run in state.runs.values())
    return tuple(ProgramEnded(run) for run in runs)


def advance_programs(turn: Turn, given: Slice) -> None:
    """Let every run whose instrument has a bar act at its close; at the last close there is no next open to trade at."""
    there = {i.key for i, bar in zip(turn.now.plan.instruments, given.bars, strict=True) if bar is not None}
    for number in tuple(turn.now.runs):
        run = turn.now.runs.get(number)
        if run is not None and run.instrument in there:
            if run.status is RunStatus.ENDING:
                if _is_over(turn, run):
                    end(turn, number, RunStatus.CANCELLED, run.why)
            elif run.status is RunStatus.RUNNING and not given.last:
                _advance(turn, run)
            elif run != turn.before.runs.get(number):
                turn.events.append(ProgramAdvanced(run))


def _is_over(turn: Turn, run: ProgramRun) -> bool:
    """Tell whether a run that ends has nothing more to wait for."""
    if any(order.run == run.id for order in turn.now.book.orders):
        return False
    return run.held <= 0 or Side.SELL not in sum_up(turn.now.book.orders).going.get(run.instrument, ())


def _advance(turn: Turn, run: ProgramRun) -> None:
    """Let a run do what its plan says at this close."""
    instrument, program = turn.instrument(run.instrument), program_of(run)
    resting = {order.id for order in turn.now.book.orders if order.run == run.id}
    ended = tuple(child for child in run.children if child.order not in resting)
    failed = sum(1 for child in ended if not child.quantity)
    misses = run.misses + 1 if failed else run.misses
    run = replace(run, failed=run.failed + failed, misses=misses)
    moment = _moment(turn, run, instrument, ended)
    if not run.memory:
        against = program.obstacle(moment)
        if against:
            turn.keep_run(run)
            end(turn, run.id, RunStatus.FAILED, against)
            return
        memory = program.begin(moment)
        run = replace(run, arrival=moment.price)
    else:
        memory = msgspec.json.decode(run.memory, type=program.Memory)
    doing = program.advance(memory, moment)
    for number in doing.cancel:
        turn.cancel(number, f"program run {run.id} took it back")
    resting = resting.difference(doing.cancel)
    still = tuple(child for child in run.children if child.order in resting or (child.order in doing.cancel and child.quantity))
    run = _remembered(run, program.steps(memory, moment), doing, still)
    run = _placed(turn, run, doing)
    turn.keep_run(run)
    if doing.paused:
        pause(turn, run.id, doing.paused)
    elif doing.completed:
        end(turn, run.id, RunStatus.COMPLETED, doing.completed)
    elif doing.failed or run.misses >= MOST_MISSES:
        end(turn, run.id, RunStatus.FAILED, doing.failed or f"nothing could be placed at {run.misses} closes in a row: {run.why}")
    elif run != turn.before.runs.get(run.id):
        turn.events.append(ProgramAdvanced(run))


def _remembered(run: ProgramRun, steps: int, doing: Doing, children: tuple[Child, ...]) -> ProgramRun:
    return replace(
        run,
        memory=msgspec.json.encode(doing.memory).decode(),
        done=doing.done,
        steps=steps,
        due=doing.due,
        why=doing.why,
        children=children,
    )


def _placed(turn: Turn, run: ProgramRun, doing: Doing) -> ProgramRun:
    """Place what a program wishes; what cannot be placed is told and wished again at the next close."""
    against, children = "", run.children
    for slot, wanted in doing.place:
        wish = _covered(turn, wanted)
        why = order_obstacle(turn, wish)
        if why:
            against = why
            continue
        order = place(turn, wish, Reason.PROGRAM, run=run.id)
        children += (Child(order.id, slot, wish.side, order.left),)
    if not against:
        return replace(run, children=children)
    refused = run.failed + len(doing.place) - (len(children) - len(run.children))
    return replace(run, children=children, why=against, failed=refused, misses=run.misses if children else run.misses + 1)


def _covered(turn: Turn, wish: PlaceOrder) -> PlaceOrder:
    """Return an order as far as cash covers it: costs of the slices before it have taken their part of the last one's."""
    if wish.side is Side.SELL or wish.amount is None:
        return wish
    free = turn.now.book.free_cash()
    return replace(wish, amount=free) if 0 < free < wish.amount else wish


def _moment(turn: Turn, run: ProgramRun, instrument: Instrument, ended: tuple[Child, ...]) -> Moment:
    now, book, key = turn.now, turn.now.book, instrument.key
    length = parse_timeframe(now.plan.timeframe)
    blocked = bool(now.breakers) and blocking(turn, key) is not None
    return Moment(
        next_open=now.ts + length,
        length=length,
        price=now.marks[key],
        instrument=instrument,
        run=run,
        ended=ended,
        resting=tuple(order for order in book.orders if order.run == run.id),
        free_cash=max(book.cash - sum_up(book.orders).reserved, NO_CASH),
        free_quantity=book.free_quantity(key),
        smallest=turn.config.min_trade_size,
        may_buy=now.trading is TradingState.ACTIVE and not blocked,
    )


def _cancel_orders(turn: Turn, run: ProgramRun, why: str) -> None:
    for order in turn.now.book.orders:
        if order.run == run.id and turn.now.book.order(order.id) is not None:
            turn.cancel(order.id, why)
