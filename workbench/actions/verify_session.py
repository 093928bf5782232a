"""Verify a session: its log is as it was written, and its inputs give the same events again."""

from collections import deque
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import zip_longest
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from workbench.actions.fingerprint import NO_SERIES, bars_part, code_version, edited_opening, history_bars, source_part
from workbench.actions.runner import add_input
from workbench.desk import Desk
from workbench.domain.bars import Bar, Slice
from workbench.domain.commands import ChangeConfiguration, Command, StartProgram, Stop
from workbench.domain.config import StrategyConfiguration
from workbench.domain.events import (
    CommandReceived,
    CommandRefused,
    ConfigurationChanged,
    EquityMarked,
    Event,
    OrderFilled,
    ProgramStarted,
    SessionCompleted,
    SessionStarted,
    SessionStopped,
    decode,
)
from workbench.domain.programs import ProgramRun
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.state import State
from workbench.engine.strategy import SignalStrategy
from workbench.engine.windows import read_series, window_start
from workbench.errors import Broken, Conflict, HoleInData, Invalid, LogBroken, Refused
from workbench.research.parity import Input, Recorded, Verdict, compare, refold
from workbench.sources.candle_file import content_hash
from workbench.store import reads, recorded
from workbench.store import tables as t
from workbench.store.datasets import dataset_bars
from workbench.store.log import LogRow, check_chain, stream_events
from workbench.store.rows import SessionRow
from workbench.strategies import make_strategy, shelf


def verify_session(desk: Desk, session: str) -> Verdict:
    """Refold a session from its recorded inputs and say whether every event is the same.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has not begun.
    LogBroken
        If the log itself is not what was written: an event was changed, or the last of them are gone.
    Broken
        If the state that its worker kept is gone or cannot be read.
    """
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        log = _read_log(desk, connection, row, "a session can be verified once it has begun")
        try:
            strategies = _strategies(log)
        except Refused as problem:
            return Verdict(row.id, False, 0, "", row.ledger_digest, cause=f"code ({str(problem).rstrip('.')})")
        series = _series(connection, row, log, max(strategy.memory for strategy in strategies))
        commands = _commands(connection, row.id)
    revised = _revised(log, series)
    folded = refold(log.started, _inputs(log, series, strategies, commands), log.ending)
    try:
        verdict = compare(row.id, [Recorded(r.seq, r.kind, r.body) for r in log.rows], folded)
    except HoleInData as problem:
        # The session itself met no hole at which it had to stop, or its log would end before it.
        if not revised:
            raise
        return Verdict(row.id, False, 0, "", row.ledger_digest, cause=f"{_REVISED}: {problem}")
    if not verdict.identical:
        cause = _cause(desk, row, log, series, commands) or _unknown_cause(log, verdict, folded)
        return msgspec.structs.replace(verdict, recorded_digest=row.ledger_digest, cause=cause, last=None)
    if verdict.last is not None and verdict.last != log.state:
        # The worker wrote its state with the same commit as its events.
        raise LogBroken(row.id, log.rows[-1].seq + 1, "events that lead to where the session is", "that they lead elsewhere")
    if row.ledger_digest != log.ledger_digest:
        return msgspec.structs.replace(verdict, identical=False, recorded_digest=row.ledger_digest, cause=_EDITED, last=None)
    if revised:
        found, expected = (f"inputs of digest {digest}" for digest in (_digest(log, series), log.input_digest))
        return msgspec.structs.replace(verdict, identical=False, expected=expected, found=found, cause=_REVISED, last=None)
    return msgspec.structs.replace(verdict, last=None)


class Seen(msgspec.Struct, frozen=True):
    """What a session took in: how it began, the bars that it saw with the history before them, and the commands it was given.

    Parameters
    ----------
    row, started
        The session and its first event.
    series
        Its bars, instrument by instrument, as they are stored now.
    marks
        One for each slice that it took.
    fills
        Those of its log.
    commands
        Those that it obeyed, but for a stop that closed nothing and the starts of `begun`, each with the open time of the slice
        before which it came; after the last slice, of that one.
    programs
        The runs that began in it, as they began.
    begun
        The starts of programs that its own request asked for.
    revised
        Whether they are no longer those that it saw.
    folder
        Where the user's own strategies of its desk lie.
    """

    row: SessionRow
    started: SessionStarted
    series: list[BarSeries]
    marks: list[EquityMarked]
    fills: list[OrderFilled]
    commands: tuple[tuple[int, Command], ...]
    programs: tuple[ProgramRun, ...]
    begun: tuple[StartProgram, ...]
    revised: bool
    folder: Path


def seen_by(desk: Desk, session: str) -> Seen:
    """Return what a session took in and what it filled.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has taken no slice yet.
    Invalid
        If it is no id.
    LogBroken
        If its log is not what was written.
    Broken
        If the state that its worker kept is gone or cannot be read.
    """
    if not isinstance(session, str):
        raise Invalid("session", "a session's id, or the beginning of it", session)
    once = "a session can be compared once it has taken a bar"
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        log = _read_log(desk, connection, row, once)
        if not log.marks:
            raise Conflict(once, f"session {row.id} is {row.status}")
        series = _series(connection, row, log, max(strategy.memory for strategy in _strategies(log)))
        revised = _revised(log, series) or _history_cause(connection, row, log) != ""
    fills = [event for r in log.rows if r.kind == "OrderFilled" and isinstance(event := r.event, OrderFilled)]
    runs = tuple(event.run for r in log.rows if r.kind == "ProgramStarted" and isinstance(event := r.event, ProgramStarted))
    begun, given = [], []
    for steps, event in _told(log):
        if isinstance(event, CommandRefused) or (isinstance(event.command, Stop) and not event.command.close_positions):
            continue
        if event.by == "session" and isinstance(event.command, StartProgram):
            begun.append(event.command)
        else:
            # After the last slice nothing but a stop that sells does anything, and that at the last slice's time.
            given.append((log.marks[min(steps, len(log.marks) - 1)].ts, event.command))
    return Seen(row, log.started, series, log.marks, fills, tuple(given), runs, tuple(begun), revised, log.folder)


class _Log(msgspec.Struct, frozen=True):
    """The log of a session that has begun, and the state and the digest of inputs that its worker kept with it."""

    rows: list[LogRow]
    started: SessionStarted
    marks: list[EquityMarked]
    ending: str
    ledger_digest: str
    state: State
    input_digest: str
    folder: Path


def _read_log(desk: Desk, connection: Connection, row: SessionRow, expected: str) -> _Log:
    """Return a session's log, held to its digests and to where the session is; one that has not begun is told what was expected."""
    rows = list(stream_events(connection, row.id))
    check_chain(rows)
    if not rows:
        raise LogBroken(row.id, 1, "that it was asked for", "no event at all")
    cursor = connection.execute(select(t.cursors).where(t.cursors.c.session == row.id)).first()
    kept = f"Session {row.id} cannot be held to its log: expected the state that its worker kept"
    if cursor is None:
        raise Broken(f"{kept}, found none.")
    after = rows[-1].seq + 1
    started = next((decode(r.kind, r.body) for r in rows if r.kind == "SessionStarted"), None)
    if not isinstance(started, SessionStarted):
        if cursor.state:
            raise LogBroken(row.id, after, "that it began", "nothing more")
        raise Conflict(expected, f"session {row.id} is {row.status}")
    try:
        state = msgspec.json.decode(cursor.state, type=State)
    except msgspec.DecodeError as problem:
        raise Broken(f"{kept}, found what cannot be read: {problem}.") from problem
    # The worker wrote its state with the same commit as its events, so a log that ends before it has lost some.
    marks = [event for r in rows if r.kind == "EquityMarked" and isinstance(event := r.event, EquityMarked)]
    if len(marks) != state.steps:
        raise LogBroken(row.id, after, f"the events of {state.steps:,} steps, to where the session is", f"{len(marks):,}")
    ends = [r.event for r in rows if r.kind in ("SessionStopped", "SessionCompleted")]
    end = next((event for event in ends if isinstance(event, (SessionStopped, SessionCompleted))), None)
    if state.stopped and end is None:
        raise LogBroken(row.id, after, "the event that ended it, to where the session is", "nothing more")
    ending = end.reason if isinstance(end, SessionCompleted) else ""
    digest = "" if end is None else end.ledger_digest
    return _Log(rows, started, marks, ending, digest, state, cursor.input_digest, desk.settings.strategies_path)


def _told(log: _Log) -> list[tuple[int, CommandReceived | CommandRefused]]:
    """Return the commands of a log, obeyed or refused, each with the slices taken before it."""
    found, steps = [], 0
    for row in log.rows:
        if row.kind == "EquityMarked":
            steps += 1
        elif row.kind in ("CommandReceived", "CommandRefused") and isinstance(
            event := row.event, (CommandReceived, CommandRefused)
        ):
            found.append((steps, event))
    return found


def _strategies(log: _Log) -> list[SignalStrategy]:
    """Return what a session went by, the first strategy and one for each change of configuration."""
    return [make_strategy(c.strategy, c.parameters, log.folder) for c in _configurations(log)]


def _configurations(log: _Log) -> list[StrategyConfiguration]:
    changes = (row.event for row in log.rows if row.kind == "ConfigurationChanged")
    return [log.started.plan.configuration, *(e.configuration for e in changes if isinstance(e, ConfigurationChanged))]


def _series(connection: Connection, row: SessionRow, log: _Log, memory: int) -> list[BarSeries]:
    """Return the bars that a session saw and the history before them, instrument by instrument; none of a series that is gone."""
    if row.mode == "replay":
        return [dataset_bars(connection, row.dataset)]
    started = log.started
    begin = window_start(started.after, started.plan.timeframe, memory)
    numbers = recorded.find_series(connection, row.source, row.timeframe)
    return [
        recorded.seen_bars(
            connection, numbers.get(instrument.key, NO_SERIES), instrument, row.timeframe, begin, started.after,
            started.arrivals[instrument.key], [mark.ts for mark in log.marks if place not in mark.absent],
        )
        for place, instrument in enumerate(started.plan.instruments)
    ]  # fmt: skip


def _commands(connection: Connection, session: str) -> dict[int, list[Command]]:
    query = select(t.commands.c.after_steps, t.commands.c.body).where(
        t.commands.c.session == session, t.commands.c.after_steps.is_not(None)
    )
    found: dict[int, list[Command]] = {}
    for row in connection.execute(query.order_by(t.commands.c.id)):
        found.setdefault(row.after_steps, []).append(msgspec.json.decode(row.body, type=Command))
    return found


def _inputs(
    log: _Log, series: Sequence[BarSeries], strategies: Sequence[SignalStrategy], commands: dict[int, list[Command]]
) -> Iterator[Input]:
    """Yield slices and commands as they were taken; a slice's missing bars are missing again."""
    wanted = (measures_of(configuration, log.started.plan.timeframe) for configuration in _configurations(log))
    coming = zip(strategies, wanted, strict=True)
    version = next(coming)
    readings = [read_series(version[0], one, version[1]) for one in series]
    places = _places(series)
    slices = _slices(log, series)
    for steps in range(len(log.marks) + 1):
        if steps:
            given = next(slices)
            said = zip(given.bars, readings, places, strict=True)
            yield given, tuple(None if bar is None else each[place[given.ts]] for bar, each, place in said)
        for command in commands.get(steps, ()):
            yield command, ()
            if isinstance(command, ChangeConfiguration):
                version = next(coming, version)
                readings = [read_series(version[0], one, version[1]) for one in series]


def _places(series: Sequence[BarSeries]) -> list[dict[int, int]]:
    return [dict(zip(one.ts.tolist(), range(len(one)), strict=True)) for one in series]


def _slices(log: _Log, series: Sequence[BarSeries]) -> Iterator[Slice]:
    """Yield the slices that a session took, with the bars as they are stored now."""
    places = _places(series)
    for mark in log.marks:
        bars: list[Bar | None] = []
        for instrument in range(len(log.started.plan.instruments)):
            i = None if instrument in mark.absent else places[instrument].get(mark.ts)
            bars.append(None if i is None else series[instrument].bar(i))
        yield Slice(mark.ts, tuple(bars), mark.late, mark.last)


def _digest(log: _Log, series: Sequence[BarSeries]) -> str:
    return reduce(add_input, _slices(log, series), "")


def _revised(log: _Log, series: Sequence[BarSeries]) -> bool:
    """Return whether the bars that a session took are no longer those that it saw."""
    return _digest(log, series) != log.input_digest


_REVISED: Final = "data revision (the bars are not those that the session saw)"
_EDITED: Final = "the session's row was edited: its digest is not that of its events"


def _cause(desk: Desk, row: SessionRow, log: _Log, series: Sequence[BarSeries], commands: dict[int, list[Command]]) -> str:
    """Return the class of cause that can be shown: other code, a first event that was edited, other bars or other commands."""
    started, prints = log.started, log.started.fingerprint
    if prints.get("code") != code_version():
        return f"code (the session ran on {prints.get('code')}, this is {code_version()})"
    own = prints.get("strategy_source", "")
    if own and own != shelf.source_digest(started.plan.configuration.strategy, log.folder):
        return f"code (the file of {started.plan.configuration.strategy} is not what it was when the session began)"
    edited = edited_opening(started)
    if edited:
        return edited
    source = source_part(row.source, row.dataset)
    if prints.get("source", source) != source:
        return f"data revision (the session began on the bars of {prints['source']}, its row names {source})"
    if _revised(log, series):
        return _REVISED
    with desk.store.read() as connection:
        if row.mode == "replay" and content_hash(dataset_bars(connection, row.dataset)) != row.dataset:
            return _REVISED
        return _history_cause(connection, row, log) or _command_cause(log, commands)


def _history_cause(connection: Connection, row: SessionRow, log: _Log) -> str:
    """Return that a live session's history has other bars than it had; a replay has none before its first bar."""
    started, prints = log.started, log.started.fingerprint
    if row.mode == "replay":
        return ""
    memory = int(prints.get("memory", 0)) or _strategies(log)[0].memory
    windows = history_bars(connection, row.source, started.plan, memory, started.after, started.arrivals)
    for one in windows:
        had, found = started.history.get(one.instrument.key, 0), len(one)
        if had != found:
            return f"warm-up (the session began with {had:,} bars of {one.instrument.symbol} at hand, now there are {found:,})"
    # What a session began with is sealed since its fingerprint says so.
    if prints.get("bars_before", now := bars_part(windows)) != now:
        return "warm-up (the bars before its first are not those that the session began with)"
    return ""


def _command_cause(log: _Log, commands: dict[int, list[Command]]) -> str:
    """Return the first command that the log and the store do not agree on."""
    told = [(steps, event.command) for steps, event in _told(log)]
    kept = [(steps, command) for steps in sorted(commands) if steps >= 0 for command in commands[steps]]
    for one, other in zip_longest(told, kept):
        if one != other:
            kind = "missing command" if len(kept) < len(told) else "changed command"
            return f"{kind} (the log has {_command_text(one)}, the store {_command_text(other)})"
    return ""


def _command_text(given: tuple[int, Command] | None) -> str:
    return "none more" if given is None else f"{type(given[1]).__name__} after {given[0]:,} slices"


def _unknown_cause(log: _Log, verdict: Verdict, folded: Iterator[tuple[State, Event]]) -> str:
    """Return what is left where code, bars and commands are those of the session: lateness, or the platform.

    Raises
    ------
    LogBroken
        If the refolding ends where the session is, so that its events were edited and sealed anew.
    """
    parted, rest = verdict.last, deque(folded, maxlen=1)
    end = rest[0][0] if rest else parted
    kind = verdict.expected.partition(" ")[0]
    # A thought may differ by a library's last digit and lead to the same state.
    if end == log.state and kind != "ThoughtRecorded":
        found = "nothing more" if verdict.expected == "nothing more" else f"{kind}, sealed anew, that they do not give"
        raise LogBroken(log.started.session, verdict.seq or 0, "the events that its inputs give, to where the session is", found)
    if parted is not None and any(mark.late for mark in log.marks if mark.ts == parted.ts):
        return "lateness (the slice came after a missed stretch)"
    return "platform (same code and data, another result: processor or library)"
