"""AI thoughts: what the bot decided and why, newest first, as a file, and the answer to why at a time."""

from typing import Final

from litestar import Response, get
from litestar.datastructures import State
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.domain.thoughts import Decision
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.rows import ThoughtRow
from workbench.store.thoughts import Wanted, read_thoughts
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, answer, iso, thought_shape
from workbench.web.api.paging import Account, Before, Limit, Text, Until, When, moment, page_of
from workbench.web.page import account_named

COLUMNS: Final = (
    "bar_time", "thought_id", "decision_type", "token_symbol", "confidence_percent", "primary_reasoning", "stopped_by",
    "strategy_name", "order_id", "gates", "key_factors", "session_id",
)  # fmt: skip


@get("/paper-trading/api/ai-thoughts/", sync_to_thread=True)
def every(
    state: State,
    limit: Limit = 20,
    before: Before = None,
    symbol: Text = "",
    decision: Text = "",
    session: Text = "",
    stopped_by: Text = "",
    since: When = "",
    until: Until = "",
    account: Account = "",
) -> Response[bytes]:
    """List the newest recorded thoughts."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    wanted = _filters(symbol, decision, session, stopped_by, since, until)
    with desk.store.read() as connection:
        rows = read_thoughts(connection, account, wanted, limit=limit + 1, before=before)
    return answer(page_of(rows, limit, thought_shape, lambda row: row.id))


@get("/paper-trading/api/ai-thoughts/export/", sync_to_thread=True)
def export(
    state: State,
    symbol: Text = "",
    decision: Text = "",
    session: Text = "",
    stopped_by: Text = "",
    since: When = "",
    until: Until = "",
    account: Account = "",
) -> Stream:
    """Download the recorded thoughts that pass the filters, as CSV."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    wanted = _filters(symbol, decision, session, stopped_by, since, until)

    def read(connection: Connection, limit: int, before: int | None) -> list[Json]:
        return [thought_shape(row) for row in read_thoughts(connection, account, wanted, limit=limit, before=before)]

    return csv_file("thoughts", COLUMNS, desk, read, "thought_id")


@get("/paper-trading/api/ai-thoughts/why/", sync_to_thread=True)
def why(state: State, token: Text, time: When = "", account: Account = "") -> Response[bytes]:
    """Tell why a token was traded, or not, at a time; now where none is given.

    A thought is recorded when its decision, the gate that stopped it or an order changes, so the one before a time holds
    until the one after it.
    """
    desk: Desk = state.desk
    account, at = account_named(desk, account), moment("time", time)
    with desk.store.read() as connection:
        held, following = thought_at(connection, account, token, desk.now() if at is None else at)
    return answer({"thought": thought_shape(held), "holds_until": None if following is None else iso(following.ts)})


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


def _filters(symbol: str, decision: str, session: str, stopped_by: str, since: str, until: str) -> Wanted:
    known = [each.value for each in Decision]
    if decision and decision.lower() not in known:
        raise NotFound("decision", decision, known, field="decision")
    return Wanted(symbol, decision.lower(), session, stopped_by, moment("since", since), moment("until", until))


handlers = [every, export, why]
