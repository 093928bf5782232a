"""What the buttons of the configuration do: review, save, choose, delete; the block by itself, or without script the page."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Redirect
from msgspec.structs import replace

from workbench import jobs
from workbench.actions.activate_configuration import activate_configuration
from workbench.actions.delete_configuration import delete_configuration
from workbench.actions.save_configuration import save_configuration
from workbench.actions.save_paper_trading_config import save_paper_trading_config
from workbench.actions.send_command import send_command
from workbench.actions.set_time_zone import set_time_zone
from workbench.desk import Desk
from workbench.domain.commands import ChangeConfiguration
from workbench.errors import Refused
from workbench.store import reads
from workbench.web.bot import Said, beside
from workbench.web.configuring import YES, read_terms
from workbench.web.control import Answer
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, WebRequest, configuration, html
from workbench.web.pages.configuration import FORM, PATH, REVIEW, SAID, SAVED, ConfigurationQuery


@post("/paper-trading/configuration/review", name="configuration_review", status_code=200, changes_nothing=True)
async def look_over(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = "", load: FromQuery[str] = ""
) -> Response[Any]:
    """Tell what a form would change and what that means, without saving it."""
    query = ConfigurationQuery(account=account, load=load)
    return await sync_to_thread(_review, state.desk, await _values(request), answer, query)


def _review(desk: Desk, values: dict[str, str], answer: Answer, query: ConfigurationQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    with desk.store.read() as connection:
        view = configuration.form_view(connection, asking, values, None)
    status = 422 if view.review.problem else 200
    if answer == "block":
        return html(draw_view(configuration.PAGE, REVIEW, view), status)
    return html(draw(configuration.PAGE, PAGES, desk, asking.account, asking.query, form=view), status)


@post("/paper-trading/configuration/save", name="configuration_save", status_code=200)
async def save(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = "", load: FromQuery[str] = ""
) -> Response[Any]:
    """Save what the form says under its name, as a new version, and make it the active one."""
    query = ConfigurationQuery(account=account, load=load)
    return await sync_to_thread(_save, state.desk, await _values(request), answer, query)


def _save(desk: Desk, values: dict[str, str], answer: Answer, query: ConfigurationQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        with desk.store.read() as connection:
            before = reads.terms(connection, asking.account)
            loaded = reads.configuration_version(connection, asking.account, query.load) if query.load else None
            going = reads.active_session(connection, asking.account)
        base = before if loaded is None else replace(before, configuration=loaded.configuration)
        after = read_terms(values, base)
        row = save_configuration(desk, asking.account, after.configuration)
        save_paper_trading_config(desk, asking.account, after.realism)
        ending = "same" if (row.configuration, after.realism) == (before.configuration, before.realism) else "saved"
        if values.get("apply_now") == YES and going is not None:
            send_command(desk, going.id, ChangeConfiguration(row.configuration))
            jobs.hasten(going.id)
            ending = "applied"
    except Refused as problem:
        return _form(desk, asking, answer, values, problem)
    if answer == "page":
        return Redirect(
            f"{PATH}?{urlencode({**ConfigurationQuery(account=query.account).kept(), 'said': ending})}", status_code=303
        )
    saved = replace(asking, query=ConfigurationQuery(account=query.account))
    with desk.store.read() as connection:
        view = configuration.form_view(connection, saved, {}, None, SAID[ending])
    return html(draw_view(configuration.PAGE, FORM, view))


def _form(desk: Desk, asking: Asking, answer: Answer, values: dict[str, str], problem: Refused) -> Response[Any]:
    """Return the form with what was wrong, alone or in its page."""
    with desk.store.read() as connection:
        view = configuration.form_view(connection, asking, values, problem, Said(str(problem), is_bad=True))
    if answer == "block":
        return html(draw_view(configuration.PAGE, FORM, view), problem.status)
    return html(draw(configuration.PAGE, PAGES, desk, asking.account, asking.query, form=view), problem.status)


@post("/paper-trading/configuration/choose", name="configuration_choose", status_code=200)
async def choose(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Make a saved configuration the active one."""
    values = await _values(request)
    return await sync_to_thread(_change, state.desk, values.get("name", ""), answer, account, "chosen")


@post("/paper-trading/configuration/delete", name="configuration_delete", status_code=200)
async def delete(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Delete a saved configuration, but never the last."""
    values = await _values(request)
    return await sync_to_thread(_change, state.desk, values.get("name", ""), answer, account, "deleted")


def _change(desk: Desk, name: str, answer: Answer, whose: str, ending: str) -> Response[Any]:
    query = ConfigurationQuery(account=whose)
    asking = Asking(owner_of(desk, query), query, desk.now())
    said, status = SAID[ending], 200
    try:
        if ending == "chosen":
            with desk.store.read() as connection:
                row = reads.configuration_version(connection, asking.account, name)
            activate_configuration(desk, asking.account, row.name, row.version)
        else:
            delete_configuration(desk, asking.account, name)
    except Refused as problem:
        said, status = Said(beside(problem), is_bad=True), problem.status
    else:
        if answer == "page":
            return Redirect(f"{PATH}?{urlencode({**query.kept(), 'said': ending})}", status_code=303)
    with desk.store.read() as connection:
        view = replace(configuration.look_at_saved(connection, asking), said=said)
    if answer == "block":
        return html(draw_view(configuration.PAGE, SAVED, view), status)
    return html(draw(configuration.PAGE, PAGES, desk, asking.account, query, saved=view), status)


@post("/paper-trading/configuration/time-zone", name="configuration_time_zone", status_code=200)
async def choose_zone(request: WebRequest, state: State, account: FromQuery[str] = "") -> Response[Any]:
    """Show times in another zone; the whole page is drawn anew, for it may have times anywhere."""
    values = await _values(request)
    return await sync_to_thread(_choose_zone, state.desk, values.get("time_zone", ""), ConfigurationQuery(account=account))


def _choose_zone(desk: Desk, name: str, query: ConfigurationQuery) -> Response[Any]:
    try:
        set_time_zone(desk, name)
    except Refused as problem:
        asking = Asking(owner_of(desk, query), query, desk.now())
        with desk.store.read() as connection:
            view = configuration.look_at_display(connection, asking)
        said = Said(f"Time zone: {beside(problem)[:1].lower()}{beside(problem)[1:]}", is_bad=True)
        view = replace(view, zone=name[:60], problem=beside(problem), said=said)
        return html(draw(configuration.PAGE, PAGES, desk, asking.account, query, display=view), problem.status)
    return Redirect(f"{PATH}?{urlencode({**query.kept(), 'said': 'zone'})}#display", status_code=303)


async def _values(request: WebRequest) -> dict[str, str]:
    form = await request.form()
    # Of a box and the hidden field before it, the box comes last and holds.
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


handlers: Final[list[HTTPRouteHandler]] = [look_over, save, choose, delete, choose_zone]
