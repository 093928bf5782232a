"""`backtest()`: a strategy over recorded bars, through the very same `step()` that trades live."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.analytics import frames
from workbench.analytics.metrics import Run, Value, statistics
from workbench.domain.book import open_book
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, PaperTradingConfig
from workbench.domain.events import EquityMarked, OrderFilled, ThoughtRecorded
from workbench.domain.money import opening_cash
from workbench.domain.params import with_fields
from workbench.domain.sessions import Plan
from workbench.domain.terms import Terms
from workbench.domain.thoughts import Thought
from workbench.domain.trips import round_trips
from workbench.engine.fold import slices
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.state import State, open_state
from workbench.engine.step import complete, digest_of, step
from workbench.engine.strategy import SignalStrategy
from workbench.engine.windows import read_series
from workbench.errors import Invalid
from workbench.strategies import make_strategy, name_of, parameters_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


class Backtest:
    """A finished backtest; it shows itself in a notebook.

    Attributes
    ----------
    strategy
        The strategy with its parameters.
    bars
        The series it ran over.
    state
        The state after the last bar, with the book.
    digest
        The ledger digest: equal to that of any other run that traded the same.
    thoughts
        Those that were recorded: the decision, the stopping gate or an order had changed.
    """

    def __init__(
        self,
        strategy: SignalStrategy,
        bars: Sequence[BarSeries],
        plan: Plan,
        cash: Decimal,
        state: State,
        fills: Sequence[OrderFilled],
        marks: Sequence[EquityMarked],
        thoughts: Sequence[Thought],
        held_bars: int,
    ) -> None:
        self.strategy, self.bars, self.plan, self.cash, self.state = strategy, tuple(bars), plan, cash, state
        self.thoughts = tuple(thoughts)
        self._fills, self._marks = tuple(fills), tuple(marks)
        self._held_bars = held_bars
        self._instruments = {instrument.key: instrument for instrument in plan.instruments}

    @property
    def digest(self) -> str:
        """The ledger digest of the run, closed with its final equity."""
        return digest_of(self.state)

    @property
    def final_equity(self) -> Decimal:
        """Cash and open positions at the last close, exact."""
        return self.state.equity

    @cached_property
    def run(self) -> Run:
        """What the metrics read."""
        closed, still_open = round_trips(self._fills)
        first_last = [(series.bar(0).close, series.bar(len(series) - 1).close) for series in self.bars if len(series)]
        return Run(
            self.cash,
            np.array([mark.ts for mark in self._marks], np.int64),
            np.array([float(mark.equity) for mark in self._marks]),
            self.state.equity,
            self._fills,
            tuple(closed),
            tuple(still_open),
            tuple(first_last),
            self._held_bars,
            self.state.missing,
            self.state.ambiguous,
        )

    @cached_property
    def stats(self) -> dict[str, Value]:
        """Every metric by name: shares are 0 to 1, names that end in `_pct` are in percent, None is not defined."""
        return statistics(self.run)

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row a fill."""
        return frames.fills_frame(self._fills, self._instruments)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row a round trip: flat to flat in one instrument."""
        return frames.trips_frame(self.run.trips, self._instruments)

    @cached_property
    def equity(self) -> pl.DataFrame:
        """The equity line: ts (the bar's open time) and equity at its close."""
        return frames.equity_frame([mark.ts for mark in self._marks], [mark.equity for mark in self._marks])

    @cached_property
    def hold(self) -> pl.DataFrame:
        """What the opening cash would be worth, had it bought all series in equal parts at the first close and held."""
        ratios = [
            series.frame.select("ts", (pl.col("close") / series.frame["close"][0]).alias(str(place)))
            for place, series in enumerate(self.bars)
        ]
        joined = ratios[0]
        for other in ratios[1:]:
            joined = joined.join(other, on="ts", how="full", coalesce=True).sort("ts")
        mean = pl.mean_horizontal(pl.exclude("ts").forward_fill())
        return joined.select("ts", (mean * float(self.cash)).alias("equity"))

    def plot(self) -> "go.Figure":
        """Return a plotly figure: the equity line beside buy and hold, with a marker for every fill."""
        from workbench.analytics.figures import equity_figure

        return equity_figure(self.equity, self.hold, self.fills, repr(self).partition(", digest")[0])

    def __repr__(self) -> str:
        s = self.stats
        name = f"{type(self.strategy).__name__}({', '.join(f'{k}={v:g}' for k, v in parameters_of(self.strategy).items())})"
        symbols = ", ".join(instrument.symbol for instrument in self.plan.instruments)
        return (
            f"{name} on {symbols} {self.plan.timeframe}: {s['total_return_pct']:+.2f} % "
            f"({s['trades']} trades, worst drawdown {s['max_drawdown_pct']:.2f} %), digest {self.digest[:12]}"
        )

    def _repr_html_(self) -> str:
        from workbench.analytics.report import stats_html

        return stats_html(repr(self), self.stats)


def backtest(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    cash: Any = 10_000,
    parameters: Mapping[str, Any] | None = None,
    configuration: StrategyConfiguration | None = None,
    costs: CostModel | str | None = None,
    realism: PaperTradingConfig | None = None,
    seed: int = 1,
    symbol: str = "TOKEN/USD",
    timeframe: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Backtest:
    """Run a strategy over bars and return what came of it.

    A decision at a close trades at the next open. Without options there is no fee, spread, slippage or gas, and no exit
    but the strategy's own signal; 10 % of equity goes into an entry.

    Parameters
    ----------
    strategy
        A strategy, its class, or the name of one on the shelf.
    bars
        A `BarSeries`, a Polars or pandas frame with open times, or a list of these to trade several over shared cash.
    cash
        To begin with, in the quote currency.
    parameters
        Of the strategy, where it is given by name.
    configuration, costs, realism
        Rules, cost model and frictions as a whole; `costs` may be `"exchange"` or `"pool"`. Options change single fields.
    seed
        For whatever is drawn: congestion, failures, sandwiches, block times.
    symbol, timeframe
        For a plain frame: what it holds; the timeframe is found where None.
    progress
        Called with the slices done and their number, now and then.
    options
        Any field of the cost model (`fee_bps`, `half_spread_bps`, `slippage_bps`, `gas`, …), of `PaperTradingConfig` or of
        `StrategyConfiguration` (`size_pct`, `stop_loss_pct`, `take_profit_pct`, `trailing_stop_pct`, `max_hold_hours`, …).

    Raises
    ------
    NotFound
        If the strategy, a parameter or an option is unknown; the sentence names the nearest.
    Invalid
        If a value is out of bounds or the bars cannot be used.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> result = backtest("sma_cross", simulate_bars("WETH", "1h", 500), fee_bps=10, parameters={"fast": 5, "slow": 20})
    >>> result.stats["bars"]
    500
    """
    if isinstance(strategy, type) and issubclass(strategy, SignalStrategy):
        strategy = strategy()
    if isinstance(strategy, str):
        strategy = make_strategy(strategy, parameters)
    elif not isinstance(strategy, SignalStrategy):
        raise Invalid("strategy", "a strategy or the name of one", strategy)
    elif parameters:
        strategy = make_strategy(name_of(strategy), {**parameters_of(strategy), **parameters})
    many = as_series(bars, symbol, timeframe)
    base = Terms(configuration or StrategyConfiguration(), realism=realism or PaperTradingConfig())
    terms = base.changed(options if costs is None else {**options, "costs": costs})
    rules = with_fields(terms.configuration, {"strategy": name_of(strategy), "parameters": parameters_of(strategy)})
    opening = opening_cash(cash)
    plan = Plan(tuple(series.instrument for series in many), many[0].timeframe, rules, terms.costs, terms.realism, seed)
    state = open_state(plan, open_book(opening))
    wanted = measures_of(rules, plan.timeframe)
    readings = [read_series(strategy, series, wanted) for series in many]
    return _run(strategy, many, plan, opening, state, readings, progress)


def _run(
    strategy: SignalStrategy,
    many: Sequence[BarSeries],
    plan: Plan,
    cash: Decimal,
    state: State,
    readings: Sequence[Any],
    progress: Callable[[int, int], None] | None,
) -> Backtest:
    fills: list[OrderFilled] = []
    marks: list[EquityMarked] = []
    thoughts: list[Thought] = []
    held, total = 0, max(len(series) for series in many)
    for given, said in slices(many, readings):
        stepped = step(state, given, said)
        state = stepped.state
        held += bool(state.book.positions)
        for event in stepped.events:
            match event:
                case EquityMarked():
                    marks.append(event)
                case OrderFilled():
                    fills.append(event)
                case ThoughtRecorded(thought):
                    thoughts.append(thought)
        if progress is not None and len(marks) % 2048 == 0:
            progress(len(marks), total)
    state = complete(state, "the data ended").state
    if progress is not None:
        progress(len(marks), len(marks))
    return Backtest(strategy, many, plan, cash, state, fills, marks, thoughts, held)


def as_series(bars: Any, symbol: str = "TOKEN/USD", timeframe: str | None = None) -> list[BarSeries]:
    """Return bars in any accepted shape as a list of series of one timeframe.

    Raises
    ------
    Invalid
        If there are none, or their timeframes differ.
    """
    given = list(bars) if isinstance(bars, (list, tuple)) else [bars]
    if not given:
        raise Invalid("bars", "at least one series", "none")
    many = [item if isinstance(item, BarSeries) else BarSeries.from_frame(item, symbol, timeframe) for item in given]
    frames_differ = {series.timeframe for series in many}
    if len(frames_differ) > 1:
        raise Invalid("bars", "one timeframe", ", ".join(sorted(frames_differ)))
    if any(len(series) == 0 for series in many):
        raise Invalid("bars", "at least one bar", "an empty series")
    return many
