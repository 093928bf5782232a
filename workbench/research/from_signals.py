"""`from_signals()`: a user's own arrays of entries and exits, traded by the very same engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, PaperTradingConfig
from workbench.domain.money import opening_cash
from workbench.domain.params import with_fields
from workbench.domain.sessions import Plan
from workbench.domain.terms import Terms
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries, Floats
from workbench.engine.strategy import Candles, Flags, Signals, SignalStrategy
from workbench.engine.windows import Readings, Wanted, measures_in
from workbench.errors import Invalid
from workbench.research.backtest import Backtest, as_series, trade


class GivenSignals(SignalStrategy, frozen=True):
    """Stands for signals that were given as arrays."""

    title: ClassVar[str] = "Given signals"
    summary: ClassVar[str] = "Entries and exits that were given as arrays."

    @property
    def lookback(self) -> int:
        """It looks at nothing by itself."""
        return 1

    def signals(self, bars: Candles) -> Signals:
        """It has none of its own: those that were given are not asked for a second time."""
        raise Invalid("signals", "a strategy of the shelf or a class of your own, to be asked again", "arrays")

    def because(self, factors: Mapping[str, float | None]) -> str:
        """Return the only reason there is."""
        return "the given signals say so"


def from_signals(
    bars: Any,
    enter: Any,
    exit: Any = None,
    *,
    confidence: Any = None,
    cash: Any = 10_000,
    configuration: StrategyConfiguration | None = None,
    costs: CostModel | str | None = None,
    realism: PaperTradingConfig | None = None,
    seed: int = 1,
    symbol: str = "TOKEN/USD",
    timeframe: str | None = None,
    engine: Literal["auto", "kernel", "step"] = "auto",
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Backtest:
    """Trade arrays of entries and exits and return what came of it.

    A signal at a bar's close trades at the next bar's open: nothing is bought at a price that was already over when it was
    decided. Rules, costs and sizing are those of `backtest`.

    Parameters
    ----------
    bars
        As for `backtest`.
    enter, exit
        One truth a bar: a NumPy array, a list, a Polars or pandas series; a list of these where there are several series.
        Without exits a position is left by the rules alone.
    confidence
        From 0 to 100, one number a bar; 100 where None.
    cash, configuration, costs, realism, seed, symbol, timeframe, engine, progress, options
        As for `backtest`.

    Raises
    ------
    Invalid
        If an array has another length than the bars, or holds something else than truths.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> bars = simulate_bars("WETH", "1h", 300)
    >>> rising = np.diff(bars.close, prepend=bars.close[0]) > 0
    >>> from_signals(bars, rising, ~rising, fee_bps=10).stats["bars"]
    300
    """
    many = as_series(bars, symbol, timeframe)
    several = isinstance(bars, (list, tuple))
    chosen = GivenSignals()
    base = Terms(configuration or StrategyConfiguration(), realism=realism or PaperTradingConfig())
    terms = base.changed(options if costs is None else {**options, "costs": costs})
    rules = with_fields(terms.configuration, {"strategy": "given_signals", "parameters": {}})
    plan = Plan(tuple(series.instrument for series in many), many[0].timeframe, rules, terms.costs, terms.realism, seed)
    wanted = measures_of(rules, plan.timeframe)
    entries, exits = _columns("enter", enter, many, several), _columns("exit", exit, many, several)
    sure = _columns("confidence", confidence, many, several)
    readings = []
    for series, into, out, how_sure in zip(many, entries, exits, sure, strict=True):
        wants_in = _flags("enter", into, series)
        wants_out = np.zeros(len(series), np.bool_) if out is None else _flags("exit", out, series)
        readings.append(given_readings(series, wants_in, wants_out, _numbers("confidence", how_sure, series), wanted))
    return trade(chosen, many, plan, opening_cash(cash), readings, engine=engine, progress=progress)


def given_readings(series: BarSeries, enter: Flags, exit: Flags, confidence: Floats, wanted: Wanted) -> Readings:
    """Return arrays of entries and exits as the readings that the engine takes."""
    said = Signals(enter, exit, confidence, np.where(enter, 1.0, -1.0), {})
    return Readings(GivenSignals(), [said], np.arange(1, len(series) + 1), measures_in(GivenSignals(), series, wanted))


def _columns(name: str, given: Any, many: Sequence[BarSeries], several: bool) -> list[Any]:
    if given is None:
        return [None] * len(many)
    if not several:
        return [given]
    if not isinstance(given, (list, tuple)) or len(given) != len(many):
        found = f"{len(given)}" if isinstance(given, (list, tuple)) else type(given).__name__
        raise Invalid(name, f"a list of {len(many)} arrays, one for each series", found)
    return list(given)


def _array(name: str, given: Any, series: BarSeries) -> Any:
    array = given.to_numpy() if hasattr(given, "to_numpy") else np.asarray(given)
    if array.shape != (len(series),):
        raise Invalid(name, f"one value a bar, {len(series):,} of them", f"an array of shape {array.shape}")
    return array


def _flags(name: str, given: Any, series: BarSeries) -> Flags:
    if given is None:
        raise Invalid(name, "one truth a bar", "nothing")
    array = _array(name, given, series)
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array)
    if array.dtype.kind in "iuf" and bool(np.isin(array, (0, 1)).all()):
        flags: Flags = array.astype(np.bool_)
        return flags
    raise Invalid(name, "truths, or ones and zeros", f"values of {array.dtype}")


def _numbers(name: str, given: Any, series: BarSeries) -> Floats:
    if given is None:
        return np.full(len(series), 100.0)
    array = _array(name, given, series)
    if array.dtype.kind not in "iuf" or not bool(((array >= 0) & (array <= 100)).all()):
        raise Invalid(name, "numbers from 0 to 100", f"values of {array.dtype}")
    numbers: Floats = array.astype(np.float64)
    return numbers
