"""A study: a strategy, the values of its parameters and rules that are to be tried, and the bars to try them on."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from itertools import islice, product
from typing import Any, Final

import msgspec
import numpy as np

from workbench.domain.bars import show_time
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.money import opening_cash, to_decimal
from workbench.domain.params import counted, make, param_fields, with_fields
from workbench.domain.sessions import Plan
from workbench.domain.terms import OPTIONS, Terms
from workbench.engine.series import BarSeries
from workbench.engine.strategy import SignalStrategy
from workbench.engine.version import source_version
from workbench.errors import Invalid, NotFound, Refused, UnknownField
from workbench.research.backtest import Backtest, able, as_series, check_length, made_of
from workbench.research.identity import code_digest
from workbench.strategies import make_strategy, name_of, parameters_of, shelf

Value = int | float | str | Decimal
Values = dict[str, Value]
MOST_TRIALS: Final = 1_000_000
"""Of one axis."""
MOST_IN_GRID: Final = 250_000
"""What is kept of a trial takes about two kilobytes, so that a grid of so many takes half a gigabyte."""
LISTS: Final = ("allowed_tokens", "blocked_tokens")
"""Options of which a list is one value."""
_MOST_PAIRED: Final = 1_000
_MOST_KEPT: Final = 10_000
RULES: Final = ("domain", "engine", "analytics/returns.py", "research/trials.py", "research/overfitting.py")
"""The source that a trial's figures are made by; those that another one has made are run anew, never laid beside these."""


class Study(msgspec.Struct, frozen=True, dict=True):
    """What is tried on what.

    Parameters
    ----------
    strategy
        With the parameters that are not tried.
    axes
        The values that are tried, by the name of a parameter or a rule, in the order in which they were given.
    terms
        Rules, costs and realism that are not tried.
    many, cash, seed
        As for `backtest`.
    held_out
        The last part of the days, as a share, by which every trial is judged again.
    span
        Open times from the first of which on, and before the second of which, it trades; the bars before are history. All of
        them where None.
    code
        The digest of the strategy's code, where it was taken before; it is taken when it is asked for where empty.
    """

    strategy: SignalStrategy
    axes: dict[str, tuple[Value, ...]]
    terms: Terms
    many: tuple[BarSeries, ...]
    cash: Decimal
    seed: int = 1
    held_out: float = 0.3
    span: tuple[int, int] | None = None
    code: str = ""

    @property
    def traded(self) -> tuple[BarSeries, ...]:
        """The bars on which it trades."""
        return self.many if self.span is None else tuple(series.between(*self.span) for series in self.many)

    @property
    def rows(self) -> tuple[tuple[int, int], ...] | None:
        """From which place to which they lie in each series; None where they are all of it."""
        if self.span is None:
            return None
        found = [np.searchsorted(series.ts, self.span).tolist() for series in self.many]
        return tuple((low, high) for low, high in found)

    @property
    def family(self) -> str:
        """The strategy's name: trials of one family on one market share one ledger."""
        return name_of(self.strategy)

    @property
    def market(self) -> str:
        """What is traded and at which timeframe, whatever the stretch of time."""
        return ",".join(sorted(series.instrument.key for series in self.many)) + f"|{self.many[0].timeframe}"

    @cached_property
    def _given(self) -> str:
        """What is the same for all its trials, whatever is tried: the code, cash, seed, bars and the stretch that is traded."""
        return "\n".join(
            [
                self.family, self.code or code_digest(type(self.strategy)), str(_shortest(self.cash)), str(self.seed),
                *(data_digest(series) for series in self.many),
                *(f"{part.ts[0]} to {part.ts[-1]}" for part, whole in zip(self.traded, self.many, strict=True)
                  if len(part) < len(whole)),
            ]
        )  # fmt: skip

    @cached_property
    def id(self) -> str:
        """The digest of all that decides what a trial gives but its own values: trials under one id are the same anywhere."""
        own = {name: value for name, value in parameters_of(self.strategy).items() if name not in self.axes}
        parts = [
            source_version(RULES), self._given, _text(own), _text(self.terms),
            str(self.held_out),
        ]  # fmt: skip
        return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    @cached_property
    def _counted_by(self) -> tuple[Any, dict[tuple[Any, ...], bytes]]:
        return blake2b(self._given.encode(), digest_size=16), {}

    def trial_key(self, values: Mapping[str, Value]) -> bytes:
        """Return what a trial is counted by: two are one where strategy, rules, costs, cash, seed and bars are the same.

        Whether a value was tried or fixed, how many days were held out, and which version of the workbench ran it do not matter.
        """
        begun, known = self._counted_by
        own: dict[str, Any] = dict(parameters_of(self.strategy))
        fields = self.strategy.__struct_fields__
        rules = tuple((name, value) for name, value in values.items() if name not in fields)
        if rules not in known:
            known[rules] = _text(self.terms.changed(dict(rules)) if rules else self.terms).encode()
        own.update((name, value) for name, value in values.items() if name in fields)
        made = begun.copy()
        made.update(_text(own).encode() + b"\n" + known[rules])
        digest: bytes = made.digest()
        return digest

    def strategy_with(self, values: Mapping[str, Value]) -> SignalStrategy:
        """Return the strategy with the values of a trial."""
        fields = self.strategy.__struct_fields__
        own = tuple((name, value) for name, value in values.items() if name in fields)
        made = self._made.get(own)
        if made is None:
            made = with_fields(self.strategy, dict(own))
            if len(self._made) < _MOST_KEPT:
                self._made[own] = made
        return made

    @cached_property
    def _made(self) -> dict[tuple[tuple[str, Value], ...], SignalStrategy]:
        """Strategies that were made before: each trial asks for its own several times."""
        return {}

    def plan_with(self, values: Mapping[str, Value]) -> Plan:
        """Return the plan with the rules and costs of a trial."""
        rules = {name: value for name, value in values.items() if name not in self.strategy.__struct_fields__}
        terms = self.terms.changed(rules) if rules else self.terms
        named = with_fields(terms.configuration, {"strategy": self.family, "parameters": parameters_of(self.strategy)})
        instruments = tuple(series.instrument for series in self.many)
        return Plan(instruments, self.many[0].timeframe, named, terms.costs, terms.realism, self.seed)


def _text(given: Any) -> str:
    """Return terms or parameters as the text that a trial is known by: 2, 2.0 and "2.00" are one number."""
    plain = msgspec.to_builtins(given, builtin_types=(Decimal,), enc_hook=str)
    return msgspec.json.encode(_in_one_form(plain), order="sorted").decode()


def _in_one_form(given: Any) -> Any:
    match given:
        case dict():
            return {name: _in_one_form(value) for name, value in given.items()}
        case list() | tuple():
            return [_in_one_form(value) for value in given]
        case _:
            return _shortest(given)


def study_of(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    cash: Any = 10_000,
    seed: int = 1,
    held_out: float = 0.3,
    symbol: str = "TOKEN/USD",
    timeframe: str | None = None,
    **options: Any,
) -> Study:
    """Return the study that is asked for: an option with several values is tried, one with a single value is fixed.

    Raises
    ------
    NotFound
        If there is no such strategy, parameter or rule; the sentence names the nearest.
    Invalid
        If a value is out of bounds, an axis is empty, or the bars cannot be used.
    """
    chosen = chosen_strategy(strategy)
    fields, known = chosen.__struct_fields__, (*chosen.__struct_fields__, *OPTIONS)
    axes: dict[str, tuple[Value, ...]] = {}
    fixed: dict[str, Any] = {}
    for name, given in options.items():
        if name not in known:
            raise UnknownField(f"parameter of {name_of(chosen)} or option", name, known)
        if isinstance(given, np.ndarray) and not given.ndim:
            given = given.item()
        if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping, msgspec.Struct)):
            axes[name] = _values(name, given)
        else:
            fixed[name] = given
    if not 0 <= to_decimal(held_out, "held_out") < 1:
        raise Invalid("held_out", "a share of the days from 0 to below 1", held_out)
    held_out, seed = float(held_out), counted("seed", seed, None)
    own = {name: value for name, value in fixed.items() if name in fields}
    base = _with_own(chosen, own, {name: values for name, values in axes.items() if name in fields})
    terms = Terms().changed({name: value for name, value in fixed.items() if name not in fields})
    axes = {name: _distinct(type(base), terms, name, values) for name, values in axes.items()}
    return Study(base, axes, terms, tuple(as_series(bars, symbol, timeframe)), opening_cash(cash), seed, held_out)


def study_from(result: Backtest, values: Mapping[str, Sequence[Value]] | None = None, code: str = "") -> Study:
    """Return the study that a backtest would be a trial of.

    Parameters
    ----------
    values
        What is tried, by parameter; nothing where None.
    code
        The digest of the strategy's code, where it was taken when the backtest ran.
    """
    plan = result.plan
    plain = with_fields(plan.configuration, {name: getattr(StrategyConfiguration(), name) for name in ("strategy", "parameters")})
    span = None
    if [len(series) for series in result.whole] != [len(series) for series in result.bars]:
        first, last = min(int(series.ts[0]) for series in result.bars), max(int(series.ts[-1]) for series in result.bars)
        span = (first, last + result.bars[0].step)
    axes = {name: tuple(each) for name, each in (values or {}).items()}
    terms = Terms(plain, plan.costs, plan.realism)
    return Study(result.strategy, axes, terms, result.whole, result.cash, plan.seed, span=span, code=code)


def on_span(study: Study, span: tuple[int, int]) -> Study:
    """Return a study that trades on a stretch of its time only.

    Raises
    ------
    Invalid
        If an instrument has no bar there.
    """
    found = msgspec.structs.replace(study, span=span)
    for series, part in zip(study.many, found.traded, strict=True):
        if not len(part):
            where = f"{show_time(span[0])} to {show_time(span[1])}"
            raise Invalid("bars", f"bars of {series.instrument.symbol} in every window", f"none from {where}")
    return found


def chosen_strategy(given: Any) -> SignalStrategy:
    """Return the strategy that is meant by itself, by its class or by its name.

    Raises
    ------
    NotFound
        If there is none of that name.
    Invalid
        If it is something else.
    """
    if isinstance(given, str):
        return make_strategy(given)
    if isinstance(given, type) and issubclass(given, SignalStrategy):
        return able(made_of(given))
    if isinstance(given, SignalStrategy):
        return able(given)
    raise Invalid("strategy", f"a strategy, its class or its name, such as {shelf.names()[-1]!r}", given)


def _values(name: str, given: Iterable[Any]) -> tuple[Value, ...]:
    if name in LISTS:
        raise Invalid(name, "one text of symbols such as 'WETH,AERO', which every trial has", given)
    count = len(given) if isinstance(given, Sized) else None
    # A range holds no list of what it says, and a generator may have no end: neither is read further than can be tried.
    found = list(islice(given, MOST_TRIALS + 1)) if count is None or count <= MOST_TRIALS else []
    if max(count or 0, len(found)) > MOST_TRIALS:
        said = f"{count:,}" if count else "more"
        raise Invalid(name, f"at most {MOST_TRIALS:,} values to try", f"{said} of them")
    values = [value.item() if isinstance(value, np.generic) else value for value in found]
    for value in values:
        if not isinstance(value, (bool, int, float, str, Decimal)):
            raise Invalid(name, "numbers or texts to try, one after the other", value)
    if not values:
        raise Invalid(name, "at least one value to try", "none")
    return tuple(dict.fromkeys(values))


def _distinct(kind: type[SignalStrategy], terms: Terms, name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    """Return the values of an axis as the numbers that they are; two that are kept as one would be one trial fewer than asked."""
    if name not in kind.__struct_fields__:
        terms.changed({name: values[0]})
    found: dict[Value, Value] = {}
    for value in values:
        kept = _checked(kind, terms, name, value)
        if kept in found:
            raise Invalid(name, "values that differ once they are rounded", f"{found[kept]} and {value}, which are both {kept}")
        found[kept] = value
    return tuple(found)


def _with_own(chosen: SignalStrategy, own: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> SignalStrategy:
    """Return a strategy with its fixed parameters; where they do not go with its defaults, with the first tried that do."""
    kind = f"parameter of {name_of(chosen)}"
    values = {**parameters_of(chosen), **own}
    tried = (dict(zip(axes, each, strict=True)) for each in product(*axes.values()))
    refused: Invalid | None = None
    for more in ({}, *islice(tried, _MOST_PAIRED)):
        try:
            made: SignalStrategy = make(type(chosen), {**values, **more}, kind)
        except Invalid as problem:
            refused = problem
            continue
        return made
    assert refused is not None
    raise refused


def _checked(kind: type[SignalStrategy], terms: Terms, name: str, value: Value) -> Value:
    """Return a value as the number that it is, within its own bounds; whether it goes with the others is asked trial by trial."""
    structs: tuple[type[msgspec.Struct], ...] = (kind,)
    if name not in kind.__struct_fields__:
        structs = (StrategyConfiguration, type(terms.costs), PaperTradingConfig)
    for struct in structs:
        for field in param_fields(struct):
            if field.name == name:
                return _shortest(field.check(value))
    if name not in kind.__struct_fields__:
        terms.changed({name: value})
    return value


def grid(study: Study, where: Callable[..., bool] | None = None) -> list[Values]:
    """Return the trials of a study's whole grid, those that the strategy itself refuses and those that `where` does left out.

    Parameters
    ----------
    where
        Called with the values that it names, such as `lambda fast, slow: fast < slow`.

    Raises
    ------
    Refused
        If nothing is left, or the grid is too large.
    """
    if not study.axes:
        raise Refused("There is nothing to try: expected at least one parameter with several values, such as fast=range(5, 25).")
    size = int(np.prod([len(values) for values in study.axes.values()], dtype=object))
    if size > MOST_IN_GRID:
        raise Refused(f"A grid of {size:,} trials is too large: expected at most {MOST_IN_GRID:,}. Take wider steps, or wb.search.")
    wanted = named_by(where, study.axes)
    found, refused = [], ""
    for values in product(*study.axes.values()):
        trial = dict(zip(study.axes, values, strict=True))
        if where is not None and not meets(where, {name: trial[name] for name in wanted}):
            continue
        try:
            study.strategy_with(trial)
        except Invalid as problem:
            refused = str(problem)
            continue
        found.append(trial)
    if not found:
        why = f"the strategy refuses all of them, such as: {refused}" if refused else "no combination meets `where`"
        raise Refused(f"Of {size:,} combinations none is left to try: {why}")
    return found


def check_lengths(study: Study, trials: Sequence[Values]) -> None:
    """Refuse bars that are too few for the parameters.

    Raises
    ------
    Invalid
        Naming the longest lookback.
    """
    own = {tuple(v for name, v in trial.items() if name in study.strategy.__struct_fields__): trial for trial in trials}
    longest = max((study.strategy_with(trial) for trial in own.values()), key=lambda strategy: strategy.lookback)
    check_length(longest, study.many)


def named_by(where: Callable[..., bool] | None, axes: Mapping[str, Any]) -> list[str]:
    """Return the axes that a condition asks about.

    Raises
    ------
    NotFound
        If it asks about anything else.
    Invalid
        If it is no function that can be called by names.
    """
    if where is None:
        return []
    expected = "a function that names what it asks about, such as lambda fast, slow: fast < slow"
    if not callable(where):
        raise Invalid("where", expected, where)
    try:
        parameters = inspect.signature(where).parameters
    except ValueError:
        raise Invalid("where", expected, where) from None
    for name, parameter in parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Invalid("where", expected, f"one that takes {parameter} without a name")
        if name not in axes:
            raise NotFound("axis that `where` may ask about", name, axes, field="where")
    return list(parameters)


def meets(where: Callable[..., bool], values: Mapping[str, Value]) -> bool:
    """Return whether values meet a condition.

    Raises
    ------
    Invalid
        If the condition cannot be asked about them, with the values that it was asked about.
    """
    try:
        return bool(where(**values))
    # Whatever a caller's own function raises is told with the values that made it do so.
    except Exception as problem:
        said = ", ".join(f"{name}={value!r}" for name, value in values.items())
        raise Invalid("where", f"yes or no for {said}", f"{type(problem).__name__}: {problem}") from problem


def values_text(values: Mapping[str, Value]) -> str:
    """Return the values of a trial as the text that it is known by."""
    shown = {name: _shortest(value) for name, value in values.items()}
    return msgspec.json.encode(shown, order="sorted").decode()


def _shortest(value: Value) -> Value:
    """Return a number in one form, so that 2 and 2.0 are the same value."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = to_decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    return value


def plain(value: Value) -> int | float | str:
    """Return a value as a frame holds it."""
    return value if isinstance(value, (int, str)) else float(value)


def data_digest(series: BarSeries) -> str:
    """Return a digest of a series: its instrument, its timeframe and every number in it."""
    about = msgspec.json.encode(series.instrument) + b"|" + series.timeframe.encode()
    made = blake2b(about, digest_size=16)
    for column in (series.ts, series.open, series.high, series.low, series.close, series.volume, series.liquidity):
        made.update(b"-" if column is None else np.ascontiguousarray(column).view(np.uint8).data)
    return made.hexdigest()
