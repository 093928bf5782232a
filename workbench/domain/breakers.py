"""Breakers: what stops entries when something goes wrong, and how they close again."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class TradingState(StrEnum):
    """What a session may do: everything; exits only; exits only, and nothing that would enter goes on resting."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Breaker(msgspec.Struct, frozen=True):
    """A breaker that has tripped.

    Parameters
    ----------
    name
        Such as `"drawdown"`; `"low_profit:KEY"` locks one token.
    value, limit
        What was found, and what is allowed.
    since
        Open time of the bar in which it tripped, milliseconds UTC.
    until
        When it lets one entry through to see; None where it waits for a person.
    half_open
        Whether that time has come: the next entry is made at half its size, and its outcome decides.
    tried
        The key of the token in which that entry was made; empty as long as none was.
    """

    name: str
    value: Decimal
    limit: Decimal
    since: int
    until: int | None
    half_open: bool = False
    tried: str = ""

    @property
    def token(self) -> str:
        """The key of the token that it locks; empty where it stops all entries."""
        return self.name.partition(":")[2]


class Outcome(msgspec.Struct, frozen=True):
    """How a round trip ended: when, in what, why, and what it brought."""

    ts: int
    instrument: str
    reason: str
    result: Decimal
    return_pct: Decimal
