"""Thoughts: why the bot did what it did."""

from typing import Final

from workbench.desk import Desk
from workbench.domain.thoughts import Decision
from workbench.store.browse import Reach, inside, number_inside
from workbench.store.tables import thoughts
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

_said = thoughts.c.thought

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
        Column("confidence", "Confidence", cells.confidence, lambda row: row.thought.confidence, number_inside(_said, "confidence"),
               NUMBERS, sorts=True),
        Column("stopped_by", "Stopped by", cells.chip, lambda row: row.thought.stopped_by, inside(_said, "stopped_by"), WORDS,
               sorts=True, searched=True),
        Column("reason", "Reason", of=lambda row: row.thought.reason, by=inside(_said, "reason"), filters=WORDS),
        Column("strategy", "Strategy", of=lambda row: row.thought.strategy, by=inside(_said, "strategy"), filters=WORDS, sorts=True,
               searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("thought", "The thought", cells.json, in_list=False),
    ),
)  # fmt: skip


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
