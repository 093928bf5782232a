"""Commands: what was asked of a session, whether it was done by now, and what came of it."""

from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select

from workbench.domain.bars import as_ts
from workbench.domain.commands import Command
from workbench.domain.events import CommandRefused, decode
from workbench.errors import NotFound
from workbench.store import tables as t

TOO_LATE = -1
"""Stands for the steps after which a command was applied, where its session had ended before it could be."""


class CommandStatus(StrEnum):
    """What became of a command by now."""

    WAITING = "WAITING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    TOO_LATE = "TOO_LATE"


class CommandRow(msgspec.Struct, frozen=True):
    """A command, and what came of it.

    Parameters
    ----------
    asked
        On the clock, milliseconds UTC.
    order, run
        The log id of the order that it placed, or of the program run that it started; None where it did not, or has not yet.
    why
        Why the session refused it.
    """

    id: int
    session: str
    account: str
    by: str
    asked: int
    command: Command
    status: CommandStatus
    order: int | None
    run: int | None
    why: str


def find_command(connection: Connection, id_: int) -> CommandRow:
    """Return a command by its number.

    Raises
    ------
    NotFound
        If there is none.
    """
    asked, came, sessions = t.commands.c, t.events.c, t.trading_sessions.c
    query = (
        select(t.commands, came.kind, came.body.label("told"), sessions.account)
        .join(t.trading_sessions, sessions.id == asked.session)
        .outerjoin(t.events, came.id == asked.outcome)
        .where(asked.id == id_)
    )
    # A number that no column could hold is none of them.
    row = connection.execute(query).first() if 0 < id_ < 2**63 else None
    if row is None:
        raise NotFound("command", str(id_), field="command")
    refusal = decode(row.kind, row.told) if row.kind == "CommandRefused" else None
    return CommandRow(
        row.id, row.session, row.account, row.by, as_ts(row.at), msgspec.json.decode(row.body, type=Command),
        _status(row.after_steps, row.kind), row.outcome if row.kind == "OrderPlaced" else None,
        row.outcome if row.kind == "ProgramStarted" else None, refusal.why if isinstance(refusal, CommandRefused) else "",
    )  # fmt: skip


def _status(after_steps: int | None, kind: str | None) -> CommandStatus:
    if after_steps is None:
        return CommandStatus.WAITING
    if after_steps == TOO_LATE:
        return CommandStatus.TOO_LATE
    return CommandStatus.REFUSED if kind == "CommandRefused" else CommandStatus.DONE
