"""The trades: every fill with its costs and its reason; filters, order and page are in the address."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.store import reads
from workbench.store.rows import TradeRow
from workbench.web.blocks import STATE
from workbench.web.filters import short
from workbench.web.page import ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View
from workbench.web.zone import zone_label

PATH: Final = f"{ROOT}/trades/"
EXPORT: Final = f"{ROOT}/api/trades/export/"
ROWS: Final = 50
SORTED_AMONG: Final = 1000
"""How many of the newest trades are looked at to sort them by anything but time."""

_KEYS: Final[dict[str, Callable[[TradeRow], Any]]] = {
    "token": lambda row: row.instrument.symbol.lower(),
    "side": lambda row: row.side,
    "amount": lambda row: row.notional,
    "costs": lambda row: row.costs,
    "result": lambda row: row.result,
    "reason": lambda row: row.reason,
}


class TradesQuery(Query, frozen=True):
    """What an address asks of the trades."""

    token: str = ""
    side: Literal["", "buy", "sell"] = ""
    session: str = ""
    sort: Literal[
        "-time", "time", "token", "-token", "side", "-side", "amount", "-amount", "costs", "-costs", "result", "-result",
        "reason", "-reason",
    ] = "-time"  # fmt: skip
    before: RowId | None = None
    since: RowId | None = None


class Option(msgspec.Struct, frozen=True):
    """An answer that a filter offers."""

    value: str
    label: str
    chosen: bool


class FiltersView(msgspec.Struct, frozen=True):
    """The filters, whether any is set, and the address of the same trades as a file."""

    tokens: tuple[Option, ...]
    sides: tuple[Option, ...]
    sessions: tuple[Option, ...]
    sort: str
    account: str
    is_set: bool
    download: str


class Column(msgspec.Struct, frozen=True):
    """A column's head: where pressing it leads, and how it is sorted now (`ascending`, `descending` or nothing)."""

    name: str
    label: str
    is_number: bool
    address: str
    sorted: str


class Sums(msgspec.Struct, frozen=True):
    """What the trades that are shown come to."""

    count: int
    bought: Decimal
    sold: Decimal
    costs: Decimal
    in_price: Decimal
    result: Decimal


class TableView(msgspec.Struct, frozen=True):
    """A page of trades."""

    rows: tuple[TradeRow, ...]
    columns: tuple[Column, ...]
    sums: Sums
    newer: str
    older: str
    is_set: bool
    is_sorted: bool
    among: int
    now: int
    whose: str = ""


class TradesView(View, frozen=True, kw_only=True):
    """What `trades.html` gets."""

    filters: FiltersView | UnsetType = UNSET
    table: TableView | UnsetType = UNSET


def look_at_filters(connection: Connection, asking: Asking) -> FiltersView:
    """Return what can be filtered by."""
    query: TradesQuery = asking.query
    quotes = [quote.instrument.symbol for quote in reads.quotes(connection, count=1)]
    rows = reads.sessions(connection, asking.account, limit=30)
    names = list(dict.fromkeys([*quotes, *(symbol for row in rows for symbol in row.symbols)]))
    if query.token and query.token.lower() not in (name.lower() for name in names):
        names.append(query.token)
    known = {row.id: f"{row.name} · {short(row.id)}" for row in rows}
    if query.session and query.session not in known:
        known[query.session] = short(query.session)
    given = {"token": query.token, "trade_type": query.side, "session": query.session, "account": query.account}
    asked = {name: value for name, value in given.items() if value}
    return FiltersView(
        tuple(Option(name, name, name.lower() == query.token.lower()) for name in names),
        tuple(Option(name, name, name == query.side) for name in ("buy", "sell")),
        tuple(Option(id_, label, id_ == query.session) for id_, label in known.items()),
        query.sort if query.sort != "-time" else "",
        query.account,
        is_filtered(query),
        f"{EXPORT}?{urlencode(asked)}" if asked else EXPORT,
    )


def is_filtered(query: TradesQuery) -> bool:
    """Return whether any filter is set."""
    return bool(query.token or query.side or query.session)


def look_at_table(connection: Connection, asking: Asking) -> TableView:
    """Return a page of trades in the order that is asked for."""
    query: TradesQuery = asking.query
    wanted: dict[str, Any] = {"symbol": query.token, "side": query.side, "session": query.session}
    if query.sort in ("-time", "time"):
        rows, newer, older = _by_time(connection, asking.account, query, wanted)
        among = 0
    else:
        found = reads.trades(connection, asking.account, limit=SORTED_AMONG, **wanted)
        rows, newer, older, among = _by_value(found, query.sort), "", "", len(found)
    sums = Sums(
        len(rows),
        sum((row.notional for row in rows if row.side == "buy"), Decimal(0)),
        sum((row.notional for row in rows if row.side == "sell"), Decimal(0)),
        sum((row.costs for row in rows), Decimal(0)),
        sum((row.in_price for row in rows), Decimal(0)),
        sum((row.result for row in rows if row.result is not None), Decimal(0)),
    )
    return TableView(
        tuple(rows), _columns(query), sums, newer, older, is_filtered(query), among > 0, among, asking.now, query.whose
    )


def _by_time(connection: Connection, account: str, query: TradesQuery, wanted: dict[str, Any]) -> tuple[list[TradeRow], str, str]:
    """Return a page of trades in order of time, and the addresses of the pages on both sides of it."""
    newest_first = query.sort == "-time"
    upwards = query.since is not None
    found = reads.trades(
        connection, account, limit=ROWS + 1, before=query.before, after=query.since, sort="id" if upwards else "-id", **wanted
    )
    rows, more = found[:ROWS], len(found) > ROWS
    if upwards == newest_first:
        rows = rows[::-1]
    if not rows:
        return [], "", query.address(PATH, before=None, since=None) if query.before or query.since else ""
    low, high = min(row.id for row in rows), max(row.id for row in rows)
    has_older = more if not upwards else True
    has_newer = more if upwards else query.before is not None
    newer = query.address(PATH, before=None, since=high) if has_newer else ""
    older = query.address(PATH, before=low, since=None) if has_older else ""
    return rows, newer, older


def _by_value(found: list[TradeRow], sort: str) -> list[TradeRow]:
    """Return the first of the trades in order of a column; those without a value come last."""
    key = _KEYS[sort.lstrip("-")]
    valued = [row for row in found if key(row) is not None]
    rest = [row for row in found if key(row) is None]
    return (sorted(valued, key=key, reverse=sort.startswith("-")) + rest)[:ROWS]


def _columns(query: TradesQuery) -> tuple[Column, ...]:
    sorted_by, falling = query.sort.lstrip("-"), query.sort.startswith("-")

    def column(name: str, label: str, number: bool = False, sorts: bool = True) -> Column:
        if not sorts:
            return Column(name, label, number, "", "")
        if name == sorted_by:
            following, how = (name if falling else f"-{name}"), "descending" if falling else "ascending"
        else:
            # What is counted is first wanted from the top, what is named from A.
            following, how = (f"-{name}" if number or name == "time" else name), ""
        return Column(name, label, number, query.address(PATH, sort=following, before=None, since=None), how)

    return (
        column("time", f"Time, {zone_label()}"),
        column("token", "Token"),
        column("side", "Side"),
        column("quantity", "Quantity", True, False),
        column("price", "Price", True, False),
        column("amount", "Amount", True),
        column("fee", "Fee", True, False),
        column("gas", "Gas", True, False),
        column("in-price", "In the price", True, False),
        column("costs", "Costs paid", True),
        column("result", "Result", True),
        column("reason", "Reason"),
    )


PAGE: Final = Page(
    name="trades",
    title="Trades",
    path=PATH,
    icon="M3 4h10M3 8h10M3 12h6",
    view=TradesView,
    query=TradesQuery,
    blocks=(
        STATE,
        Block("filters", SESSION_KINDS, look_at_filters),
        Block("table", SESSION_KINDS | {"OrderFilled"}, look_at_table),
    ),
)
