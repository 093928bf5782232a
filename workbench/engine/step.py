"""`step()`: one input in, events out. Everything that trades here trades through this function.

A session is a fold over recorded inputs. `step` is pure: the same state, input and readings give the same events and the
same next state, in a backtest, in a replay and live.

Order within a slice: resting orders and exits first, instrument by instrument in the plan's order; then the marks; then
the programs, in order of their numbers; then, again in the plan's order, what is decided at the close.
"""

from collections.abc import Sequence
from decimal import localcontext

import msgspec

from workbench.domain.bars import DAY, Slice, parse_timeframe, show_time
from workbench.domain.commands import Command
from workbench.domain.events import EquityMarked, Event, OrderCancelled, SessionCompleted, close_ledger_digest
from workbench.domain.money import EXACT
from workbench.domain.thoughts import Thought
from workbench.engine.breakers import probe_ended, watch_over
from workbench.engine.commanding import obey
from workbench.engine.deciding import decide
from workbench.engine.matching import Forced, expire, match_bar
from workbench.engine.running import advance_programs, ended_with_session
from workbench.engine.selecting import with_volume
from workbench.engine.state import State
from workbench.engine.strategy import Reading
from workbench.engine.turn import Turn
from workbench.errors import Broken, HoleInData


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
        turn = Turn(state)
        if isinstance(given, Slice):
            _take_slice(turn, given, readings)
        else:
            obey(turn, given, by)
        return Stepped(turn.now, tuple(turn.events), tuple(turn.thoughts))


def _take_slice(turn: Turn, given: Slice, readings: Sequence[Reading | None]) -> None:
    now = turn.now
    if given.ts <= now.ts:
        raise Broken(f"Time must go forward: expected a slice after {show_time(now.ts)}, found {show_time(given.ts)}.")
    day = given.ts // DAY
    new_day = day != now.day
    if new_day:
        now.day, now.trades_today = day, 0
    now.ts, now.steps = given.ts, now.steps + 1
    instruments, bars = now.plan.instruments, given.bars
    gaps = _look_for_holes(turn, given)
    before = now.book
    forced: Forced = {}
    for instrument, bar in zip(instruments, bars, strict=True):
        if bar is not None:
            match_bar(turn, instrument, bar, forced)
        elif now.book.orders:
            expire(turn, instrument.key, given.ts)
    marks, seen = now.marks.copy(), now.seen.copy()
    absent: tuple[int, ...] = ()
    for place, bar in enumerate(bars):
        if bar is None:
            absent = (*absent, place)
        else:
            key = instruments[place].key
            marks[key], seen[key] = bar.close, bar.ts
    now.marks, now.seen = marks, seen
    book = now.book
    if new_day:
        # A day's loss begins where the day before ended: the first bar of a day is part of it.
        now.day_equity = now.equity
    now.equity = equity = book.equity(marks)
    if equity > now.peak:
        now.peak = equity
    held = {key: marks[key] for key in book.positions} if book.positions else {}
    turn.events.append(EquityMarked(given.ts, equity, book.cash, held, given.late, given.last, sum(gaps), absent))
    if book is not before:
        book.check()
    for outcome in turn.ended:
        probe_ended(turn, outcome)
    if now.breakers or turn.config.has_breakers:
        watch_over(turn, given, max(gaps))
    if turn.config.enable_vwap:
        now.volumes = with_volume(now.volumes, given, instruments)
    if now.runs:
        advance_programs(turn, given)
    for instrument, bar, reading, gap in zip(instruments, bars, readings, gaps, strict=True):
        if bar is not None and reading is not None:
            decide(turn, instrument, bar, reading, gap, given.last, forced.get(instrument.key))


def _look_for_holes(turn: Turn, given: Slice) -> list[int]:
    """Return how many bars are absent right before each one, and count them."""
    length, seen_all = parse_timeframe(turn.now.plan.timeframe), turn.now.seen
    gaps, total = [], 0
    for instrument, bar in zip(turn.now.plan.instruments, given.bars, strict=True):
        seen = None if bar is None else seen_all.get(instrument.key)
        gap = 0 if seen is None else (given.ts - seen) // length - 1
        if gap and turn.config.on_hole == "raise":
            raise HoleInData(instrument.symbol, gap, show_time(given.ts))
        gaps.append(gap)
        total += gap
    turn.now.missing += total
    return gaps


def complete(state: State, reason: str) -> Stepped:
    """End a session whose data or time have ended: orders that still rest are cancelled, positions stay.

    Returns
    -------
    Stepped
        With a `SessionCompleted`, which carries the closed ledger digest.
    """
    cancelled = tuple(OrderCancelled(order.id, "the session ended") for order in state.book.orders)
    book = msgspec.structs.replace(state.book, orders=())
    ended = ended_with_session(state, "the session ended")
    after = msgspec.structs.replace(state, book=book, stopped=True, runs={})
    done = SessionCompleted(reason, state.ts, state.equity, close_ledger_digest(state.digest, state.equity))
    return Stepped(after, (*cancelled, *ended, done))


def digest_of(state: State) -> str:
    """Return the ledger digest of a run as it stands, closed with its equity."""
    return close_ledger_digest(state.digest, state.equity)
