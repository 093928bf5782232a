"""Strategies that look ahead or forget are caught, and those of the shelf are not accused."""

from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import talib

import workbench as wb
from tests.make import HOUR, START, series, wandering
from workbench.actions.run_sweep import run_sweep
from workbench.engine.stitched import rows_of
from workbench.engine.strategy import Candles, Signals, SignalStrategy, candles, crossings, share_of_hundred
from workbench.engine.windows import read_last, read_series
from workbench.errors import Invalid, Refused
from workbench.research.causality import check
from workbench.store.trials import list_sweeps
from workbench.strategies import SmaCross, shelf


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


class Unfounded(Own, frozen=True):
    """Enters while something of what it says is not a number: never, at one bar in 50, or wherever it enters."""

    what: str = "edge"
    where: str = "never"

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        gone = {"never": bars.close < 0, "now and then": bars.ts // 3_600_000 % 50 == 7, "at entries": plain.enter}[self.where]
        columns = {"edge": plain.edge, "factor": bars.close}
        columns[self.what] = np.where(gone, np.nan, columns[self.what])
        return Signals(plain.enter | gone, plain.exit, plain.confidence, columns["edge"], {"ratio": columns["factor"]})


@pytest.mark.parametrize(
    ("what", "where", "column"),
    [
        ("edge", "now and then", "edge is not a number there:"),
        ("edge", "at entries", "edge is not a number there:"),
        ("factor", "at entries", "factor ratio is not a number there, nor at any other entry:"),
    ],
)
def test_a_strategy_that_enters_for_no_number_is_refused_and_nothing_is_stored(desk, bars, what, where, column):
    strategy = Unfounded(what, where)
    assert not check(strategy, bars).ok
    assert column in str(check(strategy, bars))
    for ask in (
        lambda: wb.backtest(strategy, bars),
        lambda: run_sweep(strategy, bars, size_pct=[10, 20], desk=desk, progress=False),
    ):
        with pytest.raises(Refused, match=rf"Unfounded enters at 20.* although its {column}"):
            ask()
    with desk.store.read() as connection:
        assert list_sweeps(connection) == []


@pytest.mark.parametrize(("what", "where"), [("edge", "never"), ("factor", "now and then")])
def test_a_number_that_is_missing_beside_others_is_no_reason_to_refuse(bars, what, where):
    assert check(Unfounded(what, where), bars).ok
    wb.backtest(Unfounded(what, where), bars)


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
    found = check("sma_cross", bars, most=300)
    assert 300 < found.cuts < 350, "a guard's glance is part of it"
    assert f"at any of {found.cuts} bars" in str(found)
    assert check("sma_cross", bars, most=len(bars)).cuts == len(bars)


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
    assert told.endswith("of its memory 3,000 bars tell nothing, it takes 4,160 over which the price moves.")
    assert wb.check("sma_cross", wandering(3000), most=50).memory is None
    assert str(wb.check("sma_cross", wandering(4159), most=50)).endswith("it takes 4,160 over which the price moves.")
    assert str(wb.check("sma_cross", wandering(4160), most=50)).endswith("whatever comes after or before.")
    assert not wb.check("sma_cross", series([100.0] * 5000), most=50).is_memory_judged


@pytest.mark.parametrize("most", [0, -5, "x"])
def test_a_check_at_no_bar_is_refused(most):
    with pytest.raises(Invalid, match="most: expected a whole number from 1"):
        wb.check("sma_cross", wandering(300), most=most)


def standing_still() -> dict[str, list[float]]:
    """Prices that stand still for long, each in its own way."""
    chance = np.random.default_rng(3)
    ticks = np.cumsum(chance.random(6000) < 0.01) * chance.choice([-1, 1], 6000)
    return {
        "always": np.full(6000, 1.0003).tolist(),
        "between two ticks": np.round(1 + 0.0001 * chance.integers(0, 2, 6000), 4).tolist(),
        "from tick to tick": np.round(27.31 + 0.01 * ticks, 2).tolist(),
        "for a hundred bars at a time": np.repeat(np.round(100 + chance.normal(0, 3, 60), 2), 100).tolist(),
    }


@pytest.mark.parametrize("kind", list(standing_still()))
@pytest.mark.parametrize("strategy", [*shelf.names(), SmaCross(fast=5, slow=30)], ids=str)
def test_no_strategy_of_the_shelf_is_accused_where_prices_stand_still(strategy, kind):
    found = check(strategy, series(standing_still()[kind]), most=60)
    assert found.ok, str(found)


def test_a_memory_that_is_too_short_is_caught_where_prices_stand_still_for_long():
    found = check(Remembers(), series(standing_still()["for a hundred bars at a time"]), most=60)
    assert found.short_memory.column in ("edge", "factor mean")
    assert found.memory == 1024


def test_a_factor_that_is_never_a_number_is_told_only_if_the_price_moves():
    assert check(NeverSays(), series(standing_still()["always"]), most=60).ok
    assert check(NeverSays(), series(standing_still()["from tick to tick"]), most=60).undefined.column == "factor ratio"


class Counts(Own, frozen=True):
    """Counts its bars, which no memory holds."""

    def signals(self, bars: Candles) -> Signals:
        plain = self.said(talib.SMA(bars.close, 20), bars)
        return Signals(plain.enter, plain.exit, plain.confidence, plain.edge, {"bars": np.arange(len(bars), dtype=np.float64)})


@pytest.mark.parametrize("count", [4100, 8192, 8200, 9000])
def test_no_memory_is_proposed_that_nothing_speaks_for(count):
    found = check(Counts(), wandering(count, seed=5), most=50)
    assert found.short_memory.column == "factor bars"
    assert found.memory is None
    assert "these bars are too few to tell what is enough" in str(found)


class CountsJumps(Own, frozen=True):
    """Counts leaps of the price, and hides the count behind a flag."""

    is_shown: bool = True

    def signals(self, bars: Candles) -> Signals:
        leaps = np.cumsum(bars.close / bars.open > 1.2).astype(np.float64)
        none = np.zeros(len(bars))
        return Signals(leaps > 0, leaps < 1, none, none, {"leaps": leaps} if self.is_shown else {})


@pytest.mark.parametrize("jump", [300, 1500, 4000])
@pytest.mark.parametrize("is_shown", [True, False])
def test_what_is_never_forgotten_is_caught_wherever_it_happened(jump, is_shown):
    closes = 100 + np.cumsum(np.random.default_rng(0).normal(0, 0.1, 9000))
    closes[jump:] *= 1.5
    found = check(CountsJumps(is_shown), series(np.round(closes, 4).tolist()), most=50)
    assert found.short_memory is not None, str(found)


class NearTheHighest(Own, frozen=True):
    """Wants in near the highest close that there will ever be."""

    share: float = 0.97

    def signals(self, bars: Candles) -> Signals:
        of_highest = bars.close / bars.close.max()
        flags, none = of_highest > self.share, np.zeros(len(bars))
        return Signals(flags, ~flags, none, none, {"of_highest": of_highest})


def risen_after_an_old_spike():
    """A price that rises through its newest block, and long before stood higher than ever again."""
    first = START // HOUR
    begin = (first + 7000) // 2048 * 2048 - first
    count = begin + 1500
    closes = 100 + np.cumsum(np.random.default_rng(0).normal(0, 0.05, count))
    closes[begin:] += np.linspace(0, 20, count - begin)
    closes[count - 4096 + 5] = 400
    return series(np.round(closes, 4).tolist())


def test_a_look_ahead_within_the_windows_that_trade_is_caught_whatever_came_long_before(desk):
    bars = risen_after_an_old_spike()
    with pytest.raises(Refused, match="NearTheHighest looks ahead"):
        wb.backtest(NearTheHighest(), bars)
    with pytest.raises(Refused, match="NearTheHighest looks ahead"):
        run_sweep(NearTheHighest, bars, share=[0.97, 0.98], desk=desk, progress=False)
    assert "looks ahead" in str(check(NearTheHighest(), bars, most=200))


@pytest.mark.parametrize("seed", range(1, 9))
def test_what_a_backtest_refuses_no_check_passes(desk, seed):
    bars = wandering(9000, seed=seed)
    found = check(NearTheHighest(0.9), bars, most=100)
    for ask in (
        lambda: wb.backtest(NearTheHighest(0.9), bars),
        lambda: run_sweep(NearTheHighest, bars, share=0.9, size_pct=[10, 20], desk=desk, progress=False),
    ):
        with suppress(Refused):
            ask()
            continue
        assert found.look_ahead is not None, str(found)


def mean_of_closed_days(bars: Candles) -> np.ndarray:
    days, place = np.unique(bars.ts // (24 * bars.step), return_inverse=True)
    last = np.zeros(len(days))
    last[place] = bars.close
    return np.where(place > 0, last[np.maximum(place - 1, 0)], np.nan)


def mean_by_sums(bars: Candles) -> np.ndarray:
    sums = np.cumsum(np.insert(bars.close, 0, 0.0))
    mean = np.full(len(bars), np.nan)
    mean[19:] = (sums[20:] - sums[:-20]) / 20
    return mean


HONEST = {
    "closed days": mean_of_closed_days,
    "slower bars": lambda bars: bars.every("4h").known(bars.every("4h").close),
    "as many bars as there are": lambda bars: pl.Series(bars.close).rolling_mean(25, min_samples=1).to_numpy(),
    "running sums": mean_by_sums,
    "exponential": lambda bars: talib.EMA(bars.close, 20),
}


class Honest(Own, frozen=True):
    """Compares the close with a mean of the past, however it is made."""

    kind: str = "running sums"

    def signals(self, bars: Candles) -> Signals:
        return self.said(HONEST[self.kind](bars) if len(bars) >= 20 else bars.close * np.nan, bars)


@pytest.mark.parametrize("kind", list(HONEST))
@pytest.mark.parametrize("prices", ["wandering", *standing_still()])
def test_honest_strategies_are_not_accused(desk, kind, prices):
    bars = wandering(9000, seed=6) if prices == "wandering" else series(standing_still()[prices])
    found = check(Honest(kind), bars, most=60)
    assert found.ok, str(found)
    wb.backtest(Honest(kind), bars)
    run_sweep(Honest(kind), bars, size_pct=[10, 20], desk=desk, progress=False)


class Deviates(Own, frozen=True):
    """Divides by a deviation that is nothing, or rounding, where ten closes are one and the same."""

    def signals(self, bars: Candles) -> Signals:
        upper, middle, _ = talib.BBANDS(bars.close, 10, 1, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (bars.close - middle) / (upper - middle)
            return Signals(z < -2, z > 2, share_of_hundred(50 - 20 * z), -2 - z, {"z": z})


@pytest.mark.parametrize("kind", list(standing_still()))
def test_a_ratio_to_nothing_is_no_memory(kind):
    found = check(Deviates(), series(standing_still()[kind]), most=60)
    assert found.ok, str(found)
