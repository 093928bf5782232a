"""Positions: what is held, and what was."""

from typing import Any, Final

from sqlalchemy import Float, Row, case, cast, func

from workbench.desk import Desk
from workbench.domain.money import product
from workbench.domain.orders import Reason
from workbench.store.browse import Reach, inside, number_inside, time_inside
from workbench.store.tables import positions
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, FLAGS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

_c = positions.c
_worth = cast(_c.quantity, Float) * cast(_c.price, Float)
_made = number_inside(_c.trip, "gross") - number_inside(_c.trip, "costs")


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
        Column("symbol", "Token", of=lambda row: row.instrument.symbol, by=inside(_c.instrument, "symbol"), filters=WORDS,
               sorts=True, searched=True),
        Column("is_open", "Open", cells.flag, filters=FLAGS, sorts=True),
        Column("quantity", "Quantity", cells.quantity, filters=NUMBERS, sorts=True),
        Column("cost", "Cost", cells.money, filters=NUMBERS, sorts=True),
        Column("price", "Newest price", cells.price, filters=NUMBERS, sorts=True),
        Column("value", "Value", cells.money, _value, case((_c.is_open, _worth)), NUMBERS, sorts=True),
        Column("unrealised", "Unrealised", cells.result, lambda row: _value(row) - row.cost if row.is_open else None,
               case((_c.is_open, _worth - cast(_c.cost, Float))), NUMBERS, sorts=True),
        Column("result", "Result", cells.result, lambda row: None if row.is_open else row.trip.result,
               case((~_c.is_open, _made)), NUMBERS, sorts=True),
        Column("result_share", "Result %", cells.result_share, lambda row: None if row.is_open else row.trip.return_share,
               case((~_c.is_open, _made / func.nullif(number_inside(_c.trip, "invested"), 0))), NUMBERS, sorts=True),
        Column("opened", "Opened", cells.moment, lambda row: row.trip.opened, time_inside(_c.trip, "opened"), TIMES, sorts=True),
        Column("closed", "Closed", cells.moment, lambda row: row.trip.closed, time_inside(_c.trip, "closed"), TIMES, sorts=True),
        Column("entry_reason", "Entry", cells.chip, lambda row: row.trip.entry_reason, inside(_c.trip, "entry_reason"),
               one_of(tuple(Reason)), sorts=True, searched=True),
        Column("exit_reason", "Exit", cells.chip, lambda row: row.trip.exit_reason, inside(_c.trip, "exit_reason"),
               one_of(tuple(Reason)), sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("key", "Instrument", filters=WORDS, searched=True, in_list=False),
        Column("marked", "Priced at", cells.moment, filters=TIMES, in_list=False),
        Column("trip", "Round trip", cells.json, in_list=False),
    ),
)  # fmt: skip


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
