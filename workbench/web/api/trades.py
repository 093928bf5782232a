"""Trades: every fill of an account, filtered, paged, and as a file."""

from typing import Annotated, Any, Final

from litestar import get
from litestar.datastructures import State
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.domain.orders import Reason, Side
from workbench.store import reads
from workbench.store.rows import TradeRow
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, Told, answer, trade_shape
from workbench.web.api.naming import scope_of, symbol_named
from workbench.web.api.paging import Account, Before, Limit, Session, Token, Until, When, moment, one_of, page_of
from workbench.web.page import account_named

OneSide = Annotated[str, one_of([side.value for side in Side])]
Why = Annotated[str, one_of([reason.value for reason in Reason])]
Status = Annotated[str, one_of(["completed"])]
COLUMNS: Final = (
    "executed_at", "trade_id", "trade_type", "token_symbol", "token_address", "chain_id", "quantity", "price_usd", "amount_usd",
    "fee_usd", "gas_usd", "tax_usd", "spread_cost_usd", "slippage_cost_usd", "impact_cost_usd", "realized_pnl_usd",
    "cash_after_usd",
    "reason", "strategy_name", "status", "session_id",
)  # fmt: skip


@get("/paper-trading/api/trades/", sync_to_thread=True)
def every(
    state: State,
    token: Token = "",
    trade_type: OneSide = "",
    session: Session = "",
    reason: Why = "",
    since: When = "",
    until: Until = "",
    status: Status = "",
    limit: Limit = 50,
    before: Before = None,
    account: Account = "",
) -> Told[shapes.Items[shapes.Trade]]:
    """List trades, newest first. A trade is one fill; all are completed."""
    desk: Desk = state.desk
    wanted = _filters(desk, account, token, trade_type, session, reason, since, until)
    with desk.store.read() as connection:
        rows = reads.trades(connection, limit=limit + 1, before=before, **wanted)
    return answer(page_of(rows, limit, trade_shape, _id))


@get("/paper-trading/api/trades/recent/", sync_to_thread=True)
def recent(state: State, limit: Limit = 10, before: Before = None, account: Account = "") -> Told[shapes.Items[shapes.Trade]]:
    """List the newest trades."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.trades(connection, account, limit=limit + 1, before=before)
    return answer(page_of(rows, limit, trade_shape, _id))


@get("/paper-trading/api/trades/export/", sync_to_thread=True)
def export(
    state: State,
    token: Token = "",
    trade_type: OneSide = "",
    session: Session = "",
    reason: Why = "",
    since: When = "",
    until: Until = "",
    account: Account = "",
) -> Stream:
    """Download the trades that pass the filters, as CSV."""
    return trades_file(state.desk, "trades", _filters(state.desk, account, token, trade_type, session, reason, since, until))


def trades_file(desk: Desk, name: str, wanted: Json) -> Stream:
    """Return trades as a CSV file."""

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Trade]:
        return [trade_shape(row) for row in reads.trades(connection, limit=limit, before=before, **wanted)]

    return csv_file(name, COLUMNS, desk, read, "trade_id")


def _filters(desk: Desk, account: str, token: str, side: str, session: str, reason: str, since: str, until: str) -> dict[str, Any]:
    scope = scope_of(desk, account, session)
    with desk.store.read() as connection:
        symbol = symbol_named(connection, token)
    return {
        "account": scope.account, "session": scope.session, "symbol": symbol, "side": side.lower(), "reason": reason.lower(),
        "since": moment("since", since), "until": moment("until", until),
    }  # fmt: skip


def _id(row: TradeRow) -> int:
    return row.id


handlers = [every, recent, export]
