"""The form that asks for a sweep; one declaration of a parameter makes its field."""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.domain.config import StrategyConfiguration
from workbench.domain.params import Field, param_fields
from workbench.domain.sweeps import Scalar, SweepRequest, read_values
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Invalid, NotFound, Refused
from workbench.sources.simulated import Simulated
from workbench.store.datasets import list_datasets
from workbench.strategies import shelf
from workbench.web.bot import PREFIX, Offer, Said, beside
from workbench.web.filters import plain_number
from workbench.web.page import Asking, Block

ASKED: Final = Said("The worker takes the sweep up at once, or when the one before it has ended.")
TIMEFRAMES: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
RULES: Final = ("stop_loss_pct", "take_profit_pct", "max_hold_bars")
"""Rules that can be tried beside a strategy's parameters; the notebook and the command line try any."""
MOST_BARS: Final = 100_000
_DATASET: Final = "dataset:"


class Tried(msgspec.Struct, frozen=True):
    """A field for the values of a parameter or a rule.

    Parameters
    ----------
    bounds
        Which values it may have, in words.
    """

    name: str
    label: str
    help: str
    unit: str
    bounds: str
    value: str
    problem: str = ""


class Market(msgspec.Struct, frozen=True):
    """Bars that can be chosen."""

    value: str
    words: str


class SweepForm(msgspec.Struct, frozen=True):
    """What can be asked for, and what is in the fields."""

    offers: tuple[Offer, ...]
    chosen: Offer
    markets: tuple[Market, ...]
    market: str
    timeframe: str
    count: str
    trials: str
    tried: tuple[Tried, ...]
    rules: tuple[Tried, ...]
    problems: dict[str, str]


class FormView(msgspec.Struct, frozen=True):
    """The form, with a sentence for whoever has posted it."""

    form: SweepForm
    said: Said | None = None


def look_at_form(connection: Connection, asking: Asking) -> FormView:
    """Return the form as an address asks for it."""
    wanted = asking.query.strategy
    if wanted:
        shelf.get(wanted, "strategy")
    return form_view(connection, {"strategy": wanted}, said=ASKED if asking.query.said == "asked" else None)


def form_view(
    connection: Connection, values: Mapping[str, str], problem: Refused | None = None, said: Said | None = None
) -> FormView:
    """Return the form with what somebody put into it and what was wrong with that."""
    names = [name for name in shelf.names() if param_fields(shelf.get(name))]
    offers = tuple(Offer(name, shelf.get(name).title, shelf.get(name).summary) for name in names)
    wanted = values.get("strategy", "")
    chosen = next(offer for offer in offers if offer.name == (wanted if wanted in names else "sma_cross"))
    wrong, sentence = (problem.field or "", beside(problem)) if problem is not None else ("", "")
    kind = shelf.get(chosen.name)
    tried = tuple(_tried(field, values, wrong, sentence, _suggested(field)) for field in param_fields(kind))
    rules = tuple(_tried(field, values, wrong, sentence, "") for field in param_fields(StrategyConfiguration) if field.name in RULES)
    markets = _markets(connection)
    market = values.get("market", markets[0].value)
    form = SweepForm(
        offers, chosen, markets, market, values.get("timeframe", "1h"), values.get("count", "5000"), values.get("trials", ""),
        tried, rules, {wrong: sentence} if wrong else {},
    )  # fmt: skip
    if problem is not None:
        label = next((field.label for field in (*tried, *rules) if field.problem), "")
        said = Said(f"{label}: {sentence[:1].lower()}{sentence[1:]}" if label else str(problem), is_bad=True)
    return FormView(form, said)


def _markets(connection: Connection) -> tuple[Market, ...]:
    simulated = [Market(i.symbol, f"{i.symbol}, simulated") for i in Simulated().instruments()]
    kept = [
        Market(_DATASET + row.id, f"{row.name}, {row.bars:,} bars from a file") for row in list_datasets(connection)
    ]
    return (*kept, *simulated)


def _tried(field: Field, values: Mapping[str, str], wrong: str, sentence: str, suggested: str) -> Tried:
    key, p = PREFIX + field.name, field.param
    bounds = f"{plain_number(p.low)} to {plain_number(p.high)}"
    return Tried(
        key, field.label, p.help, p.unit, bounds, values.get(key, suggested), sentence if wrong == field.name else ""
    )


def _suggested(field: Field) -> str:
    """Return values around a parameter's default: a range a reader can widen."""
    default, p = field.default, field.param
    if not isinstance(default, int):
        return plain_number(default)
    low, high = max(int(p.low), default // 2), min(int(p.high), default * 2)
    step = max(1, (high - low) // 8)
    return f"{low}:{high + 1}:{step}" if high > low else plain_number(default)


def read_form(values: Mapping[str, str]) -> SweepRequest:
    """Return the sweep that the form asks for.

    Raises
    ------
    NotFound
        If there is no such strategy or parameter.
    Invalid
        If something is no number, or no range of them.
    """
    name = values.get("strategy") or "sma_cross"
    kind: type[SignalStrategy] = shelf.get(name, "strategy")
    known = {*(field.name for field in param_fields(kind)), *RULES}
    tried: dict[str, tuple[Scalar, ...]] = {}
    for key, text in values.items():
        if not key.startswith(PREFIX):
            continue
        found = key.removeprefix(PREFIX)
        if found not in known:
            raise NotFound(f"parameter of {name}", found, sorted(known))
        if text.strip():
            tried[found] = tuple(read_values(found, text))
    market = values.get("market", "WETH")
    dataset = market.removeprefix(_DATASET) if market.startswith(_DATASET) else ""
    trials = values.get("trials", "").strip()
    return SweepRequest(
        name, tried, dataset, "WETH" if dataset else market, values.get("timeframe") or "1h",
        _whole("count", values.get("count") or "5000", MOST_BARS), _whole("trials", trials, 100_000) if trials else None,
    )  # fmt: skip


def _whole(name: str, text: str, high: int) -> int:
    plain = text.strip().replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) < 9 and 1 <= int(plain) <= high):
        raise Invalid(name, f"a whole number from 1 to {high:,}", text)
    return int(plain)


FORM: Final = Block("form", frozenset(), look_at_form)
