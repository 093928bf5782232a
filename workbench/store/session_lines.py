"""Sessions beside each other: what each was asked for, and its equity as a line of a few hundred points."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, literal, select, true

from workbench.store.reads import session_row
from workbench.store.rows import SessionRow
from workbench.store.tables import equity_points, trading_sessions


class LinePoint(msgspec.Struct, frozen=True):
    """A session's equity at the close of a bar, and what had been put into its account by then."""

    ts: int
    equity: Decimal
    put_in: Decimal


def sessions_named(connection: Connection, ids: Sequence[str]) -> tuple[SessionRow, ...]:
    """Return the sessions of some ids in the order of the ids; those that there are not, or that were deleted, are left out."""
    columns = trading_sessions.c
    rows = connection.execute(select(trading_sessions).where(columns.id.in_(ids), columns.is_deleted.is_(False)))
    found = {row.id: session_row(row) for row in rows}
    return tuple(found[id_] for id_ in dict.fromkeys(ids) if id_ in found)


def equity_lines(connection: Connection, sessions: Sequence[str], count: int = 240) -> dict[str, list[LinePoint]]:
    """Return the equity lines of some sessions, oldest first, each at most `count` + 1 points that are even in time.

    Each point is one step into an index, so a long session takes no longer than a short one.
    """
    points, ended = equity_points.c, trading_sessions.c

    def end(newest: bool) -> object:
        order = points.ts.desc() if newest else points.ts
        mine = select(points.ts).where(points.session == ended.id).order_by(order).limit(1)
        return mine.correlate(trading_sessions).scalar_subquery().label("newest" if newest else "oldest")

    ends = select(ended.id, end(newest=False), end(newest=True)).where(ended.id.in_(sessions)).cte("ends")  # type: ignore[call-overload]
    numbers = select(literal(0).label("number")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.number + 1).where(numbers.c.number < count))
    at = ends.c.oldest + (ends.c.newest - ends.c.oldest) * numbers.c.number // count
    nearest = select(points.id).where(points.session == ends.c.id, points.ts <= at).order_by(points.ts.desc(), points.id.desc())
    picked = select(nearest.limit(1).correlate(ends, numbers).scalar_subquery()).select_from(ends.join(numbers, true()))
    query = (
        select(points.session, points.ts, points.equity, points.put_in).where(points.id.in_(picked)).order_by(points.ts, points.id)
    )
    lines: dict[str, list[LinePoint]] = {id_: [] for id_ in sessions}
    for row in connection.execute(query):
        lines[row.session].append(LinePoint(row.ts, row.equity, row.put_in))
    return lines
