"""Orders: what was asked of the market."""

from typing import Final

from sqlalchemy import Integer, literal_column

from workbench.desk import Desk
from workbench.domain.orders import OrderType, Reason, Side
from workbench.store.browse import Reach
from workbench.store.tables import orders
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

# Their own key begins with the session, which has no age: SQLite's number of the row has.
_newest = literal_column("orders.rowid", Integer)

LISTING: Final = Listing(
    "orders",
    "Orders",
    "What was asked of the market, and what became of it.",
    "Paper trading",
    Reach(orders, _newest, is_large=True),
    (
        Column("number", "No.", cells.count, filters=NUMBERS, sorts=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("placed", "Placed", cells.moment, filters=TIMES, sorts=True),
        Column("symbol", "Token", filters=WORDS, sorts=True, searched=True),
        Column("side", "Side", cells.side, filters=one_of(tuple(Side)), sorts=True),
        Column("type", "Type", cells.chip, filters=one_of(tuple(OrderType)), sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=WORDS, sorts=True, searched=True),
        Column("reason", "Reason", cells.chip, filters=one_of(tuple(Reason)), sorts=True, searched=True),
        Column("amount", "Amount", cells.money, filters=NUMBERS, sorts=True),
        Column("quantity", "Quantity", cells.quantity, filters=NUMBERS, sorts=True),
        Column("filled", "Filled", cells.quantity, filters=NUMBERS, sorts=True),
        Column("ended", "Ended", cells.moment, filters=TIMES, sorts=True),
        Column("why", "Why", filters=WORDS, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("key", "Instrument", cells.code, filters=WORDS, sorts=True, searched=True, in_list=False),
        Column("body", "The order", cells.json, in_list=False),
    ),
    ("session", "number"),
)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
