"""What can be read: portfolio, trades, positions, thoughts and figures."""

from typing import Annotated

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromQuery, QueryParameter

from workbench.desk import Desk
from workbench.store import reads
from workbench.web.api.envelope import answer, listed, portfolio_shape, position_shape, thought_shape, trade_shape
from workbench.web.page import account_named

Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Before = Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)]


@get("/paper-trading/api/portfolio/", sync_to_thread=True)
def portfolio(state: State, account: FromQuery[str] = "") -> Response[bytes]:
    """Tell what the account holds."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        held = reads.positions(connection, account)
        told = portfolio_shape(account, reads.figures(connection, account, desk.now()))
    return answer({"portfolio": told, "positions": [position_shape(row) for row in held]})


@get("/paper-trading/api/trades/recent/", sync_to_thread=True)
def recent_trades(state: State, limit: Limit = 10, before: Before = None, account: FromQuery[str] = "") -> Response[bytes]:
    """List the newest trades."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.trades(connection, account, limit=limit, before=before)
    return answer(listed([trade_shape(row) for row in rows], rows[-1].id if len(rows) == limit else None))


@get("/paper-trading/api/positions/open/", sync_to_thread=True)
def open_positions(state: State, account: FromQuery[str] = "") -> Response[bytes]:
    """List the open positions, the most valuable first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.positions(connection, account)
    return answer(listed([position_shape(row) for row in sorted(rows, key=lambda row: -row.value)]))


@get("/paper-trading/api/ai-thoughts/", sync_to_thread=True)
def ai_thoughts(
    state: State,
    limit: Limit = 20,
    before: Before = None,
    symbol: FromQuery[str] = "",
    decision: FromQuery[str] = "",
    account: FromQuery[str] = "",
) -> Response[bytes]:
    """List the newest recorded thoughts."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.thoughts(connection, account, symbol=symbol, decision=decision, limit=limit, before=before)
    return answer(listed([thought_shape(row) for row in rows], rows[-1].id if len(rows) == limit else None))


@get("/paper-trading/api/metrics/", sync_to_thread=True)
def metrics(state: State, account: FromQuery[str] = "") -> Response[bytes]:
    """Tell the figures of the account."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        figures = reads.figures(connection, account, desk.now())
    return answer(
        {
            "portfolio_value": figures.value,
            "cash_balance": figures.cash,
            "total_pnl": figures.result,
            "roi": round(100 * figures.result_share, 4),
            "today_pnl": figures.today,
            "total_trades": figures.trades,
            "closed_trades": figures.closed,
            "winning_trades": figures.wins,
            "losing_trades": figures.closed - figures.wins,
            "win_rate": None if figures.win_rate is None else round(figures.win_rate, 6),
            "drawdown_percent": round(100 * figures.drawdown, 4),
            "max_drawdown_percent": round(100 * figures.worst_drawdown, 4),
            "costs_paid": figures.costs,
            "fees_paid": figures.fees,
            "gas_paid": figures.gas,
        }
    )


handlers = [portfolio, recent_trades, open_positions, ai_thoughts, metrics]
