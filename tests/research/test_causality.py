"""Strategies that look ahead or forget are caught, and those of the shelf are not accused."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import talib

import workbench as wb
from tests.make import wandering
from workbench.actions.run_sweep import run_sweep
from workbench.engine.stitched import rows_of
from workbench.engine.strategy import Candles, Signals, SignalStrategy, candles, crossings
from workbench.engine.windows import read_last, read_series
from workbench.errors import Invalid, Refused
from workbench.research.causality import check
from workbench.strategies import shelf


class Own(SignalStrategy, frozen=True):
    """What the strategies of these tests share."""

    @property
    def lookback(self) -> int:
        return 30

    def because(self, factors: Mapping[str, float | None]) -> str:
        return "a test says so"

    def said(self, mean, bars) -> Signals:
        gap = np.nan_to_num(bars.close - mean)
        risen, fallen = crossings(bars.close, mean)
        return Signals(risen, fallen, np.full(len(bars), 50.0), gap, {"mean": mean})


class Peeks(Own, frozen=True):
    """Reads the next bar's close."""

    def signals(self, bars: Candles) -> Signals:
        mean = talib.SMA(bars.close, 20)
        ahead = np.append(bars.close[1:], bars.close[-1:])
        return Signals(ahead > bars.close, ahead < bars.close, np.full(len(bars), 50.0), np.nan_to_num(mean), {"mean": mean})


class PeeksThroughDays(Own, frozen=True):
    """Joins each hour with its own day's close, which is known at the day's end only."""

    def signals(self, bars: Candles) -> Signals:
        frame = pl.DataFrame({"day": bars.ts // 86_400_000, "close": bars.close})
        closes = frame.join(
            frame.group_by("day").agg(pl.col("close").last().alias("last")), on="day", how="left", maintain_order="left"
        )
        return self.said(talib.SMA(closes["last"].to_numpy().copy(), 10), bars)


class PeeksAtTheMaximum(Own, frozen=True):
    """Scales by the highest price there will ever be: no signal moves, a factor does."""

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        return Signals(plain.enter, plain.exit, plain.confidence, plain.edge, {"of_highest": bars.close / bars.high.max()})


class Remembers(Own, frozen=True):
    """An exponential mean that takes longer to forget than its window lasts."""

    memory: ClassVar[int] = 256

    @property
    def lookback(self) -> int:
        return 101

    def signals(self, bars: Candles) -> Signals:
        return self.said(talib.EMA(bars.close, 100) if len(bars) >= 100 else bars.close * np.nan, bars)


class LeavesHoles(Own, frozen=True):
    """Divides by nothing now and then, which no history mends."""

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        broken = np.where(bars.ts // 3_600_000 % 500 == 7, np.nan, bars.close)
        return Signals(plain.enter, plain.exit, plain.confidence, plain.edge, {"ratio": broken})


class NeverSays(Own, frozen=True):
    """Has a factor that nobody filled in."""

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        return Signals(plain.enter, plain.exit, plain.confidence, plain.edge, {"ratio": np.full(len(bars), np.nan)})


class SaysTooSoon(Own, frozen=True):
    """Means so many bars, and declares a lookback of 30."""

    period: int = 30

    def signals(self, bars: Candles) -> Signals:
        return self.said(talib.SMA(bars.close, self.period) if len(bars) >= self.period else bars.close * np.nan, bars)


@pytest.fixture(scope="module")
def bars():
    return wandering(5000, seed=4)


@pytest.mark.parametrize("name", shelf.names())
def test_every_strategy_of_the_shelf_passes(name):
    found = check(name, wandering(9000, seed=4), most=400)
    assert found.ok, str(found)
    assert found.memory == shelf.get(name)().memory


@pytest.mark.parametrize(
    ("strategy", "columns"),
    [
        (Peeks, ("enter", "exit")),
        (PeeksThroughDays, ("enter", "exit", "edge")),
        (PeeksAtTheMaximum, ("factor of_highest",)),
    ],
)
def test_a_look_ahead_is_caught_and_named(bars, strategy, columns):
    found = check(strategy(), bars)
    assert not found.ok
    assert found.look_ahead.column in columns
    assert "looks ahead" in str(found)
    first = found.look_ahead
    assert first.ts in bars.ts
    assert first.before != first.after


def test_a_look_ahead_of_one_bar_shows_at_the_first_bar_that_is_cut(bars):
    found = check(Peeks(), bars, most=100)
    assert found.look_ahead.ts <= bars.ts[-90]


@pytest.mark.parametrize("strategy", [Peeks, PeeksThroughDays, PeeksAtTheMaximum])
def test_a_sweep_of_a_strategy_that_looks_ahead_is_refused(desk, bars, strategy):
    with pytest.raises(Refused, match=f"{strategy.__name__} looks ahead"):
        run_sweep(strategy, bars, size_pct=[10, 20], desk=desk, progress=False)


def test_a_memory_that_is_too_short_is_caught_with_one_that_is_enough(bars):
    found = check(Remembers(), bars)
    assert found.look_ahead is None
    assert found.short_memory.column in ("edge", "factor mean")
    assert found.memory == 1024
    assert "remembers more than its memory of 256 bars" in str(found)

    class Longer(Remembers, frozen=True):
        memory: ClassVar[int] = 1024

    assert check(Longer(), bars).ok


def test_a_factor_that_no_history_defines_is_no_alarm(bars):
    assert check(LeavesHoles(), bars).ok


def test_a_factor_that_is_never_a_number_is_named(bars):
    found = check(NeverSays(), bars)
    assert found.undefined.column == "factor ratio"
    assert "covers its lookback, and factor ratio is not a number at" in str(found)
    assert str(found).endswith("nor at any other bar.")


def test_a_lookback_is_covered_by_as_many_bars_as_it_counts(bars):
    assert check(SaysTooSoon(30), bars).ok
    found = check(SaysTooSoon(31), bars)
    assert found.undefined.column == "factor mean"
    assert "looks back further than its lookback: factor mean is not a number at" in str(found)


class Lazy(Own, frozen=True):
    """Gives its columns as functions, one of them wrong."""

    column: str = ""
    what: str = ""
    off: int = 0

    def signals(self, bars: Candles) -> Signals:
        wrong = {
            "short": lambda: np.zeros(len(bars) - 1), "number": lambda: 3.0, "list": lambda: [1.0] * len(bars),
            "whole": lambda: np.zeros(len(bars), np.int64), "nan": lambda: np.full(len(bars), np.nan),
        }  # fmt: skip
        columns = {name: lambda: np.full(len(bars), 50.0) for name in ("confidence", "edge", "factor mean")}
        columns[self.column] = wrong[self.what]
        flags = bars.close > bars.open
        return Signals(flags, ~flags, columns["confidence"], columns["edge"], {"mean": columns["factor mean"]})


class LazyAtOnce(Lazy, frozen=True):
    """The same for a whole series at once."""

    lag: ClassVar[int | None] = 1


@pytest.mark.parametrize("kind", [Lazy, LazyAtOnce])
@pytest.mark.parametrize(
    ("column", "what", "sentence"),
    [
        ("edge", "short", r"\.edge: expected an array of float64 with one value a bar, [\d,]+ of them, found float64 of shape"),
        ("edge", "number", r"\.edge: expected an array of float64 with one value a bar, [\d,]+ of them, found 'float'"),
        ("factor mean", "list", r" factor mean: expected an array of float64 with one value a bar, [\d,]+ of them, found 'list'"),
        ("factor mean", "whole", r" factor mean: expected an array of float64 with one value a bar, [\d,]+ of them, found int64"),
        ("confidence", "short", r"\.confidence: expected an array of float64 with one value a bar"),
        ("confidence", "nan", r"\.confidence: expected numbers from 0 to 100, found '?nan"),
    ],
)
def test_a_column_given_as_a_function_is_checked_whoever_reads_it(desk, bars, kind, column, what, sentence):
    strategy = kind(column, what)
    window = rows_of(candles(bars), 0, 2500)
    for ask in (
        lambda: wb.backtest(strategy, bars, engine="kernel"),
        lambda: wb.backtest(strategy, bars, engine="step"),
        lambda: run_sweep(strategy, bars, off=[0, 1], desk=desk, progress=False),
        lambda: wb.check(strategy, bars, most=20),
        lambda: read_last(strategy, window),
        lambda: read_series(strategy, bars).values and read_series(strategy, bars).edge and read_series(strategy, bars).confidence,
    ):
        with pytest.raises(Invalid, match=f"{kind.__name__}{sentence}"):
            ask()


class Changes(Own, frozen=True):
    """Names its factors by how many bars it is given."""

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        return Signals(plain.enter, plain.exit, plain.confidence, plain.edge, {f"mean {len(bars)}": bars.close})


@pytest.mark.parametrize("ask", [wb.backtest, wb.check])
def test_factors_that_come_and_go_are_refused(bars, ask):
    with pytest.raises(Invalid, match=r"Changes.signals: expected the same factors for whatever bars, found mean \d+ without"):
        ask(Changes(), bars)


class SaysNothing(Own, frozen=True):
    """Forgets to wrap what it says."""

    def signals(self, bars: Candles) -> Signals:
        return bars.close > 1, bars.close < 1


def test_what_is_no_signals_at_all_is_refused(bars):
    with pytest.raises(Invalid, match=r"SaysNothing.signals: expected Signals\(enter, exit, .*found 'tuple'"):
        wb.backtest(SaysNothing(), bars)


@pytest.mark.parametrize("strategy", [Peeks, PeeksThroughDays, PeeksAtTheMaximum])
@pytest.mark.parametrize("engine", ["kernel", "step"])
def test_a_backtest_of_a_strategy_that_looks_ahead_is_refused(bars, strategy, engine):
    with pytest.raises(Refused, match=f"{strategy.__name__} looks ahead: .* changes when the bars after it are cut off"):
        wb.backtest(strategy, bars, engine=engine)


def test_bars_no_more_than_a_strategy_looks_back_are_refused_as_in_a_sweep(desk):
    few = wandering(51)
    for ask in (
        lambda bars: wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 50}),
        lambda bars: run_sweep("sma_cross", bars, fast=[5, 6], slow=50, desk=desk, progress=False),
        lambda bars: wb.backtest("sma_cross", [wandering(90, symbol="A/USD"), bars], parameters={"fast": 5, "slow": 50}),
    ):
        with pytest.raises(Invalid, match=r"bars: expected more than the 51 that SmaCross\(fast=., slow=50\) looks back, found 51"):
            ask(few)
    assert wb.backtest("sma_cross", wandering(52), parameters={"fast": 5, "slow": 50}).stats["bars"] == 52
    assert wb.backtest("dca", few).stats["bars"] == 51, "a program alone looks at nothing"


def test_what_holds_says_at_how_many_bars_it_was_tried(bars):
    assert "at any of 300 bars" in str(check("sma_cross", bars, most=300))


def test_a_lag_that_is_too_short_is_found():
    class LagLie(SignalStrategy, frozen=True):
        """Looks two hundred bars back, and says one."""

        lag: ClassVar[int | None] = 1

        @property
        def lookback(self) -> int:
            return 201

        def signals(self, bars):
            moved = bars.close - np.concatenate([np.full(200, np.nan), bars.close])[: len(bars)]
            with np.errstate(invalid="ignore"):
                return Signals(moved > 0, moved < 0, np.full(len(bars), 80.0), moved, {"moved": moved})

        def because(self, factors):
            return "it moves"

    found = wb.check(LagLie, wandering(9000), most=100)
    assert not found.ok
    assert "LagLie() looks further back than its lag" in str(found)

    class Honest(LagLie, frozen=True):
        lag: ClassVar[int | None] = 200

    assert wb.check(Honest, wandering(9000), most=100).ok


def test_bars_too_few_to_judge_a_memory_are_said_to_be():
    told = str(wb.check("sma_cross", wandering(3000), most=50))
    assert told.endswith("of its memory 3,000 bars tell nothing, it takes more than 4,096.")
    assert str(wb.check("sma_cross", wandering(4200), most=50)).endswith("whatever comes after or before.")


@pytest.mark.parametrize("most", [0, -5, "x"])
def test_a_check_at_no_bar_is_refused(most):
    with pytest.raises(Invalid, match="most: expected a whole number from 1"):
        wb.check("sma_cross", wandering(300), most=most)
