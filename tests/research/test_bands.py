"""Three bands of costs, and the cost at which an edge dies."""

import pytest

import workbench as wb
from tests.make import series, wandering
from workbench.domain.costs import ExchangeCosts, PoolCosts, banded


def test_the_bands_are_the_backtests_under_their_own_costs():
    bars, assumed = wandering(800), ExchangeCosts(fee_bps=5, half_spread_bps=4, slippage_bps=6, gas="0.1")
    rules = {"parameters": {"fast": 5, "slow": 15}, "size_pct": 50}
    told = wb.bands("sma_cross", bars, costs=assumed, **rules)
    for band, run in told.runs.items():
        assert run.digest == wb.backtest("sma_cross", bars, costs=banded(assumed, band), **rules).digest
    worse, base, better = (run.final_equity for run in told.runs.values())
    assert worse < base < better
    assert told.spread_pct == pytest.approx(float(better - worse) / 100)
    assert told.frame["band"].to_list() == ["pessimistic", "base", "optimistic"]


def test_single_options_say_what_is_assumed_as_in_a_backtest():
    told = wb.bands("sma_cross", wandering(300), fee_bps=5, costs="pool", liquidity=50_000, parameters={"fast": 5, "slow": 15})
    assert told.runs["base"].plan.costs == PoolCosts(fee_bps=5, liquidity=50_000)
    assert told.runs["pessimistic"].plan.costs.depth_multiplier == 0.5


def test_the_edge_dies_where_cost_eats_the_one_trade_that_it_makes():
    # One round trip from 100 to 102: with b basis points on both sides 102 (1 - b) = 100 (1 + b), so b = 2 / 202.
    bars = series([100, 100, 100, 102, 102, 102, 102])
    told = wb.bands("buy_and_hold", bars, size_pct=100, max_hold_hours=3, cooldown_minutes=9_999)
    assert told.breakeven_bps == pytest.approx(1e4 * 2 / 202, abs=0.1)
    assert "the edge dies at 99.0 bps" in repr(told)


def test_no_edge_dies_at_once():
    falling = series([100, 100, 99, 98, 97, 96, 95])
    assert wb.bands("buy_and_hold", falling, max_hold_hours=3).breakeven_bps == 0
