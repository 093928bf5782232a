"""A slower timeframe is made of closed bars only, and is the same live, in a backtest and in a sweep."""

from typing import Annotated, ClassVar

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tests.make import HOUR, START, wandering
from workbench.domain.params import Param
from workbench.engine.stitched import Blocks, lay_out
from workbench.engine.strategy import Candles, Signals, SignalStrategy, candles
from workbench.engine.windows import read_last, read_series, window_start
from workbench.errors import Broken, Invalid

BLOCK = 2048
BEGIN = (START // HOUR // BLOCK) * BLOCK * HOUR


class Doubled(SignalStrategy, frozen=True):
    """Reads a mean of a slower timeframe."""

    slower: Annotated[int, Param(2, 48, 1)] = 4
    period: Annotated[int, Param(2, 50, 1)] = 5

    @property
    def lookback(self) -> int:
        return self.slower * (self.period + 2)

    def signals(self, bars: Candles) -> Signals:
        slow = bars.every(self.slower)
        mean = slow.known(slow.indicator(talib.SMA, slow.close, self.period))
        high = slow.known(slow.high)
        with np.errstate(invalid="ignore"):
            above = bars.close > mean
        return Signals(above, ~above, np.full(len(above), 60.0), bars.close - mean, {"mean": mean, "high": high})

    def because(self, factors):
        return "so"


def test_slower_bars_are_those_that_a_resample_makes_once_they_have_closed():
    bars = candles(wandering(1000, start=BEGIN))
    slow = bars.every("4h")
    frame = pl.DataFrame({name: getattr(bars, name) for name in ("ts", "open", "high", "low", "close", "volume")})
    wanted = frame.group_by((pl.col("ts") // (4 * HOUR) * 4 * HOUR).alias("slow"), maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()
    )
    assert slow.ts.tolist() == wanted["slow"].to_list()
    for name in ("open", "high", "low", "close"):
        assert getattr(slow, name).tolist() == wanted[name].to_list()
    assert slow.volume == pytest.approx(wanted["volume"].to_numpy())
    assert slow.step == 4 * HOUR


def test_a_slower_bar_is_known_from_the_bar_on_at_whose_close_it_closes():
    bars = candles(wandering(12, start=BEGIN))
    slow = bars.every(4)
    assert slow.known(slow.close).tolist()[3:] == [bars.close[3]] * 4 + [bars.close[7]] * 4 + [bars.close[11]]
    assert np.isnan(slow.known(slow.close)[:3]).all()
    assert slow.known(slow.close > 0).tolist() == [False] * 3 + [True] * 9


@given(st.sets(st.integers(0, 99), min_size=1), st.integers(2, 13), st.integers(0, 5))
def test_what_is_known_at_a_bar_never_changes_when_later_bars_come(places, slower, shift):
    keep = np.array(sorted(places))
    bars = candles(wandering(100, start=BEGIN + shift * HOUR)[np.isin(np.arange(100), keep)])
    whole = bars.every(slower)
    full = whole.known(whole.close), whole.known(whole.high), whole.known(whole.volume)
    for cut in range(1, len(bars) + 1):
        part = Candles(*(getattr(bars, n)[:cut] for n in ("ts", "open", "high", "low", "close", "volume")), step=bars.step)
        slow = part.every(slower)
        for values, before in zip((slow.close, slow.high, slow.volume), full, strict=True):
            assert np.array_equal(slow.known(values), before[:cut], equal_nan=True)


def test_a_bar_reads_the_same_live_in_a_backtest_and_remembered_in_a_sweep():
    bars = wandering(3 * BLOCK + 700, start=BEGIN)
    for strategy in (Doubled(), Doubled(slower=24, period=10), Doubled(slower=7)):
        whole = read_series(strategy, bars)
        laid = lay_out(bars, strategy)
        assert isinstance(laid, Blocks)
        for _ in range(2):
            again = read_series(strategy, bars, laid=laid)
            assert (again.enter, again.values) == (whole.enter, whole.values)
        for i in (0, 50, 2047, 2048, 2049, 5000, len(bars) - 1):
            begin = window_start(int(bars.ts[i]), bars.timeframe, strategy.memory)
            assert read_last(strategy, candles(bars.between(begin, int(bars.ts[i]) + 1))) == whole[i]


def test_indicators_of_a_series_that_is_laid_out_are_computed_once():
    bars, calls = wandering(BLOCK + 100, start=BEGIN), []

    def counted(close, period):
        calls.append(period)
        return talib.SMA(close, period)

    class Counting(Doubled, frozen=True):
        def signals(self, given: Candles) -> Signals:
            slow = given.every(self.slower)
            slow.indicator(counted, slow.close, self.period)
            given.indicator(counted, given.close, 9)
            return super().signals(given)

    laid = lay_out(bars, Counting())
    for slower in (4, 6, 4):
        read_series(Counting(slower=slower), bars, laid=laid)
    assert len(calls) == len(laid.windows) * 3


@pytest.mark.parametrize("timeframe", ["30m", "90m", 0])
def test_a_timeframe_that_is_no_multiple_is_refused(timeframe):
    with pytest.raises(Invalid, match="expected a multiple of the bars' own 3,600 seconds"):
        candles(wandering(50)).every(timeframe)


def test_values_of_another_length_are_refused():
    slow = candles(wandering(50, start=BEGIN)).every(5)
    with pytest.raises(Invalid, match="one value for each of 10 slower bars, found 3 values"):
        slow.known([1.0, 2.0, 3.0])


def test_a_strategy_that_declares_its_lag_may_not_read_a_slower_timeframe():
    class Hasty(Doubled, frozen=True):
        lag: ClassVar[int] = 1

    with pytest.raises(Broken, match="leave its `lag` out"):
        read_series(Hasty(), wandering(200))
