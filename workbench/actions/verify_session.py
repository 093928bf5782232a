"""Verify a session: its log is as it was written, and its inputs give the same events again."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from workbench.actions.fingerprint import code_version
from workbench.actions.runner import add_input
from workbench.desk import Desk
from workbench.domain.bars import Bar, Slice
from workbench.domain.commands import ChangeConfiguration, Command, Stop
from workbench.domain.events import (
    ConfigurationChanged,
    EquityMarked,
    OrderFilled,
    ProgramStarted,
    SessionCompleted,
    SessionStarted,
    decode,
)
from workbench.domain.instruments import Instrument
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.state import State
from workbench.engine.strategy import Reading, SignalStrategy
from workbench.engine.windows import Readings, Wanted, read_series, window_start
from workbench.errors import Conflict, Invalid, LogBroken
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
    """
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        rows = list(stream_events(connection, row.id))
        check_chain(rows)
        started = next((decode(r.kind, r.body) for r in rows if r.kind == "SessionStarted"), None)
        if not isinstance(started, SessionStarted):
            raise Conflict("a session can be verified once it has begun", f"session {row.id} is {row.status}")
        marks = [event for r in rows if r.kind == "EquityMarked" and isinstance(event := r.event, EquityMarked)]
        ending = next((e.reason for r in rows if r.kind == "SessionCompleted" and isinstance(e := r.event, SessionCompleted)), "")
        versions = _versions(started, rows)
        series = _series(connection, row, started, marks, max(strategy.memory for strategy, _ in versions))
        commands = _commands(connection, row.id)
        cursor = connection.execute(select(t.cursors).where(t.cursors.c.session == row.id)).one()
    taken = _Taken()
    inputs = taken.counted(_inputs(started, marks, series, versions, commands))
    log = [Recorded(r.seq, r.kind, r.body) for r in rows]

    def cause() -> str:
        return _cause(desk, row, started, marks)

    verdict = compare(row.id, log, refold(started, inputs, ending), cause)
    if not verdict.identical:
        return msgspec.structs.replace(verdict, recorded_digest=row.ledger_digest)
    if verdict.last is not None and verdict.last != msgspec.json.decode(cursor.state, type=State):
        # The worker wrote its state with the same commit as its events, so a log that ends before it has lost some.
        at = msgspec.json.decode(cursor.state, type=State).steps
        raise LogBroken(row.id, rows[-1].seq + 1, f"the events of {at:,} steps, to where the session is", f"{verdict.last.steps:,}")
    if row.ledger_digest not in ("", verdict.digest):
        return msgspec.structs.replace(verdict, identical=False, recorded_digest=row.ledger_digest, cause=_EDITED, last=None)
    if taken.digest != cursor.input_digest:
        found = f"inputs of digest {taken.digest}"
        expected = f"inputs of digest {cursor.input_digest}"
        return msgspec.structs.replace(verdict, identical=False, expected=expected, found=found, cause=_REVISED, last=None)
    return msgspec.structs.replace(verdict, last=None)


class Seen(msgspec.Struct, frozen=True):
    """What a session took in: how it began, the bars that it saw with the history before them, and the commands it was given.

    Parameters
    ----------
    row, started
        The session and its first event.
    series
        Its bars, instrument by instrument.
    marks
        One for each slice that it took.
    fills
        Those of its log.
    commands
        For each that it was given, but for the one to stop, the open time of the slice before which it came.
    programs
        The names of those that began in it.
    """

    row: SessionRow
    started: SessionStarted
    series: list[BarSeries]
    marks: list[EquityMarked]
    fills: list[OrderFilled]
    commands: tuple[int, ...]
    programs: tuple[str, ...]


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
    """
    if not isinstance(session, str):
        raise Invalid("session", "a session's id, or the beginning of it", session)
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        rows = list(stream_events(connection, row.id))
        started = next((decode(r.kind, r.body) for r in rows if r.kind == "SessionStarted"), None)
        marks = [event for r in rows if r.kind == "EquityMarked" and isinstance(event := r.event, EquityMarked)]
        if not isinstance(started, SessionStarted) or not marks:
            raise Conflict("a session can be compared once it has taken a bar", f"session {row.id} is {row.status}")
        memory = max(strategy.memory for strategy, _ in _versions(started, rows))
        series = _series(connection, row, started, marks, memory)
        fills = [event for r in rows if r.kind == "OrderFilled" and isinstance(event := r.event, OrderFilled)]
        begun = [event.run.program for r in rows if r.kind == "ProgramStarted" and isinstance(event := r.event, ProgramStarted)]
        given = _commands(connection, row.id)
    # A command after so many slices came before the next of them; after the last one it changed nothing.
    came = [marks[steps].ts for steps, each in given.items() for one in each if steps < len(marks) and not isinstance(one, Stop)]
    return Seen(row, started, series, marks, fills, tuple(sorted(came)), tuple(begun))


class _Taken:
    """The slices on their way into the refolding, and the digest over those taken so far."""

    def __init__(self) -> None:
        self.digest = ""

    def counted(self, inputs: Iterator[Input]) -> Iterator[Input]:
        """Yield the inputs as they are."""
        for given, readings in inputs:
            if isinstance(given, Slice):
                self.digest = add_input(self.digest, given)
            yield given, readings


Version = tuple[SignalStrategy, Wanted]
"""A strategy that a session went by, and the measures that its configuration asked for."""


def _versions(started: SessionStarted, rows: Sequence[LogRow]) -> list[Version]:
    """Return what a session went by, the first and one for each change of configuration."""
    changes = (row.event for row in rows if row.kind == "ConfigurationChanged")
    configurations = [started.plan.configuration, *(e.configuration for e in changes if isinstance(e, ConfigurationChanged))]
    return [(make_strategy(c.strategy, c.parameters), measures_of(c, started.plan.timeframe)) for c in configurations]


def _series(
    connection: Connection, row: SessionRow, started: SessionStarted, marks: Sequence[EquityMarked], memory: int
) -> list[BarSeries]:
    """Return the bars that a session saw and the history before them, instrument by instrument."""
    if row.mode == "replay":
        return [dataset_bars(connection, row.dataset)]
    begin = window_start(started.after, started.plan.timeframe, memory)
    numbers = recorded.find_series(connection, row.source, row.timeframe)
    return [
        recorded.seen_bars(
            connection, numbers[instrument.key], instrument, row.timeframe, begin, started.after, started.arrivals[instrument.key],
            [mark.ts for mark in marks if place not in mark.absent],
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
    started: SessionStarted,
    marks: Sequence[EquityMarked],
    series: Sequence[BarSeries],
    versions: Sequence[Version],
    commands: dict[int, list[Command]],
) -> Iterator[Input]:
    """Yield slices and commands as they were taken; a slice's missing bars are missing again."""
    coming = iter(versions)
    version = next(coming)
    readings = [read_series(version[0], one, version[1]) for one in series]
    bars = [dict(zip(one.ts.tolist(), range(len(one)), strict=True)) for one in series]
    for steps, mark in enumerate([None, *marks]):
        if mark is not None:
            yield _slice(mark, series, bars, readings, started.plan.instruments)
        for command in commands.get(steps, ()):
            yield command, ()
            if isinstance(command, ChangeConfiguration):
                version = next(coming, version)
                readings = [read_series(version[0], one, version[1]) for one in series]


def _slice(
    mark: EquityMarked,
    series: Sequence[BarSeries],
    places: Sequence[dict[int, int]],
    readings: Sequence[Readings],
    instruments: Sequence[Instrument],
) -> Input:
    bars: list[Bar | None] = []
    said: list[Reading | None] = []
    for place in range(len(instruments)):
        i = None if place in mark.absent else places[place].get(mark.ts)
        bars.append(None if i is None else series[place].bar(i))
        said.append(None if i is None else readings[place][i])
    return Slice(mark.ts, tuple(bars), mark.late, mark.last), tuple(said)


_REVISED: Final = "data revision (the bars are not those that the session saw)"
_EDITED: Final = "the session's row was edited: its digest is not that of its events"


def _cause(desk: Desk, row: SessionRow, started: SessionStarted, marks: Sequence[EquityMarked]) -> str:
    """Return the class of cause, from what can be told: other code, other data, or neither."""
    if started.fingerprint.get("code") != code_version():
        return f"code (the session ran on {started.fingerprint.get('code')}, this is {code_version()})"
    own = started.fingerprint.get("strategy_source", "")
    if own and own != shelf.source_digest(started.plan.configuration.strategy):
        return f"code (the file of {started.plan.configuration.strategy} is not what it was when the session began)"
    if row.mode == "replay":
        with desk.store.read() as connection:
            if content_hash(dataset_bars(connection, row.dataset)) != row.dataset:
                return _REVISED
    if row.mode == "live" and marks:
        with desk.store.read() as connection:
            numbers = recorded.find_series(connection, row.source, row.timeframe)
            if any(recorded.revisions(connection, n, marks[0].ts, marks[-1].ts) for n in numbers.values()):
                return "data revision (bars of that time were given another price later)"
    if any(mark.late for mark in marks):
        return "lateness (some slices came after a missed stretch)"
    if row.mode == "live" and any(count == 0 for count in started.history.values()):
        return "warm-up (no history was at hand when it began)"
    return "platform (same code and data, another result: processor or library)"
