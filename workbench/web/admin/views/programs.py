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
from workbench.store.browse import Reach, inside, number_inside, time_inside
from workbench.store.tables import program_runs
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import BY, TableView, acted

_SELL_FORM: Final = (
    '<form class="mt-3"><label class="form-check"><input class="form-check-input" type="checkbox" name="sell">'
    '<span class="form-check-label">Sell what it holds as well</span></label></form>'
)

_run = program_runs.c.body
# What a run holds is not in its JSON: it follows from what is.
_held = number_inside(_run, "bought") + number_inside(_run, "taken") - number_inside(_run, "sold")

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
        Column("status", "Status", cells.chip, filters=one_of(tuple(RunStatus)), sorts=True, searched=True),
        Column("done", "Done", cells.count, lambda row: row.body.done, number_inside(_run, "done"), NUMBERS, sorts=True),
        Column("steps", "Of steps", cells.count, lambda row: row.body.steps, number_inside(_run, "steps"), NUMBERS, sorts=True),
        Column("spent", "Spent", cells.money, lambda row: row.body.spent, number_inside(_run, "spent"), NUMBERS, sorts=True),
        Column(
            "received", "Received", cells.money, lambda row: row.body.received, number_inside(_run, "received"), NUMBERS, sorts=True
        ),
        Column("held", "Holds", cells.quantity, lambda row: row.body.held, _held, NUMBERS, sorts=True),
        Column("costs", "Costs", cells.money, lambda row: row.body.costs, number_inside(_run, "costs"), NUMBERS, sorts=True),
        Column("fills", "Fills", cells.count, lambda row: row.body.fills, number_inside(_run, "fills"), NUMBERS, sorts=True),
        Column("started", "Started", cells.moment, lambda row: row.body.started, time_inside(_run, "started"), TIMES, sorts=True),
        Column("ended", "Ended", cells.moment, lambda row: row.body.ended, time_inside(_run, "ended"), TIMES, sorts=True),
        Column("why", "Ended because", of=lambda row: row.body.why, by=inside(_run, "why"), filters=WORDS, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
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
