"""The orders: the form that places one, those that rest, and all there ever were; filters and page are in the address."""

from decimal import Decimal
from typing import ClassVar, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.commands import CancelOrder, Command, PlaceOco, PlaceOrder
from workbench.domain.events import KINDS
from workbench.domain.orders import Order, OrderType, TimeInForce
from workbench.store import reads
from workbench.store.order_history import OrderNews, Refusal, order_news, order_page, resting_orders
from workbench.store.orders import STATUSES
from workbench.store.prices import newest_prices
from workbench.store.rows import OrderRow
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.filters import plain_number
from workbench.web.ordering import FORM, PLACING, TYPES, Choice, FormView, MarketView, look_at_form, look_at_market, order_in_words
from workbench.web.page import CASH_KINDS, PRICES_CHANGED, ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View

PATH: Final = f"{ROOT}/orders/"
EXPORT: Final = f"{ROOT}/api/orders/export/"
ROWS: Final = 50
FRESH: Final = 60_000
"""For so many milliseconds an address says what was done on the way to it."""
ORDER_KINDS: Final = frozenset({*(kind for kind in KINDS if kind.startswith("Order")), "StopMoved"})

CANCELLED: Final = Said("The order is taken back before the next bar.")
ALL_CANCELLED: Final = Said("Every order that a person or the strategy has resting is taken back before the next bar.")


class OrdersQuery(Query, frozen=True):
    """What an address asks of the orders: which of them, and what was done on the way here, and when."""

    passing: ClassVar[frozenset[str]] = frozenset({"said", "at"})

    status: Literal[
        "", "active", "ended", "open", "triggered", "partially_filled", "filled", "cancelled", "expired", "rejected", "failed"
    ] = ""
    order_type: Literal["", "market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit"] = ""
    side: Literal["", "buy", "sell"] = ""
    token: str = ""
    before: RowId | None = None
    said: Literal["", "placed", "cancelled", "all-cancelled"] = ""
    at: RowId = 0

    def is_fresh(self, now: int) -> bool:
        """Return whether what was done on the way here was done just now."""
        return 0 <= now - self.at < FRESH

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.status or self.order_type or self.side or self.token)


class OrderLine(msgspec.Struct, frozen=True):
    """An order as the page shows it.

    Parameters
    ----------
    word
        Its status, or what it has been asked to become.
    away
        How far the price has to go until it is met, as a share of it; None where that cannot be told.
    trail, until
        In words; how long it lives is empty where it has a time for that.
    is_asked
        Whether it is about to be taken back.
    """

    row: OrderRow
    type: str
    word: str
    away: float | None
    trail: str
    until: str
    is_asked: bool = False

    @property
    def order(self) -> Order:
        """The order itself."""
        return self.row.order


class ActiveView(msgspec.Struct, frozen=True):
    """The orders that rest, and what was asked for and has not happened.

    Parameters
    ----------
    coming
        Orders that are placed before the next bar, in words.
    refused
        What the session could not do of what it was asked, newest first.
    """

    lines: tuple[OrderLine, ...]
    coming: tuple[str, ...]
    refused: tuple[str, ...]
    is_running: bool
    can_cancel: bool
    now: int
    said: Said | None = None
    whose: str = ""


class FiltersView(msgspec.Struct, frozen=True):
    """The filters, whether any is set, and the address of the same orders as a file."""

    statuses: tuple[Choice, ...]
    types: tuple[Choice, ...]
    sides: tuple[Choice, ...]
    tokens: tuple[Choice, ...]
    account: str
    is_set: bool
    download: str


class HistoryView(msgspec.Struct, frozen=True):
    """A page of orders, newest first; `older` leads on, `newest` back to the first of them."""

    lines: tuple[OrderLine, ...]
    newest: str
    older: str
    is_set: bool
    clear: str
    now: int
    whose: str = ""


class OrdersView(View, frozen=True, kw_only=True):
    """What `orders.html` gets."""

    market: MarketView | UnsetType = UNSET
    form: FormView | UnsetType = UNSET
    active: ActiveView | UnsetType = UNSET
    filters: FiltersView | UnsetType = UNSET
    history: HistoryView | UnsetType = UNSET


def look_at_active(connection: Connection, asking: Asking) -> ActiveView:
    """Return the orders that rest."""
    query: OrdersQuery = asking.query
    said = {"cancelled": CANCELLED, "all-cancelled": ALL_CANCELLED}.get(query.said)
    return active_view(connection, asking, said if query.is_fresh(asking.now) else None)


def active_view(connection: Connection, asking: Asking, said: Said | None = None) -> ActiveView:
    """Return the orders that rest, with a sentence for whoever has pressed a button."""
    going = reads.active_session(connection, asking.account)
    rows = resting_orders(connection, asking.account)
    news = order_news(connection, going.id) if going is not None else OrderNews((), ())
    waiting = news.waiting
    asked = {command.order for command in waiting if isinstance(command, CancelOrder)}
    prices = {token.instrument.key: token for token in newest_prices(connection)}
    symbols = {key: token.instrument.symbol for key, token in prices.items()}
    lines = tuple(
        order_line(row, prices[row.instrument.key].price if row.instrument.key in prices else None, row.order.id in asked)
        for row in rows
    )
    coming = tuple(words for command in waiting if (words := _in_words(command, symbols)))
    return ActiveView(
        lines, coming, _refused(news.refusals, rows, symbols), going is not None,
        any(line.order.run is None and not line.is_asked for line in lines), asking.now, said, asking.query.whose,
    )  # fmt: skip


def _refused(refusals: tuple[Refusal, ...], rows: tuple[OrderRow, ...], symbols: dict[str, str]) -> tuple[str, ...]:
    """Return what the session could not do with orders of what it was asked, in words; nothing that is older than an order."""
    newest = max((row.id for row in rows), default=0)
    found = []
    for refusal in refusals:
        if refusal.id > newest:
            words = _in_words(refusal.command, symbols) or f"Order {getattr(refusal.command, 'order', '')}"
            done = "taken back" if isinstance(refusal.command, CancelOrder) else "placed"
            found.append(f"{words} was not {done}: {refusal.why[:1].lower()}{refusal.why[1:]}")
    return tuple(found[:1])


def _in_words(command: Command, symbols: dict[str, str]) -> str:
    match command:
        case PlaceOrder():
            return order_in_words(command, symbols.get(command.instrument, command.instrument))
        case PlaceOco(first, _):
            return f"{order_in_words(first, symbols.get(first.instrument, first.instrument))} with its counterpart"
        case _:
            return ""


def order_line(row: OrderRow, price: Decimal | None = None, is_asked: bool = False) -> OrderLine:
    """Return an order ready to be shown.

    Parameters
    ----------
    price
        The token's newest price.
    is_asked
        Whether it has been asked to be taken back.
    """
    order = row.order
    rests_as_limit = order.type is OrderType.LIMIT or order.triggered
    at = order.limit_price if rests_as_limit else order.stop_price
    away = float(at / price - 1) if row.is_active and at is not None and price else None
    trail = ""
    if order.type is OrderType.TRAILING_STOP:
        trail = f"{plain_number(order.trail_pct)} %" if order.trail_pct is not None else f"{plain_number(order.trail_amount)} USDC"
    life = {
        TimeInForce.GTC: "cancelled" if row.is_active else "",
        TimeInForce.IOC: "the next open",
        TimeInForce.FOK: "the next open, all of it",
    }
    until = life.get(order.time_in_force, "")
    word = "cancelling" if is_asked else row.status
    return OrderLine(row, TYPES[order.type], word, away, trail, until, is_asked)


def look_at_filters(connection: Connection, asking: Asking) -> FiltersView:
    """Return what can be filtered by."""
    query: OrdersQuery = asking.query
    going = reads.active_session(connection, asking.account)
    names = [token.instrument.symbol for token in newest_prices(connection)]
    names = list(dict.fromkeys([*names, *(going.symbols if going else ())]))
    if query.token and query.token.lower() not in (name.lower() for name in names):
        names.append(query.token)
    asked = {
        name: value
        for name in ("status", "order_type", "side", "token", "account")
        if (value := getattr(query, name))
    }  # fmt: skip
    statuses = ("active", "ended", *STATUSES)
    return FiltersView(
        tuple(Choice(name, name.replace("_", " "), name == query.status) for name in statuses),
        tuple(Choice(kind.value, label.lower(), kind.value == query.order_type) for kind, label in TYPES.items()),
        tuple(Choice(name, name, name == query.side) for name in ("buy", "sell")),
        tuple(Choice(name, name, name.lower() == query.token.lower()) for name in names),
        query.account,
        query.is_filtered,
        f"{EXPORT}?{urlencode(asked)}" if asked else EXPORT,
    )


def look_at_history(connection: Connection, asking: Asking) -> HistoryView:
    """Return a page of orders that pass the filters."""
    query: OrdersQuery = asking.query
    page = order_page(
        connection, asking.account, status=query.status, symbol=_spelled(connection, query.token), side=query.side,
        type=query.order_type, limit=ROWS, before=query.before,
    )  # fmt: skip
    older = query.address(PATH, before=page.following) if page.following is not None else ""
    newest = query.address(PATH, before=None) if query.before is not None else ""
    clear = query.address(PATH, status="", order_type="", side="", token="", before=None)
    return HistoryView(tuple(map(order_line, page.rows)), newest, older, query.is_filtered, clear, asking.now, query.whose)


def _spelled(connection: Connection, symbol: str) -> str:
    """Return a symbol as its instrument writes it."""
    names = (token.instrument.symbol for token in newest_prices(connection))
    found = next((name for name in names if name.lower() == symbol.lower()), "") if symbol else ""
    return found or (reads.spelled(connection, symbol) if symbol else "")


MARKET: Final = Block("market", SESSION_KINDS | CASH_KINDS | ORDER_KINDS | {PRICES_CHANGED}, look_at_market)
ACTIVE: Final = Block("active", SESSION_KINDS | ORDER_KINDS | {"CommandReceived", "CommandRefused", "EquityMarked"}, look_at_active)
SUMMARY: Final = Block("summary", frozenset(), look_at_form, field="form")
PAGE: Final = Page(
    name="orders",
    title="Orders",
    path=PATH,
    icon="M3.5 2.5h9v11h-9zM6 6h4M6 8.5h4M6 11h2",
    view=OrdersView,
    query=OrdersQuery,
    blocks=(
        STATE,
        MARKET,
        FORM,
        PLACING,
        ACTIVE,
        Block("filters", SESSION_KINDS, look_at_filters),
        Block("history", SESSION_KINDS | ORDER_KINDS, look_at_history),
    ),
    inner=(SUMMARY,),
)
