"""A user's own arrays through the same engine."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import workbench as wb
from tests.make import wandering
from workbench.engine.windows import read_series
from workbench.errors import Invalid
from workbench.strategies import make_strategy


@pytest.fixture(scope="module")
def bars():
    return wandering(3000, seed=9)


@pytest.mark.parametrize("engine", ["step", "kernel"])
def test_a_strategys_own_arrays_give_the_digest_of_the_strategy(bars, engine):
    strategy = make_strategy("sma_cross", {"fast": 5, "slow": 20})
    said = read_series(strategy, bars)
    # What the strategy is warmed up by is not known of arrays: the entries before are left out.
    enter = said.column("enter") & (said.at_hand >= strategy.lookback)
    options = {"fee_bps": 10, "stop_loss_pct": 3, "engine": engine}
    given = wb.from_signals(bars, enter, said.column("exit"), **options)
    assert given.digest == wb.backtest(strategy, bars, **options).digest
    assert given.engine == engine


@pytest.mark.parametrize("kind", [np.array, list, pl.Series, pd.Series, lambda flags: np.array(flags, float)])
def test_arrays_of_any_kind_are_taken(bars, kind):
    rising = np.diff(bars.close, prepend=bars.close[0]) > 0
    plain = wb.from_signals(bars, rising, ~rising)
    assert wb.from_signals(bars, kind(rising), kind(~rising)).digest == plain.digest


@pytest.fixture(scope="module")
def labelled(bars):
    """Signals of which no two stretches are alike, by open time."""
    rising = np.diff(bars.close, prepend=bars.close[0]) > 0
    return pd.Series(rising, index=pd.to_datetime(bars.ts, unit="ms", utc=True))


@pytest.mark.parametrize(
    "changed",
    [
        lambda flags: flags,
        lambda flags: flags[::-1],
        lambda flags: flags.sample(frac=1, random_state=1),
        lambda flags: flags.tz_localize(None)[::-1],
        lambda flags: flags.tz_convert("America/New_York")[::-1],
        lambda flags: flags.set_axis(pd.Index(flags.index.to_pydatetime(), dtype=object))[::-1],
        lambda flags: flags.reset_index(drop=True),
        lambda flags: flags.set_axis(range(500, 3500)),
    ],
)
def test_signals_that_are_labelled_by_time_go_to_the_bars_of_these_times(bars, labelled, changed):
    plain = wb.from_signals(bars, labelled.to_numpy(), ~labelled.to_numpy())
    assert wb.from_signals(bars, changed(labelled), changed(~labelled)).digest == plain.digest
    sure = labelled.astype(float) * 40 + 50
    gated = {"confidence_threshold": 70}
    plain = wb.from_signals(bars, labelled.to_numpy(), ~labelled.to_numpy(), confidence=sure.to_numpy(), **gated)
    assert wb.from_signals(bars, labelled, ~labelled, confidence=changed(sure), **gated).digest == plain.digest


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda flags: flags.shift(freq="1h"), "found 2023-11-15T01:00:00Z at the bar of 2023-11-15T00:00:00Z"),
        (lambda flags: flags[1:], "found 2,999 times for 3,000 bars"),
        (lambda flags: flags.set_axis(flags.index.where(np.arange(3000) != 7)), "found no time at the bar of 2023-11-15T07:00:00Z"),
        (lambda flags: flags.set_axis(range(3000))[::-1], "numbers that rise, found numbers that do not"),
        (lambda flags: flags.set_axis([f"bar {i}" for i in range(3000)]), "found one of string values"),
    ],
)
def test_signals_that_are_labelled_by_other_times_are_refused(bars, labelled, changed, said):
    for given in ({"enter": changed(labelled)}, {"enter": labelled, "exit": changed(labelled)}):
        with pytest.raises(Invalid, match=said):
            wb.from_signals(bars, **given)


def test_a_signal_trades_at_the_next_open(bars):
    enter, leave = np.zeros(3000, bool), np.zeros(3000, bool)
    enter[10] = leave[20] = True
    bought, sold = wb.from_signals(bars, enter, leave).filled
    assert (bought.ts, bought.price) == (bars.ts[11], bars.bar(11).open)
    assert (sold.ts, sold.price) == (bars.ts[21], bars.bar(21).open)


def test_several_series_take_a_list_of_arrays(bars):
    other = wandering(3000, seed=10, symbol="ETH/USDT")
    rising = [np.diff(series.close, prepend=series.close[0]) > 0 for series in (bars, other)]
    both = wb.from_signals([bars, other], rising, [~flags for flags in rising], size_pct=40)
    assert {fill.instrument for fill in both.filled} == {bars.instrument.key, other.instrument.key}
    assert both.digest == wb.from_signals([bars, other], rising, [~flags for flags in rising], size_pct=40, engine="step").digest


def test_entries_alone_are_left_by_the_rules(bars):
    enter = np.zeros(3000, bool)
    enter[5] = True
    result = wb.from_signals(bars, enter, max_hold_hours=10)
    assert [fill.reason for fill in result.filled] == ["entry_signal", "max_hold"]
    assert "given signals say so" in " ".join(thought.reason for thought in result.thoughts)


def test_confidence_is_asked_by_its_gate(bars):
    enter = np.ones(3000, bool)
    sure = np.where(np.arange(3000) > 2000, 90.0, 10.0)
    result = wb.from_signals(bars, enter, confidence=sure, confidence_threshold=50)
    assert result.filled[0].ts == bars.ts[2002]


@pytest.mark.parametrize(
    ("enter", "said"),
    [
        (np.ones(10, bool), "one value a bar, 3,000 of them, found an array of shape"),
        (np.full(3000, 2), "truths, or ones and zeros"),
        (np.full(3000, "x"), "truths, or ones and zeros"),
        (np.full(3000, np.nan), "truths, or ones and zeros"),
        ([[True], [True, False]], "found a list of lists that differ in length"),
        (None, "one truth a bar"),
    ],
)
def test_what_is_no_signal_is_refused(bars, enter, said):
    with pytest.raises(Invalid, match=said):
        wb.from_signals(bars, enter)
    with pytest.raises(Invalid, match="a list of 2 arrays"):
        wb.from_signals([bars, wandering(3000, symbol="B/USD")], np.ones(3000, bool))
