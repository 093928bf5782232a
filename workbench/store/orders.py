"""Orders: those that rest, and those that have ended, each known by the log id of its placing."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, select

from workbench.errors import Invalid, NotFound
from workbench.store.rows import OrderRow
from workbench.store.tables import commands
from workbench.store.tables import orders as table

ACTIVE: Final = ("open", "triggered", "partially_filled")
STATUSES: Final = (*ACTIVE, "filled", "cancelled", "expired", "rejected", "failed")

ORDERS: Final = select(table, commands.c.id.label("command")).outerjoin(commands, commands.c.outcome == table.c.id)
"""Orders with the commands that placed them."""


def list_orders(
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
) -> list[OrderRow]:
    """Return an account's orders, filtered, newest first, however far it has to look.

    Parameters
    ----------
    status
        One status, or `"active"` or `"ended"` for those that rest and those that do not.
    command
        The number of the command that placed it.
    before
        Only orders with a smaller id.

    Raises
    ------
    Invalid
        If there is no such status.
    """
    columns = table.c
    mine: list[ColumnElement[bool]] = [columns.account == account]
    if status in ("active", "ended"):
        mine.append(columns.status.in_(ACTIVE) if status == "active" else columns.status.not_in(ACTIVE))
    elif status:
        if status not in STATUSES:
            raise Invalid("status", "active, ended, or one of " + ", ".join(STATUSES), status)
        mine.append(columns.status == status)
    mine += [columns.symbol == symbol] if symbol else []
    mine += [columns.side == side] if side else []
    mine += [columns.type == type] if type else []
    mine += [columns.session == session] if session else []
    mine += [commands.c.id == command] if command is not None else []
    mine += [columns.id < before] if before is not None else []
    # Those that rest are few, whatever ended: sorted by a sum, so that the index of statuses finds them and not a walk.
    newest_first = (columns.id + 0).desc() if status == "active" else columns.id.desc()
    rows = connection.execute(ORDERS.where(*mine).order_by(newest_first).limit(limit))
    return [order_row(row, row.command) for row in rows]


def count_active(connection: Connection, account: str) -> int:
    """Return how many orders of an account rest."""
    columns = table.c
    query = select(func.count()).where(columns.account == account, columns.status.in_(ACTIVE))
    return int(connection.execute(query).scalar_one())


def find_order(connection: Connection, id_: int) -> OrderRow:
    """Return an order by the log id of its placing.

    Raises
    ------
    NotFound
        If there is none.
    """
    # A number that no column could hold is none of them.
    known = 0 < id_ < 2**63
    row = connection.execute(ORDERS.where(table.c.id == id_)).first() if known else None
    if row is None:
        raise NotFound("order", str(id_), field="order_id")
    return order_row(row, row.command)


def order_row(row: Row[Any], command: int | None = None) -> OrderRow:
    """Return an order from a row of the table, and the command that placed it where that was looked up."""
    return OrderRow(
        row.id, row.session, row.account, row.instrument, row.body, row.status, row.placed, row.ended, row.amount, row.quantity,
        row.filled, row.why, command,
    )  # fmt: skip
