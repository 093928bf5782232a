"""What a reader is told first: how an account stands, and the log id that this is of."""

from typing import Final

from sqlalchemy import Connection

from workbench.store import reads
from workbench.web.api.account import account_shape
from workbench.web.api.envelope import Json, fields_of, portfolio_shape, position_shape, session_shape, thought_shape, trade_shape

EVERY_ACCOUNT: Final = "*"
"""Asked for instead of an account: all of them."""
RECENT: Final = 20


def take_snapshot(connection: Connection, account: str, now: int) -> Json:
    """Return how an account stands: itself, its session, positions, trades and thoughts; the accounts where it is all of them."""
    if account == EVERY_ACCOUNT:
        every = [account_shape(row) for row in reads.accounts(connection)]
        nothing: Json = {"session": None, "positions": [], "recent_trades": [], "recent_thoughts": []}
        return {"account": None, **nothing, "accounts": every}
    going = reads.active_session(connection, account)
    figures = portfolio_shape(account, reads.figures(connection, account, now))
    return {
        "account": {**fields_of(account_shape(reads.account(connection, account))), **fields_of(figures)},
        "session": session_shape(going, now) if going else None,
        "positions": [position_shape(row) for row in reads.positions(connection, account)],
        "recent_trades": [trade_shape(row) for row in reads.trades(connection, account, limit=RECENT)],
        "recent_thoughts": [thought_shape(row) for row in reads.thoughts(connection, account, limit=RECENT)],
    }
