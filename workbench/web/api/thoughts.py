"""AI thoughts: what the bot decided and why, newest first, as a file, and the answer to why at a time."""

from typing import Annotated, Final

from litestar import get
from litestar.datastructures import State
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.domain.thoughts import Decision
from workbench.errors import NotFound, unlisted
from workbench.store import reads
from workbench.store.rows import ThoughtRow
from workbench.store.thoughts import Wanted, read_thoughts, search_thoughts
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Told, answer, iso, thought_shape
from workbench.web.api.naming import Scope, scope_of, symbol_named
from workbench.web.api.paging import Account, Before, Limit, Session, Token, Until, When, moment, one_of, page_of
from workbench.web.page import account_named
from workbench.web.thoughts import GATES

BREAKER: Final = "breaker_"
"""Gates of breakers are called so, and after the breaker."""
Decided = Annotated[str, one_of([each.value for each in Decision])]
Gate = Annotated[
    str, QueryParameter(max_length=60, description="The gate that stopped it, such as `confidence` or `breaker_drawdown`.")
]
COLUMNS: Final = (
    "bar_time", "thought_id", "decision_type", "token_symbol", "confidence_percent", "primary_reasoning", "stopped_by",
    "strategy_name", "order_id", "gates", "key_factors", "session_id",
)  # fmt: skip


@get("/paper-trading/api/ai-thoughts/", sync_to_thread=True)
def every(
    state: State,
    limit: Limit = 20,
    before: Before = None,
    symbol: Token = "",
    decision: Decided = "",
    session: Session = "",
    stopped_by: Gate = "",
    since: When = "",
    until: Until = "",
    account: Account = "",
) -> Told[shapes.Items[shapes.Thought]]:
    """List the newest recorded thoughts; where few pass the filters a page may be short, or empty, and `next` leads on."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session)
    with desk.store.read() as connection:
        wanted = _filters(connection, scope, symbol, decision, stopped_by, since, until)
        found = search_thoughts(connection, scope.account, wanted, limit=limit + 1, before=before)
    return answer(page_of(found.rows, limit, thought_shape, lambda row: row.id, found.went_to))


@get("/paper-trading/api/ai-thoughts/export/", sync_to_thread=True)
def export(
    state: State,
    symbol: Token = "",
    decision: Decided = "",
    session: Session = "",
    stopped_by: Gate = "",
    since: When = "",
    until: Until = "",
    account: Account = "",
) -> Stream:
    """Download the recorded thoughts that pass the filters, as CSV."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session)
    with desk.store.read() as connection:
        wanted = _filters(connection, scope, symbol, decision, stopped_by, since, until)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Thought]:
        return [thought_shape(row) for row in read_thoughts(connection, scope.account, wanted, limit=limit, before=before)]

    return csv_file("thoughts", COLUMNS, desk, read, "thought_id")


@get("/paper-trading/api/ai-thoughts/why/", sync_to_thread=True)
def why(state: State, token: Token, time: When = "", account: Account = "") -> Told[shapes.HeldThought]:
    """Tell why a token was traded, or not, at a time; now where none is given.

    A thought is recorded when its decision, the gate that stopped it or an order changes, so the one before a time holds
    until the one after it.
    """
    desk: Desk = state.desk
    account, at = account_named(desk, account), moment("time", time)
    with desk.store.read() as connection:
        symbol = symbol_named(connection, token)
        held, following = thought_at(connection, account, symbol, desk.now() if at is None else at)
    until = None if following is None else iso(following.ts)
    return answer(shapes.HeldThought(thought=thought_shape(held), holds_until=until))


def thought_at(connection: Connection, account: str, symbol: str, ts: int) -> tuple[ThoughtRow, ThoughtRow | None]:
    """Return the thought that held at a time, and the one that followed it.

    Raises
    ------
    NotFound
        If nothing was thought of the token by then.
    """
    before = reads.thoughts(connection, account, symbol=symbol, until=ts + 1, limit=1, by_time=True)
    if not before:
        raise NotFound("thought", f"{symbol} at {iso(ts)}", field="token")
    after = reads.thoughts(connection, account, symbol=symbol, since=ts + 1, limit=1, by_time=True, oldest=True)
    return before[0], after[0] if after else None


def _filters(connection: Connection, scope: Scope, symbol: str, decision: str, stopped_by: str, since: str, until: str) -> Wanted:
    if stopped_by and stopped_by not in GATES and not stopped_by.startswith(BREAKER):
        raise unlisted("stopped_by", stopped_by, (*GATES, f"{BREAKER}…"))
    begin, end = moment("since", since), moment("until", until)
    return Wanted(symbol_named(connection, symbol, "symbol"), decision.lower(), scope.session, stopped_by, begin, end)


handlers = [every, export, why]
