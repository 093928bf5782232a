"""`from_signals()`: a user's own arrays of entries and exits, traded by the very same engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from workbench.domain.bars import show_time
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, PaperTradingConfig
from workbench.domain.money import opening_cash
from workbench.domain.params import counted, with_fields
from workbench.domain.sessions import Plan
from workbench.domain.terms import terms_of
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries, Floats, Ints
from workbench.engine.strategy import Candles, Flags, Signals, SignalStrategy
from workbench.engine.windows import Readings, Wanted, measures_in, plain_flags
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
        A pandas series that is indexed by times goes to the bars of these times; it has to have each of them once.
        Without exits a position is left by the rules alone.
    confidence
        From 0 to 100, one number a bar; 100 where None.
    cash, configuration, costs, realism, seed, symbol, timeframe, engine, progress, options
        As for `backtest`.

    Raises
    ------
    Invalid
        If an array has another length than the bars, other times, or holds something else than truths.

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
    terms, seed = terms_of(configuration, costs, realism, options), counted("seed", seed, None)
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
    if type(given).__module__.split(".")[0] == "pandas" and hasattr(given, "index"):
        given = _by_time(name, given, series)
    try:
        array = given.to_numpy() if hasattr(given, "to_numpy") else np.asarray(given)
    except ValueError:
        raise Invalid(name, f"one value a bar, {len(series):,} of them", "a list of lists that differ in length") from None
    if array.shape != (len(series),):
        raise Invalid(name, f"one value a bar, {len(series):,} of them", f"an array of shape {array.shape}")
    return array


def _by_time(name: str, given: Any, series: BarSeries) -> Any:
    """Return a pandas series in the order of the bars: what is labelled by times goes to the bars of these times."""
    index = given.index
    if index.inferred_type in ("datetime", "datetime64", "date", "period"):
        times = _open_times(index)
        if np.array_equal(times, series.ts):
            return given
        order = np.argsort(times, kind="stable")
        if np.array_equal(times[order], series.ts):
            return given.iloc[order]
        raise Invalid(name, "the open time of every bar once in its index", _first_other(times, series))
    # A number is a place: one that comes before a lower one belongs to rows that were sorted or joined in between.
    if index.inferred_type == "integer" and index.is_monotonic_increasing:
        return given
    found = "numbers that do not" if index.inferred_type == "integer" else f"one of {index.inferred_type} values"
    raise Invalid(name, "an index of open times, or of numbers that rise", found)


def _open_times(index: Any) -> Ints:
    import pandas as pd  # type: ignore[import-untyped]

    stamps = index.to_timestamp() if index.inferred_type == "period" else index
    # What names no zone is taken for UTC, as in a frame of bars.
    times: Ints = pd.to_datetime(stamps, utc=True).as_unit("ms").asi8
    return times


def _first_other(times: Ints, series: BarSeries) -> str:
    """Return in words how times differ from those of the bars."""
    if len(times) != len(series):
        return f"{len(times):,} times for {len(series):,} bars"
    place = int(np.flatnonzero(times != series.ts)[0])
    if times[place] == np.iinfo(np.int64).min:
        return f"no time at the bar of {show_time(int(series.ts[place]))}"
    return f"{show_time(int(times[place]))} at the bar of {show_time(int(series.ts[place]))}"


def _flags(name: str, given: Any, series: BarSeries) -> Flags:
    if given is None:
        raise Invalid(name, "one truth a bar", "nothing")
    array = _array(name, given, series)
    if array.dtype == np.bool_:
        return plain_flags(np.ascontiguousarray(array))
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
