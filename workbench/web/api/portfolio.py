"""What is held: the portfolio, the open positions, and the closed ones."""

from litestar import Response, get
from litestar.datastructures import State

from workbench.desk import Desk
from workbench.store import reads
from workbench.web.api.envelope import answer, listed, portfolio_shape, position_shape
from workbench.web.api.paging import Account, Before, Limit, page_of
from workbench.web.page import account_named


@get("/paper-trading/api/portfolio/", sync_to_thread=True)
def portfolio(state: State, account: Account = "") -> Response[bytes]:
    """Tell what the account holds."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        held = reads.positions(connection, account)
        told = portfolio_shape(account, reads.figures(connection, account, desk.now()))
    return answer({"portfolio": told, "positions": [position_shape(row) for row in held]})


@get("/paper-trading/api/positions/open/", sync_to_thread=True)
def open_positions(state: State, account: Account = "") -> Response[bytes]:
    """List the open positions, the most valuable first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.positions(connection, account)
    return answer(listed([position_shape(row) for row in sorted(rows, key=lambda row: -row.value)]))


@get("/paper-trading/api/positions/history/", sync_to_thread=True)
def closed_positions(state: State, limit: Limit = 50, before: Before = None, account: Account = "") -> Response[bytes]:
    """List the closed positions, which are the round trips, newest first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.closed_positions(connection, account, limit + 1, before)
    return answer(page_of(rows, limit, position_shape, lambda row: row.id))


handlers = [portfolio, open_positions, closed_positions]
