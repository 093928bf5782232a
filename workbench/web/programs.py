"""What the buttons of a program do: a form that is posted, answered with the block by itself or, without script, the page.

As with the bot's buttons, the two are different addresses (`?answer=block`), so no handler has to guess who is asking.
"""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec.structs import replace

from workbench import jobs
from workbench.actions.start_program import running_session, start_program
from workbench.actions.steer_program import Turn, steer_program
from workbench.desk import Desk
from workbench.errors import Refused
from workbench.web.bot import Said, beside
from workbench.web.control import Answer
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, WebRequest, html, strategies
from workbench.web.pages.strategies import StrategiesQuery
from workbench.web.starting import FORM, STARTED, YES, form_view, read_form, told


@post("/paper-trading/strategies/start", name="program_start", status_code=200)
async def start(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Start a program in the running session as the form says."""
    form = await request.form()
    # Of a box and the hidden field before it, the box comes last and holds.
    values = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    return await sync_to_thread(_start, state.desk, values, answer, StrategiesQuery(account=account))


def _start(desk: Desk, values: dict[str, str], answer: Answer, query: StrategiesQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        asked = read_form(values)
        row = start_program(desk, running_session(desk, asking.account), asked.program, asked.symbol, asked.parameters)
    except Refused as problem:
        return _started(desk, asking, answer, values, problem)
    jobs.hasten(row.id)
    if answer == "page":
        return _back("started", query)
    return _started(desk, asking, answer, {"program": asked.program, "symbol": asked.symbol})


def _started(desk: Desk, asking: Asking, answer: Answer, values: dict[str, str], problem: Refused | None = None) -> Response[Any]:
    """Return the form as it is now, alone or in its page, with what was wrong."""
    with desk.store.read() as connection:
        view = form_view(connection, asking, values, problem, STARTED)
    if problem is not None:
        view = replace(view, said=told(problem, view.form))
    status = problem.status if problem is not None else 200
    if answer == "block":
        return html(draw_view(strategies.PAGE, FORM, view), status)
    return html(draw(strategies.PAGE, PAGES, desk, asking.account, asking.query, form=view), status)


@post("/paper-trading/strategies/{number:int}/pause", name="program_pause", status_code=200, sync_to_thread=True)
def pause(state: State, number: FromPath[int], answer: FromQuery[Answer] = "page", account: FromQuery[str] = "") -> Response[Any]:
    """Pause a program: what it has resting is taken back."""
    return _steer(state.desk, number, "pause", answer, "paused", StrategiesQuery(account=account))


@post("/paper-trading/strategies/{number:int}/resume", name="program_resume", status_code=200, sync_to_thread=True)
def resume(state: State, number: FromPath[int], answer: FromQuery[Answer] = "page", account: FromQuery[str] = "") -> Response[Any]:
    """Let a paused program go on."""
    return _steer(state.desk, number, "resume", answer, "resumed", StrategiesQuery(account=account))


@post("/paper-trading/strategies/{number:int}/cancel", name="program_cancel", status_code=200)
async def cancel(
    request: WebRequest, state: State, number: FromPath[int], answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """End a program; what it bought stays unless the form says to sell it."""
    form = await request.form()
    sell = form.get("sell") == YES
    return await sync_to_thread(
        _steer, state.desk, number, "cancel", answer, "sold" if sell else "cancelled", StrategiesQuery(account=account), sell
    )


def _steer(
    desk: Desk, number: int, turn: Turn, answer: Answer, ending: str, query: StrategiesQuery, sell: bool = False
) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        row = steer_program(desk, number, turn, sell)
    except Refused as problem:
        return _steered(desk, asking, answer, Said(beside(problem), is_bad=True), problem.status)
    jobs.hasten(row.session)
    if answer == "page":
        return _back(ending, query)
    return _steered(desk, asking, answer, strategies.SAID[ending], 200)


def _steered(desk: Desk, asking: Asking, answer: Answer, said: Said, status: int) -> Response[Any]:
    """Return the programs that go on, alone or in their page, with what came of a button."""
    with desk.store.read() as connection:
        view = strategies.active_view(connection, asking, said)
    if answer == "block":
        return html(draw_view(strategies.PAGE, strategies.ACTIVE, view), status)
    return html(draw(strategies.PAGE, PAGES, desk, asking.account, asking.query, active=view), status)


def _back(ending: str, query: StrategiesQuery) -> Redirect:
    return Redirect(f"{strategies.PATH}?{urlencode({**query.kept(), 'said': ending})}", status_code=303)


handlers: Final[list[HTTPRouteHandler]] = [start, pause, resume, cancel]
