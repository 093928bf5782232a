"""Programs at work: which there are, how far they have come; start, pause, resume and cancel."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from workbench import jobs
from workbench.actions.start_program import start_program
from workbench.actions.steer_program import Turn, steer_program
from workbench.desk import Desk
from workbench.domain.money import NO_CASH
from workbench.engine.programs import shelf
from workbench.errors import Invalid, Refused
from workbench.store import reads
from workbench.web.api.bot import read_program
from workbench.web.api.envelope import Json, answer, know_fields, read_body, run_shape, text_of
from workbench.web.page import account_named
from workbench.web.programs import running_session

START_FIELDS: Final = ("strategy_type", "token", "parameters", "account")
_NAMES: Final = {"program": "strategy_type", "symbol": "token"}
"""What the fields of a program are called here."""
_WILL: Final[dict[Turn, str]] = {"pause": "pauses", "resume": "goes on", "cancel": "ends"}


@get("/paper-trading/api/strategies/active/", sync_to_thread=True)
def active(state: State, account: FromQuery[str] = "") -> Response[bytes]:
    """List the program runs that go on, the newest first, and what they come to."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.program_runs(connection, account, active=True, limit=1000)
    invested = sum((row.run.spent for row in rows), NO_CASH)
    made = sum((row.result for row in rows), NO_CASH)
    told = [run_shape(row) for row in rows]
    return answer({"strategies": told, "count": len(rows), "total_invested": invested, "total_pnl": made})


@get("/paper-trading/api/strategies/{number:int}/", sync_to_thread=True)
def one(state: State, number: FromPath[int]) -> Response[bytes]:
    """Tell how far a program run has come."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(run_shape(reads.program_run(connection, number)))


@post("/paper-trading/api/strategies/", status_code=200)
async def start(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start a program, `strategy_type`, in a `token` of the running session, with its `parameters`."""
    body = await read_body(request)
    return await sync_to_thread(_start, state.desk, body)


def _start(desk: Desk, body: Json) -> Response[bytes]:
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
        row = start_program(desk, session, asked.program, asked.symbol, asked.parameters, by="api")
    except Refused as problem:
        problem.field = _NAMES.get(problem.field or "", problem.field)
        raise
    jobs.hasten(row.id)
    title = shelf.get(kind).title
    return answer(
        {
            "session_id": row.id, "strategy_type": asked.program, "token_symbol": asked.symbol, "status": "REQUESTED",
            "configuration": asked.parameters, "message": f"{title} in {asked.symbol} starts before the next bar.",
        }
    )  # fmt: skip


@post("/paper-trading/api/strategies/{number:int}/pause/", status_code=200)
async def pause(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Response[bytes]:
    """Pause a program run: what it has resting is taken back."""
    return await sync_to_thread(_steer, state.desk, number, "pause", await read_body(request))


@post("/paper-trading/api/strategies/{number:int}/resume/", status_code=200)
async def resume(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Response[bytes]:
    """Let a paused program run go on."""
    return await sync_to_thread(_steer, state.desk, number, "resume", await read_body(request))


@post("/paper-trading/api/strategies/{number:int}/cancel/", status_code=200)
async def cancel(request: Request[Any, Any, State], state: State, number: FromPath[int]) -> Response[bytes]:
    """End a program run; what it bought stays unless `sell` is true."""
    return await sync_to_thread(_steer, state.desk, number, "cancel", await read_body(request))


def _steer(desk: Desk, number: int, turn: Turn, body: Json) -> Response[bytes]:
    know_fields(body, ("sell",) if turn == "cancel" else ())
    sell = body.get("sell", False)
    if not isinstance(sell, bool):
        raise Invalid("sell", "true or false", sell)
    row = steer_program(desk, number, turn, sell, by="api")
    jobs.hasten(row.session)
    name = f"Program run {row.id}, {row.run.program} in {row.instrument.symbol},"
    return answer({**run_shape(row), "message": f"{name} {_WILL[turn]} before the next bar."})


handlers = [active, one, start, pause, resume, cancel]
