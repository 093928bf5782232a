"""Analytics: what the account has made, by ratio, by round trip, by token, by reason and by day."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.analytics.returns import daily_returns, growth_a_year, sharpe, sortino
from workbench.domain.bars import DAY
from workbench.domain.money import NO_CASH
from workbench.store import performance, reads
from workbench.store.performance import TripFigures
from workbench.store.rows import PositionRow
from workbench.web.blocks import FIGURES, STATE, FiguresView
from workbench.web.page import CASH_KINDS, ROOT, SESSION_KINDS, Asking, Block, Page, Query, View
from workbench.web.pages.dashboard import EquityView, Marker, equity_view
from workbench.web.zone import local

PATH: Final = f"{ROOT}/analytics/"
AMONG: Final = 500
"""The newest round trips that are laid out by token, reason and hour."""
DAYS: Final = 31
MARKED: Final = 20
"""So many of the newest round trips are marked on the line."""
_MOVED: Final = SESSION_KINDS | CASH_KINDS | {"OrderFilled"}


class AnalyticsQuery(Query, frozen=True):
    """What an address asks of the analytics."""

    range: Literal["1h", "24h", "7d", "all"] = "all"


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


class DayLine(msgspec.Struct, frozen=True):
    """A day: what it ended with, and what it made; None for the first, which has nothing before it."""

    ts: int
    equity: Decimal
    made: float | None


class RatiosView(msgspec.Struct, frozen=True):
    """Ratios of daily returns, and what the round trips came to; None where there is too little to tell."""

    trips: TripFigures
    days: int
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    worst: float
    volatility: float | None


class SharesView(msgspec.Struct, frozen=True):
    """The newest round trips by token, by why they ended, and by the hour of the zone's day in which they began."""

    tokens: tuple[Share, ...]
    reasons: tuple[Share, ...]
    hours: tuple[Share, ...]
    among: int


class DaysView(msgspec.Struct, frozen=True):
    """The latest days, the newest first."""

    lines: tuple[DayLine, ...]


class AnalyticsView(View, frozen=True, kw_only=True):
    """What `analytics.html` gets."""

    figures: FiguresView | UnsetType = UNSET
    equity: EquityView | UnsetType = UNSET
    ratios: RatiosView | UnsetType = UNSET
    shares: SharesView | UnsetType = UNSET
    days: DaysView | UnsetType = UNSET


def look_at_equity(connection: Connection, asking: Asking) -> EquityView:
    """Return the equity line, with the beginnings and ends of the newest round trips on it."""
    trips = reads.closed_positions(connection, asking.account, limit=AMONG)[:MARKED]
    marks = [(trip.opened, "buy", trip.instrument.symbol) for trip in trips]
    marks += [
        (trip.closed, "sell", f"{trip.instrument.symbol}, {trip.exit_reason.replace('_', ' ')}") for trip in trips if trip.closed
    ]
    return equity_view(connection, asking, PATH, [Marker(ts // 1000, side, text) for ts, side, text in sorted(marks)])


def look_at_ratios(connection: Connection, asking: Asking) -> RatiosView:
    """Return what the account has made over its days and its round trips."""
    days = performance.day_rows(connection, asking.account)
    worst = float(reads.account_row(connection, asking.account).worst_drawdown)
    returns = daily_returns(days)
    growth = float("nan")
    if len(returns) > 1:
        growth = float(growth_a_year(1.0, float(np.prod(1 + returns)), (days[-1].ts - days[0].ts) / DAY))
    spread = float(np.std(returns, ddof=1)) * 365**0.5 if len(returns) > 1 else float("nan")
    return RatiosView(
        performance.trip_figures(connection, asking.account), len(days), _finite(sharpe(returns)), _finite(sortino(returns)),
        _finite(growth / -worst) if worst < 0 else None, worst, _finite(spread),
    )  # fmt: skip


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None


def look_at_shares(connection: Connection, asking: Asking) -> SharesView:
    """Return the newest round trips by what they have in common."""
    rows = reads.closed_positions(connection, asking.account, limit=AMONG)
    return SharesView(
        tuple(_shares(rows, lambda row: row.instrument.symbol)),
        tuple(_shares(rows, lambda row: row.exit_reason.replace("_", " "))),
        tuple(sorted(_shares(rows, lambda row: f"{local(row.opened):%H}:00"), key=lambda share: share.name)),
        len(rows),
    )


def _shares(rows: Iterable[PositionRow], kind: Callable[[PositionRow], str]) -> Sequence[Share]:
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


def look_at_days(connection: Connection, asking: Asking) -> DaysView:
    """Return the latest days."""
    days = performance.day_rows(connection, asking.account)[-DAYS - 1 :]
    made = [None, *daily_returns(days).tolist()] if days else []
    lines = [DayLine(day.ts, day.equity, each) for day, each in zip(days, made, strict=True)]
    return DaysView(tuple(reversed(lines[-DAYS:])))


PAGE: Final = Page(
    name="analytics",
    title="Analytics",
    path=PATH,
    icon="M2 14V9h3v5zM6.5 14V2h3v12zM11 14V6h3v8z",
    view=AnalyticsView,
    query=AnalyticsQuery,
    blocks=(
        STATE,
        FIGURES,
        Block("equity", _MOVED | {"EquityMarked"}, look_at_equity),
        Block("ratios", _MOVED, look_at_ratios),
        Block("shares", _MOVED, look_at_shares),
        Block("days", SESSION_KINDS, look_at_days),
    ),
)
