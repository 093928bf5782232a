"""The form of a configuration: one declaration of a field makes its input; read back with what was wrong beside it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.money import EXACT, product
from workbench.domain.params import Field, param_fields, spelled_out, with_fields
from workbench.domain.presets import PRESETS, Change, changes_between
from workbench.domain.terms import REALISM, RULES, Terms
from workbench.engine.exits import exits_of
from workbench.engine.intel import PROFILES, Profile, profile_of
from workbench.errors import Refused
from workbench.strategies import shelf
from workbench.web.bot import PREFIX, Offer, beside
from workbench.web.filters import money, plain_number

YES: Final = "yes"
GROUPS: Final = (
    ("How much", "sizing"), ("When to leave", "stop_loss_pct"), ("When not to enter", "confidence_threshold"),
    ("How an entry is made", "enable_dca"), ("Breakers", "daily_loss_pct"),
)  # fmt: skip
"""The heads of the form, each with the first rule below it; the rules stand in the order in which they are declared."""
LEVEL: Final = "intel_level"

Kind = Literal["number", "choice", "flag", "text"]


class Entry(msgspec.Struct, frozen=True):
    """A field of the form: its words, its bounds or choices, what is in it, and what was wrong with that."""

    name: str
    label: str
    help: str
    unit: str
    kind: Kind
    value: str
    nothing: str = ""
    low: str = ""
    high: str = ""
    choices: tuple[str, ...] = ()
    problem: str = ""


class Group(msgspec.Struct, frozen=True):
    """Fields under one head; open where one of them says something."""

    title: str
    entries: tuple[Entry, ...]
    is_open: bool


class LevelLine(msgspec.Struct, frozen=True):
    """A level and what it changes, in words."""

    profile: Profile
    exits: str
    chosen: bool


class ConfigurationForm(msgspec.Struct, frozen=True):
    """The form with what is in it."""

    name: str
    name_problem: str
    offers: tuple[Offer, ...]
    strategy: str
    parameters: tuple[Entry, ...]
    groups: tuple[Group, ...]
    level: str
    level_problem: str
    levels: tuple[LevelLine, ...]
    modes: tuple[str, ...]


class Review(msgspec.Struct, frozen=True):
    """What would change if it was saved, what it means for the next entry, and what stands against it."""

    changes: tuple[Change, ...]
    effects: tuple[str, ...]
    problem: str = ""


def form_of(terms: Terms, values: Mapping[str, str], problem: Refused | None = None) -> ConfigurationForm:
    """Return the form with values in it; what is not given is as the terms say."""
    c = terms.configuration
    offered = shelf.offered()
    name = values.get("strategy", c.strategy)
    offers = tuple(Offer(each, kind.title or each, kind.summary) for each, kind in offered.items())
    strategy = offered.get(name)
    kept = c.parameters if name == c.strategy else {}
    wrong = problem.field if problem is not None else None

    def parameters() -> Iterator[Entry]:
        for field in param_fields(strategy) if strategy is not None else ():
            key = PREFIX + field.name
            yield _number(field, key, values.get(key, plain_number(kept.get(field.name, field.default))), problem, wrong)

    level = values.get(LEVEL, "" if c.intel_level is None else str(c.intel_level))
    return ConfigurationForm(
        name=values.get("name", c.name),
        name_problem=beside(problem) if problem is not None and wrong == "name" else "",
        offers=offers,
        strategy=name,
        parameters=tuple(parameters()),
        groups=tuple(_groups(terms, values, problem, wrong)),
        level=level,
        level_problem=beside(problem) if problem is not None and wrong == LEVEL else "",
        levels=tuple(LevelLine(profile, _exits_in_words(profile), str(profile.level) == level) for profile in PROFILES.values()),
        modes=tuple(PRESETS),
    )


def _groups(terms: Terms, values: Mapping[str, str], problem: Refused | None, wrong: str | None) -> Iterator[Group]:
    starts = [RULES.index(first) for _, first in GROUPS] + [len(RULES)]
    for (title, _), begin, end in zip(GROUPS, starts, starts[1:], strict=False):
        names = [name for name in RULES[begin:end] if name != LEVEL]
        yield _group(title, names, terms.configuration, StrategyConfiguration(), values, problem, wrong)
    yield _group("How real it is", REALISM, terms.realism, PaperTradingConfig(), values, problem, wrong)


def _group(
    title: str, names: Any, given: msgspec.Struct, plain: msgspec.Struct, values: Mapping[str, str], problem: Refused | None,
    wrong: str | None,
) -> Group:  # fmt: skip
    fields = {field.name: field for field in param_fields(type(given))}
    hints = get_type_hints(type(given))
    entries = []
    for name in names:
        value = getattr(given, name)
        told = beside(problem) if problem is not None and wrong == name else ""
        label = spelled_out(name)
        if name in fields:
            entries.append(_number(fields[name], name, values.get(name, plain_number(value)), problem, wrong))
        elif hints[name] is bool:
            shown = values.get(name, YES if value else "")
            entries.append(Entry(name, label, "", "", "flag", shown, problem=told))
        elif get_origin(hints[name]) is Literal:
            entries.append(
                Entry(name, label, "", "", "choice", values.get(name, value), choices=get_args(hints[name]), problem=told)
            )
        else:
            text = values.get(name, ", ".join(value))
            entries.append(Entry(name, label, "Symbols with commas between them.", "", "text", text, "any", problem=told))
    is_open = title == GROUPS[0][0] or any(
        entry.problem or (entry.name in values and entry.value != "") or getattr(given, entry.name) != getattr(plain, entry.name)
        for entry in entries
    )
    return Group(title, tuple(entries), is_open)


def _number(field: Field, key: str, value: str, problem: Refused | None, wrong: str | None) -> Entry:
    told = beside(problem) if problem is not None and wrong == field.name else ""
    return Entry(
        key, field.label, field.param.help, field.param.unit, "number", value, "none" if field.optional else "",
        plain_number(field.param.low), plain_number(field.param.high), (), told,
    )  # fmt: skip


def _exits_in_words(profile: Profile) -> str:
    trail = "–" if profile.trail_pct is None else plain_number(profile.trail_pct)
    return f"{plain_number(profile.stop_pct)} / {plain_number(profile.target_pct)} / {trail} %"


def read_terms(values: Mapping[str, str], base: Terms) -> Terms:
    """Return the terms that a posted form describes; what the form leaves out is as the base says.

    Raises
    ------
    NotFound
        If the strategy or one of its parameters is unknown.
    Invalid
        Naming the field that is out of bounds.
    """
    name = values.get("strategy") or base.configuration.strategy
    own = {field.name: field for field in param_fields(shelf.get(name, "strategy"))}
    kept = base.configuration.parameters if name == base.configuration.strategy else {}
    typed = {each: field.check(values[PREFIX + each].strip()) for each, field in own.items() if PREFIX + each in values}
    # What is left at its default says nothing, so that a form that is saved as it came changes nothing.
    said = {each: value for each, value in typed.items() if each in kept or value != own[each].default}
    parameters = {**kept, **said}
    configuration = with_fields(
        base.configuration,
        {
            **_read(StrategyConfiguration, RULES, values),
            "name": values.get("name", base.configuration.name).strip()[:120],
            "strategy": name,
            "parameters": parameters,
        },
    )
    return Terms(configuration, base.costs, with_fields(base.realism, _read(PaperTradingConfig, REALISM, values)))


def _read(kind: type[msgspec.Struct], names: Any, values: Mapping[str, str]) -> dict[str, Any]:
    fields, hints = {field.name: field for field in param_fields(kind)}, get_type_hints(kind)
    found: dict[str, Any] = {}
    for name in names:
        if name not in values:
            continue
        text = values[name].strip()
        if name in fields:
            found[name] = fields[name].check(text)
        elif hints[name] is bool:
            found[name] = text == YES
        else:
            found[name] = text
    return found


def review(before: Terms, after: Terms, equity: Decimal) -> Review:
    """Return what differs between two terms, and what the second mean for an account of such an equity."""
    changes = (*changes_between(before.configuration, after.configuration), *changes_between(before.realism, after.realism))
    return Review(changes, tuple(effects_of(after.configuration, equity)))


def effects_of(c: StrategyConfiguration, equity: Decimal) -> Iterator[str]:
    """Yield what a configuration means for an account of such an equity, in sentences.

    Examples
    --------
    >>> next(effects_of(StrategyConfiguration(size_pct=20), Decimal(10_000)))
    'An entry buys for 2,000.00 (20 % of equity).'
    """
    profile = profile_of(c.intel_level)
    stop, target, trail = exits_of(c)
    amount = None
    if c.sizing == "fixed":
        amount = c.size_amount
        yield f"An entry buys for {money(amount)}."
    elif c.sizing == "percent":
        percent = c.size_pct if profile is None else profile.size_pct
        amount = product(equity, percent.scaleb(-2, context=EXACT), 8)
        if c.max_trade_size is not None and amount > c.max_trade_size:
            amount = c.max_trade_size
            yield f"An entry buys for {money(amount)}: {plain_number(percent)} % of equity is cut off there."
        else:
            yield f"An entry buys for {money(amount)} ({plain_number(percent)} % of equity)."
    else:
        most = f", at most {plain_number(profile.size_pct)} % of equity" if profile is not None else ""
        rule = "brings the volatility that is wanted" if c.sizing == "volatility" else "Kelly's fraction of what past trips say"
        yield f"An entry is as large as {rule}{most}."
    if stop is not None and amount is not None:
        lost = product(amount, stop.scaleb(-2, context=EXACT), 8)
        gained = None if target is None else product(amount, target.scaleb(-2, context=EXACT), 8)
        also = "" if gained is None else f", a target gains {money(gained)}"
        yield f"A stop loses about {money(lost)}{also}, before costs."
    elif stop is None and trail is None:
        yield "Nothing stops a loss but the strategy's own exit."
    if c.max_positions is not None:
        yield f"At most {c.max_positions} positions are open at a time."
    if profile is not None:
        reads = ", ".join(profile.factors)
        cadence = "every bar" if profile.every == 1 else f"every {profile.every} bars"
        yield (
            f"Level {profile.level} wants {plain_number(profile.confidence)} % confidence, considers an entry {cadence}, reads "
            f"{reads or 'no factor of its own'}, and tolerates {plain_number(profile.cost_bps)} bps of cost in the price."
        )
    if c.daily_loss_pct is not None:
        bearable = product(equity, c.daily_loss_pct.scaleb(-2, context=EXACT), 8)
        yield f"After a day's loss of {money(bearable)} no more entries are made."
    elif not c.has_breakers:
        yield "No breaker is set: whatever is lost, entries go on."
