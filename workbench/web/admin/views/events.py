"""The log: what happened, append-only; and the button that grows the projections from it again."""

from typing import Any, Final

from starlette.requests import Request
from starlette_admin import action
from starlette_admin.actions import ActionSelection
from starlette_admin.flash import flash

from workbench.actions.rebuild_projections import rebuild_projections
from workbench.desk import Desk
from workbench.domain.events import KINDS
from workbench.domain.sessions import ACTIVE
from workbench.errors import Conflict
from workbench.store import browse
from workbench.store.browse import Reach
from workbench.store.tables import events, trading_sessions
from workbench.web.admin import cells
from workbench.web.admin.finding import NAMES, NUMBERS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView, acted

_GROUP: Final = "The log"
_SESSIONS: Final = Reach(trading_sessions, trading_sessions.c.number)

LISTING: Final = Listing(
    "events",
    "Events",
    "Everything that happened, in the order in which it was written. Nobody changes it; all that is shown is read from it.",
    _GROUP,
    Reach(events, events.c.id, is_large=True, is_dense=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("at", "Written", cells.moment, filters=TIMES),
        Column("kind", "Kind", cells.chip, filters=one_of(sorted(KINDS)), searched=True),
        Column("stream", "Stream", cells.code, filters=WORDS, searched=True),
        Column("seq", "No.", cells.count, filters=NUMBERS),
        Column("digest", "Digest", cells.code, filters=NAMES),
        Column("body", "What it says", cells.json, in_list=False),
    ),
)


def rebuilt(desk: Desk) -> int:
    """Rebuild the projections and return how many events that took.

    Raises
    ------
    Conflict
        If a session runs: it would have to wait for it.
    """
    with desk.store.read() as connection:
        going = browse.page(connection, _SESSIONS, trading_sessions.c.status.in_(ACTIVE), limit=1)
    if going:
        raise Conflict("projections are rebuilt while no session runs", f"session {going[0].id} is {going[0].status}")
    return rebuild_projections(desk)


class EventsView(TableView):
    """The log."""

    actions = ("rebuild", "export")

    @action(
        name="rebuild",
        text="Rebuild projections",
        header="Rebuild the projections",
        confirmation="Every table that is read from the log is dropped and grown again. With a long log this takes minutes.",
        submit_btn_text="Rebuild projections",
        icon_class="fa-solid fa-arrows-rotate",
        allow_empty_selection=True,
        dedicated_button=True,
    )
    async def rebuild(self, request: Request, selection: ActionSelection) -> Any:
        """Drop the projections and grow them again from the log."""
        count = await acted(lambda: rebuilt(self.desk))
        flash(request, f"The projections were rebuilt from {count:,} events.", "success")


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [EventsView(desk, LISTING)]
