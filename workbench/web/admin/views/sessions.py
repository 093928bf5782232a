"""Sessions: looked at, paused, resumed and stopped by commands."""

from typing import Any, Final

from sqlalchemy import Float, Row, cast
from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.flash import flash

from workbench import jobs
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import Command, Pause, Resume, Stop
from workbench.domain.sessions import Status
from workbench.store.browse import Reach, inside
from workbench.store.tables import trading_sessions
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NAMES, NUMBERS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import BY, TableView, acted

_c = trading_sessions.c
_made = cast(_c.equity, Float) - cast(_c.opening_equity, Float) - cast(_c.put_in, Float)
_CLOSE_FORM: Final = (
    '<form class="mt-3"><label class="form-check"><input class="form-check-input" type="checkbox" name="close">'
    '<span class="form-check-label">Sell what is held as well</span></label></form>'
)
_OFFERED: Final = {
    "stop": (Status.STARTING, Status.RUNNING, Status.PAUSED),
    "pause": (Status.RUNNING,),
    "resume": (Status.PAUSED,),
}

LISTING: Final = Listing(
    "papertradingsession",
    "PaperTradingSession",
    "Sessions of the bot. One that runs can be paused, resumed and stopped; it obeys between two bars.",
    "Paper trading",
    Reach(trading_sessions, _c.number),
    (
        Column("number", "No.", cells.count, filters=NUMBERS, sorts=True),
        Column("id", "Session", cells.code, filters=WORDS, sorts=True, searched=True),
        Column("name", "Name", filters=WORDS, sorts=True, searched=True),
        Column("status", "Status", cells.chip, filters=one_of(tuple(Status)), sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column(
            "mode",
            "Mode",
            of=lambda row: row.request.mode,
            by=inside(_c.request, "mode"),
            filters=one_of(("live", "replay")),
            sorts=True,
        ),
        Column(
            "strategy",
            "Strategy",
            of=lambda row: row.configuration.strategy,
            by=inside(_c.configuration, "strategy"),
            filters=WORDS,
            sorts=True,
            searched=True,
        ),
        Column("symbols", "Tokens", filters=WORDS, sorts=True, searched=True),
        Column(
            "timeframe", "Bars", of=lambda row: row.request.timeframe, by=inside(_c.request, "timeframe"), filters=NAMES, sorts=True
        ),
        Column("trades", "Trades", cells.count, filters=NUMBERS, sorts=True),
        Column("equity", "Value", cells.money, filters=NUMBERS, sorts=True),
        Column("result", "Result", cells.result, lambda row: _result(row), _made, NUMBERS, sorts=True),
        Column("requested", "Asked for", cells.moment, filters=TIMES, sorts=True),
        Column("started", "Started", cells.moment, filters=TIMES, sorts=True, in_list=False),
        Column("stopped", "Ended", cells.moment, filters=TIMES, sorts=True),
        Column("steps", "Bars stepped", cells.count, filters=NUMBERS, sorts=True),
        Column("cursor", "Newest bar", cells.moment, filters=TIMES, in_list=False),
        Column("ended_because", "Ended because", filters=WORDS, searched=True),
        Column("error", "Error", filters=WORDS, searched=True, in_list=False),
        Column("epoch", "Epoch", cells.count, filters=NUMBERS, in_list=False),
        Column("seq", "Events", cells.count, filters=NUMBERS, sorts=True, in_list=False),
        Column("opening_equity", "Opening value", cells.money, sorts=True, in_list=False),
        Column("ledger_digest", "Ledger digest", cells.code, in_list=False),
        Column("request", "Asked for, in full", cells.json, in_list=False),
        Column("configuration", "Goes by", cells.json, in_list=False),
        Column("fingerprint", "Fingerprint", cells.json, in_list=False),
    ),
)


def _result(row: Row[Any]) -> Any:
    return None if row.equity is None or row.opening_equity is None else row.equity - row.opening_equity - row.put_in


class SessionsView(TableView):
    """Sessions."""

    row_actions = ("view", "pause", "resume", "stop")

    def offers(self, name: str, row: Row[Any]) -> bool:
        """Return whether it is the moment to pause, resume or stop."""
        return name not in _OFFERED or row.status in _OFFERED[name]

    @row_action(
        name="pause",
        text="Pause",
        header="Pause the session",
        confirmation="It makes no more entries; exits go on.",
        submit_btn_text="Pause session",
        icon_class="fa-solid fa-pause",
    )
    async def pause(self, request: Request, pk: Any) -> None:
        """Ask a session to make no more entries."""
        await self._send(request, pk, Pause(), "was asked to pause")

    @row_action(
        name="resume",
        text="Resume",
        header="Resume the session",
        confirmation="It makes entries again.",
        submit_btn_text="Resume session",
        icon_class="fa-solid fa-play",
    )
    async def resume(self, request: Request, pk: Any) -> None:
        """Ask a session to make entries again."""
        await self._send(request, pk, Resume(), "was asked to go on")

    @row_action(
        name="stop",
        text="Stop",
        header="Stop the session",
        confirmation="Its resting orders are cancelled; what it holds stays unless it is sold as well.",
        submit_btn_text="Stop session",
        submit_btn_class="action.modal_confirm_button_delete",
        icon_class="fa-solid fa-stop",
        form=_CLOSE_FORM,
    )
    async def stop(self, request: Request, pk: Any) -> None:
        """Ask a session to end."""
        close = (await request.form()).get("close") is not None
        await self._send(request, pk, Stop("stopped in the admin", close), "was asked to stop")

    async def _send(self, request: Request, pk: Any, command: Command, what: str) -> None:
        row = await self.row_named(pk)
        await acted(lambda: send_command(self.desk, row.id, command, BY))
        jobs.hasten(row.id)
        flash(request, f"Session {row.number} {what}; it does so before its next bar.", "success")


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [SessionsView(desk, LISTING)]
