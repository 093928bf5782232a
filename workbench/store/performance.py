"""What an account has made over time: its equity at day ends, and how much it traded lately."""

from decimal import Decimal

import msgspec
from sqlalchemy import Connection, func, select

from workbench.domain.bars import DAY
from workbench.store.lines import IN_TIME, last_of_each
from workbench.store.reads import account_row
from workbench.store.snapshots import once_a_snapshot
from workbench.store.tables import accounts, equity_points, trades

MOST_COUNTED = 100_000
"""Trades of a stretch of time that are counted; more are told as so many."""


class TripFigures(msgspec.Struct, frozen=True):
    """What an account's round trips came to: counts, sums of the winning and the losing ones, their ends, and all it traded."""

    closed: int
    wins: int
    won: Decimal
    lost: Decimal
    best: Decimal | None
    worst: Decimal | None
    volume: Decimal
    trades: int

    @property
    def profit_factor(self) -> float | None:
        """What was won for each unit lost; None where nothing was lost."""
        return float(self.won) / float(self.lost) if self.lost else None

    @property
    def average_win(self) -> Decimal | None:
        """The mean of the winning ones."""
        return self.won / self.wins if self.wins else None

    @property
    def average_loss(self) -> Decimal | None:
        """The mean of the others, below zero."""
        return -self.lost / (self.closed - self.wins) if self.closed > self.wins else None

    @property
    def expectancy(self) -> Decimal | None:
        """The mean of all."""
        return (self.won - self.lost) / self.closed if self.closed else None


class DayRow(msgspec.Struct, frozen=True):
    """An account at the last bar of a UTC day: equity, and what had been put in by then."""

    ts: int
    equity: Decimal
    put_in: Decimal


def trip_figures(connection: Connection, account: str) -> TripFigures:
    """Return what an account's round trips came to in its epoch."""
    row = account_row(connection, account)
    return TripFigures(row.closed, row.wins, row.won, row.lost, row.best, row.worst, row.volume, row.trades)


@once_a_snapshot
def day_rows(connection: Connection, account: str, days: int = 4_000) -> list[DayRow]:
    """Return an account's epoch at the last bar of each UTC day that has one, oldest first; the latest so many days."""
    points = equity_points.c
    epoch = select(accounts.c.since).where(accounts.c.id == account).scalar_subquery()
    mine = (points.account == account, points.id > epoch)
    back = last_of_each(mine, DAY, 0, days)
    # Sorted here, for SQLite, asked for an order, reads the whole line in it to look for these few.
    last = select(points.ts, points.id, points.equity, points.put_in).join(back, points.ts == back.c.ts).where(*mine)
    by_time = {row.ts: DayRow(row.ts, row.equity, row.put_in) for row in sorted(connection.execute(last), key=IN_TIME)}
    return [*by_time.values()]


def trades_since(connection: Connection, account: str, *times: int) -> tuple[int, ...]:
    """Return how many trades an account has made from each of some times on, at most `MOST_COUNTED`."""
    mine = select(trades.c.id).where(trades.c.account == account)
    some = [mine.where(trades.c.ts >= ts).limit(MOST_COUNTED).subquery() for ts in times]
    counts = [select(func.count()).select_from(each).scalar_subquery() for each in some]
    return tuple(connection.execute(select(*counts)).one())
