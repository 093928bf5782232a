"""An account's orders as pages and lists show them: those that rest, and a bounded look back over all of them."""

from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, true

from workbench.domain.commands import CancelOrder, Command, PlaceOco, PlaceOrder
from workbench.errors import Invalid
from workbench.store import tables as t
from workbench.store.asked import session_news
from workbench.store.orders import ACTIVE, ORDERS, STATUSES, list_orders, order_row
from workbench.store.rows import OrderRow

AMONG: Final = 5_000
"""How many orders a page of them is looked for among; an address leads further back."""


class OrderPage(msgspec.Struct, frozen=True):
    """Orders, newest first, and the id before which the next page begins; None where there is nothing older."""

    rows: tuple[OrderRow, ...]
    following: int | None


class Refusal(msgspec.Struct, frozen=True):
    """What a session could not do with orders of what it was asked; `id` is its place in the log."""

    id: int
    command: PlaceOrder | PlaceOco | CancelOrder
    why: str


class OrderNews(msgspec.Struct, frozen=True):
    """What was asked of a session and waits, oldest first, and what of it concerned orders and was refused, newest first."""

    waiting: tuple[Command, ...]
    refusals: tuple[Refusal, ...]


def resting_orders(connection: Connection, account: str, limit: int = 200) -> tuple[OrderRow, ...]:
    """Return an account's orders that rest, newest first."""
    columns = t.orders.c
    # Sorted by a sum, so that the index of statuses finds them and not a walk over every order there ever was.
    newest_first = (columns.id + 0).desc()
    query = select(t.orders).where(columns.account == account, columns.status.in_(ACTIVE)).order_by(newest_first)
    return tuple(order_row(row) for row in connection.execute(query.limit(limit)))


def order_page(
    connection: Connection,
    account: str,
    *,
    status: str = "",
    symbol: str = "",
    side: str = "",
    type: str = "",
    session: str = "",
    command: int | None = None,
    limit: int = 50,
    before: int | None = None,
    among: int = AMONG,
) -> OrderPage:
    """Return a page of an account's orders, filtered, newest first.

    However many orders there are, only `among` of them are looked at; where fewer than a page of them pass the filters and
    there are older ones, the next page begins behind those. Those that rest, and the one that a command placed, are found by
    an index wherever they are.

    Parameters
    ----------
    status
        One status, or `"active"` or `"ended"` for those that rest and those that do not.
    symbol
        As its instrument writes it.
    command
        The number of the command that placed it.
    before
        Only orders with a smaller id.

    Raises
    ------
    Invalid
        If there is no such status.
    """
    if status and status not in ("active", "ended", *STATUSES):
        raise Invalid("status", "active, ended, or one of " + ", ".join(STATUSES), status)
    if status == "active" or command is not None:
        several = list_orders(
            connection, account, status=status, symbol=symbol, side=side, type=type, session=session, command=command,
            limit=limit + 1, before=before,
        )  # fmt: skip
        return OrderPage(tuple(several[:limit]), several[limit - 1].id if len(several) > limit else None)
    columns, log = t.orders.c, t.events.c
    mine: list[ColumnElement[bool]] = [columns.account == account]
    mine += [columns.id < before] if before is not None else []
    if session:
        # Ids are the log's, so a session's orders lie between its first event and its last.
        its = select(log.id).where(log.stream == session).limit(1)
        mine.append(columns.id >= its.order_by(log.seq).scalar_subquery())
        mine.append(columns.id <= its.order_by(log.seq.desc()).scalar_subquery())
    window = select(columns.id).where(*mine).order_by(columns.id.desc())
    # The oldest that is looked at, where there may be older ones.
    end = select(window.offset(among - 1).limit(1).scalar_subquery().label("window_end")).subquery()
    wanted = [*mine, columns.id >= func.coalesce(select(end.c.window_end).scalar_subquery(), 0)]
    if status:
        wanted.append(columns.status.not_in(ACTIVE) if status == "ended" else columns.status == status)
    wanted += [columns.session == session] if session else []
    wanted += [columns.symbol == symbol] if symbol else []
    wanted += [columns.side == side] if side else []
    wanted += [columns.type == type] if type else []
    found = ORDERS.where(*wanted).order_by(columns.id.desc()).limit(limit + 1).subquery()
    rows = connection.execute(select(found, end.c.window_end).select_from(end.outerjoin(found, true())).order_by(found.c.id.desc()))
    told = rows.all()
    orders = [order_row(row, row.command) for row in told if row.id is not None]
    if len(orders) > limit:
        return OrderPage(tuple(orders[:limit]), orders[limit - 1].id)
    return OrderPage(tuple(orders), told[0].window_end)


def order_news(connection: Connection, session: str, limit: int = 5) -> OrderNews:
    """Return what was asked of a session and has not been applied, and what it lately could not do with orders."""
    news = session_news(connection, session)
    refused = (
        Refusal(id_, event.command, event.why)
        for id_, event in news.refused
        if isinstance(event.command, PlaceOrder | PlaceOco | CancelOrder)
    )
    return OrderNews(news.waiting, tuple(islice(refused, limit)))
