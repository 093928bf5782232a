"""What every strategy on the shelf must keep; a new one is tested here without a line being added."""

import numpy as np
import pytest

from tests.make import HOUR, START, wandering
from workbench.domain.params import param_fields
from workbench.engine.strategy import candles
from workbench.engine.windows import read_last, read_series, window_start
from workbench.strategies import make_strategy, name_of, parameters_of, shelf

STRATEGIES = shelf.names()
BLOCK = 2048
BEGIN = (START // HOUR // BLOCK) * BLOCK * HOUR


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return make_strategy(request.param)


def columns(readings):
    return (readings.enter, readings.exit, readings.confidence, readings.edge, readings.values)


def test_the_future_cut_off_changes_nothing_before_it(strategy):
    bars = wandering(5000, start=BEGIN)
    whole = read_series(strategy, bars)
    for cut in [1, 2, 3, 50, 199, 200, 201, 1000, 2047, 2048, 2049, 2500, 4095, 4096, 4097, 4999]:
        part = read_series(strategy, bars[:cut])
        assert columns(part) == tuple(column[:cut] for column in columns(whole)), f"cut at {cut}"


def test_the_same_bar_reads_the_same_wherever_the_data_begin(strategy):
    bars = wandering(30 * BLOCK + 700, start=BEGIN)
    whole = read_series(strategy, bars)
    short = bars[27 * BLOCK :]
    late = read_series(strategy, short)
    assert columns(late)[0][BLOCK:] == columns(whole)[0][28 * BLOCK :]
    assert tuple(c[BLOCK:] for c in columns(late)) == tuple(c[28 * BLOCK :] for c in columns(whole))


def test_a_live_step_reads_what_the_backtest_reads(strategy):
    bars = wandering(2 * BLOCK + 300, start=BEGIN)
    whole = read_series(strategy, bars)
    for i in [0, 5, 120, 2047, 2048, 3000, 4096, len(bars) - 1]:
        start = window_start(int(bars.ts[i]), bars.timeframe, strategy.memory)
        window = bars.between(start, int(bars.ts[i]) + 1)
        assert read_last(strategy, candles(window)) == whole[i]


def test_it_says_the_same_every_time(strategy):
    bars = wandering(2500)
    assert columns(read_series(strategy, bars)) == columns(read_series(make_strategy(name_of(strategy)), bars))


def test_a_hole_leaves_no_trace_that_is_not_a_number(strategy):
    bars = wandering(3000, start=BEGIN)
    keep = np.ones(3000, bool)
    keep[700:731] = False
    holed = type(bars)(
        bars.instrument, bars.timeframe, bars.ts[keep],
        {name: getattr(bars, name)[keep] for name in ("open", "high", "low", "close")}, bars.volume[keep],
    )  # fmt: skip
    readings = read_series(strategy, holed)
    settled = readings.values[strategy.lookback + 800 :]
    assert all(value is not None for row in settled for value in row)


def test_it_signals_nothing_before_its_lookback_is_covered_by_factors(strategy):
    readings = read_series(strategy, wandering(1500, start=BEGIN))
    for i in range(strategy.lookback, 1500):
        assert all(value is not None for value in readings.values[i]), f"bar {i} has no factor although lookback is covered"


def test_its_lookback_fits_its_memory_whatever_its_parameters(strategy):
    highest = {}
    for field in param_fields(type(strategy)):
        highest[field.name] = int(field.param.high) if field.type is int else field.param.high
    if {"fast", "slow"} <= highest.keys():
        highest["fast"] = highest["slow"] - 1 if highest["fast"] >= highest["slow"] else highest["fast"]
    assert type(strategy)(**highest).lookback <= strategy.memory


def test_it_has_words_for_people(strategy):
    assert strategy.title
    assert strategy.summary.endswith(".")
    readings = read_series(strategy, wandering(600, start=BEGIN))
    said = strategy.because(dict(zip(readings.names, readings.values[-1], strict=True)))
    assert said
    assert not said.endswith(".")


def test_its_parameters_have_labels_bounds_and_help(strategy):
    fields = param_fields(type(strategy))
    assert [field.name for field in fields] == list(parameters_of(strategy))
    for field in fields:
        assert field.param.low <= field.default <= field.param.high
        assert field.param.help.endswith(".")


def test_confidence_is_a_share_of_a_hundred(strategy):
    confidence = np.array(read_series(strategy, wandering(2500)).confidence)
    assert ((confidence >= 0) & (confidence <= 100)).all()


def test_it_trades_on_a_market_that_moves(strategy):
    readings = read_series(strategy, wandering(6000, start=BEGIN))
    assert any(readings.enter) != strategy.is_silent
