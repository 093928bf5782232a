"""An account's orders as its page shows them: those that rest, and a bounded look back over all of them."""

from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, true

from workbench.domain.commands import CancelOrder, Command, PlaceOco, PlaceOrder
from workbench.errors import Invalid
from workbench.store import tables as t
from workbench.store.asked import session_news
from workbench.store.orders import ACTIVE, STATUSES, order_row
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
    limit: int = 50,
    before: int | None = None,
    among: int = AMONG,
) -> OrderPage:
    """Return a page of an account's orders, filtered, newest first.

    However many orders there are, only `among` of them are looked at; where fewer than a page of them pass the filters and
    there are older ones, the next page begins behind those.

    Parameters
    ----------
    status
        One status, or `"active"` or `"ended"` for those that rest and those that do not.
    symbol
        As its instrument writes it.
    before
        Only orders with a smaller id.

    Raises
    ------
    Invalid
        If there is no such status.
    """
    if status and status not in ("active", "ended", *STATUSES):
        raise Invalid("status", "active, ended, or one of " + ", ".join(STATUSES), status)
    columns = t.orders.c
    mine: list[ColumnElement[bool]] = [columns.account == account]
    mine += [columns.id < before] if before is not None else []
    window = select(columns.id).where(*mine).order_by(columns.id.desc())
    # The oldest that is looked at, where there may be older ones.
    end = select(window.offset(among - 1).limit(1).scalar_subquery().label("window_end")).subquery()
    wanted = [*mine, columns.id >= func.coalesce(select(end.c.window_end).scalar_subquery(), 0)]
    if status in ("active", "ended"):
        wanted.append(columns.status.in_(ACTIVE) if status == "active" else columns.status.not_in(ACTIVE))
    elif status:
        wanted.append(columns.status == status)
    wanted += [columns.symbol == symbol] if symbol else []
    wanted += [columns.side == side] if side else []
    wanted += [columns.type == type] if type else []
    found = select(t.orders).where(*wanted).order_by(columns.id.desc()).limit(limit + 1).subquery()
    rows = connection.execute(select(found, end.c.window_end).select_from(end.outerjoin(found, true())).order_by(found.c.id.desc()))
    several = rows.all()
    orders = [order_row(row) for row in several if row.id is not None]
    if len(orders) > limit:
        return OrderPage(tuple(orders[:limit]), orders[limit - 1].id)
    return OrderPage(tuple(orders), several[0].window_end)


def order_news(connection: Connection, session: str, limit: int = 5) -> OrderNews:
    """Return what was asked of a session and has not been applied, and what it lately could not do with orders."""
    news = session_news(connection, session)
    refused = (
        Refusal(id_, event.command, event.why)
        for id_, event in news.refused
        if isinstance(event.command, PlaceOrder | PlaceOco | CancelOrder)
    )
    return OrderNews(news.waiting, tuple(islice(refused, limit)))
