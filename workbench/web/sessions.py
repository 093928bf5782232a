"""What the buttons of a session do: each is posted, answered with the table by itself or, without script, with the page."""

from typing import Any, Final, Literal

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from workbench import jobs
from workbench.actions.delete_session import delete_session
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import Command, Pause, Resume, Stop
from workbench.domain.sessions import Status
from workbench.errors import Conflict, NotFound, Refused
from workbench.store import reads
from workbench.store.rows import SessionRow
from workbench.web.bot import Said
from workbench.web.control import Answer
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, html, sessions
from workbench.web.pages.sessions import SAID, SessionsQuery

Turn = Literal["stop", "pause", "resume", "delete"]
TURNS: Final = ("stop", "pause", "resume", "delete")
_ENDINGS: Final[dict[Turn, str]] = {"stop": "stopped", "pause": "paused", "resume": "resumed", "delete": "deleted"}


@post("/paper-trading/sessions/{session:str}/{turn:str}", name="session_turn", status_code=200, sync_to_thread=True)
def turn(
    request: Request[Any, Any, State],
    state: State,
    session: FromPath[str],
    turn: FromPath[str],
    answer: FromQuery[Answer] = "page",
) -> Response[Any]:
    """Stop, pause or resume a session before its next bar, or take one that has ended out of the lists."""
    desk: Desk = state.desk
    query = sessions.PAGE.ask(request.query_params.dict())
    assert isinstance(query, SessionsQuery)
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        row = _do(desk, session, turn)
    except Refused as problem:
        return _answer(desk, asking, answer, Said(str(problem), is_bad=True), problem.status)
    if row.is_active:
        jobs.hasten(row.id)
    ending = next(ending for name, ending in _ENDINGS.items() if name == turn)
    if answer == "page":
        return Redirect(query.address(sessions.PATH) + _also(query, f"said={ending}&at={asking.now}"), status_code=303)
    return _answer(desk, asking, answer, Said(SAID[ending].text.replace("The session", row.name, 1)))


def _also(query: SessionsQuery, more: str) -> str:
    return f"{'&' if query.kept() else '?'}{more}"


def _do(desk: Desk, session: str, turn: str) -> SessionRow:
    if turn not in TURNS:
        raise NotFound("button of a session", turn, TURNS)
    if turn == "delete":
        return delete_session(desk, session)
    with desk.store.read() as connection:
        row = reads.session(connection, session)
    return send_command(desk, row.id, _command(row, turn))


def _command(row: SessionRow, turn: str) -> Command:
    found = f"{row.name} is {row.status}"
    match turn:
        case "pause" if row.status is Status.RUNNING:
            return Pause()
        case "pause":
            raise Conflict("only a session that is RUNNING can be paused", found)
        case "resume" if row.status is Status.PAUSED:
            return Resume()
        case "resume":
            raise Conflict("only a session that is PAUSED can be resumed", found)
        case _ if row.is_active and row.status is not Status.STOPPING:
            return Stop("stopped on its page")
        case _:
            raise Conflict("only a session that is on its way can be stopped", found)


def _answer(desk: Desk, asking: Asking, answer: Answer, said: Said, status: int = 200) -> Response[Any]:
    """Return the sessions as they are now, alone or in their page, with what came of a button."""
    with desk.store.read() as connection:
        view = sessions.table_view(connection, asking, said)
    if answer == "block":
        return html(draw_view(sessions.PAGE, sessions.TABLE, view), status)
    return html(draw(sessions.PAGE, PAGES, desk, asking.account, asking.query, table=view), status)


handlers: Final[list[HTTPRouteHandler]] = [turn]
