"""What the bot's buttons do: a form that is posted, answered with the block by itself or, without script, with the page.

The two are different addresses (`?answer=block`), so no handler has to guess who is asking.
"""

from typing import Any, Final, Literal
from urllib.parse import urlencode

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Redirect

from workbench import jobs
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.desk import Desk
from workbench.domain.terms import Terms
from workbench.errors import NotFound, Refused
from workbench.store import reads
from workbench.web.bot import BOT, STARTED, STOPPED, Said, bot_form, bot_view, read_form
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, WebRequest, dashboard, html
from workbench.web.pages.dashboard import DashboardQuery

Answer = Literal["page", "block"]


class NothingRuns(Refused):
    """The bot was to be stopped, and stands still."""

    status = 404

    def __init__(self) -> None:
        super().__init__("The bot is not running, so there is nothing to stop.")


@post("/paper-trading/bot/start", name="bot_start", status_code=200)
async def start(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Start the bot as the form says."""
    form = await request.form()
    values = {name: value for name, value in form.items() if isinstance(value, str)}
    return await sync_to_thread(_start, state.desk, values, answer, DashboardQuery(account=account))


def _start(desk: Desk, values: dict[str, str], answer: Answer, query: DashboardQuery) -> Response[Any]:
    account = owner_of(desk, query)
    try:
        with desk.store.read() as connection:
            terms = reads.terms(connection, account)
        row = start_session(desk, account, read_form(values, terms))
    except Refused as problem:
        return _answer(desk, account, query, answer, values, problem)
    jobs.hasten(row.id)
    return _answer(desk, account, query, answer, values, said=STARTED, ending="started")


@post("/paper-trading/bot/stop", name="bot_stop", status_code=200)
async def stop(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Stop the bot; positions stay unless the form says to close them."""
    form = await request.form()
    return await sync_to_thread(_stop, state.desk, form.get("close_positions") == "yes", answer, DashboardQuery(account=account))


def _stop(desk: Desk, close: bool, answer: Answer, query: DashboardQuery) -> Response[Any]:
    account = owner_of(desk, query)
    try:
        row = stop_session(desk, account, "stopped on the dashboard", close)
    except NotFound:
        return _answer(desk, account, query, answer, {}, NothingRuns())
    except Refused as problem:
        return _answer(desk, account, query, answer, {}, problem)
    jobs.hasten(row.id)
    return _answer(desk, account, query, answer, {}, said=STOPPED, ending="stopped")


def _answer(
    desk: Desk,
    account: str,
    query: DashboardQuery,
    answer: Answer,
    values: dict[str, str],
    problem: Refused | None = None,
    said: Said | None = None,
    ending: str = "",
) -> Response[Any]:
    """Return the bot as it is now: the block alone, the page with what was wrong, or the way back to the page."""
    if problem is None and answer == "page":
        return Redirect(
            f"{query.address(dashboard.PAGE.path)}{'&' if query.kept() else '?'}{urlencode({'said': ending})}", status_code=303
        )
    status = problem.status if problem is not None else 200
    with desk.store.read() as connection:
        view = bot_view(
            connection, Asking(account, query, desk.now()), values, problem, _told(problem, values) if problem else said
        )
    if answer == "block":
        return html(draw_view(dashboard.PAGE, BOT, view), status)
    return html(draw(dashboard.PAGE, PAGES, desk, account, query, bot=view), status)


def _told(problem: Refused, values: dict[str, str]) -> Said:
    """Return a refusal with the field's name as the form writes it."""
    form = bot_form(values, problem, Terms())
    wrong = [field for field in (*form.parameters, *form.rules, *form.limits, form.runtime) if field.problem]
    return Said(f"{wrong[0].label}: {wrong[0].problem[:1].lower()}{wrong[0].problem[1:]}" if wrong else str(problem), is_bad=True)


handlers: Final[list[HTTPRouteHandler]] = [start, stop]
