"""Chance that refolds: every draw is an integer hash of a seed, an instrument, a bar's time and what is drawn for."""

from decimal import Decimal
from functools import cache
from hashlib import blake2b
from typing import Final

_MASK: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15
PARTS: Final = 1_000_000
"""A draw is a whole number of millionths."""


def draw(seed: int, key: str, ts: int, what: str, number: int = 0) -> int:
    """Return a number from 0 to 999,999, the same for the same arguments, on every machine.

    Parameters
    ----------
    key, ts
        Of the instrument, and of the bar.
    what
        What is drawn for, such as `"congestion"`.
    number
        Of the order, where each order in a bar draws for itself.

    The arguments go through splitmix64 one after the other (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014).

    Examples
    --------
    >>> draw(1, "8453:0xabc", 1_700_000_000_000, "gas") == draw(1, "8453:0xabc", 1_700_000_000_000, "gas")
    True
    """
    state = _mixed(seed & _MASK)
    for part in (number_of(key), ts & _MASK, number_of(what)):
        state = _mixed(state ^ part)
    if number:
        state = _mixed(state ^ number)
    return (state * PARTS) >> 64


def happens(percent: Decimal, seed: int, key: str, ts: int, what: str, number: int = 0) -> bool:
    """Tell whether something that comes about in so many of a hundred cases comes about here."""
    return bool(percent) and draw(seed, key, ts, what, number) < percent * (PARTS // 100)


def _mixed(state: int) -> int:
    state = (state + _STEP) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


@cache
def number_of(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
