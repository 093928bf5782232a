"""Program runs: looked at and cancelled."""

from typing import Any, Final

from sqlalchemy import Row
from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.flash import flash

from workbench import jobs
from workbench.actions.steer_program import steer_program
from workbench.desk import Desk
from workbench.domain.programs import RunStatus
from workbench.store.browse import Reach
from workbench.store.tables import program_runs
from workbench.web.admin import cells
from workbench.web.admin.finding import NAMES, NUMBERS, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import BY, TableView, acted

_SELL_FORM: Final = (
    '<form class="mt-3"><label class="form-check"><input class="form-check-input" type="checkbox" name="sell">'
    '<span class="form-check-label">Sell what it holds as well</span></label></form>'
)

LISTING: Final = Listing(
    "programruns",
    "Strategy runs",
    "Programs at work: DCA, grid, TWAP, VWAP. One that goes on can be cancelled.",
    "Paper trading",
    Reach(program_runs, program_runs.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("program", "Program", filters=WORDS, sorts=True, searched=True),
        Column("symbol", "Token", filters=WORDS, sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=one_of(tuple(RunStatus)), sorts=True),
        Column("done", "Done", cells.count, lambda row: row.body.done),
        Column("steps", "Of steps", cells.count, lambda row: row.body.steps),
        Column("spent", "Spent", cells.money, lambda row: row.body.spent),
        Column("received", "Received", cells.money, lambda row: row.body.received),
        Column("held", "Holds", cells.quantity, lambda row: row.body.held),
        Column("costs", "Costs", cells.money, lambda row: row.body.costs),
        Column("fills", "Fills", cells.count, lambda row: row.body.fills),
        Column("started", "Started", cells.moment, lambda row: row.body.started),
        Column("ended", "Ended", cells.moment, lambda row: row.body.ended),
        Column("why", "Ended because", of=lambda row: row.body.why),
        Column("account", "Account", cells.account, filters=NAMES, searched=True),
        Column("session", "Session", cells.session, filters=NAMES, searched=True),
        Column("body", "The run", cells.json, in_list=False),
    ),
)


class ProgramRunsView(TableView):
    """Program runs."""

    row_actions = ("view", "cancel")

    def offers(self, name: str, row: Row[Any]) -> bool:
        """Return whether there is something to cancel."""
        return name != "cancel" or row.status in (RunStatus.RUNNING, RunStatus.PAUSED)

    @row_action(
        name="cancel",
        text="Cancel",
        header="Cancel the run",
        confirmation="What it has resting is taken back; what it bought stays unless it is sold as well.",
        submit_btn_text="Cancel run",
        submit_btn_class="action.modal_confirm_button_delete",
        icon_class="fa-solid fa-ban",
        form=_SELL_FORM,
    )
    async def cancel(self, request: Request, pk: Any) -> None:
        """Ask a program run to end."""
        sell = (await request.form()).get("sell") is not None
        row = await self.row_named(pk)
        await acted(lambda: steer_program(self.desk, row.id, "cancel", sell, BY))
        jobs.hasten(row.session)
        flash(request, f"Run {row.id} was asked to end; it does so before its session's next bar.", "success")


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [ProgramRunsView(desk, LISTING)]
