"""What is asked of a session while it runs: what waits for its next bar, and what it could not do."""

from typing import Final

import msgspec
from sqlalchemy import Connection, func, literal, select, union_all

from workbench.domain.commands import Command
from workbench.domain.events import CommandRefused, decode
from workbench.store import tables as t
from workbench.store.snapshots import once_a_snapshot

NEWEST: Final = 500
"""How many of a session's newest events are looked at for what it refused."""
MOST: Final = 50


class SessionNews(msgspec.Struct, frozen=True):
    """What waits, oldest first, and what was refused lately, newest first, each with its place in the log."""

    waiting: tuple[Command, ...]
    refused: tuple[tuple[int, CommandRefused], ...]


@once_a_snapshot
def waiting_commands(connection: Connection, session: str) -> list[Command]:
    """Return what was asked of a session and has not been applied yet, oldest first."""
    columns = t.commands.c
    query = select(columns.body).where(columns.session == session, columns.after_steps.is_(None)).order_by(columns.id)
    decoded: list[Command] = [msgspec.json.decode(body, type=Command) for body in connection.execute(query).scalars()]
    return decoded


@once_a_snapshot
def session_news(connection: Connection, session: str) -> SessionNews:
    """Return what was asked of a session and has not been applied, and what of it the session could not do lately."""
    log, asked = t.events.c, t.commands.c
    newest = select(func.max(log.seq)).where(log.stream == session).scalar_subquery()
    refused = (
        select(literal(True).label("is_refused"), log.id, log.body)
        .where(log.stream == session, log.kind == "CommandRefused", log.seq > newest - NEWEST)
        .order_by(log.seq.desc())
        .limit(MOST)
        .subquery()
    )
    waiting = select(literal(False).label("is_refused"), asked.id, asked.body)
    query = union_all(waiting.where(asked.session == session, asked.after_steps.is_(None)), select(refused))
    rows = sorted(connection.execute(query), key=lambda row: row.id)
    commands = tuple(msgspec.json.decode(row.body, type=Command) for row in rows if not row.is_refused)
    events = ((row.id, decode("CommandRefused", row.body)) for row in reversed(rows) if row.is_refused)
    return SessionNews(commands, tuple((id_, event) for id_, event in events if isinstance(event, CommandRefused)))
