"""The form that asks for a sweep; one declaration of a parameter makes its field."""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.domain.config import StrategyConfiguration
from workbench.domain.params import Field, param_fields
from workbench.domain.sweeps import MOST_ASKED, MOST_DRAWN, Scalar, SweepRequest, read_values
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Invalid, NotFound, Refused
from workbench.sources.simulated import Simulated
from workbench.store.datasets import list_datasets
from workbench.strategies import shelf
from workbench.web.bot import PREFIX, Input, Offer, Said, beside
from workbench.web.filters import plain_number
from workbench.web.page import Asking, Block

ASKED: Final = Said("The worker takes the sweep up at once, or when the one before it has ended.")
TIMEFRAMES: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
RULES: Final = ("stop_loss_pct", "take_profit_pct", "trailing_stop_pct", "max_hold_hours")
"""Rules that can be tried beside a strategy's parameters; the notebook and the command line try any."""
LABELS: Final = {"strategy": "Strategy", "market": "Bars", "timeframe": "Timeframe"}
"""What the fields are called in which one chooses and does not write."""
MOST_BARS: Final = 100_000
_DATASET: Final = "dataset:"


class Market(msgspec.Struct, frozen=True):
    """Bars that can be chosen."""

    value: str
    words: str


class SweepForm(msgspec.Struct, frozen=True):
    """What can be asked for, and what is in the fields.

    Parameters
    ----------
    left_out
        What is wrong with files of the user's own that cannot be offered.
    """

    offers: tuple[Offer, ...]
    chosen: Offer
    markets: tuple[Market, ...]
    market: str
    timeframe: str
    timeframes: tuple[str, ...]
    count: Input
    trials: Input
    tried: tuple[Input, ...]
    rules: tuple[Input, ...]
    problems: dict[str, str]
    left_out: tuple[str, ...]


class FormView(msgspec.Struct, frozen=True):
    """The form, with a sentence for whoever has posted it."""

    form: SweepForm
    said: Said | None = None
    whose: str = ""
    key: str = ""
    account: str = ""


def look_at_form(connection: Connection, asking: Asking) -> FormView:
    """Return the form as an address asks for it."""
    wanted = asking.query.strategy
    if wanted:
        shelf.get(wanted, "strategy")
    return form_view(connection, asking, {"strategy": wanted}, said=ASKED if asking.query.said == "asked" else None)


def form_view(
    connection: Connection, asking: Asking, values: Mapping[str, str], problem: Refused | None = None, said: Said | None = None
) -> FormView:
    """Return the form with what somebody put into it and what was wrong with that."""
    kinds = {name: kind for name, kind in shelf.offered().items() if param_fields(kind)}
    offers = tuple(Offer(name, kind.title or name, kind.summary) for name, kind in kinds.items())
    wanted, markets = values.get("strategy", ""), _markets(connection)
    chosen = next(offer for offer in offers if offer.name == (wanted if wanted in kinds else "sma_cross"))
    market = values.get("market", markets[0].value)
    wrong, sentence = (problem.field or "", beside(problem)) if problem is not None else ("", "")
    if wrong == "bars":
        # Of a simulated market there are as many as are asked for.
        wrong = "market" if market.startswith(_DATASET) else "count"

    def own(field: Field, suggested: str) -> Input:
        key, p = PREFIX + field.name, field.param
        low, high = plain_number(p.low), plain_number(p.high)
        text, told = values.get(key, suggested), sentence if field.name == wrong else ""
        return Input(key, field.label, f"{p.help} From {low} to {high}.".strip(), p.unit, low, high, "", text, told)

    def whole(name: str, label: str, help_: str, high: int, text: str) -> Input:
        return Input(name, label, help_, "", "1", str(high), "1", values.get(name, text), sentence if name == wrong else "")

    tried = tuple(own(field, _suggested(field)) for field in param_fields(kinds[chosen.name]))
    rules = tuple(own(field, "") for field in param_fields(StrategyConfiguration) if field.name in RULES)
    count = whole("count", "Number of bars", f"At most {MOST_BARS:,}.", MOST_BARS, "5000")
    trials = whole("trials", "Trials of a search", "So many, drawn by what earlier ones gave.", MOST_DRAWN, "")
    form = SweepForm(
        offers, chosen, markets, market, values.get("timeframe", "1h"), TIMEFRAMES, count, trials,
        tried, rules, {wrong: sentence} if wrong else {}, tuple(shelf.problems().values()),
    )  # fmt: skip
    if problem is not None:
        label = next((field.label for field in (*tried, *rules, count, trials) if field.problem), LABELS.get(wrong, ""))
        said = Said(f"{label}: {sentence[:1].lower()}{sentence[1:]}" if label else str(problem), is_bad=True)
    return FormView(form, said, asking.query.whose, asking.draw_key(), asking.query.account)


def _markets(connection: Connection) -> tuple[Market, ...]:
    simulated = [Market(i.symbol, f"{i.symbol}, simulated") for i in Simulated().instruments()]
    kept = [Market(_DATASET + row.id, f"{row.name}, {row.bars:,} bars from a file") for row in list_datasets(connection)]
    return (*simulated, *kept)


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
    Refused
        If there is nothing to try.
    """
    name = values.get("strategy") or "sma_cross"
    kind: type[SignalStrategy] = shelf.get(name, "strategy")
    known = [*(field.name for field in param_fields(kind)), *RULES]
    for key in values:
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in known:
            raise NotFound(f"parameter of {name}", key.removeprefix(PREFIX), known)
    # In the order of the fields, which is the order of the axes: a posted form has none of its own.
    given = {found: values.get(PREFIX + found, "").strip() for found in known}
    values_of = {found: read_values(found, text) for found, text in given.items() if text}
    for found, several in values_of.items():
        if len(several) > MOST_ASKED:
            raise Invalid(found, f"at most {MOST_ASKED:,} values to try", f"{len(several):,} of them")
    tried: dict[str, tuple[Scalar, ...]] = {found: tuple(several) for found, several in values_of.items()}
    market = values.get("market", "WETH")
    dataset = market.removeprefix(_DATASET) if market.startswith(_DATASET) else ""
    trials = values.get("trials", "").strip()
    if not trials and all(len(several) == 1 for several in tried.values()):
        raise Refused("There is nothing to try: expected one field with several values, such as 5:25 or 5, 10, 20.")
    return SweepRequest(
        name, tried, dataset, "WETH" if dataset else market, values.get("timeframe") or "1h",
        _whole("count", values.get("count") or "5000", MOST_BARS), _whole("trials", trials, MOST_DRAWN) if trials else None,
    )  # fmt: skip


def _whole(name: str, text: str, high: int) -> int:
    plain = text.strip().replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) < 9 and 1 <= int(plain) <= high):
        raise Invalid(name, f"a whole number from 1 to {high:,}", text)
    return int(plain)


FORM: Final = Block("form", frozenset(), look_at_form)
