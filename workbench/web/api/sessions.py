"""Sessions: which there were and what they made, as a list and as files; pause, resume, delete."""

from typing import Annotated, Any, Final

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from workbench import jobs
from workbench.actions.delete_session import delete_session
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import Command, Pause, Resume
from workbench.errors import Invalid, NotFound
from workbench.store import lines, reads
from workbench.store.orders import list_orders
from workbench.store.rows import SessionRow
from workbench.web.api import orders, shapes, thoughts
from workbench.web.api.downloads import csv_file, whole_file
from workbench.web.api.envelope import Json, Told, answer, fields_of, iso, know_fields, read_body, session_shape, thought_shape
from workbench.web.api.paging import Account, Before, Limit, one_of, page_of
from workbench.web.api.performance import point_shape
from workbench.web.api.trades import trades_file
from workbench.web.comparing import MOST, compare
from workbench.web.page import account_named

What = Annotated[str, one_of(("trades", "orders", "thoughts", "equity"))]
Beside = Annotated[str, one_of(("figures", "lines", "differences"))]
Ids = Annotated[str, QueryParameter(max_length=200, description="Ids of sessions, with commas between them.")]
EQUITY_COLUMNS: Final = ("ts", "equity_usd", "cash_usd")
COLUMNS: Final = (
    "requested_at", "session_id", "session_name", "status", "mode", "source", "timeframe", "symbols", "started_at", "ended_at",
    "runtime_seconds", "steps", "starting_balance", "ending_balance", "put_in", "total_pnl", "total_pnl_percent", "total_trades",
    "closed_trades", "winning_trades", "losing_trades", "win_rate", "ledger_digest", "ended_because", "error", "config",
)  # fmt: skip
FALL: Final = "worst_drawdown_percent"
MOST_POINTS: Final = 100_000


def told_session(row: SessionRow, now: int) -> shapes.MadeSession:
    """Return a session as a list of them tells it: its status, and what it made."""
    result = row.result
    share = None if result is None or not row.opening_equity else float(result / row.opening_equity)
    return shapes.MadeSession(
        **fields_of(session_shape(row, now)),
        starting_balance=row.opening_equity,
        ending_balance=None if row.is_active else row.equity,
        put_in=row.put_in,
        total_pnl=result,
        total_pnl_percent=None if share is None else round(100 * share, 4),
        total_trades=row.trades,
        closed_trades=row.closed,
        winning_trades=row.wins,
        losing_trades=row.closed - row.wins,
        win_rate=row.win_rate,
        ended_at=iso(row.stopped),
    )


@get("/paper-trading/api/sessions/", sync_to_thread=True)
def every(state: State, limit: Limit = 50, before: Before = None, account: Account = "") -> Told[shapes.Items[shapes.MadeSession]]:
    """List sessions, newest first."""
    return _list(state.desk, account, limit, before, ended=False)


@get("/paper-trading/api/sessions/history/", sync_to_thread=True)
def history(
    state: State, limit: Limit = 10, before: Before = None, account: Account = ""
) -> Told[shapes.Items[shapes.MadeSession]]:
    """List the sessions that have ended, newest first."""
    return _list(state.desk, account, limit, before, ended=True)


def _list(desk: Desk, name: str, limit: int, before: int | None, ended: bool) -> Told[shapes.Items[shapes.MadeSession]]:
    account, now = account_named(desk, name), desk.now()
    with desk.store.read() as connection:
        rows = reads.sessions(connection, account, limit + 1, before, ended)
    return answer(page_of(rows, limit, lambda row: told_session(row, now), lambda row: row.number))


@get("/paper-trading/api/sessions/export/", sync_to_thread=True)
def file(state: State, account: Account = "") -> Stream:
    """Download the sessions as CSV, newest first."""
    desk: Desk = state.desk
    account, now = account_named(desk, account), desk.now()

    def read(connection: Connection, limit: int, before: int | None) -> list[Json]:
        rows = reads.sessions(connection, account, limit, before)
        return [{**fields_of(told_session(row, now)), "number": row.number} for row in rows]

    return csv_file("sessions", COLUMNS, desk, read, "number")


@get("/paper-trading/api/sessions/compare/export/", sync_to_thread=True)
def comparison(state: State, sessions: Ids = "", what: Beside = "figures") -> Stream:
    """Download up to four sessions beside each other as CSV: their figures, their lines in percent, or what differs."""
    desk: Desk = state.desk
    ids = tuple(dict.fromkeys(id_.strip() for id_ in sessions.split(",") if id_.strip()))
    if len(ids) > MOST:
        raise Invalid("sessions", f"the ids of at most {MOST} sessions, with commas between them", sessions)
    now = desk.now()
    with desk.store.read() as connection:
        found = compare(connection, ids)
    known = [row.id for row in found.rows]
    for id_ in ids:
        if id_ not in known:
            raise NotFound("session", id_, known, field="sessions")
    what = what.lower() or "figures"
    name = f"comparison-{what}"
    match what:
        case "figures":
            falls = [None if fall is None else round(100 * fall, 4) for fall in found.drawdowns]
            told = zip(found.rows, falls, strict=True)
            return whole_file(name, (*COLUMNS, FALL), [{**fields_of(told_session(row, now)), FALL: fall} for row, fall in told])
        case "lines":
            columns = ("session_id", "session_name", "elapsed_seconds", "percent")
            return whole_file(name, columns, [
                {"session_id": row.id, "session_name": row.name, "elapsed_seconds": elapsed, "percent": percent}
                for row, line in zip(found.rows, found.lines, strict=True)
                for elapsed, percent in line.points
            ])  # fmt: skip
        case _:  # the differences
            return whole_file(name, ("setting", "session_id", "session_name", "value"), [
                {"setting": difference.label, "session_id": row.id, "session_name": row.name, "value": value}
                for difference in found.differences
                for row, value in zip(found.rows, difference.values, strict=True)
            ])  # fmt: skip


@get("/paper-trading/api/sessions/{session:str}/", sync_to_thread=True)
def one(state: State, session: FromPath[str]) -> Told[shapes.OneSession]:
    """Tell what a session is doing, or what it did."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(shapes.OneSession(session=told_session(reads.session(connection, session), desk.now())))


@get("/paper-trading/api/sessions/{session:str}/export/", sync_to_thread=True)
def export(state: State, session: FromPath[str], what: What = "trades") -> Stream:
    """Download what a session did as CSV: its trades, orders, thoughts or equity."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        row = reads.session(connection, session)
    what = what.lower() or "trades"
    name = f"session-{row.id[:8]}-{what}"
    match what:
        case "trades":
            return trades_file(desk, name, {"account": row.account, "session": row.id})
        case "orders":

            def order_rows(connection: Connection, limit: int, before: int | None) -> list[shapes.Order]:
                found = list_orders(connection, row.account, session=row.id, limit=limit, before=before)
                return [orders.order_shape(each) for each in found]

            return csv_file(name, orders.COLUMNS, desk, order_rows, "order_id")
        case "thoughts":

            def thought_rows(connection: Connection, limit: int, before: int | None) -> list[shapes.Thought]:
                found = reads.thoughts(connection, row.account, session=row.id, limit=limit, before=before)
                return [thought_shape(each) for each in found]

            return csv_file(name, thoughts.COLUMNS, desk, thought_rows, "thought_id")
        case _:  # the equity line
            with desk.store.read() as connection:
                points = lines.equity(connection, row.account, None, MOST_POINTS, row.id)
            return whole_file(name, EQUITY_COLUMNS, list(map(point_shape, points)))


@post("/paper-trading/api/sessions/{session:str}/pause/", status_code=200)
async def pause(request: Request[Any, Any, State], state: State, session: FromPath[str]) -> Told[shapes.AskedSession]:
    """Let a session make no more entries; exits go on."""
    return await sync_to_thread(_ask, state.desk, session, Pause(), "pauses", await read_body(request))


@post("/paper-trading/api/sessions/{session:str}/resume/", status_code=200)
async def resume(request: Request[Any, Any, State], state: State, session: FromPath[str]) -> Told[shapes.AskedSession]:
    """Let a paused session make entries again."""
    return await sync_to_thread(_ask, state.desk, session, Resume(), "goes on", await read_body(request))


def _ask(desk: Desk, session: str, command: Command, will: str, body: Json) -> Told[shapes.AskedSession]:
    know_fields(body, ())
    row = send_command(desk, session, command, by="api")
    jobs.hasten(row.id)
    message = f"{row.name} {will} before the next bar."
    return answer(shapes.AskedSession(session=told_session(row, desk.now()), message=message))


@post("/paper-trading/api/sessions/{session:str}/delete/", status_code=200)
async def delete(request: Request[Any, Any, State], state: State, session: FromPath[str]) -> Told[shapes.DeletedSession]:
    """Take a session that has ended out of the lists; what it did stays in the log."""
    know_fields(await read_body(request), ())
    row = await sync_to_thread(delete_session, state.desk, session)
    return answer(shapes.DeletedSession(session_id=row.id, message=f"{row.name} is out of the lists; its log stays."))


handlers = [every, history, file, comparison, one, export, pause, resume, delete]
