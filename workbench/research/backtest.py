"""`backtest()`: a strategy over recorded bars, through the very same `step()` that trades live."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np
import polars as pl

from workbench.analytics import frames
from workbench.analytics.metrics import Run, Value, statistics
from workbench.domain.bars import as_ts, parse_timeframe, show_time
from workbench.domain.book import Book, open_book
from workbench.domain.commands import Command, StartProgram
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, PaperTradingConfig
from workbench.domain.events import CommandRefused, OrderFilled
from workbench.domain.money import opening_cash
from workbench.domain.params import counted, make, with_fields
from workbench.domain.programs import ProgramRun
from workbench.domain.sessions import Carried, Plan
from workbench.domain.terms import OPTIONS, terms_of
from workbench.domain.thoughts import Thought
from workbench.domain.trips import round_trips
from workbench.engine.kernel import is_ready
from workbench.engine.lowering import obstacles
from workbench.engine.measures import measures_of
from workbench.engine.program import ProgramStrategy
from workbench.engine.programs import make_program
from workbench.engine.programs import name_of as program_name
from workbench.engine.programs import parameters_of as program_parameters
from workbench.engine.programs import shelf as shelf_of_programs
from workbench.engine.series import BarSeries
from workbench.engine.state import State, open_state
from workbench.engine.step import step
from workbench.engine.strategy import SignalStrategy
from workbench.engine.windows import Readings, Relay, read_series
from workbench.errors import Invalid, NotFound, Refused
from workbench.research.traces import Engine, FoldTrace, KernelTrace, kernel_trace
from workbench.shelf import snake_case
from workbench.strategies import make_strategy, name_of, parameters_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


ENGINES: Final = ("auto", "kernel", "step")


class Opening(msgspec.Struct, frozen=True):
    """What a run begins with where that is more than cash: a book, the newest marks of its positions, and what is taken over."""

    book: Book
    marks: dict[str, Decimal] = {}
    carried: Carried | None = None


class Backtest:
    """A finished backtest; it shows itself in a notebook.

    Attributes
    ----------
    strategy
        The strategy with its parameters.
    bars
        The series it ran over.
    plan, cash
        What it went by, and what it began with.
    because
        Why it ran in `step()` and not in the kernel; empty where the kernel ran it, or `step()` was asked for.
    whole
        The series with the history before its first bar, where it began later than they.
    beyond
        What it has beyond one strategy that begins with cash, in clauses, such as `"programs run"`.
    """

    def __init__(
        self,
        strategy: SignalStrategy,
        bars: Sequence[BarSeries],
        plan: Plan,
        cash: Decimal,
        trace: FoldTrace | KernelTrace,
        refold: Callable[[], FoldTrace],
        because: str = "",
        whole: Sequence[BarSeries] = (),
        beyond: Sequence[str] = (),
    ) -> None:
        self.strategy, self.bars, self.plan, self.cash, self.because = strategy, tuple(bars), plan, cash, because
        self.whole, self.beyond = tuple(whole) or self.bars, tuple(beyond)
        self._trace, self._refold = trace, refold
        self._instruments = {instrument.key: instrument for instrument in plan.instruments}

    @property
    def engine(self) -> Engine:
        """What ran it: `"kernel"` or `"step"`; both trade the same, to the last digit."""
        return self._trace.engine

    @cached_property
    def _folded(self) -> FoldTrace:
        """The run as `step()` makes it; where the kernel ran it, it is folded when its state or thoughts are first asked for."""
        return self._trace if isinstance(self._trace, FoldTrace) else self._refold()

    @property
    def digest(self) -> str:
        """The ledger digest of the run, closed with its final equity: equal to that of any other that traded the same."""
        return self._trace.digest

    @property
    def final_equity(self) -> Decimal:
        """Cash and open positions at the last close, exact."""
        return self._trace.final

    @property
    def state(self) -> State:
        """The state after the last bar, with the book."""
        return self._folded.state

    @property
    def thoughts(self) -> tuple[Thought, ...]:
        """Those that were recorded: the decision, the stopping gate or an order had changed."""
        return tuple(self._folded.thoughts)

    @property
    def runs(self) -> tuple[ProgramRun, ...]:
        """The program runs, as they ended."""
        return tuple(self._folded.runs) if isinstance(self._trace, FoldTrace) else ()

    @property
    def filled(self) -> tuple[OrderFilled, ...]:
        """The fills as the events that they are, in order."""
        return tuple(self._trace.fills)

    @cached_property
    def run(self) -> Run:
        """What the metrics read."""
        trace = self._trace
        first_last = [(series.bar(0).close, series.bar(len(series) - 1).close) for series in self.bars if len(series)]
        return Run(
            self.cash, trace.ts, trace.equity, trace.final, trace.trips, trace.open_trips, trace.paid, tuple(first_last),
            trace.held_bars, trace.missing, trace.ambiguous,
        )  # fmt: skip

    @cached_property
    def stats(self) -> dict[str, Value]:
        """Every metric by name: shares are 0 to 1, names that end in `_pct` are in percent, None is not defined."""
        return statistics(self.run)

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row a fill."""
        return frames.fills_frame(self.filled, self._instruments)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row a round trip: flat to flat in one instrument."""
        return frames.trips_frame(round_trips(self.filled)[0], self._instruments)

    @cached_property
    def programs(self) -> pl.DataFrame:
        """One row a program run: what it did, what it holds, and what it made with that at the last close."""
        return frames.runs_frame(self.runs, self._instruments, self.state.marks)

    @cached_property
    def equity(self) -> pl.DataFrame:
        """The equity line: ts (the bar's open time) and equity at its close."""
        return frames.equity_frame(self._trace.ts, self._trace.equity)

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

    @cached_property
    def findings(self) -> list[str]:
        """What to know before the result is believed, in plain sentences; empty where nothing was found."""
        from workbench.research.findings import findings_of

        return findings_of(self)

    def plot(self) -> "go.Figure":
        """Return a plotly figure: the equity line beside buy and hold, with a marker for every fill."""
        from workbench.analytics.figures import equity_figure

        return equity_figure(self.equity, self.hold, self.fills, repr(self).partition(", digest")[0])

    def __repr__(self) -> str:
        s = self.stats
        name = written(self.strategy)
        if self.strategy.is_silent and self.runs:
            name = ", ".join(dict.fromkeys(run.program.upper() for run in self.runs))
        symbols = ", ".join(instrument.symbol for instrument in self.plan.instruments)
        return (
            f"{name} on {symbols} {self.plan.timeframe}: {s['total_return_pct']:+.2f} % "
            f"({s['trades']} trades, worst drawdown {s['max_drawdown_pct']:.2f} %), digest {self.digest[:12]}"
        )

    def _repr_html_(self) -> str:
        from workbench.analytics.report import stats_html

        return stats_html(repr(self), self.stats, self.findings)


def backtest(
    strategy: SignalStrategy | type[SignalStrategy] | ProgramStrategy | type[ProgramStrategy] | str,
    bars: Any,
    *,
    programs: Sequence[ProgramStrategy] = (),
    cash: Any = 10_000,
    parameters: Mapping[str, Any] | None = None,
    configuration: StrategyConfiguration | None = None,
    costs: CostModel | str | None = None,
    realism: PaperTradingConfig | None = None,
    seed: int = 1,
    symbol: str = "TOKEN/USD",
    timeframe: str | None = None,
    since: Any = None,
    until: Any = None,
    opening: Opening | None = None,
    engine: Literal["auto", "kernel", "step"] = "auto",
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Backtest:
    """Run a strategy over bars and return what came of it.

    A decision at a close trades at the next open. Without options there is no fee, spread, slippage or gas, and no exit
    but the strategy's own signal; 10 % of equity goes into an entry.

    Parameters
    ----------
    strategy
        A strategy, its class, or the name of one on the shelf; or a program, which then trades alone.
    programs
        Programs to start before the first bar, beside the strategy; each runs once in every series.
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
    since, until
        Open times (a datetime, a text such as `"2024-03-01"`, or milliseconds UTC): it trades from the first on, and before the
        second; the bars before are history, from which the first signal is computed.
    opening
        A book to begin with, instead of cash.
    engine
        `"auto"` takes the kernel where it can run this, and `step()` where not; both trade the same, to the last digit.
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
        If a value is out of bounds, or the bars cannot be used or are too few for the parameters.
    Refused
        If a strategy that does not come with the workbench looks ahead.

    Notes
    -----
    It writes nothing down. But trying by hand is trying: where this process asks the ledger of trials later, as a sweep does, every
    backtest counts there as a trial of its strategy on its market.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> result = backtest("sma_cross", simulate_bars("WETH", "1h", 500), fee_bps=10, parameters={"fast": 5, "slow": 20})
    >>> result.stats["bars"]
    500
    """
    if not isinstance(programs, (list, tuple)):
        raise Invalid("programs", "a list of programs such as Dca(amount=1000)", programs)
    from workbench.research.causality import refuse_own_look_ahead
    from workbench.research.tried import remember

    chosen, programs = _chosen(strategy, parameters, programs)
    many = as_series(bars, symbol, timeframe)
    for made in (chosen, *programs):
        for name in options:
            if name in made.__struct_fields__ and name not in OPTIONS:
                kind, said = type(made).__name__, repr(options[name])
                expected = f"parameters={{{name!r}: {said}}} or {kind}({name}={said}), for it is a parameter of {kind}"
                raise Invalid(name, expected, f"the option {name}={said}")
    terms, seed = terms_of(configuration, costs, realism, options), counted("seed", seed, None)
    if opening is not None and not isinstance(opening, Opening):
        raise Invalid("opening", "an Opening, the book that a run begins with", opening)
    rules = with_fields(terms.configuration, {"strategy": name_of(chosen), "parameters": parameters_of(chosen)})
    plan = Plan(tuple(series.instrument for series in many), many[0].timeframe, rules, terms.costs, terms.realism, seed)
    opened = None if opening is None else open_state(plan, opening.book, opening.marks, opening.carried)
    begins_with = opening_cash(cash) if opened is None else opened.equity
    # A session may well be shorter than its strategy looks back, and its backtest has to be what it was.
    if opened is None and not chosen.is_silent:
        check_length(chosen, many)
    refuse_own_look_ahead(chosen, many)
    wanted = measures_of(rules, plan.timeframe)
    readings = [read_series(chosen, series, wanted) for series in many]
    cut, readings = within(many, readings, moment("since", since), moment("until", until))
    result = trade(
        chosen, cut, plan, begins_with, readings, programs=programs, opened=opened, engine=engine, progress=progress, whole=many
    )
    if not result.beyond and not chosen.is_silent:
        remember(result)
    return result


def within(
    many: Sequence[BarSeries], readings: Sequence[Readings], since: int | None, until: int | None
) -> tuple[list[BarSeries], list[Readings]]:
    """Return the bars from one open time on and before another, with what was read of them from all that came before.

    Raises
    ------
    Invalid
        If an instrument has no bar there.
    """
    if since is None and until is None:
        return list(many), list(readings)
    bars, said = [], []
    for series, each in zip(many, readings, strict=True):
        low = 0 if since is None else int(np.searchsorted(series.ts, since))
        high = len(series) if until is None else int(np.searchsorted(series.ts, until))
        if low >= high:
            span = f"{show_time(int(series.ts[0]))} to {show_time(int(series.ts[-1]))}"
            raise Invalid("since" if until is None else "until", f"a stretch with bars of {series.instrument.symbol}", span)
        bars.append(series[low:high])
        said.append(each.between(low, high))
    return bars, said


def moment(name: str, given: Any) -> int | None:
    """Return a time as milliseconds UTC; what names no zone is taken for UTC.

    Raises
    ------
    Invalid
        If it is no time.

    Examples
    --------
    >>> moment("since", "1970-01-02")
    86400000
    """
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise Invalid(name, "a time such as '2024-03-01' or '2024-03-01T12:00'", given) from None
    if isinstance(given, datetime):
        return as_ts(given if given.tzinfo else given.replace(tzinfo=UTC))
    if isinstance(given, date):
        return as_ts(datetime(given.year, given.month, given.day, tzinfo=UTC))
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        return int(given)
    raise Invalid(name, "a datetime, a text such as '2024-03-01', or milliseconds UTC", given)


def trade(
    strategy: SignalStrategy,
    many: Sequence[BarSeries],
    plan: Plan,
    opening: Decimal,
    readings: Sequence[Readings],
    *,
    programs: Sequence[ProgramStrategy] = (),
    opened: State | None = None,
    changes: Mapping[int, Command] | None = None,
    whole: Sequence[BarSeries] = (),
    engine: Literal["auto", "kernel", "step"] = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Trade readings by a plan, in the kernel where it can run that.

    Parameters
    ----------
    opened
        The state to begin with, where that is more than the opening cash.
    changes
        Commands, each before the slice of an open time.
    whole
        The series with the history before their first bar, where there is some.

    Raises
    ------
    Refused
        If the kernel is asked for by name and cannot run it, or a program is refused.
    """
    first = min(int(series.ts[0]) for series in many)
    begun = msgspec.structs.replace(opened or open_state(plan, open_book(opening)), ts=first - many[0].step)

    def folded() -> FoldTrace:
        return FoldTrace(_with_programs(begun, programs), many, readings, progress, changes)

    beyond = ["programs run"] if programs else []
    beyond += ["it begins with a book of its own"] if opened is not None else []
    beyond += ["commands come between bars"] if changes else []
    parted = ["parameters change on the way"] if any(isinstance(said, Relay) for said in readings) else []
    trace, because = _choose(engine, plan, opening, many, readings, beyond)
    if trace is None and engine == "kernel":
        raise Refused(f"The kernel cannot run this: {because}. Leave `engine` out and `step()` will.")
    return Backtest(strategy, many, plan, opening, trace or folded(), folded, because, whole, [*beyond, *parted])


def _chosen(
    strategy: Any, parameters: Mapping[str, Any] | None, programs: Sequence[ProgramStrategy]
) -> tuple[SignalStrategy, tuple[ProgramStrategy, ...]]:
    """Return the strategy and the programs that are meant; a program alone goes with a strategy that gives no signal."""
    if isinstance(strategy, type) and issubclass(strategy, (SignalStrategy, ProgramStrategy)):
        name = program_name(strategy) if issubclass(strategy, ProgramStrategy) else ""
        strategy = make_program(name, parameters) if name else made_of(strategy)
        parameters = None if name else parameters
    elif isinstance(strategy, str) and snake_case(strategy) in shelf_of_programs.names():
        strategy, parameters = make_program(strategy, parameters), None
    if isinstance(strategy, ProgramStrategy):
        if parameters:
            values = {name: getattr(strategy, name) for name in strategy.__struct_fields__}
            strategy = make_program(program_name(strategy), {**values, **parameters})
        return make_strategy("manual"), (strategy, *programs)
    if isinstance(strategy, str):
        strategy = make_strategy(strategy, parameters)
    elif not isinstance(strategy, SignalStrategy):
        raise Invalid("strategy", "a strategy or the name of one", strategy)
    elif parameters:
        # A class of the user's own may be called like one of the shelf, and is meant itself.
        if not isinstance(parameters, Mapping):
            raise Invalid("parameters", "names and values, such as {'fast': 20}", parameters)
        values = {**parameters_of(strategy), **parameters}
        strategy = make(type(strategy), values, f"parameter of {name_of(strategy)}")
    return able(strategy), tuple(programs)


def _with_programs(state: State, programs: Sequence[ProgramStrategy]) -> State:
    """Return the state once every program was started in every series; what a start would be refused for is refused here."""
    for program in programs:
        if not isinstance(program, ProgramStrategy):
            raise Invalid("programs", "programs such as Dca(amount=1000)", program)
        for instrument in state.plan.instruments:
            command = StartProgram(program_name(program), instrument.key, program_parameters(program))
            stepped = step(state, command)
            for event in stepped.events:
                if isinstance(event, CommandRefused):
                    raise Refused(event.why)
            state = stepped.state
    return state


def _choose(
    engine: str, plan: Plan, opening: Decimal, many: Sequence[BarSeries], readings: Sequence[Readings], beyond: list[str]
) -> tuple[KernelTrace | None, str]:
    """Return the kernel's trace, or None and why `step()` has to run it."""
    if engine not in ENGINES:
        raise NotFound("engine", str(engine), ENGINES, field="engine")
    if engine == "step":
        return None, ""
    found = beyond or obstacles(plan, many, opening)
    if found:
        return None, "; ".join(found)
    if engine == "auto" and not is_ready():
        return None, "the kernel is being compiled"
    trace = kernel_trace(plan, opening, many, readings)
    return trace, "" if trace is not None else "a number does not fit into 64 bits"


def check_length(strategy: SignalStrategy, many: Sequence[BarSeries]) -> None:
    """Refuse bars of which a strategy could not trade on one: those that are no more than it looks back.

    Raises
    ------
    Invalid
        Naming the strategy and its lookback.
    """
    shortest = min(len(series) for series in many)
    if shortest <= strategy.lookback:
        raise Invalid("bars", f"more than the {strategy.lookback:,} that {written(strategy)} looks back", shortest)


def written(strategy: SignalStrategy) -> str:
    """Return a strategy as one writes it down.

    Examples
    --------
    >>> written(make_strategy("sma_cross", {"fast": 5}))
    'SmaCross(fast=5, slow=100)'
    """
    values: Mapping[str, Any] = parameters_of(strategy)
    said = (f"{name}={value:g}" if isinstance(value, (int, float)) else f"{name}={value!r}" for name, value in values.items())
    return f"{type(strategy).__name__}({', '.join(said)})"


def made_of(kind: Any) -> SignalStrategy:
    """Return a strategy of a class, with its defaults.

    Raises
    ------
    Invalid
        If a parameter has none.
    """
    for field in msgspec.structs.fields(kind):
        if field.required:
            raise Invalid(
                "strategy", f"{kind.__name__}({field.name}=...), for {field.name!r} has no default", f"{kind.__name__} alone"
            )
    made: SignalStrategy = kind()
    return made


def able(strategy: SignalStrategy) -> SignalStrategy:
    """Return a strategy, once it is sure that it has a rule of its own.

    Raises
    ------
    Invalid
        If it is `SignalStrategy` itself, or a class of it that lacks what it has to say.
    """
    for name in ("lookback", "signals", "because"):
        if getattr(type(strategy), name) is getattr(SignalStrategy, name):
            raise Invalid("strategy", f"a class of its own that says `{name}`", f"{type(strategy).__name__} without it")
    return strategy


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
    # A series knows its own; what is said beside it can only be the same, or a mistake.
    if timeframe is not None and parse_timeframe(timeframe) != many[0].step:
        raise Invalid("timeframe", f"{many[0].timeframe!r}, as the bars are", timeframe)
    frames_differ = {series.timeframe for series in many}
    if len(frames_differ) > 1:
        raise Invalid("bars", "one timeframe", ", ".join(sorted(frames_differ)))
    if any(len(series) == 0 for series in many):
        raise Invalid("bars", "at least one bar", "an empty series")
    return many
