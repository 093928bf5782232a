"""What the orders' form and buttons do: each is posted, answered with its block by itself or, without script, with the page.

As with the bot's buttons, the two are different addresses (`?answer=block`), so no handler has to guess who is asking.
"""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec.structs import replace

from workbench import jobs
from workbench.actions.cancel_orders import cancel_orders
from workbench.actions.place_order import cancel_order, place_order, refuse_what_cannot_be
from workbench.desk import Desk
from workbench.domain.commands import PlaceOrder
from workbench.errors import Conflict, Refused
from workbench.store import reads
from workbench.store.prices import newest_prices
from workbench.store.rows import SessionRow
from workbench.web.api.orders import instruments_of
from workbench.web.bot import Said, beside
from workbench.web.control import Answer
from workbench.web.ordering import FORM, form_view, market_view, missing, placing, read_form, summary_of
from workbench.web.page import Asking, draw, draw_view, owner_of
from workbench.web.pages import PAGES, WebRequest, html, orders
from workbench.web.pages.orders import OrdersQuery

Values = dict[str, str]
KEPT: Final = ("order_type", "side", "token_symbol", "time_in_force")
"""What stays in the form once an order is placed: the numbers are for the next one to say."""


class NowhereToTrade(Refused):
    """An order was to be placed, and no session runs."""

    status = 409

    def __init__(self) -> None:
        super().__init__("No session runs, so there is nowhere to place an order.")


@post("/paper-trading/orders/place", name="order_place", status_code=200)
async def place(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Place an order in the running session as the form says."""
    return await sync_to_thread(_place, state.desk, await _values(request), answer, OrdersQuery(account=account))


def _place(desk: Desk, values: Values, answer: Answer, query: OrdersQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        _, order, symbol = _order(desk, asking, values)
        asked = place_order(desk, asking.account, order)
    except Refused as problem:
        return _form(desk, asking, answer, values, problem)
    jobs.hasten(asked.session.id)
    if answer == "page":
        return _back("placed", query, asking.now)
    kept: Values = {name: values[name] for name in KEPT if name in values}
    return _form(desk, asking, answer, kept, said=placing(order, symbol))


@post("/paper-trading/orders/check", name="order_check", status_code=200, changes_nothing=True)
async def check(
    request: WebRequest, state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = ""
) -> Response[Any]:
    """Say what the order in the form would do, or what does not fit; nothing is placed."""
    return await sync_to_thread(_check, state.desk, await _values(request), answer, OrdersQuery(account=account))


def _check(desk: Desk, values: Values, answer: Answer, query: OrdersQuery) -> Response[Any]:
    asking = Asking(owner_of(desk, query), query, desk.now())
    summary, problem = "", None
    try:
        if not (answer == "block" and missing(values)):
            session, order, symbol = _order(desk, asking, values)
            refuse_what_cannot_be(desk, session, order)
            with desk.store.read() as connection:
                known = {token.instrument.symbol: token for token in newest_prices(connection)}
            instrument = next(each for each in instruments_of(desk, asking.account) if each.symbol == symbol)
            summary = summary_of(order, instrument, known[symbol].price if symbol in known else None)
    except Refused as refusal:
        problem = refusal
    if answer == "page":
        return _form(desk, asking, answer, values, problem, summary=summary)
    # While somebody types, what is not right yet is no mistake: it is said calmly, and nothing is marked.
    with desk.store.read() as connection:
        view = form_view(connection, asking, values, problem)
    if view.form is not None:
        summary = summary or (view.said.text if view.said is not None else "")
        view = replace(view, form=replace(view.form, summary=summary))
    return html(draw_view(orders.PAGE, orders.SUMMARY, view))


async def _values(request: WebRequest) -> Values:
    form = await request.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def _order(desk: Desk, asking: Asking, values: Values) -> tuple[SessionRow, PlaceOrder, str]:
    """Return the running session, the order that the form asks of it, and its token's symbol."""
    with desk.store.read() as connection:
        going = reads.active_session(connection, asking.account)
    if going is None:
        raise NowhereToTrade
    instruments = instruments_of(desk, asking.account)
    order = read_form(values, going, instruments, asking.now)
    return going, order, next(each.symbol for each in instruments if each.key == order.instrument)


def _form(
    desk: Desk,
    asking: Asking,
    answer: Answer,
    values: Values,
    problem: Refused | None = None,
    said: Said | None = None,
    summary: str = "",
) -> Response[Any]:
    """Return the form as it is now, alone or in its page, with what was wrong."""
    with desk.store.read() as connection:
        view = form_view(connection, asking, values, problem, said, summary)
        market = market_view(connection, asking, values.get("token_symbol", ""))
    if problem is not None and view.form is None:
        view = replace(view, said=Said(str(problem), is_bad=True))
    status = problem.status if problem is not None else 200
    if answer == "block":
        return html(draw_view(orders.PAGE, FORM, view), status)
    return html(draw(orders.PAGE, PAGES, desk, asking.account, asking.query, form=view, market=market), status)


@post("/paper-trading/orders/{number:int}/cancel", name="order_cancel", status_code=200, sync_to_thread=True)
def cancel(state: State, number: FromPath[int], answer: FromQuery[Answer] = "page", account: FromQuery[str] = "") -> Response[Any]:
    """Take back a resting order."""
    desk: Desk = state.desk
    query = OrdersQuery(account=account)
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        _refuse_what_is_asked(desk, asking, number)
        row = cancel_order(desk, number)
    except Refused as problem:
        return _active(desk, asking, answer, Said(beside(problem), is_bad=True), problem.status)
    jobs.hasten(row.session)
    if answer == "page":
        return _back("cancelled", query, asking.now)
    return _active(desk, asking, answer, Said(f"Order {row.id} in {row.instrument.symbol} is taken back before the next bar."))


def _refuse_what_is_asked(desk: Desk, asking: Asking, number: int) -> None:
    """Refuse to take back twice what has not been taken back once."""
    with desk.store.read() as connection:
        lines = orders.active_view(connection, asking).lines
    if any(line.row.id == number and line.is_asked for line in lines):
        raise Conflict("an order is taken back once", f"order {number} is being taken back already")


@post("/paper-trading/orders/cancel-all", name="orders_cancel", status_code=200, sync_to_thread=True)
def cancel_all(state: State, answer: FromQuery[Answer] = "page", account: FromQuery[str] = "") -> Response[Any]:
    """Take back every resting order but those of programs."""
    desk: Desk = state.desk
    query = OrdersQuery(account=account)
    asking = Asking(owner_of(desk, query), query, desk.now())
    try:
        rows = cancel_orders(desk, asking.account)
    except Refused as problem:
        return _active(desk, asking, answer, Said(beside(problem), is_bad=True), problem.status)
    jobs.hasten(rows[0].session)
    if answer == "page":
        return _back("all-cancelled", query, asking.now)
    count = f"{len(rows)} orders are" if len(rows) > 1 else "One order is"
    return _active(desk, asking, answer, Said(f"{count} taken back before the next bar."))


def _active(desk: Desk, asking: Asking, answer: Answer, said: Said, status: int = 200) -> Response[Any]:
    """Return the orders that rest, alone or in their page, with what came of a button."""
    with desk.store.read() as connection:
        view = orders.active_view(connection, asking, said)
    if answer == "block":
        return html(draw_view(orders.PAGE, orders.ACTIVE, view), status)
    return html(draw(orders.PAGE, PAGES, desk, asking.account, asking.query, active=view), status)


def _back(ending: str, query: OrdersQuery, now: int) -> Redirect:
    return Redirect(f"{orders.PATH}?{urlencode({**query.kept(), 'said': ending, 'at': now})}", status_code=303)


handlers: Final[list[HTTPRouteHandler]] = [place, check, cancel, cancel_all]
