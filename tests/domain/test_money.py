import decimal
from decimal import Decimal, Inexact, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.money import EXACT, floor_quotient, product, rounded, share, text, to_decimal, units
from workbench.errors import Invalid, TooManyDigits

cash = st.decimals(min_value=0, max_value=10**9, places=8)
sizes = st.decimals(min_value=Decimal("0.00000001"), max_value=10**6, places=8)


def half_even(value: Fraction, decimals: int) -> Decimal:
    """The rounding rule, told a second time in fractions: `round` of a Fraction is half-even and exact."""
    return Decimal(round(value * 10**decimals)).scaleb(-decimals)


@given(cash, sizes)
def test_a_product_is_the_exact_one_rounded_half_even_once(a, b):
    assert product(a, b, 8) == half_even(Fraction(a) * Fraction(b), 8)


@given(cash, sizes)
def test_a_quotient_is_rounded_down_and_never_up(a, b):
    quotient = floor_quotient(a, b, 8)
    assert Fraction(quotient) <= Fraction(a) / Fraction(b) < Fraction(quotient) + Fraction(1, 10**8)


@given(cash, sizes, sizes)
def test_a_share_is_exact_before_it_is_rounded_once(amount, part, whole):
    assert share(amount, part, whole) == half_even(Fraction(amount) * Fraction(part) / Fraction(whole), 8)


@given(cash, sizes, st.lists(st.integers(1, 1000), min_size=1, max_size=6))
def test_shares_taken_one_after_the_other_lose_nothing(amount, whole, weights):
    left, held = amount, whole
    for weight in weights:
        taken = min(held, round(whole * weight / 2000, 8))
        if not taken:
            continue
        part = share(left, taken, held)
        left, held = left - part, held - taken
        if not held:
            break
    assert left >= 0
    assert held > 0 or left == 0


def test_a_tie_goes_to_the_even_neighbour():
    assert rounded(Decimal("0.125"), 2) == Decimal("0.12")
    assert rounded(Decimal("0.135"), 2) == Decimal("0.14")


def test_a_product_that_28_digits_cannot_hold_is_refused_rather_than_rounded_twice():
    with pytest.raises(TooManyDigits, match="does not fit into 28 digits"):
        product(Decimal("1.000000000000000001"), Decimal("12345678901.000000000001"), 8)


def test_a_float_cannot_slip_into_the_ledger():
    with localcontext(EXACT), pytest.raises(decimal.FloatOperation):
        Decimal(1) + Decimal(0.1)  # noqa: RUF032


@pytest.mark.parametrize("number", [0.1, 1e-8, 97880.1, 0.0003312])
def test_a_float_becomes_its_shortest_text(number):
    assert to_decimal(number) == Decimal(repr(number))


@pytest.mark.parametrize("nonsense", ["", "abc", "1,5", float("nan"), float("inf"), None, True, "NaN", "Infinity", [1]])
def test_what_is_no_finite_number_is_refused_with_what_was_found(nonsense):
    with pytest.raises(Invalid, match="cash: expected a"):
        to_decimal(nonsense, "cash")


def test_digits_are_plain_however_small():
    assert text(Decimal("0E-8")) == "0.00000000"
    assert text(Decimal("1.2E-7")) == "0.00000012"


def test_units_refuse_more_decimals_than_there_are():
    assert units(Decimal("1.5"), 8) == 150_000_000
    with pytest.raises(Inexact):
        units(Decimal("0.000000001"), 8)
