"""Orders: place one in the running session, list and look at them, take them back."""

from typing import Annotated, Any, Final

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream
from sqlalchemy import Connection

from workbench import jobs
from workbench.actions.place_order import cancel_order, place_order
from workbench.desk import Desk
from workbench.domain.commands import PlaceOrder
from workbench.domain.instruments import Instrument
from workbench.domain.money import to_decimal
from workbench.domain.orders import OrderType, Side, TimeInForce
from workbench.errors import Conflict, Invalid, NotFound, unlisted
from workbench.store import orders as store
from workbench.store import reads
from workbench.store.order_history import order_page
from workbench.store.rows import OrderRow
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, Told, answer, iso, know_fields, listed, read_body, text_of
from workbench.web.api.naming import Scope, Whose, scope_of, symbol_named
from workbench.web.api.paging import Account, Before, Command, Limit, Session, Token, moment, one_of
from workbench.web.page import account_named

AMOUNTS: Final = {
    "amount_usd": "amount", "quantity": "quantity", "limit_price": "limit_price", "stop_price": "stop_price",
    "trigger_price": "stop_price", "trail_percent": "trail_pct", "trail_amount": "trail_amount", "stop_loss_price": "stop_loss",
    "take_profit_price": "take_profit",
}  # fmt: skip
"""What an answer calls the numbers of an order, and what they are."""
PLACE_FIELDS: Final = (
    "order_type", "side", "token_symbol", "token_address", *AMOUNTS, "time_in_force", "expires_at", "reduce_only", "account",
)  # fmt: skip
NAMED: Final = {
    "LIMIT_BUY": ("limit", "buy"), "LIMIT_SELL": ("limit", "sell"), "STOP_LIMIT_BUY": ("stop_limit", "buy"),
    "STOP_LIMIT_SELL": ("stop_limit", "sell"), "MARKET_BUY": ("market", "buy"), "MARKET_SELL": ("market", "sell"),
    "TRAILING_STOP": ("trailing_stop", "sell"),
}  # fmt: skip
"""Order types that say their side too."""
TYPES, SIDES, FORCES = ([each.value for each in known] for known in (OrderType, Side, TimeInForce))
Status = Annotated[str, one_of(("active", "ended", *store.STATUSES))]
OneSide = Annotated[str, one_of(SIDES)]
OneType = Annotated[str, one_of(TYPES)]
COLUMNS: Final = (
    "placed_at", "order_id", "order_type", "side", "token_symbol", "status", "amount_usd", "quantity", "filled_quantity",
    "limit_price", "stop_price", "trail_percent", "time_in_force", "reason", "ended_at", "notes", "session_id", "command_id",
)  # fmt: skip


def order_shape(row: OrderRow) -> shapes.Order:
    """Return an order as answers carry it."""
    order = row.order
    return shapes.Order(
        order_id=row.id,
        command_id=row.command,
        order_number=order.id,
        order_type=order.type.value,
        side=row.order.side.value,
        token_symbol=row.instrument.symbol,
        token_address=row.instrument.address,
        chain_id=row.instrument.chain_id,
        status=row.status,
        is_active=row.is_active,
        amount_usd=row.amount,
        quantity=row.quantity,
        filled_quantity=row.filled,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_percent=order.trail_pct,
        trail_amount=order.trail_amount,
        highest_price=order.extreme,
        stop_loss_price=order.stop_loss,
        take_profit_price=order.take_profit,
        time_in_force=order.time_in_force.value,
        expires_at=iso(order.expires),
        reduce_only=order.reduce_only,
        reason=order.reason.value,
        strategy_id=order.run,
        placed_at=iso(row.placed),
        ended_at=iso(row.ended),
        notes=row.why or None,
        session_id=row.session,
    )


@get("/paper-trading/api/orders/")
async def every(
    state: State,
    status: Status = "",
    token: Token = "",
    side: OneSide = "",
    order_type: OneType = "",
    session: Session = "",
    command: Command = None,
    limit: Limit = 50,
    before: Before = None,
    account: Account = "",
) -> Told[shapes.Items[shapes.Order]]:
    """List orders, newest first; `status` is one of theirs, or `active` or `ended`; `command` is what a placing was answered.

    Where few pass the filters a page may be short, or empty, and `next` leads on.
    """
    asked = {"status": status, "token": token, "side": side, "order_type": order_type}
    return await sync_to_thread(_every, state.desk, (account, session, command), asked, limit, before)


def _every(desk: Desk, whose: Whose, asked: dict[str, str], limit: int, before: int | None) -> Told[shapes.Items[shapes.Order]]:
    scope = scope_of(desk, *whose)
    with desk.store.read() as connection:
        page = order_page(connection, limit=limit, before=before, **filters(connection, scope, **asked))
    return answer(listed([order_shape(row) for row in page.rows], page.following))


@get("/paper-trading/api/orders/export/", sync_to_thread=True)
def export(
    state: State,
    status: Status = "",
    token: Token = "",
    side: OneSide = "",
    order_type: OneType = "",
    session: Session = "",
    command: Command = None,
    account: Account = "",
) -> Stream:
    """Download the orders that pass the filters, as CSV."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session, command)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Order]:
        wanted = filters(connection, scope, status, token, side, order_type)
        return [order_shape(row) for row in store.list_orders(connection, limit=limit, before=before, **wanted)]

    return csv_file("orders", COLUMNS, desk, read, "order_id")


def filters(connection: Connection, scope: Scope, status: str, token: str, side: str, order_type: str) -> dict[str, Any]:
    """Return what a list of orders is filtered by.

    Raises
    ------
    NotFound
        If there is no such token.
    """
    return {
        "account": scope.account, "session": scope.session, "status": status.lower(), "symbol": symbol_named(connection, token),
        "side": side.lower(), "type": order_type.lower(), "command": scope.command,
    }  # fmt: skip


@get("/paper-trading/api/orders/{number:int}/", sync_to_thread=True)
def one(state: State, number: FromPath[int]) -> Told[shapes.OneOrder]:
    """Tell everything about an order."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(shapes.OneOrder(order=order_shape(store.find_order(connection, number))))


@post(["/paper-trading/api/orders/", "/paper-trading/api/orders/place/"], status_code=200)
async def place(request: Request[Any, Any, State], state: State) -> Told[shapes.RequestedOrder]:
    """Place an order in the running session before the next bar; `command_id` is how it is found then, by `?command=`."""
    return await sync_to_thread(_place, state.desk, await read_body(request))


def _place(desk: Desk, body: Json) -> Told[shapes.RequestedOrder]:
    know_fields(body, PLACE_FIELDS)
    account = account_named(desk, text_of(body, "account"))
    order = read_order(body, instruments_of(desk, account))
    asked = place_order(desk, account, order, by="api")
    jobs.hasten(asked.session.id)
    message = f"The {order.type.replace('_', '-')} {order.side} is placed before the next bar."
    return answer(shapes.RequestedOrder(command_id=asked.command, session_id=asked.session.id, status="REQUESTED", message=message))


def instruments_of(desk: Desk, account: str) -> tuple[Instrument, ...]:
    """Return what the running session of an account trades.

    Raises
    ------
    Conflict
        If none runs, or it has not begun.
    """
    with desk.store.read() as connection:
        going = reads.active_session(connection, account)
        state = reads.session_state(connection, going.id) if going else None
    if state is None:
        raise Conflict(
            "an order rests in a running session", "no session of this account runs" if going is None else "it is starting"
        )
    return state.plan.instruments


def read_order(body: Json, instruments: tuple[Instrument, ...]) -> PlaceOrder:
    """Return the order that a body describes.

    Raises
    ------
    NotFound
        If there is no such token.
    Invalid
        If a value has the wrong type, is out of bounds, or none of those that there are.
    """
    kind, side = _kind_of(text_of(body, "order_type"), text_of(body, "side"))
    fields: dict[str, Any] = {}
    for name, meant in AMOUNTS.items():
        value = body.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Invalid(name, "a number", value)
        if meant in fields:
            raise Invalid(name, "one of stop_price and trigger_price, which are the same", value)
        fields[meant] = to_decimal(value, name)
    reduce = body.get("reduce_only", False)
    if not isinstance(reduce, bool):
        raise Invalid("reduce_only", "true or false", reduce)
    force = text_of(body, "time_in_force").lower()
    if force and force not in FORCES:
        raise unlisted("time_in_force", force, FORCES)
    expires = moment("expires_at", text_of(body, "expires_at"))
    if expires is not None:
        force = force or TimeInForce.GTD
    try:
        return PlaceOrder(
            _instrument(body, instruments).key, side, type=kind, time_in_force=TimeInForce(force or "gtc"), expires=expires,
            reduce_only=reduce, **fields,
        )  # fmt: skip
    except Invalid as problem:
        problem.field = next((name for name, meant in AMOUNTS.items() if meant == problem.field and name in body), problem.field)
        raise


def _kind_of(kind: str, side: str) -> tuple[OrderType, Side]:
    if kind.upper() in NAMED and (not side or kind.upper() != "TRAILING_STOP"):
        kind, side = NAMED[kind.upper()]
    if kind.lower() not in TYPES:
        raise unlisted("order_type", kind, (*TYPES, *NAMED))
    if side.lower() not in SIDES:
        raise unlisted("side", side, SIDES)
    return OrderType(kind.lower()), Side(side.lower())


def _instrument(body: Json, instruments: tuple[Instrument, ...]) -> Instrument:
    """Return the token that a body names by its symbol, its address, or both of the same one."""
    symbol, address = text_of(body, "token_symbol"), text_of(body, "token_address")
    called = [instrument for instrument in instruments if instrument.symbol.lower() == symbol.lower()]
    there = [instrument for instrument in instruments if instrument.address.lower() == address.lower()]
    for name, given, found in (("token_symbol", symbol, called), ("token_address", address, there)):
        if not found and (given or (name == "token_symbol" and not address)):
            raise NotFound("token of this session", given, [instrument.symbol for instrument in instruments], field=name)
    if not symbol or not address:
        return (called if symbol else there)[0]
    both = [instrument for instrument in called if instrument in there]
    if not both:
        raise Invalid("token_address", f"that of {called[0].symbol}, as token_symbol says", f"that of {there[0].symbol}")
    return both[0]


@post("/paper-trading/api/orders/cancel/", status_code=200)
async def cancel(request: Request[Any, Any, State], state: State) -> Told[shapes.CancelledOrder]:
    """Take back the resting order `order_id`; it takes effect before the next bar."""
    return await sync_to_thread(_cancel, state.desk, await read_body(request))


def _cancel(desk: Desk, body: Json) -> Told[shapes.CancelledOrder]:
    know_fields(body, ("order_id", "reason"))
    given = body.get("order_id")
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 19:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise Invalid("order_id", "the number of an order", given)
    row = cancel_order(desk, given, by="api")
    jobs.hasten(row.session)
    return answer(shapes.CancelledOrder(order=order_shape(row), message=f"Order {row.id} is taken back before the next bar."))


handlers = [every, export, one, place, cancel]
