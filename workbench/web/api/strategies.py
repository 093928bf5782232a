"""Program runs: which go on and which have ended, how far they came; start, pause, resume and cancel."""

from typing import Annotated, Any, Final

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from workbench import jobs
from workbench.actions.start_program import request_program, running_session
from workbench.actions.steer_program import Turn, steer_program
from workbench.desk import Desk
from workbench.domain.money import NO_CASH
from workbench.domain.programs import RunStatus
from workbench.engine.programs import shelf
from workbench.errors import Invalid, NotFound, Refused
from workbench.store.program_runs import program_run, program_runs
from workbench.web.api import shapes
from workbench.web.api.bot import read_program
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, Told, answer, fields_of, know_fields, read_body, run_shape, text_of
from workbench.web.api.naming import Scope, Whose, scope_of, symbol_named
from workbench.web.api.paging import Account, Before, Command, Limit, Session, Token, one_of, page_of
from workbench.web.page import account_named

START_FIELDS: Final = ("strategy_type", "token", "parameters", "account")
COLUMNS: Final = (
    "started_at", "strategy_id", "strategy_type", "token_symbol", "status", "progress_percent", "completed_orders", "total_orders",
    "failed_orders", "fills", "total_invested", "total_received", "costs_paid", "quantity_held", "average_entry", "current_price",
    "current_pnl", "current_roi", "completed_at", "why", "started_by_rule", "configuration", "session_id", "command_id",
)  # fmt: skip
STATUSES: Final = tuple(status.value for status in RunStatus)
Status = Annotated[str, one_of(("active", "ended", *STATUSES))]
Program = Annotated[str, QueryParameter(max_length=200, description="A program's name, such as `dca`.")]
_NAMES: Final = {"program": "strategy_type", "symbol": "token"}
"""What the fields of a program are called here."""
_WILL: Final[dict[Turn, str]] = {"pause": "pauses", "resume": "goes on", "cancel": "ends"}


@get("/paper-trading/api/strategies/")
async def every(
    state: State,
    status: Status = "",
    strategy_type: Program = "",
    token: Token = "",
    session: Session = "",
    command: Command = None,
    limit: Limit = 50,
    before: Before = None,
    account: Account = "",
) -> Told[shapes.Items[shapes.Run]]:
    """List program runs, those that ended too, newest first; `command` is what a start was answered.

    `status` is one of theirs, or `active` or `ended`.
    """
    asked = {"status": status, "program": strategy_type, "token": token}
    return await sync_to_thread(_every, state.desk, (account, session, command), asked, limit, before)


def _every(desk: Desk, whose: Whose, asked: dict[str, str], limit: int, before: int | None) -> Told[shapes.Items[shapes.Run]]:
    scope = scope_of(desk, *whose)
    with desk.store.read() as connection:
        rows = program_runs(connection, limit=limit + 1, before=before, **filters(connection, scope, **asked))
    return answer(page_of(rows, limit, run_shape, lambda row: row.id))


@get("/paper-trading/api/strategies/export/", sync_to_thread=True)
def export(
    state: State,
    status: Status = "",
    strategy_type: Program = "",
    token: Token = "",
    session: Session = "",
    command: Command = None,
    account: Account = "",
) -> Stream:
    """Download the program runs that pass the filters, as CSV."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session, command)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Run]:
        wanted = filters(connection, scope, status, strategy_type, token)
        return [run_shape(row) for row in program_runs(connection, limit=limit, before=before, **wanted)]

    return csv_file("strategies", COLUMNS, desk, read, "strategy_id")


def filters(connection: Connection, scope: Scope, status: str, program: str, token: str) -> dict[str, Any]:
    """Return what a list of program runs is filtered by.

    Raises
    ------
    NotFound
        If there is no such program or token.
    """
    named = status.upper()
    if program and program.lower() not in shelf.names():
        raise NotFound("program", program, shelf.names(), field="strategy_type")
    active = named == "ACTIVE" if named in ("ACTIVE", "ENDED") else None
    return {
        "account": scope.account,
        "session": scope.session,
        "active": active,
        "status": named if active is None else "",
        "program": program.lower(),
        "symbol": symbol_named(connection, token),
        "command": scope.command,
    }


@get("/paper-trading/api/strategies/active/", sync_to_thread=True)
def active(state: State, account: Account = "") -> Told[shapes.ActiveRuns]:
    """List the program runs that go on, the newest first, and what they come to."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = program_runs(connection, account, active=True, limit=1000)
    invested = sum((row.run.spent for row in rows), NO_CASH)
    made = sum((row.result for row in rows), NO_CASH)
    told = tuple(map(run_shape, rows))
    return answer(shapes.ActiveRuns(strategies=told, count=len(rows), total_invested=invested, total_pnl=made))


@get("/paper-trading/api/strategies/{number:int}/", sync_to_thread=True)
def one(state: State, number: FromPath[int]) -> Told[shapes.Run]:
    """Tell how far a program run has come."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(run_shape(program_run(connection, number)))


@post("/paper-trading/api/strategies/", status_code=200)
async def start(request: Request[Any, Any, State], state: State) -> Told[shapes.RequestedRun]:
    """Start a program, `strategy_type`, in a `token` of the running session, with its `parameters`."""
    body = await read_body(request)
    return await sync_to_thread(_start, state.desk, body)


def _start(desk: Desk, body: Json) -> Told[shapes.RequestedRun]:
    know_fields(body, START_FIELDS)
    kind, token = text_of(body, "strategy_type"), text_of(body, "token")
    if not kind:
        raise Invalid("strategy_type", "one of " + ", ".join(shelf.names()), body.get("strategy_type"))
    shelf.get(kind, "strategy_type")
    if not token:
        raise Invalid("token", "one of the session's tokens", body.get("token"))
    asked = read_program({"program": kind, "symbol": token, "parameters": body.get("parameters")})
    session = running_session(desk, account_named(desk, text_of(body, "account", "")))
    try:
        requested = request_program(desk, session, asked.program, asked.symbol, asked.parameters, by="api")
    except Refused as problem:
        problem.field = _NAMES.get(problem.field or "", problem.field)
        raise
    jobs.hasten(requested.session.id)
    title = shelf.get(kind).title
    return answer(
        shapes.RequestedRun(
            command_id=requested.command,
            session_id=requested.session.id,
            status="REQUESTED",
            strategy_type=asked.program,
            token_symbol=asked.symbol,
            configuration=dict(asked.parameters),
            message=f"{title} in {asked.symbol} starts before the next bar.",
        )
    )


@post("/paper-trading/api/strategies/{number:int}/pause/", status_code=200)
async def pause(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Told[shapes.SteeredRun]:
    """Pause a program run: what it has resting is taken back."""
    return await sync_to_thread(_steer, state.desk, number, "pause", await read_body(request))


@post("/paper-trading/api/strategies/{number:int}/resume/", status_code=200)
async def resume(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Told[shapes.SteeredRun]:
    """Let a paused program run go on."""
    return await sync_to_thread(_steer, state.desk, number, "resume", await read_body(request))


@post("/paper-trading/api/strategies/{number:int}/cancel/", status_code=200)
async def cancel(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Told[shapes.SteeredRun]:
    """End a program run; what it bought stays unless `sell` is true."""
    return await sync_to_thread(_steer, state.desk, number, "cancel", await read_body(request))


def _steer(desk: Desk, number: int, turn: Turn, body: Json) -> Told[shapes.SteeredRun]:
    know_fields(body, ("sell",) if turn == "cancel" else ())
    sell = body.get("sell", False)
    if not isinstance(sell, bool):
        raise Invalid("sell", "true or false", sell)
    row = steer_program(desk, number, turn, sell, by="api")
    jobs.hasten(row.session)
    name = f"Program run {row.id}, {row.run.program} in {row.instrument.symbol},"
    return answer(shapes.SteeredRun(**fields_of(run_shape(row)), message=f"{name} {_WILL[turn]} before the next bar."))


handlers = [every, export, active, one, start, pause, resume, cancel]
