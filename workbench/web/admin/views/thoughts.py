"""Thoughts: why the bot did what it did."""

from typing import Final

from workbench.desk import Desk
from workbench.domain.thoughts import Decision
from workbench.store.browse import Reach
from workbench.store.tables import thoughts
from workbench.web.admin import cells
from workbench.web.admin.finding import NAMES, NUMBERS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

LISTING: Final = Listing(
    "paperaithoughtlog",
    "PaperAIThoughtLog",
    "Why the bot bought, sold or did nothing: its decision, how sure it was, and the gate that stopped it.",
    "Paper trading",
    Reach(thoughts, thoughts.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("ts", "Bar", cells.moment, filters=TIMES, sorts=True),
        Column("symbol", "Token", filters=WORDS, sorts=True, searched=True),
        Column("decision", "Decision", cells.chip, filters=one_of(tuple(Decision)), sorts=True, searched=True),
        Column("confidence", "Confidence", cells.confidence, lambda row: row.thought.confidence),
        Column("stopped_by", "Stopped by", cells.chip, lambda row: row.thought.stopped_by),
        Column("reason", "Reason", of=lambda row: row.thought.reason),
        Column("strategy", "Strategy", of=lambda row: row.thought.strategy),
        Column("account", "Account", cells.account, filters=NAMES, searched=True),
        Column("session", "Session", cells.session, filters=NAMES, searched=True),
        Column("thought", "The thought", cells.json, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
