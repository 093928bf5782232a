"""Equity lines, thinned to what a screen can show, and the line of who had bought and held."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Connection, Row, case, literal, or_, select, union_all

from workbench.domain.money import NO_CASH
from workbench.store import tables as t
from workbench.store.rows import EquityRow, SessionRow
from workbench.store.snapshots import once_a_snapshot

IN_TIME: Final = itemgetter(0, 1)
"""Sorts rows that begin with their time and their id."""


@once_a_snapshot
def equity(connection: Connection, account: str, since: int | None = None, limit: int = 2000, session: str = "") -> list[EquityRow]:
    """Return an account's equity line from a time on, oldest first, thinned evenly in time to about `limit` points.

    Parameters
    ----------
    since
        Open time of the first bar, milliseconds UTC; None for all there are.
    session
        Only this session's points.
    """
    points = t.equity_points.c
    # What an account was worth before its last reset is another story.
    epoch = select(t.accounts.c.since).where(t.accounts.c.id == account).scalar_subquery()
    mine = [points.session == session] if session else [points.account == account, points.id > epoch]
    if since is not None:
        mine.append(points.ts >= since)
    times = select(points.ts).where(*mine)
    ends = select(
        times.order_by(points.ts).limit(1).scalar_subquery().label("first"),
        times.order_by(points.ts.desc()).limit(1).scalar_subquery().label("last"),
        times.order_by(points.ts).limit(1).offset(limit).scalar_subquery().label("beyond"),
    ).cte("ends")
    first, last, beyond = (select(column).scalar_subquery() for column in (ends.c.first, ends.c.last, ends.c.beyond))
    kept = last_of_each(mine, (last - first) // limit + 1, first, limit, case((beyond.is_not(None), last)))
    columns = (points.ts, points.id, points.equity, points.cash, points.session)
    # A bound that is not there ends the walk before it begins, where a condition would be asked of every point.
    whole = select(*columns, literal(False).label("is_thinned")).where(*mine, points.ts <= case((beyond.is_(None), last)))
    thinned = select(*columns, literal(True)).join(kept, points.ts == kept.c.ts).where(*mine)
    # Sorted here, for SQLite, asked for an order, reads the whole line in it to look for these few.
    rows: Iterable[Row[Any]] = sorted(connection.execute(union_all(whole, thinned)), key=IN_TIME)
    rows = {(row.ts if row.is_thinned else row.id): row for row in rows}.values()
    return [EquityRow(row.ts, row.equity, row.cash, row.session) for row in rows]


def last_of_each(
    mine: Sequence[ColumnElement[bool]],
    width: int | ColumnElement[int],
    first: int | ColumnElement[int],
    most: int,
    newest: ColumnElement[Any] | None = None,
) -> CTE:
    """Return the times of an equity line's last point in each stretch that has one: the latest so many, newest first.

    Each stretch is one step back in the index: however many points it has, only its last is read.

    Parameters
    ----------
    mine
        Whose points, as conditions.
    width, first
        A stretch's length and where one begins, milliseconds.
    newest
        The time of the last point, where it is known.
    """
    points = t.equity_points.c
    if newest is None:
        newest = select(points.ts).where(*mine).order_by(points.ts.desc()).limit(1).scalar_subquery()
    back = select(newest.label("ts"), literal(1).label("number")).cte("back", recursive=True)
    begins = back.c.ts - (back.c.ts - first) % width
    # An order with a limit, for SQLite reads a maximum with a condition that is not in the index to the end of it.
    earlier = select(points.ts).where(*mine, points.ts < begins).order_by(points.ts.desc()).limit(1).correlate(back)
    return back.union_all(select(earlier.scalar_subquery(), back.c.number + 1).where(back.c.ts.is_not(None), back.c.number < most))


def hold_line(connection: Connection, session: SessionRow, times: tuple[int, ...]) -> list[EquityRow]:
    """Return what a session's opening equity would be worth, had it bought its tokens in equal parts at its first bar and held.

    Parameters
    ----------
    times
        Open times of its bars at which it is asked, rising; a token that has no bar then stands where it last stood.
    """
    if session.opening_equity is None or not times:
        return []
    points, bars, whose = t.equity_points.c, t.bars.c, t.series.c
    began = select(points.ts).where(points.session == session.id).order_by(points.ts).limit(1).scalar_subquery()
    source = f"dataset:{session.dataset}" if session.mode == "replay" else session.source
    query = (
        select(whose.id, whose.instrument, bars.ts, bars.close, (bars.ts == began).label("is_first"))
        .join(t.bars, bars.series == whose.id)
        .where(whose.source == source, whose.timeframe == session.timeframe)
        .where(bars.revision == 0, or_(bars.ts.in_(times), bars.ts == began))
        .order_by(bars.ts)
    )
    opening, first = float(session.opening_equity), dict[int, int]()
    shares: dict[int, float] = {}
    values: dict[int, float] = {}
    for row in connection.execute(query):
        if session.mode != "replay" and row.instrument.symbol not in session.symbols:
            continue
        if row.is_first:
            first[row.id] = row.close
        if first.get(row.id):
            shares[row.id] = row.close / first[row.id]
            values[row.ts] = opening * sum(shares.values()) / len(shares)
    return [EquityRow(ts, Decimal(f"{values[ts]:.8f}"), NO_CASH, session.id) for ts in times if ts in values]
