import doctest
from decimal import Decimal

import pytest

from workbench.web import filters


def test_the_examples_hold():
    found = doctest.testmod(filters)
    assert found.attempted >= 10
    assert found.failed == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("97880.1", "97,880.10"),
        ("3412.5", "3,412.50"),
        ("100", "100.00"),
        ("99.99", "99.9900"),
        ("1", "1.0000"),
        ("0.11873", "0.11873"),
        ("0.0003312", "0.00033120"),
        ("0.000000012345", "0.000000012345"),
        ("0", "0.00"),
    ],
)
def test_a_price_has_the_digits_that_matter(value, shown):
    assert filters.price(Decimal(value)) == shown


def test_a_price_has_no_more_decimals_than_its_token():
    assert filters.price(Decimal("0.0003"), 6) == "0.000300"


@pytest.mark.parametrize(
    "write", [filters.money, filters.signed, filters.percent, filters.signed_percent, filters.price, filters.quantity]
)
def test_what_is_not_known_is_a_dash(write):
    assert write(None) == filters.NOTHING


@pytest.mark.parametrize(("value", "shown"), [(0.004, "0.00"), (-0.004, "0.00"), (0, "0.00"), (Decimal("-0.00"), "0.00")])
def test_what_is_shown_as_zero_has_no_sign(value, shown):
    assert filters.signed(value) == shown
    assert filters.direction(value) == ""


@pytest.mark.parametrize(("value", "word", "arrow"), [(1, "gain", "▲"), (-1, "loss", "▼"), (0, "", "◆"), (None, "", "◆")])
def test_a_direction_has_a_word_and_an_arrow(value, word, arrow):
    assert filters.direction(value) == word
    assert filters.arrow(value) == arrow


def test_big_amounts_keep_every_digit():
    assert filters.money(Decimal("12345678901234567.89")) == "12,345,678,901,234,567.89"


@pytest.mark.parametrize(
    ("value", "shown"), [("118400.25", "118,400"), ("0.29261111", "0.29261"), ("4110973.1", "4,110,973"), ("0", "0")]
)
def test_a_quantity_has_five_digits(value, shown):
    assert filters.quantity(Decimal(value)) == shown


def test_a_spark_of_one_price_is_flat_and_of_none_is_nothing():
    assert filters.spark([]) == ""
    assert filters.spark([1.0]) == ""
    assert filters.spark([2.0, 2.0], 10, 10) == "0.0,5.0 10.0,5.0"


def test_data_cannot_end_the_block_that_they_stand_in():
    assert "</script" not in filters.island(["</script><b>&"])
    assert filters.island(["</script>"]) == '["\\u003c/script>"]'


@pytest.mark.parametrize(
    ("value", "shown"), [(Decimal("10.00"), "10"), (Decimal("0.02"), "0.02"), (Decimal(100), "100"), (2.5, "2.5"), (None, "")]
)
def test_a_form_gets_plain_digits(value, shown):
    assert filters.plain_number(value) == shown


def test_a_time_is_told_in_utc():
    ts = 1_735_689_601_000
    assert filters.clock(ts) == "00:00:01"
    assert filters.moment(ts) == "2025-01-01 00:00:01 UTC"
    assert filters.iso(ts) == "2025-01-01T00:00:01Z"
    assert filters.day(ts) == "1 Jan 2025"
