"""Figures: of the account now, of what it has made over time, its equity line, and both as files."""

from typing import Annotated, Any, Final

import numpy as np
from litestar import get
from litestar.datastructures import State
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.analytics.returns import daily_returns, growth_a_year, sharpe, sortino
from workbench.desk import Desk
from workbench.domain.bars import DAY, as_datetime
from workbench.store import lines, reads
from workbench.store import performance as store
from workbench.store.rows import EquityRow
from workbench.web.api import shapes
from workbench.web.api.downloads import whole_file
from workbench.web.api.envelope import Told, answer, iso, listed, metrics_shape
from workbench.web.api.naming import scope_of
from workbench.web.api.paging import Account, Limit, Session, When, moment, one_of
from workbench.web.api.trades import trades_file
from workbench.web.page import account_named
from workbench.web.shares import AMONG, Share, by_exit, by_hour, by_token

DAY_COLUMNS: Final = ("day", "equity_usd", "deposited_usd", "return_percent")
What = Annotated[str, one_of(("trades", "days", "ratios", "trips", "tokens", "exits", "hours"))]
FIGURES: Final = {
    "ratios": ("days", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "volatility_percent", "max_drawdown_percent"),
    "trips": (
        "closed_trades", "win_rate", "profit_factor", "expectancy_usd", "avg_win_usd", "avg_loss_usd", "best_trade_pnl_usd",
        "worst_trade_pnl_usd", "total_volume_usd", "total_trades",
    ),
}  # fmt: skip
"""What analytics shows by day and by round trip."""


@get("/paper-trading/api/metrics/", sync_to_thread=True)
def metrics(state: State, account: Account = "") -> Told[shapes.Metrics]:
    """Tell the key figures of the account."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        return answer(metrics_of(connection, account, desk.now()))


def metrics_of(connection: Connection, account: str, now: int) -> shapes.Metrics:
    """Return the key figures of an account."""
    return metrics_shape(reads.figures(connection, account, now))


@get("/paper-trading/api/performance/", sync_to_thread=True)
def performance(state: State, account: Account = "") -> Told[shapes.Performance]:
    """Tell what the account has made: ratios of its daily returns, and what its round trips came to."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        return answer(performance_of(connection, account, desk.now()))


def performance_of(connection: Connection, account: str, now: int) -> shapes.Performance:
    """Return what an account has made in its epoch.

    Ratios are of daily returns of equity at UTC day ends, 365 a year, risk-free 0; null under two days. Cash that came in or
    went out on a day is no return of it. Trades of a stretch of time are counted up to 100,000.
    """
    figures, trips = reads.figures(connection, account, now), store.trip_figures(connection, account)
    days = store.day_rows(connection, account)
    returns = daily_returns(days)
    last_day, last_week, last_month = store.trades_since(connection, account, now - DAY, now - 7 * DAY, now - 30 * DAY)
    growth = float("nan")
    if len(returns) > 1:
        growth = float(growth_a_year(1.0, float(np.prod(1 + returns)), (days[-1].ts - days[0].ts) / DAY))
    return shapes.Performance(
        win_rate=figures.win_rate,
        profit_factor=trips.profit_factor,
        expectancy_usd=trips.expectancy,
        sharpe_ratio=_finite(sharpe(returns)),
        sortino_ratio=_finite(sortino(returns)),
        calmar_ratio=_finite(growth / -figures.worst_drawdown) if figures.worst_drawdown < 0 else None,
        volatility_percent=_finite(100 * np.std(returns, ddof=1) * 365**0.5) if len(returns) > 1 else None,
        max_drawdown_percent=round(100 * figures.worst_drawdown, 4),
        avg_win_usd=trips.average_win,
        avg_loss_usd=trips.average_loss,
        best_trade_pnl_usd=trips.best,
        worst_trade_pnl_usd=trips.worst,
        total_volume_usd=trips.volume,
        total_trades=trips.trades,
        closed_trades=trips.closed,
        costs_paid=figures.costs,
        days=len(days),
        trades_last_24h=last_day,
        trades_last_7d=last_week,
        trades_last_30d=last_month,
        last_updated=iso(days[-1].ts) if days else None,
    )


def _finite(value: Any) -> float | None:
    number = float(value)
    return round(number, 6) if np.isfinite(number) else None


@get("/paper-trading/api/equity/", sync_to_thread=True)
def equity(
    state: State, since: When = "", limit: Limit = 200, session: Session = "", account: Account = ""
) -> Told[shapes.Items[shapes.EquityPoint]]:
    """List points of the equity line, oldest first, thinned evenly in time to about `limit` of them."""
    desk: Desk = state.desk
    scope, begin = scope_of(desk, account, session), moment("since", since)
    with desk.store.read() as connection:
        points = lines.equity(connection, scope.account, begin, limit, scope.session)
    return answer(listed(map(point_shape, points)))


def point_shape(row: EquityRow) -> shapes.EquityPoint:
    """Return a point of the equity line as answers carry it."""
    return shapes.EquityPoint(ts=iso(row.ts), equity_usd=row.equity, cash_usd=row.cash, session_id=row.session)


@get("/paper-trading/api/analytics/data/", sync_to_thread=True)
def analytics(state: State, account: Account = "") -> Told[shapes.Analytics]:
    """Tell what the analytics page shows: key figures, performance, and equity day by day."""
    desk: Desk = state.desk
    account, now = account_named(desk, account), desk.now()
    with desk.store.read() as connection:
        told = shapes.Analytics(
            metrics=metrics_of(connection, account, now),
            performance=performance_of(connection, account, now),
            days=day_shapes(store.day_rows(connection, account)),
        )
    return answer(told)


def day_shapes(days: list[store.DayRow]) -> tuple[shapes.Day, ...]:
    """Return days as answers and files carry them."""
    returns = [None, *(round(100 * made, 6) for made in daily_returns(days).tolist())] if days else []
    return tuple(
        shapes.Day(day=iso(day.ts)[:10], equity_usd=day.equity, deposited_usd=day.put_in, return_percent=made)
        for day, made in zip(days, returns, strict=True)
    )


@get("/paper-trading/api/analytics/export/", sync_to_thread=True)
def export(state: State, what: What = "trades", account: Account = "") -> Stream:
    """Download what analytics shows as CSV: trades, days, ratios, figures of round trips, or these by token, exit or UTC hour."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    what = what.lower() or "trades"
    if what == "trades":
        return trades_file(desk, "analytics", {"account": account})
    with desk.store.read() as connection:
        if what == "days":
            return whole_file("days", DAY_COLUMNS, day_shapes(store.day_rows(connection, account)))
        if what in FIGURES:
            told = performance_of(connection, account, desk.now())
            return whole_file(what, ("figure", "value"), [{"figure": name, "value": getattr(told, name)} for name in FIGURES[what]])
        rows = reads.closed_positions(connection, account, limit=AMONG)
    match what:
        case "tokens":
            return _shares_file(what, "token_symbol", by_token(rows))
        case "exits":
            return _shares_file(what, "exit_reason", by_exit(rows))
        case _:
            # A file's hours are those of its times, which are UTC.
            return _shares_file(what, "utc_hour", by_hour(rows, as_datetime))


def _shares_file(name: str, kind: str, shares: tuple[Share, ...]) -> Stream:
    columns = (kind, "round_trips", "winning_trades", "win_rate", "pnl_usd", "costs_usd")
    told = [(share.name, share.trips, share.wins, round(share.win_rate, 6), share.result, share.costs) for share in shares]
    return whole_file(name, columns, [dict(zip(columns, each, strict=True)) for each in told])


handlers = [metrics, performance, equity, analytics, export]
