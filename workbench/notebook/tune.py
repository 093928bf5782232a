"""`tune()`: a panel whose sliders come from a strategy's own parameters, and whose figure redraws as they move."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import ipywidgets as widgets
import plotly.graph_objects as go

from workbench.actions.check_parity import left_out, options_of, strategy_of
from workbench.actions.verify_session import seen_by
from workbench.analytics.figures import equity_traces
from workbench.analytics.report import stats_html
from workbench.desk import Desk, desk_or_own
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.money import opening_cash
from workbench.domain.params import Field, param_fields, with_fields
from workbench.domain.terms import COSTS, OPTIONS, REALISM, RULES, Terms, model_name, terms_of
from workbench.engine.program import ProgramStrategy
from workbench.engine.programs import shelf as programs
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Invalid, NotFound, WorkbenchError
from workbench.research.backtest import Backtest, as_series, backtest
from workbench.shelf import snake_case
from workbench.strategies import shelf

LIVE_BARS: Final = 6_000
"""Up to this many bars a slider redraws while it moves; beyond, when it is let go."""

_RULES: Final = ("size_pct", "stop_loss_pct", "take_profit_pct", "fee_bps", "slippage_bps")
_OF_PROGRAMS: Final = ("fee_bps", "slippage_bps", "stop_loss_pct", "take_profit_pct")
_REACH: Final = {"size_pct": (0.5, 100.0), "stop_loss_pct": (0.0, 20.0), "take_profit_pct": (0.0, 40.0), "fee_bps": (0.0, 50.0),
                 "slippage_bps": (0.0, 50.0)}  # fmt: skip


class Tuner(widgets.VBox):  # type: ignore[misc]
    """A panel over `backtest`, and a Python object like any other.

    Attributes
    ----------
    sliders
        By name: the parameters of the strategy or program, and the rules around it. Setting a slider's `value` redraws.
    figure
        The plotly figure, changed in place.
    result
        The backtest at the present values; the last good one while the values do not go together.
    message
        What is wrong with the values, or what of a session is not in its backtest, in a sentence; empty when nothing is.
    """

    def __init__(
        self, strategy: SignalStrategy | ProgramStrategy, bars: Any, options: dict[str, Any], rules: Sequence[str]
    ) -> None:
        self.bars = as_series(bars, options.pop("symbol", "TOKEN/USD"), options.pop("timeframe", None))
        self.options = options
        self.strategy = strategy
        smooth = sum(len(series) for series in self.bars) <= LIVE_BARS
        self.sliders: dict[str, Any] = {}
        fields = [field for field in param_fields(type(strategy)) if getattr(strategy, field.name) is not None]
        values = {field.name: getattr(strategy, field.name) for field in fields}
        for field in fields:
            wide = isinstance(strategy, ProgramStrategy)
            low, high = _reach(field, values[field.name]) if wide else (field.param.low, field.param.high)
            self.sliders[field.name] = _slider(field, low, high, values[field.name], smooth)
        self.rules = tuple(rules)
        terms = terms_given(options)
        for name, field in _rule_fields(self.rules).items():
            low, high = _REACH.get(name) or (0.0 if field.optional else field.param.low, _reach(field, field.default)[1])
            # What is paid and what holds, whether an option says so, a whole part, or the cost model's own default.
            begin = float(getattr(terms.costs, name, None) or getattr(terms.configuration, name, None) or 0)
            self.sliders[name] = _slider(field, min(low, begin), max(high, begin), begin, smooth)
        self._message, self._stats = widgets.HTML(), widgets.HTML()
        self.message = ""
        self.result: Backtest = self._run()
        self.figure = go.FigureWidget(self.result.plot())
        for slider in self.sliders.values():
            slider.observe(self._moved, names="value")
        names = list(values)
        left = widgets.VBox([widgets.HTML(f"<b>{type(strategy).title}</b>"), *(self.sliders[name] for name in names)])
        right = widgets.VBox([widgets.HTML("<b>Rules and costs</b>"), *(self.sliders[name] for name in self.rules)])
        self._show()
        super().__init__([widgets.HBox([left, right]), self._message, self.figure, self._stats])

    def __repr__(self) -> str:
        # The widget's own representation would write out every point of the figure.
        return f"Tuner({self.result!r})"

    def say(self, sentence: str) -> None:
        """Show a sentence above the figure; none where it is empty."""
        self.message = sentence
        self._message.value = f'<span style="color:#8d5e00">{sentence}</span>' if sentence else ""

    @property
    def code(self) -> str:
        """The call that gives this result without the panel."""
        made, plan = with_fields(self.strategy, self._parameters()), self.result.plan
        model = model_name(plan.costs)
        plain, now = Terms().changed({"costs": model}), Terms(plan.configuration, plan.costs, plan.realism)
        given = {name: value for name, value in self._rules().items() if value != _field_of(plain, name)}
        others = {name: _field_of(now, name) for name in (*RULES, *COSTS, *REALISM) if name not in self.rules}
        given |= {"costs": model} if model != model_name(Terms().costs) else {}
        given |= {name: value for name, value in others.items() if value != _field_of(plain, name)}
        parts = ("configuration", "costs", "realism", "opening", "programs", "progress")
        given |= {name: value for name, value in self.options.items() if name not in parts and name not in OPTIONS}
        written = "".join(f", {name}={_literal(value)}" for name, value in given.items())
        if self.options.get("programs"):
            written += f", programs=[{', '.join(_made(program) for program in self.options['programs'])}]"
        if self.options.get("opening") is not None:
            written += ', opening=panel.options["opening"]'
        return f"wb.backtest({_made(made)}, bars{written})"

    def _parameters(self) -> dict[str, int | float]:
        names = (field.name for field in param_fields(type(self.strategy)) if field.name in self.sliders)
        return {name: round(self.sliders[name].value, 8) for name in names}

    def _rules(self) -> dict[str, Any]:
        # A rule at zero means that there is none.
        # The browser's slider counts in floats: 25 comes back as 24.999999999999996.
        given = {name: round(self.sliders[name].value, 4) for name in self.rules}
        optional = {name for name, field in _rule_fields(self.rules).items() if field.optional}
        return {name: value if value or name not in optional else None for name, value in given.items()}

    def _run(self) -> Backtest:
        made = with_fields(self.strategy, self._parameters())
        kept = {name: value for name, value in self.options.items() if name not in self.rules}
        return backtest(made, self.bars, **{**kept, **self._rules()})

    def _moved(self, _: Any) -> None:
        try:
            self.result = self._run()
        except WorkbenchError as problem:
            self.say(str(problem))
            return
        self.say("")
        self._redraw()
        self._show()

    def _redraw(self) -> None:
        with self.figure.batch_update():
            for shown, new in zip(
                self.figure.data, equity_traces(self.result.equity, self.result.hold, self.result.fills), strict=True
            ):
                shown.x, shown.y, shown.text = new.x, new.y, new.text
            self.figure.layout.title.text = repr(self.result).partition(", digest")[0]

    def _show(self) -> None:
        self._stats.value = stats_html(repr(self.result), self.result.stats)


def tune(
    strategy: SignalStrategy | type[SignalStrategy] | ProgramStrategy | type[ProgramStrategy] | str,
    bars: Any,
    rules: Sequence[str] | None = None,
    **options: Any,
) -> Tuner:
    """Show a strategy or a program over bars with a slider for each of its parameters.

    Parameters
    ----------
    strategy
        A strategy or a program, its class, or its name on the shelf.
    bars
        As for `backtest`.
    rules
        Which rules and costs have sliders too: any number among the fields of `StrategyConfiguration` and of the exchange's
        costs, such as `"trailing_stop_pct"` or `"intel_level"`; the usual ones where None.
    options
        As for `backtest`; those with a slider start it.

    Raises
    ------
    NotFound
        If there is no such strategy or rule; the sentence names the nearest.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> panel = tune("sma_cross", simulate_bars("WETH", "1h", 300))
    >>> panel.sliders["fast"].value = 10
    >>> panel.result.strategy.fast
    10
    >>> tune("dca", simulate_bars("WETH", "1h", 300)).result.runs[0].status
    <RunStatus.COMPLETED: 'COMPLETED'>
    """
    if isinstance(strategy, str) and snake_case(strategy) in programs.names():
        strategy = programs.get(strategy)
    elif isinstance(strategy, str):
        strategy = shelf.get(strategy)
    if isinstance(strategy, type) and issubclass(strategy, ProgramStrategy):
        first = as_series(bars, options.get("symbol", "TOKEN/USD"), options.get("timeframe"))[0]
        cash = opening_cash(options.get("cash", 10_000))
        strategy = strategy(**strategy.suggested(first.bar(0).close, cash, first.step))
    elif isinstance(strategy, type) and issubclass(strategy, SignalStrategy):
        strategy = strategy()
    if not isinstance(strategy, (SignalStrategy, ProgramStrategy)):
        raise Invalid("strategy", "a strategy or a program, its class or its name", getattr(strategy, "__name__", strategy))
    usual, costs = _RULES if isinstance(strategy, SignalStrategy) else _OF_PROGRAMS, terms_given(options).costs
    fitting = [name for name in usual if name in StrategyConfiguration.__struct_fields__ or name in costs.__struct_fields__]
    return Tuner(strategy, bars, options, fitting if rules is None else rules)


def tune_like(session: str, *, desk: Desk | None = None, rules: Sequence[str] | None = None) -> Tuner:
    """Show the backtest on exactly the bars that a session saw, with a slider for each of its parameters.

    It begins where the session began, with its book, rules, costs, seed and the programs it began with; before a slider is moved
    its `result` has the digest of the session, as long as nobody gave that a command. Commands are not repeated, nor are programs
    that began in some of its instruments only; `message` then says so, until a slider is moved.

    Parameters
    ----------
    session
        Its id, or the beginning of it.
    desk
        Where the session is; the platform's own place for data where None.
    rules
        As for `tune`.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has taken no bar yet.
    LogBroken
        If the session's log is not what was written.
    Broken
        If the bars that the session saw are no longer there as it saw them, or the state that its worker kept is gone.
    """
    with desk_or_own(desk) as chosen:
        seen = seen_by(chosen, session)
    plan = seen.started.plan
    usual = [name for name in _RULES if name in StrategyConfiguration.__struct_fields__ or name in plan.costs.__struct_fields__]
    shown = list(usual if rules is None else rules)
    own = {name: getattr(plan.costs if name in plan.costs.__struct_fields__ else plan.configuration, name) for name in shown}
    # What a slider holds is not in the configuration too, or a slider at zero could not take it away.
    optional = {field.name for field in param_fields(StrategyConfiguration) if field.optional}
    configuration = with_fields(plan.configuration, {name: None for name in shown if name in optional})
    sliders = {name: value for name, value in own.items() if value is not None}
    panel = Tuner(strategy_of(seen), seen.series, {**options_of(seen), "configuration": configuration, **sliders}, shown)
    panel.say(left_out(seen))
    return panel


def terms_given(options: Mapping[str, Any]) -> Terms:
    """Return the terms that options of a backtest mean."""
    configuration, costs, realism = (options.get(name) for name in ("configuration", "costs", "realism"))
    single = {name: value for name, value in options.items() if name in OPTIONS and name != "costs"}
    return terms_of(configuration, costs, realism, single)


def _field_of(terms: Terms, name: str) -> Any:
    part = next((each for each in (terms.configuration, terms.costs, terms.realism) if name in each.__struct_fields__), None)
    return None if part is None else getattr(part, name)


def _made(thing: SignalStrategy | ProgramStrategy) -> str:
    """Return the code that makes a strategy or a program."""
    shelf = "strategies" if isinstance(thing, SignalStrategy) else "programs"
    named = ((name, getattr(thing, name)) for name in thing.__struct_fields__)
    return f"wb.{shelf}.{type(thing).__name__}({', '.join(f'{name}={_literal(value)}' for name, value in named)})"


def _literal(value: Any) -> str:
    """Return a value as code has it that imports nothing else: a `Decimal` as the number or the text that it is read from."""
    if isinstance(value, Decimal):
        return str(int(value)) if value == int(value) and abs(value) < 10**15 else repr(format(value, "f"))
    if isinstance(value, (tuple, list, frozenset)) and all(isinstance(each, str) for each in value):
        return repr(",".join(sorted(value) if isinstance(value, frozenset) else value))
    return repr(value)


def _rule_fields(names: Sequence[str]) -> dict[str, Field]:
    every = {field.name: field for struct in (StrategyConfiguration, ExchangeCosts) for field in param_fields(struct)}
    for name in names:
        if name not in every:
            raise NotFound("rule with a number", str(name), every, field="rules")
    return {name: every[name] for name in names}


def _reach(field: Field, value: Any) -> tuple[float, float]:
    """Return how far a slider goes where the bounds themselves are too wide to find a value between them."""
    now, step = float(value or 0), field.param.step
    high = min(field.param.high, 3 * now if now else field.param.low + 20 * step)
    if field.type is int:
        return field.param.low, max(high, field.param.low + 10 * step)
    return field.param.low if field.param.low >= 0.001 or not now else now / 100, high


def _slider(field: Field, low: float, high: float, value: Any, smooth: bool) -> Any:
    unit = f" {field.param.unit}" if field.param.unit and field.param.unit != "bars" else ""
    common: dict[str, Any] = {
        "description": f"{field.label}{unit}", "tooltip": field.param.help, "continuous_update": smooth,
        "style": {"description_width": "120px"}, "layout": widgets.Layout(width="420px"),
    }  # fmt: skip
    if field.type is int:
        return widgets.IntSlider(value=int(value), min=int(low), max=int(high), step=max(1, int(field.param.step)), **common)
    number = float(value) if isinstance(value, (int, float, Decimal)) else low
    # A price far below one needs finer notches, and a readout that shows them.
    step = min(field.param.step, (high - low) / 200) if high < 20 * field.param.step else field.param.step
    shown = ".1f" if step >= 0.1 else ".4g"
    return widgets.FloatSlider(value=number, min=low, max=high, step=step, readout_format=shown, **common)
