"""`tune()`: a panel whose sliders come from a strategy's own parameters, and whose figure redraws as they move."""

from decimal import Decimal
from typing import Any, Final

import ipywidgets as widgets
import plotly.graph_objects as go

from workbench.analytics.figures import equity_traces
from workbench.analytics.report import stats_html
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.params import Field, param_fields
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Invalid, WorkbenchError
from workbench.research.backtest import Backtest, as_series, backtest
from workbench.strategies import make_strategy, name_of, parameters_of, shelf

LIVE_BARS: Final = 6_000
"""Up to this many bars a slider redraws while it moves; beyond, when it is let go."""

_RULES: Final = ("size_pct", "stop_loss_pct", "take_profit_pct", "fee_bps", "slippage_bps")
_REACH: Final = {"size_pct": (0.5, 100.0), "stop_loss_pct": (0.0, 20.0), "take_profit_pct": (0.0, 40.0), "fee_bps": (0.0, 50.0),
                 "slippage_bps": (0.0, 50.0)}  # fmt: skip


class Tuner(widgets.VBox):  # type: ignore[misc]
    """A panel over `backtest`, and a Python object like any other.

    Attributes
    ----------
    sliders
        By name: the strategy's parameters and the rules around it. Setting a slider's `value` redraws.
    figure
        The plotly figure, changed in place.
    result
        The backtest at the present values; the last good one while the values do not go together.
    message
        What is wrong with the values, in a sentence; empty when nothing is.
    """

    def __init__(self, strategy: SignalStrategy, bars: Any, options: dict[str, Any]) -> None:
        self.bars = as_series(bars, options.pop("symbol", "TOKEN/USD"), options.pop("timeframe", None))
        self.options = options
        self.strategy = strategy
        smooth = sum(len(series) for series in self.bars) <= LIVE_BARS
        self.sliders: dict[str, Any] = {}
        values = parameters_of(strategy)
        for field in param_fields(type(strategy)):
            self.sliders[field.name] = _slider(field, field.param.low, field.param.high, values[field.name], smooth)
        for name, field in _rule_fields().items():
            low, high = _REACH[name]
            self.sliders[name] = _slider(field, low, high, float(options.get(name, field.default or 0) or 0), smooth)
        self._message, self._stats = widgets.HTML(), widgets.HTML()
        self.message = ""
        self.result: Backtest = self._run()
        self.figure = go.FigureWidget(self.result.plot())
        for slider in self.sliders.values():
            slider.observe(self._moved, names="value")
        names = list(values)
        left = widgets.VBox([widgets.HTML(f"<b>{type(strategy).title}</b>"), *(self.sliders[name] for name in names)])
        right = widgets.VBox([widgets.HTML("<b>Rules and costs</b>"), *(self.sliders[name] for name in _RULES)])
        self._show()
        super().__init__([widgets.HBox([left, right]), self._message, self.figure, self._stats])

    def __repr__(self) -> str:
        # The widget's own representation would write out every point of the figure.
        return f"Tuner({self.result!r})"

    @property
    def code(self) -> str:
        """The call that gives this result without the panel."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self._parameters().items())
        rules = ", ".join(f"{name}={value!r}" for name, value in self._rules().items())
        return f"wb.backtest(wb.strategies.{type(self.strategy).__name__}({chosen}), bars, {rules})"

    def _parameters(self) -> dict[str, int | float]:
        return {name: round(self.sliders[name].value, 4) for name in parameters_of(self.strategy)}

    def _rules(self) -> dict[str, Any]:
        # A stop or a target at zero means that there is none.
        # The browser's slider counts in floats: 25 comes back as 24.999999999999996.
        given = {name: round(self.sliders[name].value, 4) for name in _RULES}
        return {name: value for name, value in given.items() if value or name == "size_pct"}

    def _run(self) -> Backtest:
        chosen = self._parameters()
        made = make_strategy(name_of(self.strategy), chosen) if _on_shelf(self.strategy) else type(self.strategy)(**chosen)
        return backtest(made, self.bars, **{**self.options, **self._rules()})

    def _moved(self, _: Any) -> None:
        try:
            self.result = self._run()
        except WorkbenchError as problem:
            self.message = str(problem)
            self._message.value = f'<span style="color:#8d5e00">{problem}</span>'
            return
        self.message, self._message.value = "", ""
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


def tune(strategy: SignalStrategy | type[SignalStrategy] | str, bars: Any, **options: Any) -> Tuner:
    """Show a strategy over bars with a slider for each of its parameters.

    Parameters
    ----------
    strategy
        A strategy, its class, or its name on the shelf.
    bars
        As for `backtest`.
    options
        As for `backtest`; `size_pct`, `stop_loss_pct`, `take_profit_pct`, `fee_bps` and `slippage_bps` start their sliders.

    Raises
    ------
    NotFound
        If there is no such strategy; the sentence names the nearest.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> panel = tune("sma_cross", simulate_bars("WETH", "1h", 300))
    >>> panel.sliders["fast"].value = 10
    >>> panel.result.strategy.fast
    10
    """
    if isinstance(strategy, str):
        strategy = shelf.get(strategy)()
    elif isinstance(strategy, type):
        if not issubclass(strategy, SignalStrategy):
            raise Invalid("strategy", "a strategy, its class or its name", strategy.__name__)
        strategy = strategy()
    elif not isinstance(strategy, SignalStrategy):
        raise Invalid("strategy", "a strategy, its class or its name", strategy)
    return Tuner(strategy, bars, options)


def _on_shelf(strategy: SignalStrategy) -> bool:
    return name_of(strategy) in shelf.names()


def _rule_fields() -> dict[str, Field]:
    every = {field.name: field for struct in (StrategyConfiguration, ExchangeCosts) for field in param_fields(struct)}
    return {name: every[name] for name in _RULES}


def _slider(field: Field, low: float, high: float, value: Any, smooth: bool) -> Any:
    unit = f" {field.param.unit}" if field.param.unit and field.param.unit != "bars" else ""
    common: dict[str, Any] = {
        "description": f"{field.label}{unit}", "tooltip": field.param.help, "continuous_update": smooth,
        "style": {"description_width": "120px"}, "layout": widgets.Layout(width="420px"),
    }  # fmt: skip
    if field.type is int:
        return widgets.IntSlider(value=int(value), min=int(low), max=int(high), step=max(1, int(field.param.step)), **common)
    number = float(value) if isinstance(value, (int, float, Decimal)) else low
    return widgets.FloatSlider(value=number, min=low, max=high, step=field.param.step, readout_format=".1f", **common)
