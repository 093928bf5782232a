"""Trades: every fill, as the log told it."""

from typing import Final

from workbench.desk import Desk
from workbench.domain.orders import Reason, Side
from workbench.store.browse import Reach
from workbench.store.tables import trades
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, FLAGS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

LISTING: Final = Listing(
    "papertrade",
    "PaperTrade",
    "Every fill, as the log told it; nobody changes one.",
    "Paper trading",
    Reach(trades, trades.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("ts", "Bar", cells.moment, filters=TIMES, sorts=True),
        Column("symbol", "Token", filters=WORDS, sorts=True, searched=True),
        Column("side", "Side", cells.side, filters=one_of(tuple(Side)), sorts=True),
        Column("quantity", "Quantity", cells.quantity, filters=NUMBERS, sorts=True),
        Column("price", "Price", cells.price, filters=NUMBERS, sorts=True),
        Column("notional", "Amount", cells.money, filters=NUMBERS, sorts=True),
        Column("result", "Result", cells.result, filters=NUMBERS, sorts=True),
        Column("reason", "Reason", cells.chip, filters=one_of(tuple(Reason)), sorts=True, searched=True),
        Column("strategy", "Strategy", filters=WORDS, sorts=True, searched=True),
        Column("fee", "Fee", cells.money, filters=NUMBERS, sorts=True),
        Column("gas", "Gas", cells.money, filters=NUMBERS, sorts=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("order_number", "Order", cells.count, filters=NUMBERS, in_list=False),
        Column("spread_cost", "Spread", cells.money, in_list=False),
        Column("slippage_cost", "Slippage", cells.money, in_list=False),
        Column("impact_cost", "Impact", cells.money, in_list=False),
        Column("tax", "Token tax", cells.money, in_list=False),
        Column("is_maker", "Rested", cells.flag, filters=FLAGS, in_list=False),
        Column("realised", "Realised, gross", cells.result, in_list=False),
        Column("cash", "Cash after it", cells.money, in_list=False),
        Column("instrument", "Instrument", cells.json, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
