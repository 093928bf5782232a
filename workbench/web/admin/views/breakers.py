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
from workbench.store.browse import Reach
from workbench.store.tables import breakers
from workbench.web.admin import cells
from workbench.web.admin.finding import NAMES, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import BY, TableView, acted

_STATUS: Final = ("open", "half_open", "closed")

LISTING: Final = Listing(
    "breakers",
    "Breakers",
    "What stopped entries because something went wrong. One that is open can be reset.",
    "Paper trading",
    Reach(breakers, literal_column("breakers.rowid", Integer)),
    (
        Column("name", "Breaker", filters=WORDS, sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=one_of(_STATUS), sorts=True),
        Column("value", "Found", cells.number, lambda row: row.body.value),
        Column("limit", "Allowed", cells.number, lambda row: row.body.limit),
        Column("since", "Tripped", cells.moment, lambda row: row.body.since),
        Column("until", "Until", cells.moment, lambda row: row.body.until),
        Column("closed", "Closed", cells.moment, filters=TIMES, sorts=True),
        Column("why", "Closed because", filters=WORDS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=NAMES, searched=True),
        Column("account", "Account", cells.account, filters=NAMES, searched=True),
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
