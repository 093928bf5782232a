from decimal import Decimal

import pytest

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.params import make, param_fields
from workbench.domain.sessions import SessionRequest, Status, move
from workbench.errors import Conflict, Invalid, NotFound


def test_numbers_of_any_kind_become_the_fields_own_type():
    made = StrategyConfiguration(size_pct=12.5, max_positions="3", stop_loss_pct="2")
    assert (made.size_pct, made.max_positions, made.stop_loss_pct) == (Decimal("12.5"), 3, Decimal(2))


def test_what_multiplies_money_is_kept_to_four_decimals():
    made = StrategyConfiguration(size_pct=100 / 3, stop_loss_pct=0.1 + 0.2, size_amount=1e-8)
    assert (made.size_pct, made.stop_loss_pct) == (Decimal("33.3333"), Decimal("0.3"))
    assert made.size_amount == Decimal("0.00000001")
    assert ExchangeCosts(fee_bps=1000, gas=0.123456789).gas == Decimal("0.12345679")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("size_pct", 0, "size_pct: expected a number from 0.01 to 100, found 0"),
        ("size_pct", "lots", "size_pct: expected a number, found 'lots'"),
        ("size_pct", float("nan"), "size_pct: expected a finite number"),
        ("size_pct", None, "size_pct: expected a number from 0.01 to 100"),
        ("stop_loss_pct", -1, "stop_loss_pct: expected a number from 0.01 to 99.9, or nothing, found -1"),
        ("max_positions", 2.5, "max_positions: expected a whole number from 1 to 100, or nothing, found 2.5"),
        ("max_positions", True, "max_positions: expected a whole number"),
        ("sizing", "martingale", "sizing: expected one of 'percent', 'fixed', 'volatility', 'kelly', found 'martingale'"),
        ("name", " ", "name: expected a name"),
        ("allowed_tokens", 7, "allowed_tokens: expected symbols such as 'WETH, AERO'"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_bounds(field, value, sentence):
    with pytest.raises(Invalid) as refused:
        StrategyConfiguration(**{field: value})
    assert sentence in str(refused.value)
    assert refused.value.field == field


def test_every_bounded_field_has_words_for_a_form():
    for struct in (StrategyConfiguration, ExchangeCosts, PoolCosts, PaperTradingConfig, SessionRequest):
        for field in param_fields(struct):
            assert field.label
            assert field.param.help.endswith(".")


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(NotFound, match="Did you mean 'fee_bps'"):
        make(ExchangeCosts, {"fees_bps": 3}, "cost")


def test_a_session_moves_only_as_it_may():
    assert move(Status.RUNNING, Status.PAUSED) is Status.PAUSED
    with pytest.raises(Conflict, match="STOPPED"):
        move(Status.STOPPED, Status.RUNNING)
