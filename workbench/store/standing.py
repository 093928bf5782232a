"""How an account stands: what surrounds every page, read in one statement instead of one for each part.

What it finds is remembered for the snapshot, so that the blocks which ask for a part of it by itself need not read it again.
"""

from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, and_, or_, select

from workbench.domain.sessions import ACTIVE
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.rows import AccountRow
from workbench.store.snapshots import remember

_EQUITY, _PUT_IN = t.equity_points.c.equity.label("equity_before"), t.equity_points.c.put_in.label("put_in_before")


class Standing(msgspec.Struct, frozen=True):
    """What surrounds a page.

    Parameters
    ----------
    accounts
        The account that is looked at and the newest others, the newest first.
    cursor, prices
        The id of the newest event and the open time of the newest bar, as `how_far` returns them.
    """

    accounts: tuple[AccountRow, ...]
    cursor: int
    prices: int


def standing(connection: Connection, account: str, now: int, most: int = 100) -> Standing:
    """Return what surrounds a page of an account, and remember its row, session, configuration and the day before.

    Parameters
    ----------
    most
        So many of the newest accounts, beside this one.

    Raises
    ------
    NotFound
        If there is no such account.
    """
    mine, its, configured, points = t.accounts.c, t.trading_sessions.c, t.configurations.c, t.equity_points.c
    newest = select(mine.id).order_by(mine.since.desc()).limit(most)
    is_looked_at = mine.id == account
    is_going = and_(its.account == mine.id, its.status.in_([status.value for status in ACTIVE]))
    before = reads.point_before_today(mine.id, mine.last_ts, mine.since, now).scalar_subquery()
    query = (
        select(
            t.accounts, t.trading_sessions, t.configurations, _EQUITY, _PUT_IN,
            *(found.label(name) for name, found in reads.distances().items()),
            reads.newest_opened().scalar_subquery().label("newest_opened"),
        )
        .select_from(
            t.accounts.outerjoin(t.trading_sessions, is_going)
            .outerjoin(t.configurations, and_(is_looked_at, configured.account == mine.id, configured.is_active))
            .outerjoin(t.equity_points, and_(is_looked_at, points.id == before))
        )
        .where(or_(is_looked_at, mine.id.in_(newest)))
        .order_by(mine.since.desc())
    )  # fmt: skip
    rows = connection.execute(query).all()
    found = next((row for row in rows if row._mapping[mine.id] == account), None)
    if found is None:
        raise NotFound("account", account, field="account")
    _remember(connection, account, now, found)
    every = tuple(reads.account_of(_part(row, t.accounts), row._mapping[its.id]) for row in rows)
    return Standing(every, found.newest_event or 0, found.newest_bar or 0)


def _remember(connection: Connection, account: str, now: int, row: Row[Any]) -> None:
    session, configured = _part(row, t.trading_sessions), _part(row, t.configurations)
    remember(connection, reads.account_row, account, found=_part(row, t.accounts))
    remember(connection, reads.active_session, account, found=None if session.id is None else reads.session_row(session))
    before = None if row.equity_before is None else (row.equity_before, row.put_in_before)
    remember(connection, reads.day_before, account, now, found=before)
    remember(connection, reads.newest_close, found=reads.closed_at(row.newest_opened))
    if configured.id is not None:
        remember(connection, reads.active_configuration, account, found=reads.configuration_row(configured))


def _part(row: Row[Any], table: Table) -> Any:
    """Return what a row of several tables holds of one of them."""
    return SimpleNamespace(**{column.name: row._mapping[column] for column in table.columns})
