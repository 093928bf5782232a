"""Searches: trials drawn by what earlier ones gave, with the same honest rows, the same for the same seed."""

import numpy as np
import pytest

import workbench as wb
from tests.make import series, wandering
from workbench.errors import Invalid, NotFound, Refused
from workbench.store.trials import ledger


@pytest.fixture(scope="module")
def bars():
    return wandering(2500, seed=3)


def search(desk, bars, **options):
    return wb.search("sma_cross", bars, desk=desk, **{"progress": False, "trials": 40, "fee_bps": 5, **options})


@pytest.mark.parametrize("sampler", ["tpe", "cma-es", "nsga-ii"])
def test_a_seed_draws_the_same_trials_and_every_row_is_the_backtest_of_its_values(desk, bars, sampler):
    found = search(desk, bars, sampler=sampler)
    assert found.frame.height == 40
    assert found.frame.select("fast", "slow").n_unique() == 40
    for i in (0, 17, 39):
        row, result = found.frame.row(i, named=True), found.backtest(i)
        assert (result.strategy.fast, result.strategy.slow) == (row["fast"], row["slow"])
        assert row["final_equity"] == float(result.final_equity)
    with wb.open_desk(":memory:") as other:
        again = search(other, bars, sampler=sampler, workers=1)
    assert again.frame.equals(found.frame)
    assert f"by {sampler} for sharpe_in" in repr(found)


def test_a_search_that_is_asked_for_again_reads_what_is_stored(desk, bars):
    first = search(desk, bars)
    again = search(desk, bars)
    assert (first.stored, again.stored) == (0, 40)
    assert again.frame.equals(first.frame)
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h"))) == 40


def test_a_search_and_a_sweep_share_their_trials(desk, bars):
    wb.sweep("sma_cross", bars, fast=[3, 5, 8], slow=[20, 40], desk=desk, progress=False, fee_bps=5)
    found = search(desk, bars, fast=[3, 5, 8], slow=[20, 40], trials=6)
    assert found.stored == 6
    assert found.luck.trials == 6


def test_it_finds_the_planted_effect_in_far_fewer_trials_than_the_grid(desk):
    draw = np.random.default_rng(4)
    steps = 0.0006 * np.where(np.arange(4000) % 24 < 12, 1.0, -1.0) + draw.normal(0, 0.001, 4000)
    waves = series((1000 * np.cumprod(1 + steps)).round(4).tolist())
    grid = wb.sweep("sma_cross", waves, fast=range(2, 40), slow=range(5, 80, 3), desk=desk, progress=False)
    found = wb.search(
        "sma_cross", waves, fast=range(2, 40), slow=range(5, 80, 3), trials=90, aim="sharpe", desk=desk, progress=False
    )
    assert grid.frame.height > 700
    assert found.best()["sharpe"] >= 0.9 * grid.best()["sharpe"]


def test_several_aims_give_the_rows_that_no_other_beats(desk, bars):
    found = search(desk, bars, aim=["sharpe_in", "max_drawdown_pct", "fees"], trials=64)
    assert found.sampler == "nsga-ii"
    front = found.front
    assert 1 < front.height < 64
    for row in front.iter_rows(named=True):
        for other in found.frame.iter_rows(named=True):
            better = (
                other["sharpe_in"] >= row["sharpe_in"] and other["max_drawdown_pct"] >= row["max_drawdown_pct"]
                and other["fees"] <= row["fees"]
            )  # fmt: skip
            same = [other[n] == row[n] for n in ("sharpe_in", "max_drawdown_pct", "fees")]
            assert not better or all(same)
    assert found.best("fees")["fees"] == found.frame["fees"].min()


def test_what_is_searched_for_never_sees_the_days_by_which_it_is_judged(desk, bars):
    found = search(desk, bars, trials=30)
    low = int(len(bars) * 0.75)
    prices = {n: getattr(bars, n).copy() for n in ("open", "high", "low", "close")}
    for column in prices.values():
        column[low:] //= 2
    crashed = type(bars)(bars.instrument, bars.timeframe, bars.ts, prices, bars.volume)
    with wb.open_desk(":memory:") as other:
        again = search(other, crashed, trials=30)
    assert again.frame.select("fast", "slow", "sharpe_in").equals(found.frame.select("fast", "slow", "sharpe_in"))


def test_parameters_that_are_not_given_are_searched_within_their_bounds_and_those_that_are_stay(desk, bars):
    found = wb.search(
        "rsi_reversion", bars, period=[7, 14], recovered=60, trials=25, desk=desk, progress=False, stop_loss_pct=[2, 5]
    )
    assert set(found.study.axes) == {"period", "oversold", "stop_loss_pct"}
    assert found.frame["oversold"].is_between(1, 49).all()
    assert found.study.strategy.recovered == 60
    assert set(found.frame["period"]) <= {7, 14}
    only = search(desk, bars, where=lambda fast, slow: slow > 3 * fast, trials=20)
    assert (only.frame["slow"] > 3 * only.frame["fast"]).all()


def test_a_small_space_ends_when_all_of_it_was_tried(desk, bars):
    assert search(desk, bars, fast=[3, 5], slow=[20, 40], trials=50).frame.height == 4


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"trials": 0}, Invalid, "trials: expected a whole number from 1"),
        ({"trials": 100_001}, Invalid, "trials: expected a whole number from 1 to 100000, found 100001"),
        ({"aim": "sharp"}, Invalid, "Did you mean 'sharpe'"),
        ({"aim": []}, Invalid, "aim: expected one figure or several different ones, found 'none'"),
        ({"sampler": "grid"}, Invalid, "sampler: expected one of tpe, cma-es, nsga-ii, found 'grid'"),
        ({"sampler": "cma-es", "aim": ["sharpe", "calmar"]}, Invalid, "sampler: expected 'nsga-ii' or 'tpe' for several aims"),
        ({"fats": [3, 4]}, NotFound, "Did you mean 'fast'"),
        ({"fast": 5, "slow": 20}, Refused, "There is nothing to search: sma_cross has no parameter that is not fixed"),
        ({"where": lambda fast: fast > 900}, Refused, "nothing is left to try: no combination meets `where`"),
        ({"aim": 3}, Invalid, "aim: expected one of return_pct,"),
        ({"sampler": 3}, Invalid, "sampler: expected one of tpe, cma-es, nsga-ii, found '3'"),
        ({"draw_seed": -1}, Invalid, "draw_seed: expected a whole number from 0 to 4294967295, found -1"),
        ({"draw_seed": 1.5}, Invalid, "draw_seed: expected a whole number"),
        ({"workers": 0}, Invalid, "workers: expected a whole number from 1, found 0"),
        ({"where": lambda fast: {}[fast]}, Invalid, "where: expected yes or no for fast=20, found KeyError: 20"),
        ({"where": lambda fats: fats}, NotFound, "axis that `where` may ask about"),
    ],
)
def test_a_search_that_cannot_be_is_refused_and_stores_nothing(desk, bars, options, error, sentence):
    with pytest.raises(error, match=sentence):
        search(desk, bars, **options)
    with desk.store.read() as connection:
        assert list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h")) == []


def test_bars_that_are_too_short_for_every_draw_are_refused(desk):
    with pytest.raises(Refused, match="looks back, found 30"):
        search(desk, wandering(30), slow=range(60, 90))
