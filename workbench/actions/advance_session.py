"""Advance a session by what is due: the one way in which anything trades, whoever calls it.

Each turn is one transaction: the events, the projections they change, and the cursor. A turn that finds the cursor moved
on was overtaken and leaves nothing, so two workers cannot trade the same bar twice; a process that is killed leaves the
last turn, and the next one begins there.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import OperationalError

from workbench.actions.fingerprint import bars_part, fingerprint, history_bars
from workbench.actions.runner import LiveRunner, Opening, ReplayRunner, Runner, add_input
from workbench.desk import Desk
from workbench.domain.bars import as_ts, parse_timeframe
from workbench.domain.commands import (
    AmendOrder,
    CancelOrder,
    CancelProgram,
    ChangeConfiguration,
    Command,
    ForceExit,
    PauseProgram,
    PlaceOco,
    PlaceOrder,
    ResumeProgram,
    StartProgram,
    Stop,
)
from workbench.domain.events import Event, SessionFailed, SessionStarted, SessionStopped
from workbench.domain.instruments import Instrument
from workbench.domain.sessions import Plan
from workbench.domain.thoughts import Thought
from workbench.engine.explain import explain
from workbench.engine.state import State, carried_from, open_state
from workbench.engine.step import Stepped, complete, step
from workbench.errors import NotFound, TryLater, WorkbenchError
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.commands import TOO_LATE
from workbench.store.datasets import find_dataset
from workbench.store.log import LogRow, append
from workbench.store.projections import Projector, replacing
from workbench.store.rows import SessionRow

log = logging.getLogger(__name__)

REPLAY_SLICES: Final = 512
LIVE_SLICES: Final = 256
RETRY_MS: Final = 2_000
EMPTY_MS: Final = 100
"""How long to wait where a bar should have come and has not."""
OF_THE_MARKET: Final = (
    PlaceOrder, PlaceOco, AmendOrder, CancelOrder, ForceExit, StartProgram, PauseProgram, ResumeProgram, CancelProgram,
)  # fmt: skip
"""What waits for a bar that opens after it was asked for: who asks has seen how the bar that is under way went by then."""


class Advanced(msgspec.Struct, frozen=True):
    """How far an advance came.

    Parameters
    ----------
    turn
        The number of the last commit.
    due
        When there is work again, milliseconds UTC; None once the session has ended.
    steps
        Slices stepped by this call.
    """

    turn: int
    due: int | None
    steps: int


class Overtaken(Exception):
    """Somebody else has moved the cursor on, or wants an end; what was worked out is thrown away."""


def advance_session(desk: Desk, session: str, turn: int | None = None, budget_seconds: float = 0.5) -> Advanced:
    """Do what a session has due, within a budget of time, and say when there is more.

    Parameters
    ----------
    session
        Its id.
    turn
        The turn at which the caller believes it to be; if it has moved on, nothing is done. None takes it as it is.
    budget_seconds
        Stop after about this long, between turns.

    Raises
    ------
    NotFound
        If there is no such session.
    """
    found, due = _cursor(desk, session)
    if due is None or (turn is not None and turn != found):
        return Advanced(found, due, 0)
    began, steps = time.monotonic(), 0
    try:
        if found == 0 and _stopped_before_it_began(desk, session):
            return Advanced(1, None, 0)
        runner = _runner(desk, session, found)
        while due is not None and due <= desk.now():
            taken, due = _turn(desk, runner)
            steps += taken
            if time.monotonic() - began >= budget_seconds:
                break
        if due is None:
            desk.runners.pop(session, None)
        return Advanced(runner.turn, due, steps)
    except Overtaken:
        desk.runners.pop(session, None)
        turn_now, due = _cursor(desk, session)
        return Advanced(turn_now, due, steps)
    except OperationalError as problem:
        # Somebody has held the database for longer than we wait; the turn left nothing and is due still.
        log.warning("session %s: the database was busy: %s", session, problem)
        desk.runners.pop(session, None)
        return Advanced(found, desk.now() + RETRY_MS, steps)
    except TryLater as problem:
        log.warning("session %s: %s", session, problem)
        known = desk.runners.get(session)
        opens = _opens(known, known.state) if isinstance(known, Runner) else None
        _postpone(desk, session, desk.now() + RETRY_MS, opens)
        return Advanced(found, desk.now() + RETRY_MS, steps)
    except (Exception, SystemExit) as problem:  # the job boundary: whatever broke, the session stops loudly and says where
        desk.runners.pop(session, None)
        _fail(desk, session, problem)
        if not isinstance(problem, WorkbenchError):
            log.exception("session %s broke", session)
        return Advanced(found, None, steps)


_CURSOR: Final = select(t.cursors.c.turn, t.cursors.c.due).where(t.cursors.c.session == bindparam("session"))


def _cursor(desk: Desk, session: str) -> tuple[int, int | None]:
    with desk.store.read() as connection:
        row = connection.execute(_CURSOR, {"session": session}).first()
    if row is None:
        raise NotFound("session", session)
    return row.turn, row.due


def _runner(desk: Desk, id_: str, turn: int) -> Runner:
    """Return the runner that this process remembers, or one made from the cursor, beginning the session where it is new."""
    known = desk.runners.get(id_)
    if isinstance(known, Runner) and known.turn == turn:
        return known
    with desk.store.read() as connection:
        session = reads.session(connection, id_)
    if turn == 0:
        runner = _begin(desk, session)
    else:
        with desk.store.read() as connection:
            cursor = connection.execute(select(t.cursors).where(t.cursors.c.session == session.id)).one()
        state = msgspec.json.decode(cursor.state, type=State)
        runner = _kind(session)(desk, session, cursor.turn, state, cursor.input_digest)
    desk.runners[session.id] = runner
    return runner


def _kind(session: SessionRow) -> type[Runner]:
    return ReplayRunner if session.mode == "replay" else LiveRunner


def _begin(desk: Desk, session: SessionRow) -> Runner:
    """Take up a session that was asked for: find its instruments, its book and its history, and write that it began."""
    with desk.store.read() as connection:
        request = connection.execute(select(t.trading_sessions.c.request).where(t.trading_sessions.c.id == session.id)).scalar_one()
        book, marks = reads.account_book(connection, session.account)
        if request.mode == "replay":
            dataset = find_dataset(connection, request.dataset)
            instruments: tuple[Instrument, ...] = (dataset.instrument,)
            before = dataset.first - parse_timeframe(dataset.timeframe)
        else:
            every = {instrument.symbol: instrument for instrument in desk.source(request.source).instruments()}
            instruments = tuple(every[symbol] for symbol in request.symbols)
            length = parse_timeframe(request.timeframe)
            before = (desk.now() // length - 1) * length
    plan = Plan(instruments, request.timeframe, request.configuration, request.costs, request.realism, request.seed)
    with desk.store.read() as connection:
        last = reads.last_state(connection, session.account)
    carried = carried_from(last, book.put_in) if last else None
    state = msgspec.structs.replace(open_state(plan, book, marks, carried), ts=before)
    runner = _kind(session)(desk, session, 0, state, "")
    # A replay begins with its data: nothing is at hand before the first bar.
    had = (
        runner.warm_up(lambda: _go_on(desk, session.id))
        if isinstance(runner, LiveRunner)
        else Opening(before, {instruments[0].key: 0}, {})
    )
    found = msgspec.structs.replace(book, orders=())
    prints = fingerprint(plan, request, runner.strategy, found, had.history, carried)
    if runner.source:
        # What it trades, and not what the file says by now: to fetch the history may have taken a while.
        prints = {**prints, "strategy_source": runner.source}
    if isinstance(runner, LiveRunner):
        with desk.store.read() as connection:
            windows = history_bars(connection, request.source, plan, runner.strategy.memory, before, had.arrivals)
        prints["bars_before"] = bars_part(windows)
    started = SessionStarted(session.id, plan, found, state.marks, before, prints, had.history, had.arrivals, carried)
    _commit(desk, runner, [Stepped(state, (started,))], {}, durable=True)
    with desk.store.read() as connection:
        runner.session = reads.session(connection, session.id)
    return runner


def _go_on(desk: Desk, session: str) -> None:
    """Break off where somebody has meanwhile asked for a stop: the history of a slow source takes its time."""
    if any(isinstance(command, Stop) for _, _, command in _waiting(desk, session)):
        raise Overtaken


def _turn(desk: Desk, runner: Runner) -> tuple[int, int | None]:
    """Take waiting commands, or else the next slices, and commit them; return how many there were, and when there are more."""
    with desk.store.read() as connection:
        asked = connection.execute(_WAITING, {"session": runner.session.id}).all()
    waiting = _ready(asked, _opens(runner, runner.state))
    if waiting:
        done: list[tuple[int, Stepped]] = []
        for id_, by, command in waiting:
            if not runner.state.stopped and not (done and done[-1][1].state.stopped):
                state = done[-1][1].state if done else runner.state
                done.append((id_, step(state, command, by=by)))
        # Those that come after the one which ended the session are taken too, and nothing comes of them.
        applied = dict.fromkeys(id_ for id_, _, _ in waiting) | {id_: len(stepped.events) for id_, stepped in done}
        due = _commit(desk, runner, [stepped for _, stepped in done], applied, durable=True)
        if isinstance(runner, LiveRunner):
            runner.forget_windows()
        if due is not None and any(isinstance(command, ChangeConfiguration) for _, _, command in waiting):
            # What it trades from here on is read now, and not at the next bar, when its file may be another one.
            runner.keep_code()
        return len(waiting), due
    ending, end = _time_is_up(desk, runner), _end_of_time(desk, runner)
    live = isinstance(runner, LiveRunner)
    # What closed before the end is traded first, however late: a session that was down ends as one that never was.
    if ending and not (live and end is not None and runner.state.ts + 2 * runner.length <= end):
        return 1, _commit(desk, runner, [complete(runner.state, ending)], {}, durable=True)
    replay = isinstance(runner, ReplayRunner)
    # Where something waits for a bar to open, it is looked for after each.
    limit = REPLAY_SLICES if replay else 1 if asked else LIVE_SLICES
    steps: list[Stepped] = []
    state, digest, taken, due = runner.state, runner.input_digest, 0, None
    for given, readings in islice(runner.slices(limit), limit):
        if live and end is not None and given.ts + runner.length > end:
            break
        stepped = step(state, given, readings)
        state, digest = stepped.state, add_input(digest, given)
        steps.append(stepped)
        taken += 1
        if given.last:
            steps.append(complete(state, "the data ended"))
        if not replay:
            # One transaction a step: a killed process loses at most the one that it was in.
            due = _commit(desk, runner, [stepped], {}, durable=True, input_digest=digest, readings=readings)
            steps.clear()
    if steps:
        due = _commit(desk, runner, steps, {}, durable=False, input_digest=digest, readings=readings)
    elif not taken and ending:
        due = _commit(desk, runner, [complete(runner.state, ending)], {}, durable=True)
    elif not taken:
        due = _next_due(desk, runner)
        due = max(due, desk.now() + EMPTY_MS) if due is not None else desk.now() + RETRY_MS
        _postpone(desk, runner.session.id, due, _opens(runner, runner.state))
    return taken, due


_WAITING: Final = (
    select(t.commands.c.id, t.commands.c.at, t.commands.c.by, t.commands.c.body)
    .where(t.commands.c.session == bindparam("session"), t.commands.c.after_steps.is_(None))
    .order_by(t.commands.c.id)
)


def _waiting(desk: Desk, session: str) -> list[tuple[int, str, Command]]:
    with desk.store.read() as connection:
        rows = connection.execute(_WAITING, {"session": session}).all()
    return [(row.id, row.by, msgspec.json.decode(row.body, type=Command)) for row in rows]


def _opens(runner: Runner, state: State) -> int | None:
    """Return when the bar opens that a live session sees next; None for a replay, whose bars have no time of ours."""
    return state.ts + runner.length if isinstance(runner, LiveRunner) else None


def _ready(rows: Sequence[Any], opens: int | None) -> list[tuple[int, str, Command]]:
    """Return those of the waiting commands whose time has come, oldest first."""
    every = ((row, msgspec.json.decode(row.body, type=Command)) for row in rows)
    return [
        (row.id, row.by, command)
        for row, command in every
        if opens is None or as_ts(row.at) <= opens or not isinstance(command, OF_THE_MARKET)
    ]


def _end_of_time(desk: Desk, runner: Runner) -> int | None:
    """Return when the runtime that was asked for is over; None for no limit."""
    minutes, started = runner.session.runtime_minutes, runner.session.started
    return None if minutes is None else (desk.now() if started is None else started) + round(minutes * 60_000)


def _time_is_up(desk: Desk, runner: Runner) -> str:
    end = _end_of_time(desk, runner)
    return "" if end is None or desk.now() < end else f"its {runner.session.runtime_minutes:g} minutes were over"


def _next_due(desk: Desk, runner: Runner) -> int | None:
    """Return when there is something to do: the next slice, or the end of the runtime, which waits for no bar."""
    due, end = runner.next_due(), _end_of_time(desk, runner)
    return due if due is None or end is None else min(due, end)


def _commit(
    desk: Desk,
    runner: Runner,
    steps: Sequence[Stepped],
    commands: Mapping[int, int | None],
    *,
    durable: bool,
    input_digest: str | None = None,
    readings: Sequence[Any] = (),
) -> int | None:
    """Write one turn and return when there is more to do; or raise `Overtaken` and leave nothing.

    Parameters
    ----------
    commands
        Those that are taken, in order, with the number of events that came of each; None where it was not applied any more.
    """
    state = steps[-1].state if steps else runner.state
    events: list[Event] = [event for stepped in steps for event in stepped.events]
    digest = runner.input_digest if input_digest is None else input_digest
    before = runner.state
    runner.state = state
    due = None if state.stopped else _next_due(desk, runner)
    runner.state = before
    values = {
        "turn": runner.turn + 1, "state": msgspec.json.encode(state).decode(), "input_digest": digest, "due": due,
        "heartbeat": desk.now(),
    }  # fmt: skip
    with desk.store.write(durable=durable) as connection:
        mine = (t.cursors.c.session == runner.session.id, t.cursors.c.turn == runner.turn)
        if connection.execute(update(t.cursors).where(*mine).values(values)).rowcount != 1:
            raise Overtaken
        projector = Projector(connection)
        written = append(connection, runner.session.id, events, desk.at)
        projector.take(written)
        projector.flush()
        if commands:
            _take_commands(connection, commands, state.steps, written)
        hurried = _hurry(connection, desk, runner.session.id, _opens(runner, state))
        if state.stopped:
            _too_late(connection, runner.session.id)
        _show_latest(connection, runner.session.id, steps, readings)
    runner.turn, runner.state, runner.input_digest = runner.turn + 1, state, digest
    return desk.now() if hurried and due is not None else due


def _take_commands(connection: Connection, commands: Mapping[int, int | None], steps: int, written: Sequence[LogRow]) -> None:
    """Write down that commands were taken after so many steps, and under which log id stands what came of each.

    One that was not applied any more came too late.
    """
    rows, place = [], 0
    for command, count in commands.items():
        came = written[place : place + (count or 0)]
        # That it was received is no more than what its own row says.
        outcome = next((row.id for row in came if row.kind != "CommandReceived"), None)
        rows.append({"command": command, "steps": TOO_LATE if count is None else steps, "outcome_id": outcome})
        place += count or 0
    taken = update(t.commands).where(t.commands.c.id == bindparam("command"))
    connection.execute(taken.values(after_steps=bindparam("steps"), outcome=bindparam("outcome_id")), rows)


def _too_late(connection: Connection, session: str) -> None:
    """Write down that what a session was asked, and had not done when it ended, came too late: no refolding applies it."""
    late = (t.commands.c.session == session, t.commands.c.after_steps.is_(None))
    connection.execute(update(t.commands).where(*late).values(after_steps=TOO_LATE))


def _show_latest(connection: Connection, session: str, steps: Sequence[Stepped], readings: Sequence[Any]) -> None:
    """Keep the latest evaluation of each token for the screen, with its sentence."""
    thoughts = next((stepped.thoughts for stepped in reversed(steps) if stepped.thoughts), ())
    by_key = dict(zip((i.key for i in steps[-1].state.plan.instruments), readings, strict=False)) if steps else {}
    rows = [
        {"session": session, "key": thought.instrument, "thought": _worded(thought, by_key.get(thought.instrument))}
        for thought in thoughts
    ]
    if rows:
        connection.execute(replacing(t.evaluations), list({row["key"]: row for row in rows}.values()))


def _worded(thought: Thought, reading: Any) -> Thought:
    if thought.reason or reading is None:
        return thought
    reason = explain(thought.decision, thought.gates, thought.stopped_by, reading, thought.confidence, thought.execution)
    return msgspec.structs.replace(thought, reason=reason)


def _postpone(desk: Desk, session: str, due: int, opens: int | None) -> None:
    with desk.store.write(durable=False) as connection:
        mine = (t.cursors.c.session == session, t.cursors.c.due.is_not(None))
        connection.execute(update(t.cursors).where(*mine).values(due=due, heartbeat=desk.now()))
        _hurry(connection, desk, session, opens)


def _hurry(connection: Connection, desk: Desk, session: str, opens: int | None) -> bool:
    """Make a session due at once if there is a command whose time has come by now; tell whether there is one."""
    if not _ready(connection.execute(_WAITING, {"session": session}).all(), opens):
        return False
    mine = (t.cursors.c.session == session, t.cursors.c.due > desk.now())
    connection.execute(update(t.cursors).where(*mine).values(due=desk.now()))
    return True


def _stopped_before_it_began(desk: Desk, session: str) -> bool:
    """End a session that was asked to stop while it still waited for its worker or its prices; tell whether it was."""
    found = next(((id_, command) for id_, _, command in _waiting(desk, session) if isinstance(command, Stop)), None)
    if found is None:
        return False
    asked, stop = found
    with desk.store.write() as connection:
        mine = (t.cursors.c.session == session, t.cursors.c.turn == 0)
        if connection.execute(update(t.cursors).where(*mine).values(turn=1, due=None, heartbeat=desk.now())).rowcount != 1:
            raise Overtaken
        account = reads.account_row(connection, reads.session(connection, session).account)
        projector = Projector(connection)
        projector.take(append(connection, session, [SessionStopped(stop.reason, -1, account.equity, "")], desk.at))
        projector.flush()
        connection.execute(update(t.commands).where(t.commands.c.id == asked).values(after_steps=0))
        _too_late(connection, session)
    return True


def _fail(desk: Desk, session: str, problem: BaseException) -> None:
    """Stop a session that broke, loudly; nothing of the turn that broke is kept, and what waited for it came too late."""
    with desk.store.write() as connection:
        row = reads.session(connection, session)
        if not row.is_active:
            return
        name = problem.code if isinstance(problem, WorkbenchError) else type(problem).__name__
        message = str(problem) if isinstance(problem, WorkbenchError) else f"An unexpected {name}; the log says where."
        projector = Projector(connection)
        projector.take(append(connection, session, [SessionFailed(name, message, row.cursor or -1)], desk.at))
        projector.flush()
        connection.execute(update(t.cursors).where(t.cursors.c.session == session).values(due=None, heartbeat=desk.now()))
        _too_late(connection, session)
