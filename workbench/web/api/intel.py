"""The intel level: which there are, what each changes, and choosing one."""

from typing import Any

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from workbench import jobs
from workbench.actions.save_configuration import save_configuration
from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import ChangeConfiguration
from workbench.domain.params import with_fields
from workbench.engine.intel import PROFILES, Profile
from workbench.errors import Invalid
from workbench.store import reads
from workbench.web.api import shapes
from workbench.web.api.envelope import Json, Told, answer, fields_of, know_fields, read_body, text_of
from workbench.web.api.paging import Account
from workbench.web.page import account_named


def profile_shape(profile: Profile) -> shapes.Level:
    """Return what a level stands for."""
    return shapes.Level(
        level=profile.level, name=profile.name, size_percent=profile.size_pct, min_confidence=profile.confidence,
        every_bars=profile.every, factors=profile.factors, max_cost_bps=profile.cost_bps,
        stop_loss_percent=profile.stop_pct, take_profit_percent=profile.target_pct,
        trailing_stop_percent=profile.trail_pct, min_liquidity_usd=profile.liquidity,
    )  # fmt: skip


@get("/paper-trading/api/intel-level/")
async def level(state: State, account: Account = "") -> Told[shapes.Levels]:
    """Tell the level of the active configuration, null for none, and what each of the ten changes."""
    return await sync_to_thread(_level, state.desk, account)


def _level(desk: Desk, name: str) -> Told[shapes.Levels]:
    account = account_named(desk, name)
    with desk.store.read() as connection:
        active = reads.active_configuration(connection, account)
    return answer(_told(active.configuration.intel_level))


def _told(chosen: int | None) -> shapes.Levels:
    return shapes.Levels(intel_level=chosen, levels=tuple(map(profile_shape, PROFILES.values())))


@post("/paper-trading/api/intel-level/", status_code=200)
async def choose(request: Request[Any, Any, State], state: State) -> Told[shapes.ChosenLevel]:
    """Choose `intel_level`, 1 to 10 or null for none; with `apply_now` the running session takes it before its next bar."""
    return await sync_to_thread(_choose, state.desk, await read_body(request))


def _choose(desk: Desk, body: Json) -> Told[shapes.ChosenLevel]:
    know_fields(body, ("intel_level", "apply_now", "account"))
    wanted, apply_now = body.get("intel_level"), body.get("apply_now", False)
    if "intel_level" not in body or isinstance(wanted, bool) or not (wanted is None or isinstance(wanted, int)):
        raise Invalid("intel_level", "a whole number from 1 to 10, or null for none", wanted)
    if not isinstance(apply_now, bool):
        raise Invalid("apply_now", "true or false", apply_now)
    account = account_named(desk, text_of(body, "account"))
    with desk.store.read() as connection:
        active = reads.active_configuration(connection, account).configuration
        going = reads.active_session(connection, account)
    row = save_configuration(desk, account, with_fields(active, {"intel_level": wanted}))
    if apply_now and going is not None:
        send_command(desk, going.id, ChangeConfiguration(row.configuration), by="api")
        jobs.hasten(going.id)
    named = "no level" if wanted is None else f"level {wanted}, {PROFILES[wanted].name}"
    return answer(shapes.ChosenLevel(**fields_of(_told(row.configuration.intel_level)), message=f"{row.name} goes by {named}."))


handlers = [level, choose]
