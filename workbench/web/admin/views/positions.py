"""Positions: what is held, and what was."""

from typing import Any, Final

from sqlalchemy import Row

from workbench.desk import Desk
from workbench.domain.money import product
from workbench.store.browse import Reach
from workbench.store.tables import positions
from workbench.web.admin import cells
from workbench.web.admin.finding import FLAGS, NAMES, NUMBERS, TIMES, WORDS
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView


def _value(row: Row[Any]) -> Any:
    return product(row.quantity, row.price, 8) if row.is_open else None


LISTING: Final = Listing(
    "paperposition",
    "PaperPosition",
    "What is held and what was, one round trip a row.",
    "Paper trading",
    Reach(positions, positions.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("symbol", "Token", of=lambda row: row.instrument.symbol),
        Column("is_open", "Open", cells.flag, filters=FLAGS, sorts=True),
        Column("quantity", "Quantity", cells.quantity, filters=NUMBERS, sorts=True),
        Column("cost", "Cost", cells.money, filters=NUMBERS, sorts=True),
        Column("price", "Newest price", cells.price, filters=NUMBERS),
        Column("value", "Value", cells.money, _value),
        Column("unrealised", "Unrealised", cells.result, lambda row: _value(row) - row.cost if row.is_open else None),
        Column("result", "Result", cells.result, lambda row: None if row.is_open else row.trip.result),
        Column("result_share", "Result %", cells.result_share, lambda row: None if row.is_open else row.trip.return_share),
        Column("opened", "Opened", cells.moment, lambda row: row.trip.opened),
        Column("closed", "Closed", cells.moment, lambda row: row.trip.closed),
        Column("entry_reason", "Entry", cells.chip, lambda row: row.trip.entry_reason),
        Column("exit_reason", "Exit", cells.chip, lambda row: row.trip.exit_reason),
        Column("account", "Account", cells.account, filters=NAMES, searched=True),
        Column("session", "Session", cells.session, filters=NAMES, searched=True),
        Column("key", "Instrument", filters=WORDS, searched=True, in_list=False),
        Column("marked", "Priced at", cells.moment, filters=TIMES, in_list=False),
        Column("trip", "Round trip", cells.json, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
