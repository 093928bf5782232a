"""Round trips by what they have in common: their token, why they ended, the hour in which they began."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from workbench.domain.money import NO_CASH
from workbench.store.rows import PositionRow

AMONG: Final = 500
"""The newest round trips that are laid out by token, reason and hour."""


class Share(msgspec.Struct, frozen=True):
    """What the round trips of one kind came to; `bar_from` and `bar_width` draw the result from the middle of 100."""

    name: str
    trips: int
    wins: int
    result: Decimal
    costs: Decimal
    bar_from: float
    bar_width: float

    @property
    def win_rate(self) -> float:
        """The share of them that won."""
        return self.wins / self.trips


def by_token(rows: Iterable[PositionRow]) -> tuple[Share, ...]:
    """Return round trips by their token, the best first."""
    return tuple(_shares(rows, lambda row: row.instrument.symbol))


def by_exit(rows: Iterable[PositionRow]) -> tuple[Share, ...]:
    """Return round trips by why they ended, the best first."""
    return tuple(_shares(rows, lambda row: row.exit_reason.replace("_", " ")))


def by_hour(rows: Iterable[PositionRow], at: Callable[[int], datetime]) -> tuple[Share, ...]:
    """Return round trips by the hour of the day in which they began, the earliest first.

    Parameters
    ----------
    at
        Returns a time as it is on the clocks by which the hours are told.
    """
    return tuple(sorted(_shares(rows, lambda row: f"{at(row.opened):%H}:00"), key=lambda share: share.name))


def _shares(rows: Iterable[PositionRow], kind: Callable[[PositionRow], str]) -> list[Share]:
    """Return what rows of one kind came to, the best first."""
    sums: dict[str, list[PositionRow]] = {}
    for row in rows:
        sums.setdefault(kind(row), []).append(row)
    results = {name: sum((row.result for row in each), NO_CASH) for name, each in sums.items()}
    largest = max((abs(float(result)) for result in results.values()), default=0.0) or 1.0
    found = []
    for name, each in sums.items():
        width = round(50 * abs(float(results[name])) / largest, 3)
        wins = sum(row.result > 0 for row in each)
        costs = sum((row.costs for row in each), NO_CASH)
        found.append(Share(name, len(each), wins, results[name], costs, 50 - width if results[name] < 0 else 50, width))
    return sorted(found, key=lambda share: -share.result)
