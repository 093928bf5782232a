"""Breakers: what has tripped, and the button that closes it again."""

from typing import Any, Final

from sqlalchemy import Integer, Row, literal_column
from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.flash import flash

from workbench import jobs
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import ResetBreaker
from workbench.store.browse import Reach, number_inside, time_inside
from workbench.store.tables import breakers
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import BY, TableView, acted

_body = breakers.c.body
_STATUS: Final = ("open", "half_open", "closed")

LISTING: Final = Listing(
    "breakers",
    "Breakers",
    "What stopped entries because something went wrong. One that is open can be reset.",
    "Paper trading",
    Reach(breakers, literal_column("breakers.rowid", Integer)),
    (
        Column("name", "Breaker", filters=WORDS, sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=one_of(_STATUS), sorts=True, searched=True),
        Column("value", "Found", cells.number, lambda row: row.body.value, number_inside(_body, "value"), NUMBERS, sorts=True),
        Column("limit", "Allowed", cells.number, lambda row: row.body.limit, number_inside(_body, "limit"), NUMBERS, sorts=True),
        Column("since", "Tripped", cells.moment, lambda row: row.body.since, time_inside(_body, "since"), TIMES, sorts=True),
        Column("until", "Until", cells.moment, lambda row: row.body.until, time_inside(_body, "until"), TIMES, sorts=True),
        Column("closed", "Closed", cells.moment, filters=TIMES, sorts=True),
        Column("why", "Closed because", filters=WORDS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("body", "The breaker", cells.json, in_list=False),
    ),
    ("session", "name"),
)


class BreakersView(TableView):
    """Breakers."""

    row_actions = ("view", "reset")

    def offers(self, name: str, row: Row[Any]) -> bool:
        """Return whether there is something to reset."""
        return name != "reset" or row.status != "closed"

    @row_action(
        name="reset",
        text="Reset",
        header="Reset the breaker",
        confirmation="Entries may be made again, as if it had not tripped.",
        submit_btn_text="Reset breaker",
        icon_class="fa-solid fa-rotate-left",
    )
    async def reset(self, request: Request, pk: Any) -> None:
        """Ask a session to close a breaker."""
        row = await self.row_named(pk)
        await acted(lambda: send_command(self.desk, row.session, ResetBreaker(row.name), BY))
        jobs.hasten(row.session)
        flash(request, f"The breaker {row.name} is reset before the session's next bar.", "success")


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [BreakersView(desk, LISTING)]
