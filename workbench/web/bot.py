"""The bot's own block: what runs, or the form that starts it; one declaration of a parameter makes its slider."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import in_words
from workbench.domain.params import Field, param_fields
from workbench.domain.sessions import SessionRequest, Status
from workbench.domain.terms import Terms
from workbench.engine.exits import exits_of
from workbench.engine.intel import Profile, profile_of
from workbench.errors import Invalid, NotFound, Refused
from workbench.store import reads
from workbench.store.rows import SessionRow
from workbench.strategies import shelf
from workbench.web.filters import plain_number
from workbench.web.page import SESSION_KINDS, Asking, Block

PREFIX: Final = "p."
"""Before the names of a strategy's own parameters, which may be called like the fields around them."""
TIMEFRAMES: Final = ("5s", "15s", "1m")
_SLIDERS: Final = ("size_pct", "confidence_threshold")
_OPTIONAL: Final = ("stop_loss_pct", "take_profit_pct", "intel_level", "daily_loss_pct")


class Said(msgspec.Struct, frozen=True):
    """A sentence for the person: how something ended."""

    text: str
    is_bad: bool = False


STARTED: Final = Said("The bot is starting; its first bar comes in a moment.")
STOPPED: Final = Said("The bot stops before its next bar.")


class Offer(msgspec.Struct, frozen=True):
    """A strategy on the shelf."""

    name: str
    title: str
    summary: str


class Input(msgspec.Struct, frozen=True):
    """A field of the form: its bounds, its words, what is in it, and what was wrong with that."""

    name: str
    label: str
    help: str
    unit: str
    low: str
    high: str
    step: str
    value: str
    problem: str = ""


class BotForm(msgspec.Struct, frozen=True):
    """The form that starts the bot."""

    offers: tuple[Offer, ...]
    chosen: Offer
    parameters: tuple[Input, ...]
    rules: tuple[Input, ...]
    limits: tuple[Input, ...]
    timeframes: tuple[str, ...]
    timeframe: str
    runtime: Input
    costs: str


class Setting(msgspec.Struct, frozen=True):
    """A line of what the bot goes by."""

    label: str
    value: str


class BotView(msgspec.Struct, frozen=True):
    """The bot: a session on its way, or the form, with the last session's end above it.

    `whose` is what an address says of the account that is looked at; empty for the default one. `key` is the form's own.
    """

    session: SessionRow | None
    last: SessionRow | None
    form: BotForm | None
    settings: tuple[Setting, ...]
    now: int
    said: Said | None = None
    whose: str = ""
    key: str = ""
    account: str = ""


def look_at_bot(connection: Connection, asking: Asking) -> BotView:
    """Return the bot as it is."""
    if asking.query.strategy:
        shelf.get(asking.query.strategy, "strategy")
    wanted = asking.query.strategy or reads.active_configuration(connection, asking.account).configuration.strategy
    view = bot_view(connection, asking, {"strategy": wanted})
    if view.session is None:
        return view
    # What was said on the way here holds as long as it has not happened.
    coming = {("started", Status.STARTING): STARTED, ("stopped", Status.STOPPING): STOPPED}
    return replace(view, said=coming.get((asking.query.said, view.session.status)))


def bot_view(
    connection: Connection,
    asking: Asking,
    values: Mapping[str, str],
    problem: Refused | None = None,
    said: Said | None = None,
) -> BotView:
    """Return the bot as it is, with what somebody put into the form and what was wrong with it."""
    account, now = asking.account, asking.now
    going = reads.active_session(connection, account)
    if going is not None:
        return BotView(going, None, None, settings_of(going), now, said, asking.query.whose)
    newest = reads.sessions(connection, account, limit=1)
    form = bot_form(values, problem, reads.terms(connection, account))
    return BotView(
        None, newest[0] if newest else None, form, (), now, said, asking.query.whose, asking.draw_key(), asking.query.account
    )


def bot_form(values: Mapping[str, str], problem: Refused | None, terms: Terms) -> BotForm:
    """Return the form with values in it; what is not given is as the terms say.

    Raises
    ------
    NotFound
        If there is no such strategy.
    """
    offers = tuple(Offer(name, offered.title or name, offered.summary) for name, offered in shelf.offered().items())
    configuration = terms.configuration
    name = values.get("strategy") or configuration.strategy
    wrong = _field_of(problem, name)
    if name not in {offer.name for offer in offers}:
        # What is configured may be a file of the user's own that is gone.
        name = configuration.strategy if configuration.strategy in {offer.name for offer in offers} else offers[0].name
    kept = configuration.parameters if name == configuration.strategy else {}
    strategy = shelf.get(name, "strategy")
    known = {field.name: field for field in param_fields(StrategyConfiguration)}
    minutes = next(field for field in param_fields(SessionRequest) if field.name == "runtime_minutes")

    def shown(field: Field, key: str, default: Any, label: str = "") -> Input:
        text = values.get(key, plain_number(default))
        step = field.param.step
        # A slider that begins off its own grid can never stand on a round number.
        low = field.param.low if field.param.low % step == 0 or field.type is int else step
        return Input(
            key, label or field.label, field.param.help, field.param.unit, plain_number(low), plain_number(field.param.high),
            plain_number(step), text, beside(problem) if problem is not None and key == wrong else "",
        )  # fmt: skip

    return BotForm(
        offers=offers,
        chosen=next(offer for offer in offers if offer.name == name),
        parameters=tuple(shown(own, PREFIX + own.name, kept.get(own.name, own.default)) for own in param_fields(strategy)),
        rules=tuple(shown(known[key], key, getattr(configuration, key)) for key in _SLIDERS),
        limits=tuple(shown(known[key], key, getattr(configuration, key)) for key in _OPTIONAL),
        timeframes=TIMEFRAMES,
        timeframe=values.get("timeframe", TIMEFRAMES[0]),
        runtime=shown(minutes, "runtime_minutes", None, "Runtime"),
        costs=in_words(terms.costs),
    )


def beside(problem: Refused) -> str:
    """Return a refusal as it stands beside the field that it is about, which need not be named again."""
    text = str(problem).removeprefix(f"{problem.field}: ")
    return text[:1].upper() + text[1:]


def _field_of(problem: Refused | None, strategy: str) -> str:
    """Return the form's name for the field that a refusal speaks of."""
    field = problem.field if problem is not None and problem.field else ""
    own = {found.name for found in param_fields(shelf.get(strategy))} if strategy in shelf.names() else set()
    return PREFIX + field if field in own else field


def read_form(values: Mapping[str, str], terms: Terms) -> SessionRequest:
    """Return the request for a session that the form describes; what is not in the form is as the terms say.

    Raises
    ------
    NotFound
        If the strategy is unknown.
    Invalid
        If a value is missing or out of bounds.
    """
    name = values.get("strategy") or terms.configuration.strategy
    strategy = shelf.get(name, "strategy")
    own = {field.name: field for field in param_fields(strategy)}
    parameters = {field.name: field.check(values[PREFIX + field.name]) for field in own.values() if PREFIX + field.name in values}
    for key in values:
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in own:
            raise NotFound(f"parameter of {name}", key.removeprefix(PREFIX), own)
    rules: dict[str, Any] = {}
    for field in param_fields(StrategyConfiguration):
        if field.name in (*_SLIDERS, *_OPTIONAL) and field.name in values:
            rules[field.name] = field.check(values[field.name])
    timeframe = values.get("timeframe", TIMEFRAMES[0])
    if timeframe not in TIMEFRAMES:
        raise Invalid("timeframe", "one of " + ", ".join(TIMEFRAMES), timeframe)
    minutes = next(field for field in param_fields(SessionRequest) if field.name == "runtime_minutes")
    configuration = replace(terms.configuration, strategy=name, parameters=parameters, **rules)
    return SessionRequest(
        timeframe=timeframe,
        runtime_minutes=minutes.check(values.get("runtime_minutes", "").strip()),
        configuration=configuration,
        costs=terms.costs,
        realism=terms.realism,
    )


def settings_of(session: SessionRow) -> tuple[Setting, ...]:
    """Return what a session goes by, a line each."""
    c = session.configuration
    strategy = shelf.find(c.strategy)
    # A file of the user's own may be gone while its session is still shown.
    lines = [Setting("Strategy", c.strategy if strategy is None else strategy.title or c.strategy)]
    lines += [
        Setting(field.label, _with_unit(c.parameters.get(field.name, field.default), field.param.unit))
        for field in (param_fields(strategy) if strategy is not None else ())
    ]
    profile = profile_of(c.intel_level)
    stop, target, _ = exits_of(c)
    lines += [
        Setting("Size", _size_in_words(c, profile)),
        Setting("Stop loss", _with_unit(stop, "%")),
        Setting("Take profit", _with_unit(target, "%")),
        Setting("Confidence", "≥ " + _with_unit(c.confidence_threshold if profile is None else profile.confidence, "%")),
        Setting("Intel level", "none" if profile is None else f"{profile.level}, {profile.name}"),
        Setting("Daily loss", _with_unit(c.daily_loss_pct, "%")),
        Setting("Bars", session.timeframe),
        Setting("Tokens", str(len(session.symbols))),
        Setting("Runtime", _with_unit(session.runtime_minutes, "min") if session.runtime_minutes else "no limit"),
    ]
    return tuple(lines)


def _size_in_words(c: StrategyConfiguration, profile: Profile | None) -> str:
    match c.sizing:
        case "fixed":
            return _with_unit(c.size_amount, "USDC")
        case "percent":
            return _with_unit(c.size_pct if profile is None else profile.size_pct, "% of equity")
        case "volatility":
            return f"for {plain_number(c.volatility_target_pct)} % volatility a year"
        case _:
            return f"{plain_number(c.kelly_fraction)} of Kelly, at most {plain_number(c.kelly_cap_pct)} %"


def _with_unit(value: Decimal | float | int | None, unit: str) -> str:
    return "none" if value is None else f"{plain_number(value)} {unit}".strip()


BOT: Final = Block("bot", SESSION_KINDS, look_at_bot)
