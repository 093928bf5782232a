"""The compiled arithmetic against whole numbers of any length."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.money import _divide_half_even
from workbench.engine.exact import floored, half_even, half_even_of_three, signed_half_even

wide = st.integers(0, 2**62 - 1)


def checked(function, *numbers):
    """What a function gives, or None where it says that this does not fit."""
    flags = np.zeros(1, np.int64)
    found = function(*numbers, flags)
    return None if flags[0] else int(found)


@given(wide, wide, st.integers(1, 2**62 - 1))
def test_a_product_over_a_divisor_is_rounded_half_even_whatever_its_size(a, b, divisor):
    found, exact = checked(half_even, a, b, divisor), _divide_half_even(a * b, divisor)
    assert found == exact if exact < 2**61 else found in (exact, None)
    assert checked(floored, a, b, divisor) == (a * b // divisor) if exact < 2**61 else True
    assert checked(signed_half_even, -a, b, divisor) == _divide_half_even(-a * b, divisor) if exact < 2**61 else True


def test_ties_go_to_the_even_neighbour():
    chance = Random(5)
    for _ in range(20_000):
        half, odd, other = chance.randrange(1, 2**20), 2 * chance.randrange(2**10) + 1, 2 * chance.randrange(2**20) + 1
        assert checked(half_even, other, half * odd, 2 * half) == _divide_half_even(other * half * odd, 2 * half)


@given(st.integers(0, 2**45), st.integers(0, 2**47), st.integers(0, 2**28), st.integers(1, 2**47), st.integers(1, 2**27))
def test_a_product_of_three_over_two_is_rounded_half_even(a, b, c, d, e):
    found, exact = checked(half_even_of_three, a, b, c, d, e), _divide_half_even(a * b * c, d * e)
    assert found == exact if exact < 2**61 else found in (exact, None)


@pytest.mark.parametrize(("a", "b", "divisor"), [(2**62 - 1, 2**62 - 1, 1), (2**62 - 1, 2**10, 3)])
def test_what_does_not_fit_says_so(a, b, divisor):
    assert checked(half_even, a, b, divisor) is None
