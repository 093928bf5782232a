"""Find the sessions that have something due: start-up and recovery are the same code."""

import msgspec
from sqlalchemy import select

from workbench.desk import Desk
from workbench.store.tables import cursors


class Due(msgspec.Struct, frozen=True):
    """A session with work, and the turn at which it is."""

    session: str
    turn: int
    due: int


def due_sessions(desk: Desk, limit: int = 500) -> list[Due]:
    """Return the sessions whose time has come, the most overdue first.

    A session that was just asked for, one whose next bar has closed, one that waits for a command and one whose worker
    was killed all look the same here: their due time has passed.
    """
    query = select(cursors.c.session, cursors.c.turn, cursors.c.due).where(cursors.c.due <= desk.now()).order_by(cursors.c.due)
    with desk.store.read() as connection:
        return [Due(row.session, row.turn, row.due) for row in connection.execute(query.limit(limit))]


def next_due(desk: Desk) -> int | None:
    """Return when the next session has work, milliseconds UTC; None if none ever has."""
    query = select(cursors.c.due).where(cursors.c.due.is_not(None)).order_by(cursors.c.due).limit(1)
    with desk.store.read() as connection:
        return connection.execute(query).scalar()
