from decimal import Decimal

import pytest

import workbench as wb
from tests.make import wandering
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PoolCosts
from workbench.domain.params import param_fields
from workbench.errors import Invalid, NotFound
from workbench.notebook.tune import tune
from workbench.strategies import shelf


@pytest.fixture(scope="module")
def bars():
    return wandering(700)


@pytest.mark.parametrize("name", shelf.names())
def test_the_sliders_are_the_strategys_own_parameters_with_their_bounds(name, bars):
    panel = tune(name, bars)
    for field in param_fields(shelf.get(name)):
        slider = panel.sliders[field.name]
        assert (slider.min, slider.max, slider.value) == (field.param.low, field.param.high, field.default)


def test_moving_a_slider_redraws_by_the_same_engine(bars):
    panel = tune("sma_cross", bars, fee_bps=10)
    before = panel.result.digest, list(panel.figure.data[0].y)
    panel.sliders["slow"].value = 40
    panel.sliders["fast"].value = 4
    expected = wb.backtest(wb.strategies.SmaCross(fast=4, slow=40), bars, fee_bps=10, size_pct=10)
    assert panel.result.digest == expected.digest != before[0]
    assert list(panel.figure.data[0].y) == expected.equity["equity"].to_list() != before[1]
    assert len(panel.figure.data[2].x) == expected.fills.filter(side="buy").height
    assert "SmaCross(fast=4, slow=40)" in panel._stats.value


def test_what_a_browsers_slider_adds_in_floats_is_taken_off_again(bars):
    panel = tune("sma_cross", bars, size_pct=25)
    before = panel.result.digest
    panel.sliders["size_pct"].value = 24.999999999999996
    panel.sliders["fee_bps"].value = 7.000000000000001
    assert panel.message == ""
    assert panel.result.plan.configuration.size_pct == 25
    assert panel.result.plan.costs.fee_bps == 7
    assert panel.result.digest != before
    assert "size_pct=25.0, fee_bps=7.0" in panel.code


def test_rules_and_costs_have_sliders_too(bars):
    panel = tune("sma_cross", bars, size_pct=50)
    assert panel.sliders["size_pct"].value == 50
    panel.sliders["stop_loss_pct"].value = 2.0
    panel.sliders["fee_bps"].value = 20.0
    assert panel.result.plan.configuration.stop_loss_pct == 2
    assert panel.result.plan.costs.fee_bps == 20


def test_values_that_do_not_go_together_are_said_and_the_last_result_stays(bars):
    panel = tune("sma_cross", bars)
    before = panel.result
    panel.sliders["slow"].value = 10
    assert panel.message == "fast: expected fewer bars than slow, which is 10, found 20."
    assert panel.result is before
    panel.sliders["fast"].value = 5
    assert panel.message == ""
    assert panel.result is not before


def test_the_panel_tells_the_call_that_gives_its_result(bars):
    panel = tune(wb.strategies.SmaCross(fast=6, slow=30), bars, fee_bps=10)
    result = eval(panel.code, {"wb": wb, "bars": bars})
    assert result.digest == panel.result.digest


@pytest.mark.parametrize(
    "options",
    [
        {"costs": "pool", "cash": 5000, "seed": 7, "failure_rate_pct": 20, "simulate_network_issues": True},
        {"costs": PoolCosts(fee_bps=12, tolerance_pct=Decimal(2))},
        {"configuration": StrategyConfiguration(size_pct=Decimal("37.5"), stop_loss_pct=Decimal(4), allowed_tokens=("BTC/USDT",))},
        {"trailing_stop_pct": "2.5", "sizing": "volatility", "rules": ["trailing_stop_pct", "fee_bps"]},
        {"trading_mode": "conservative"},
        {"fee_bps": 7, "engine": "step", "since": 1_700_600_000_000},
    ],
)
def test_its_call_gives_its_result_whatever_it_began_with(bars, options):
    panel = tune("sma_cross", bars, **options)
    assert panel.result.digest == wb.backtest("sma_cross", bars, **{k: v for k, v in options.items() if k != "rules"}).digest
    for slider, value in (("fast", 7), (panel.rules[0], panel.sliders[panel.rules[0]].min)):
        panel.sliders[slider].value = value
        assert panel.message == ""
        assert eval(panel.code, {"wb": wb, "bars": bars, "panel": panel}).digest == panel.result.digest


def test_its_sliders_stand_at_what_is_paid_and_what_holds(bars):
    pool = tune("sma_cross", bars, costs="pool")
    assert pool.sliders["fee_bps"].value == float(PoolCosts().fee_bps) > 0
    assert "slippage_bps" not in pool.sliders
    pool.sliders["fee_bps"].value = 0
    assert pool.result.plan.costs.fee_bps == 0
    held = tune("sma_cross", bars, configuration=StrategyConfiguration(stop_loss_pct=Decimal(4)))
    assert held.sliders["stop_loss_pct"].value == 4
    held.sliders["stop_loss_pct"].value = 0
    assert held.result.plan.configuration.stop_loss_pct is None


def test_a_strategy_is_taken_by_name_class_or_itself(bars):
    kinds = ["sma_cross", wb.strategies.SmaCross, wb.strategies.SmaCross()]
    assert len({tune(kind, bars).result.digest for kind in kinds}) == 1


@pytest.mark.parametrize(("wrong", "error"), [("sma_crosss", NotFound), (3, Invalid), (dict, Invalid)])
def test_nonsense_is_refused_in_a_sentence(wrong, error, bars):
    with pytest.raises(error, match="strategy"):
        tune(wrong, bars)


def test_its_representation_is_a_line():
    assert repr(tune("buy_and_hold", wandering(60))).startswith("Tuner(BuyAndHold()")


@pytest.mark.parametrize("name", ["dca", "grid", "spot", "twap"])
@pytest.mark.parametrize("symbol", ["WETH", "DEGEN"])
def test_a_program_has_sliders_that_begin_where_it_works(name, symbol):
    panel = tune(name, wb.simulate_bars(symbol, "1h", 400))
    assert panel.result.runs[0].fills or name == "grid"
    for slider in panel.sliders.values():
        assert slider.min <= slider.value <= slider.max
    # The call that it shows gives the same result without the panel.
    assert eval(panel.code, {"wb": wb, "bars": panel.bars}).digest == panel.result.digest


def test_a_grid_whose_range_is_empty_is_said_and_the_last_good_result_stays():
    panel = tune("grid", wb.simulate_bars("WETH", "1h", 400))
    good = panel.result
    panel.sliders["lower"].value = panel.sliders["upper"].value
    assert "the range is empty" in panel.message
    assert panel.result is good


def test_any_rule_with_a_number_can_have_a_slider():
    panel = tune("sma_cross", wb.simulate_bars("WETH", "1h", 400), rules=["intel_level", "trailing_stop_pct"])
    panel.sliders["intel_level"].value = 8
    assert panel.result.plan.configuration.intel_level == 8
    panel.sliders["intel_level"].value = 0
    assert panel.result.plan.configuration.intel_level is None
    with pytest.raises(NotFound, match="Did you mean 'trailing_stop_pct'"):
        tune("sma_cross", wb.simulate_bars("WETH", "1h", 400), rules=["trailing_stop"])


@pytest.mark.parametrize("rules", ["fee_bps", [3], ["fee"]])
def test_rules_that_are_not_there_are_named(bars, rules):
    with pytest.raises(NotFound, match="no rule with a number"):
        tune("sma_cross", bars, rules=rules)
