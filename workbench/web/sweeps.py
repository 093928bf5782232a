"""What the buttons of research do: a form that is posted, answered with the block by itself or, without script, the page."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from workbench.actions.request_sweep import cancel_sweep, request_sweep
from workbench.desk import Desk
from workbench.domain.sweeps import SweepStatus
from workbench.errors import Refused
from workbench.web.asking import ASKED, FORM, form_view, read_form
from workbench.web.bot import Said, beside
from workbench.web.control import Answer
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, WebRequest, html, research
from workbench.web.pages.research import ResearchQuery

ENDED: Final = Said("The sweep is cancelled; it had not begun.")


@post("/paper-trading/research/start", name="sweep_start", status_code=200)
async def start(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Ask for a sweep as the form says."""
    form = await request.form()
    values = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    return await sync_to_thread(_start, state.desk, values, answer, ResearchQuery(account=account))


def _start(desk: Desk, values: dict[str, str], answer: Answer, query: ResearchQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    problem: Refused | None = None
    try:
        request_sweep(desk, read_form(values))
    except Refused as found:
        problem = found
    if problem is None and answer == "page":
        return Redirect(f"{research.PATH}?{urlencode({**query.kept(), 'said': 'asked'})}", status_code=303)
    with desk.store.read() as connection:
        view = form_view(connection, asking, values, problem, None if problem is not None else ASKED)
    status = problem.status if problem is not None else 200
    if answer == "block":
        return html(draw_view(research.PAGE, FORM, view), status)
    return html(draw(research.PAGE, PAGES, desk, asking.account, query, form=view), status)


@post("/paper-trading/research/{sweep:str}/cancel", name="sweep_cancel", status_code=200, sync_to_thread=True)
def cancel(state: State, sweep: FromPath[str], answer: FromQuery[Answer] = "page", account: FromQuery[str] = "") -> Response[Any]:
    """Let a sweep end; the trials that are done stay."""
    desk: Desk = state.desk
    query = ResearchQuery(account=account)
    asking = Asking(owner_of(desk, query), query, desk.now())
    status = 200
    try:
        row = cancel_sweep(desk, sweep)
        said = research.SAID["cancelled"] if row.status == SweepStatus.CANCELLING else ENDED
    except Refused as problem:
        said, status = Said(beside(problem), is_bad=True), problem.status
    if status == 200 and answer == "page":
        return Redirect(f"{research.PATH}?{urlencode({**query.kept(), 'said': 'cancelled'})}", status_code=303)
    with desk.store.read() as connection:
        view = research.going_view(connection, asking, said)
    if answer == "block":
        return html(draw_view(research.PAGE, research.GOING, view), status)
    return html(draw(research.PAGE, PAGES, desk, asking.account, query, going=view), status)


handlers: Final[list[HTTPRouteHandler]] = [start, cancel]
