"""Chance that refolds: every draw is an integer hash of a seed, an instrument, a bar's time and what is drawn for."""

from decimal import Decimal
from functools import cache
from hashlib import blake2b
from typing import Final

_MASK: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15
PARTS: Final = 1_000_000
"""A draw is a whole number of millionths."""


def draw(seed: int, key: str, ts: int, what: str) -> int:
    """Return a number from 0 to 999,999, the same for the same arguments, on every machine.

    The arguments go through splitmix64 one after the other (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014).

    Examples
    --------
    >>> draw(1, "8453:0xabc", 1_700_000_000_000, "gas") == draw(1, "8453:0xabc", 1_700_000_000_000, "gas")
    True
    """
    state = _mixed(seed & _MASK)
    for part in (_number(key), ts & _MASK, _number(what)):
        state = _mixed(state ^ part)
    return (state * PARTS) >> 64


def happens(percent: Decimal, seed: int, key: str, ts: int, what: str) -> bool:
    """Tell whether something that comes about in so many of a hundred cases comes about here."""
    return bool(percent) and draw(seed, key, ts, what) < percent * (PARTS // 100)


def _mixed(state: int) -> int:
    state = (state + _STEP) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


@cache
def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
