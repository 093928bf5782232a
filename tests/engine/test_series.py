"""Many bars as exact columns: made from frames and from bars, refused where they cannot be true."""

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.make import HOUR, START, bar, series, wandering
from workbench.domain.instruments import Instrument, pair
from workbench.engine.series import BarSeries, Hole, commonest_timeframe, price_decimals_for, to_steps
from workbench.errors import BadBar, Invalid

PRICES = ("open", "high", "low", "close")


def frame(**changed):
    columns = {"ts": [START, START + HOUR], "open": [1.0, 2.0], "high": [2.0, 3.0], "low": [1.0, 2.0], "close": [2.0, 3.0]}
    return pl.DataFrame({**columns, "volume": [1.0, 1.0], **changed})


@given(st.lists(st.floats(1e-8, 1e9, allow_nan=False), min_size=1, max_size=50), st.integers(0, 8))
@example([2.675, 1.005, 4.35, 0.1 + 0.2, 4399.995], 2)
@example([0.00000001, 123456.78905, 8.5, 0.5], 0)
def test_prices_become_whole_steps_through_their_shortest_text(values, decimals):
    wanted = [int(Decimal(str(v)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN).scaleb(decimals)) for v in values]
    assert to_steps(np.array(values), decimals).tolist() == wanted


@pytest.mark.parametrize("price", [5e10, 1e21, 1e300])
def test_a_price_that_does_not_fit_its_column_is_refused(price):
    with pytest.raises(Invalid, match=r"price: expected below 4.61e\+10 with 8 decimals, found"):
        to_steps(np.array([1.0, price]), 8)


def test_bars_come_back_as_they_went_in():
    bars = list(wandering(300).bars())
    again = BarSeries.from_bars(pair("BTC/USDT"), "1h", bars)
    assert list(again.bars()) == bars
    assert [again.bar(i) for i in range(300)] == bars


def test_a_float_column_is_to_the_bit_the_nearest_to_each_exact_price():
    bars = wandering(500)
    assert bars.floats("close").tolist() == [float(b.close) for b in bars.bars()]


def test_stretches_are_joined_again_without_a_seam():
    whole = wandering(50)
    parts = whole[:20].joined(whole[20:])
    assert all(np.array_equal(getattr(parts, name), getattr(whole, name)) for name in ("ts", "volume", *PRICES))
    assert whole.joined(whole[50:]) is whole


def test_joining_keeps_what_is_known_of_the_pool():
    bare = wandering(4)
    deep = BarSeries(bare.instrument, "1h", bare.ts + 4 * HOUR, {n: getattr(bare, n) for n in PRICES}, bare.volume, np.full(4, 9.0))
    assert [b.liquidity for b in bare.joined(deep).bars()] == [None] * 4 + [Decimal("9.0")] * 4


def test_a_stretch_is_cut_by_open_times_and_by_a_mask():
    bars = wandering(10)
    assert bars.between(START + 2 * HOUR, START + 5 * HOUR).ts.tolist() == [START + i * HOUR for i in (2, 3, 4)]
    assert bars[bars.ts > START + 7 * HOUR].ts.tolist() == [START + 8 * HOUR, START + 9 * HOUR]


def test_holes_are_counted_and_not_filled():
    bars = wandering(10)
    there = bars[~np.isin(np.arange(10), [3, 4, 7])]
    assert there.holes == (Hole(START + 3 * HOUR, 2), Hole(START + 7 * HOUR, 1))
    assert (there.missing, len(there)) == (3, 7)


@pytest.mark.parametrize("scale", [1 / 1000, 1, 1_000, 1_000_000], ids=["s", "ms", "µs", "ns"])
def test_epochs_are_read_in_the_unit_that_their_size_tells(scale):
    times = [int(ts * scale) for ts in (START, START + HOUR)]
    assert BarSeries.from_frame(frame(ts=times), "A/B", "1h").ts.tolist() == [START, START + HOUR]


@pytest.mark.parametrize(
    ("changed", "error", "sentence"),
    [
        ({"ts": [START, START]}, BadBar, "each open time once"),
        ({"ts": [START + HOUR, START]}, BadBar, "a time after"),
        ({"ts": [START, START + HOUR + 1]}, BadBar, "a whole number of bars after"),
        ({"high": [2.0, 2.5]}, BadBar, "the bar's highest price"),
        ({"low": [1.0, 2.5]}, BadBar, "the bar's lowest price"),
        ({"low": [-1.0, 2.0]}, BadBar, "a price above zero, found"),
        ({"close": [2.0, float("nan")]}, BadBar, "a price above zero, found '?nan"),
        ({"close": [2.0, float("inf")]}, BadBar, "a price above zero, found '?inf"),
        ({"volume": [1.0, -1.0]}, BadBar, "volume: expected zero or more"),
        ({"ts": ["2020-01-01", "never"]}, Invalid, "an open time in every row of 'ts'"),
        ({"ts": [START * 1.0, float("nan")]}, Invalid, "an open time in every row of 'ts'"),
        ({"ts": [START, None]}, Invalid, "an open time in every row of 'ts'"),
        ({"ts": [timedelta(0), timedelta(hours=1)]}, Invalid, "a column 'ts' with the open times"),
        ({"Close": [2.0, 3.0]}, Invalid, "each column once, found the columns 'close' and 'Close'"),
        ({"open": ["1", "two"]}, Invalid, "open: expected a column of numbers, found"),
        ({"close": [[2.0], [3.0]]}, Invalid, "close: expected a column of numbers, found"),
    ],
)
def test_nonsense_in_a_frame_is_refused_with_what_was_expected(changed, error, sentence):
    with pytest.raises(error, match=sentence):
        BarSeries.from_frame(frame(**changed), "A/B", "1h")


def test_a_pandas_frame_that_names_a_column_twice_is_refused():
    plain = frame().to_pandas()
    by_time = plain.set_index(pd.to_datetime(plain["ts"], unit="ms"))
    for bad, name in ((pd.concat([plain, plain[["close"]]], axis=1), "close"), (by_time, "ts")):
        with pytest.raises(Invalid, match=f"each column once, found the columns '{name}' and '{name}'"):
            BarSeries.from_frame(bad, "A/B", "1h")


def test_a_frame_without_a_price_or_a_time_or_a_row_is_refused():
    for bad, sentence in (
        (frame().drop("high"), "a column 'high'"),
        (frame().drop("ts"), "a column 'ts' with the open times"),
        (frame()[:0], "at least one bar"),
        ([1, 2, 3], "a bar series, or a Polars or pandas frame"),
    ):
        with pytest.raises(Invalid, match=sentence):
            BarSeries.from_frame(bad, "A/B", "1h")


def test_small_prices_get_twelve_decimals_and_tiny_ones_a_way_out():
    assert price_decimals_for(np.array([0.0099])) == 12
    assert price_decimals_for(np.array([0.01])) == 8
    tiny = frame(**{name: [2e-12, 2e-12] for name in PRICES})
    with pytest.raises(Invalid, match="give an Instrument with more price_decimals"):
        BarSeries.from_frame(tiny, "A/B", "1h")
    exact = Instrument(0, "", "A", "B", 14, 6)
    assert BarSeries.from_frame(tiny, exact, "1h").close.tolist() == [200, 200]


def test_the_timeframe_is_the_commonest_step():
    steps = np.cumsum([0, 5, 5, 5, 60]) * 1000
    assert commonest_timeframe(steps) == "5s"
    assert series([1, 2, 3]).timeframe == "1h"
    with pytest.raises(Invalid, match="steps of whole seconds, found 1500 ms"):
        commonest_timeframe(np.array([0, 1_500, 3_000]))


def test_a_series_of_hand_made_bars_is_checked():
    with pytest.raises(BadBar, match="at least 100"):
        BarSeries.from_bars(pair("A/B"), "1h", [bar(high=99)])
