"""Analytics: what the account has made, by ratio, by round trip, by token, by reason and by day."""

from decimal import Decimal
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.analytics.returns import daily_returns, growth_a_year, sharpe, sortino
from workbench.domain.bars import DAY
from workbench.store import performance, reads
from workbench.store.performance import TripFigures
from workbench.web.blocks import FIGURES, STATE, FiguresView
from workbench.web.page import CASH_KINDS, ROOT, SESSION_KINDS, Asking, Block, Page, Query, View
from workbench.web.pages.dashboard import EquityView, Marker, equity_view
from workbench.web.shares import AMONG, Share, by_exit, by_hour, by_token
from workbench.web.zone import local

PATH: Final = f"{ROOT}/analytics/"
DAYS: Final = 31
MARKED: Final = 20
"""So many of the newest round trips are marked on the line."""
_MOVED: Final = SESSION_KINDS | CASH_KINDS | {"OrderFilled"}


class AnalyticsQuery(Query, frozen=True):
    """What an address asks of the analytics."""

    range: Literal["1h", "24h", "7d", "all"] = "all"


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
    whose: str = ""


class SharesView(msgspec.Struct, frozen=True):
    """The newest round trips by token, by why they ended, and by the hour of the zone's day in which they began."""

    tokens: tuple[Share, ...]
    reasons: tuple[Share, ...]
    hours: tuple[Share, ...]
    among: int
    whose: str = ""


class DaysView(msgspec.Struct, frozen=True):
    """The latest days, the newest first."""

    lines: tuple[DayLine, ...]
    whose: str = ""


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
        _finite(growth / -worst) if worst < 0 else None, worst, _finite(spread), asking.query.whose,
    )  # fmt: skip


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None


def look_at_shares(connection: Connection, asking: Asking) -> SharesView:
    """Return the newest round trips by what they have in common."""
    rows = reads.closed_positions(connection, asking.account, limit=AMONG)
    return SharesView(by_token(rows), by_exit(rows), by_hour(rows, local), len(rows), asking.query.whose)


def look_at_days(connection: Connection, asking: Asking) -> DaysView:
    """Return the latest days."""
    days = performance.day_rows(connection, asking.account)[-DAYS - 1 :]
    made = [None, *daily_returns(days).tolist()] if days else []
    lines = [DayLine(day.ts, day.equity, each) for day, each in zip(days, made, strict=True)]
    return DaysView(tuple(reversed(lines[-DAYS:])), asking.query.whose)


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
