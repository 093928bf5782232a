"""What is held: the portfolio, the open positions, and the closed ones; positions as files too."""

from typing import Final

from litestar import get
from litestar.datastructures import State
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.store import reads
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file, whole_file
from workbench.web.api.envelope import Told, answer, listed, portfolio_shape, position_shape
from workbench.web.api.paging import Account, Before, Limit, page_of
from workbench.web.page import account_named

COLUMNS: Final = (
    "opened_at", "closed_at", "position_id", "token_symbol", "token_address", "chain_id", "quantity", "average_entry_price_usd",
    "current_price_usd", "total_invested_usd", "current_value_usd", "unrealized_pnl_usd", "realized_pnl_usd", "pnl_usd",
    "pnl_percent", "stop_price_usd", "target_price_usd", "is_open", "session_id",
)  # fmt: skip


@get("/paper-trading/api/portfolio/", sync_to_thread=True)
def portfolio(state: State, account: Account = "") -> Told[shapes.Holdings]:
    """Tell what the account holds."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        held = reads.positions(connection, account)
        told = portfolio_shape(account, reads.figures(connection, account, desk.now()))
    return answer(shapes.Holdings(portfolio=told, positions=tuple(map(position_shape, held))))


@get("/paper-trading/api/positions/open/", sync_to_thread=True)
def open_positions(state: State, account: Account = "") -> Told[shapes.Items[shapes.Position]]:
    """List the open positions, the most valuable first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.positions(connection, account)
    return answer(listed([position_shape(row) for row in sorted(rows, key=lambda row: -row.value)]))


@get("/paper-trading/api/positions/open/export/", sync_to_thread=True)
def open_file(state: State, account: Account = "") -> Stream:
    """Download the open positions as CSV, the most valuable first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.positions(connection, account)
    return whole_file("open-positions", COLUMNS, [position_shape(row) for row in sorted(rows, key=lambda row: -row.value)])


@get("/paper-trading/api/positions/history/", sync_to_thread=True)
def closed_positions(
    state: State, limit: Limit = 50, before: Before = None, account: Account = ""
) -> Told[shapes.Items[shapes.Position]]:
    """List the closed positions, which are the round trips, newest first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.closed_positions(connection, account, limit + 1, before)
    return answer(page_of(rows, limit, position_shape, lambda row: row.id))


@get("/paper-trading/api/positions/history/export/", sync_to_thread=True)
def closed_file(state: State, account: Account = "") -> Stream:
    """Download the closed positions as CSV, newest first."""
    desk: Desk = state.desk
    account = account_named(desk, account)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Position]:
        return [position_shape(row) for row in reads.closed_positions(connection, account, limit, before)]

    return csv_file("closed-positions", COLUMNS, desk, read, "position_id")


handlers = [portfolio, open_positions, open_file, closed_positions, closed_file]
