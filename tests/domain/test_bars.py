from decimal import Decimal

import msgspec
import pytest

from tests.make import HOUR, START, bar
from workbench.domain.bars import check_bar, check_order, parse_timeframe, show_time
from workbench.domain.instruments import Instrument, pair
from workbench.errors import BadBar, Invalid


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("open", "0", "open: expected a price above zero, found '0'"),
        ("close", "-1", "close: expected a price above zero, found '-1'"),
        ("low", "NaN", "low: expected a price above zero, found 'NaN'"),
        ("high", "99", "high: expected at least 100"),
        ("low", "101", "the bar's"),
        ("volume", "-1", "volume: expected zero or more, found '-1'"),
    ],
)
def test_a_bar_that_cannot_be_true_is_refused(field, value, sentence):
    with pytest.raises(BadBar, match="the bar of 2023-11-15T00:00:00Z") as refused:
        check_bar(msgspec.structs.replace(bar(), **{field: Decimal(value)}))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("later", "sentence"),
    [(START, "a second time"), (START - HOUR, "expected a time after"), (START + 1, "expected a whole number of bars")],
)
def test_time_must_go_forward_on_the_grid(later, sentence):
    with pytest.raises(BadBar, match=sentence):
        check_order(START, later, HOUR)


@pytest.mark.parametrize("name", ["", "h", "0h", "1", "1x", "-1h", "1.5h", "٣h"])
def test_a_timeframe_is_a_number_and_a_unit(name):
    with pytest.raises(Invalid, match="timeframe: expected a whole number and one of"):
        parse_timeframe(name)


def test_times_are_shown_in_utc():
    assert show_time(START) == "2023-11-15T00:00:00Z"
    assert show_time(START + 5) == "2023-11-15T00:00:00.005000Z"


def test_a_token_is_known_by_its_chain_and_address_whatever_the_spelling():
    assert Instrument(8453, "0xAB", "WETH", "USDC").key == Instrument(8453, "0xab", "weth", "USDC").key
    assert pair("BTC/USDT").key == "0:BTC/USDT"


def test_decimals_that_would_make_products_inexact_are_refused():
    with pytest.raises(Invalid, match="to keep products exact"):
        Instrument(1, "0x1", "X", "USD", 12, 18)
