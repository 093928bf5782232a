"""Configurations: the active one, those that were saved, and how real the simulation is."""

from typing import Any, Final

from litestar import Request, delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath

from workbench import jobs
from workbench.actions.activate_configuration import activate_configuration
from workbench.actions.delete_configuration import delete_configuration
from workbench.actions.save_configuration import save_configuration
from workbench.actions.save_paper_trading_config import save_paper_trading_config
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import ChangeConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.presets import Change, changes_between
from workbench.domain.terms import REALISM, RULES
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.rows import ConfigurationRow
from workbench.web.api import shapes
from workbench.web.api.envelope import Json, Told, answer, fields_of, iso, know_fields, listed, read_body, text_of
from workbench.web.api.naming import configuration_named
from workbench.web.api.paging import Account, Text
from workbench.web.page import account_named

SAVED: Final = ("account", "name", "strategy", "parameters", "apply_now", "trading_mode", *RULES, *REALISM)


def configuration_shape(row: ConfigurationRow, realism: PaperTradingConfig) -> shapes.Configuration:
    """Return a saved configuration as answers carry it, every field by its name."""
    return shapes.Configuration(
        config_id=row.id, version=row.version, is_active=row.is_active, saved_at=iso(row.saved),
        trading_mode=row.mode, **fields_of(row.configuration), **fields_of(realism),
    )  # fmt: skip


def _change_shape(change: Change) -> shapes.Change:
    return shapes.Change(field=change.field, label=change.label, before=change.before, after=change.after)


@get(["/paper-trading/api/configuration/", "/paper-trading/api/config/"])
async def active(state: State, account: Account = "") -> Told[shapes.OneConfiguration]:
    """Tell the active configuration."""
    return await sync_to_thread(_active, state.desk, account)


def _active(desk: Desk, name: str) -> Told[shapes.OneConfiguration]:
    account = account_named(desk, name)
    with desk.store.read() as connection:
        row, realism = reads.active_configuration(connection, account), reads.paper_trading_config(connection, account)
    return answer(shapes.OneConfiguration(configuration=configuration_shape(row, realism)))


@post(["/paper-trading/api/configuration/", "/paper-trading/api/config/"], status_code=200)
async def save(request: Request[Any, Any, State], state: State) -> Told[shapes.SavedConfiguration]:
    """Save a configuration: what the body leaves out stays as it is in the active one; `apply_now` brings it to the session."""
    body = await read_body(request)
    return await sync_to_thread(_save, state.desk, body)


def _save(desk: Desk, body: Json) -> Told[shapes.SavedConfiguration]:
    account = account_named(desk, text_of(body, "account", ""))
    body.pop("account", None)
    know_fields(body, SAVED)
    apply_now = body.pop("apply_now", False)
    if not isinstance(apply_now, bool):
        raise Invalid("apply_now", "true or false", apply_now)
    with desk.store.read() as connection:
        before = reads.terms(connection, account)
        going = reads.active_session(connection, account)
    after = before.renamed(body)
    row = save_configuration(desk, account, after.configuration)
    realism = save_paper_trading_config(desk, account, after.realism)
    if apply_now and going is not None:
        send_command(desk, going.id, ChangeConfiguration(row.configuration), by="api")
        jobs.hasten(going.id)
    changes = (*changes_between(before.configuration, row.configuration), *changes_between(before.realism, realism))
    return answer(
        shapes.SavedConfiguration(
            config_id=row.id,
            created=row.version == 1,
            message=f"{row.name} is saved as version {row.version} and active.",
            changes=tuple(map(_change_shape, changes)),
            configuration=configuration_shape(row, realism),
        )
    )


@get("/paper-trading/api/configurations/", sync_to_thread=True)
def saved(state: State, name: Text = "", account: Account = "") -> Told[shapes.Items[shapes.Configuration]]:
    """List the saved configurations, or every version of one."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows, realism = reads.configurations(connection, account, name), reads.paper_trading_config(connection, account)
    return answer(listed([configuration_shape(row, realism) for row in rows], None))


@get("/paper-trading/api/configurations/compare/", sync_to_thread=True)
def compare(state: State, before: Text, after: Text, account: Account = "") -> Told[shapes.Changes]:
    """Tell what differs between two saved configurations, or two versions of one (`Default@1`)."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        first = configuration_named(connection, account, before, "before")
        second = configuration_named(connection, account, after, "after")
    return answer(shapes.Changes(changes=tuple(map(_change_shape, changes_between(first.configuration, second.configuration)))))


@post("/paper-trading/api/configurations/{name:str}/activate/", status_code=200)
async def activate(request: Request[Any, Any, State], state: State, name: FromPath[str]) -> Told[shapes.ActivatedConfiguration]:
    """Make a saved configuration the active one, or one version of it by `NAME@VERSION`, such as `Default@1`."""
    return await sync_to_thread(_activate, state.desk, name, await read_body(request))


def _activate(desk: Desk, name: str, body: Json) -> Told[shapes.ActivatedConfiguration]:
    know_fields(body, ("account",))
    account = account_named(desk, text_of(body, "account"))
    with desk.store.read() as connection:
        chosen = configuration_named(connection, account, name, "name")
    row = activate_configuration(desk, account, chosen.name, chosen.version)
    with desk.store.read() as connection:
        realism = reads.paper_trading_config(connection, account)
    told = configuration_shape(row, realism)
    return answer(shapes.ActivatedConfiguration(configuration=told, message=f"{row.name} is active."))


@delete("/paper-trading/api/configurations/{name:str}/", status_code=200, sync_to_thread=True)
def remove(state: State, name: FromPath[str], account: Account = "") -> Told[shapes.Said]:
    """Delete a saved configuration, but never the last."""
    desk: Desk = state.desk
    row = delete_configuration(desk, account_named(desk, account), name)
    return answer(shapes.Said(message=f"{name} was deleted; {row.name} is active."))


handlers = [active, save, saved, compare, activate, remove]
