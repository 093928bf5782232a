"""Exact products and quotients of whole numbers, compiled.

A product of two int64 needs 128 bits. Where the quotient stays below 2**62 and the divisor below 2**50, it is found by
float64: the estimate is off by less than 2**11, so the remainder, of which only the lower 64 bits are kept, is still the
true one and puts it right. Everything else is divided bit by bit. What does not fit at all sets a flag, and whoever asked
turns to `step()`: nothing is ever rounded in silence. Half-even as `workbench.domain.money` rounds.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Flags = NDArray[np.int64]

_MOST_QUOTIENT = 4.0e18
_MOST_DIVISOR = 1 << 50
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_TOP = np.uint64(63)
_ONE = np.uint64(1)
_NONE = np.uint64(0)


def compiled(function: Any) -> Any:
    """Compile a function without the GIL, and keep the code on disk; a division by zero gives what NumPy gives."""
    return njit(cache=True, nogil=True, error_model="numpy")(function)


def inlined(function: Any) -> Any:
    """Compile a small function into the code of its callers."""
    return njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function)


@intrinsic
def borrowed(_typing, array):
    """Return the same array without its count of references, which costs more than the arithmetic where functions share it.

    Whoever borrows sees to it that the owner is used once more after the last use of what was borrowed.
    """

    def generate(context, builder, signature, given):
        found = context.make_array(signature.args[0])(context, builder, given[0])
        found.meminfo = cgutils.get_null_value(found.meminfo.type)
        found.parent = cgutils.get_null_value(found.parent.type)
        return found._getvalue()

    return array(array), generate


@compiled
def wide_product(a: int, b: int) -> tuple[Any, Any]:
    """Return a times b as the upper and the lower 64 bits; neither is negative."""
    x, y = np.uint64(a), np.uint64(b)
    xl, xh, yl, yh = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    low = xl * yl
    middle = xh * yl + (low >> _HALF)
    other = (middle & _LOW) + xl * yh
    return xh * yh + (middle >> _HALF) + (other >> _HALF), (other << _HALF) | (low & _LOW)


@compiled
def wide_times(high: Any, low: Any, b: int, flags: Flags) -> tuple[Any, Any]:
    """Return a number of 128 bits times b."""
    over, upper = wide_product(high, b)
    if over != _NONE:
        flags[0] = 1
    carry, lower = wide_product(low, b)
    total = upper + carry
    if total < upper:
        flags[0] = 1
    return total, lower


@compiled
def wide_quotient(high: Any, low: Any, divisor_high: Any, divisor_low: Any, flags: Flags) -> tuple[int, int, int]:
    """Divide 128 bits by 128 bits, bit by bit.

    Returns
    -------
    int, int, int
        The quotient rounded down; how twice the remainder compares with the divisor: -1, 0 or 1; and whether nothing
        was left over (0) or something (1).
    """
    if divisor_high >> np.uint64(62) != _NONE or high >> np.uint64(62) != _NONE:
        flags[0] = 1
        return 0, 0, 0
    rest_high, rest_low, quotient_high, quotient = _NONE, _NONE, _NONE, _NONE
    for place in range(127, -1, -1):
        bit = (high >> np.uint64(place - 64)) & _ONE if place >= 64 else (low >> np.uint64(place)) & _ONE
        rest_high = (rest_high << _ONE) | (rest_low >> _TOP)
        rest_low = (rest_low << _ONE) | bit
        quotient_high = (quotient_high << _ONE) | (quotient >> _TOP)
        quotient = quotient << _ONE
        if rest_high > divisor_high or (rest_high == divisor_high and rest_low >= divisor_low):
            borrow = _ONE if rest_low < divisor_low else _NONE
            rest_low = rest_low - divisor_low
            rest_high = rest_high - divisor_high - borrow
            quotient = quotient | _ONE
    if quotient_high != _NONE or quotient >> np.uint64(62) != _NONE:
        flags[0] = 1
        return 0, 0, 0
    twice_high, twice_low = (rest_high << _ONE) | (rest_low >> _TOP), rest_low << _ONE
    compared = 0
    if twice_high > divisor_high or (twice_high == divisor_high and twice_low > divisor_low):
        compared = 1
    elif twice_high < divisor_high or twice_low < divisor_low:
        compared = -1
    return np.int64(quotient), compared, 1 if (rest_high | rest_low) != _NONE else 0


@inlined
def half_even(a: int, b: int, divisor: int, flags: Flags) -> int:
    """Return a * b / divisor rounded half-even; a and b are not negative, and the divisor is above zero."""
    guess = np.float64(a) * np.float64(b) / np.float64(divisor)
    if guess < _MOST_QUOTIENT and divisor < _MOST_DIVISOR:
        q = np.int64(guess)
        r = a * b - q * divisor
        if r < 0 or r >= divisor:
            more = r // divisor
            q += more
            r -= more * divisor
        twice = r + r
        # Without a branch: which way it rounds cannot be foretold.
        return q + (np.int64(twice > divisor) | (np.int64(twice == divisor) & (q & 1)))
    high, low = wide_product(a, b)
    q, compared, _ = wide_quotient(high, low, _NONE, np.uint64(divisor), flags)
    if compared > 0 or (compared == 0 and (q & 1) == 1):
        q += 1
    return q


@inlined
def floored(a: int, b: int, divisor: int, flags: Flags) -> int:
    """Return a * b / divisor rounded down; a and b are not negative, and the divisor is above zero."""
    guess = np.float64(a) * np.float64(b) / np.float64(divisor)
    if guess < _MOST_QUOTIENT and divisor < _MOST_DIVISOR:
        q = np.int64(guess)
        r = a * b - q * divisor
        if r < 0 or r >= divisor:
            q += r // divisor
        return q
    high, low = wide_product(a, b)
    return wide_quotient(high, low, _NONE, np.uint64(divisor), flags)[0]


@inlined
def signed_half_even(a: int, b: int, divisor: int, flags: Flags) -> int:
    """Return a * b / divisor rounded half-even, where a may be negative."""
    return -half_even(-a, b, divisor, flags) if a < 0 else half_even(a, b, divisor, flags)


@compiled
def half_even_of_three(a: int, b: int, c: int, d: int, e: int, flags: Flags) -> int:
    """Return a * b * c / (d * e) rounded half-even; none is negative, and d and e are above zero."""
    high, low = wide_product(a, b)
    high, low = wide_times(high, low, c, flags)
    divisor_high, divisor_low = wide_product(d, e)
    q, compared, _ = wide_quotient(high, low, divisor_high, divisor_low, flags)
    if compared > 0 or (compared == 0 and (q & 1) == 1):
        q += 1
    return q
