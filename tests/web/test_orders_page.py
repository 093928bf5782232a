"""The page of orders: placed with what will happen told before, watched, taken back, looked back on; with script and without."""

import re

import pytest
from sqlalchemy import event

from tests.web.conftest import alone, go_on, queries
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account, open_account
from workbench.actions.place_order import place_order
from workbench.actions.start_program import start_program
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import PlaceOrder
from workbench.domain.config import StrategyConfiguration
from workbench.domain.orders import OrderType, Side
from workbench.domain.sessions import SessionRequest
from workbench.store import order_history
from workbench.store.asked import waiting_commands
from workbench.store.order_history import order_page, resting_orders
from workbench.store.orders import list_orders
from workbench.store.prices import newest_prices
from workbench.web.page import draw, owner_of
from workbench.web.pages import PAGES, orders

PAGE = "/paper-trading/orders"
SHELL = 7
"""Readings that every page makes around its own: the account, prices, session, cursor, clock of prices, and the accounts."""
MARKET = {"order_type": "market", "side": "buy", "token_symbol": "WETH", "amount_usd": "100"}
LIMIT = {**MARKET, "order_type": "limit", "limit_price": "1000"}


NUMBERS = {
    "amount_usd", "quantity", "limit_price", "stop_price", "trail_percent", "trail_amount", "stop_loss_price",
    "take_profit_price",
}  # fmt: skip


def session_of(desk, clock, account):
    asked = SessionRequest(configuration=StrategyConfiguration(strategy="manual"), symbols=("WETH", "AERO"))
    row = start_session(desk, account, asked)
    advance_session(desk, row.id)
    go_on(desk, clock, row.id, 0.2)
    return row.id


@pytest.fixture
def session(desk, clock):
    """A running session in which only people and programs trade."""
    return session_of(desk, clock, default_account(desk))


@pytest.fixture
def held(desk, clock, session, client):
    """The session, once it holds some WETH."""
    placed(client, MARKET)
    go_on(desk, clock, session, 0.2)
    return session


def placed(client, form):
    answer = client.post(f"{PAGE}/place?answer=block", data=form)
    assert answer.status_code == 200, answer.text
    return answer.text


def resting(desk, account=""):
    with desk.store.read() as connection:
        return resting_orders(connection, account or default_account(desk))


def price_of(desk, symbol="WETH"):
    with desk.store.read() as connection:
        return next(token.price for token in newest_prices(connection) if token.instrument.symbol == symbol)


def rows(text, kind="every"):
    return [int(found) for found in re.findall(rf'id="{kind}-(\d+)"', text)]


def test_a_market_order_is_placed_without_script_said_for_a_minute_and_filled(client, desk, clock, session):
    answer = client.post(f"{PAGE}/place", data=MARKET, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PAGE}/?said=placed&at=")
    text = client.get(answer.headers["location"]).text
    assert "The order is placed before the next bar." in text
    assert "Market buy of 100.00 USDC in WETH is placed before the next bar." in text
    go_on(desk, clock, session, 0.2)
    text = client.get(f"{PAGE}/active").text
    assert "is placed before" not in text
    assert '<span class="chip filled">filled</span>' in client.get(f"{PAGE}/history").text
    assert re.search(r'id="token-WETH".*?[\d.,]+ held', client.get(f"{PAGE}/market").text, re.DOTALL)
    clock.move(61_000)
    assert "The order is placed before the next bar." not in client.get(answer.headers["location"]).text


def test_with_script_the_form_comes_back_alone_without_its_numbers(client, session):
    text = placed(client, LIMIT)
    assert "<html" not in text
    assert "Limit buy of 100.00 USDC in WETH is placed before the next bar." in text
    assert 'name="order_type" value="limit" checked' in text
    assert 'name="amount_usd" value=""' in text


def test_a_resting_order_is_shown_with_how_far_the_price_has_to_go_and_is_taken_back(client, desk, clock, session):
    placed(client, LIMIT)
    go_on(desk, clock, session, 0.1)
    (row,) = resting(desk)
    text = client.get(f"{PAGE}/active").text
    assert rows(text, "order") == [row.id]
    assert "1,000.00" in text
    assert re.search(r"−\d\d\.\d\d\u202f%", text)
    answer = client.post(f"{PAGE}/{row.id}/cancel?answer=block")
    assert answer.status_code == 200
    assert f"Order {row.id} in WETH is taken back before the next bar." in answer.text
    assert '<span class="chip cancelling">' in answer.text
    assert "disabled>Cancel<" in answer.text
    again = client.post(f"{PAGE}/{row.id}/cancel?answer=block")
    assert again.status_code == 409
    assert "is being taken back already" in again.text
    go_on(desk, clock, session, 0.1)
    assert resting(desk) == ()
    assert "cancelled by hand" in client.get(f"{PAGE}/history").text
    assert client.post(f"{PAGE}/{row.id}/cancel?answer=block").status_code == 409


@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_cancel_button_of_no_order_is_refused(client, session, answer):
    found = client.post(f"{PAGE}/{10**30}/cancel?answer={answer}")
    assert found.status_code == 404
    assert ("<html" in found.text) == (answer == "page")


def test_without_script_a_cancel_button_leads_back_to_the_page_which_says_so(client, desk, clock, session):
    placed(client, LIMIT)
    go_on(desk, clock, session, 0.1)
    answer = client.post(f"{PAGE}/{resting(desk)[0].id}/cancel", follow_redirects=False)
    assert "said=cancelled" in answer.headers["location"]
    assert orders.CANCELLED.text in client.get(answer.headers["location"]).text


def test_all_are_taken_back_at_once_but_those_of_a_program(client, desk, clock, session):
    grid = {"lower": "0.1", "upper": "20", "levels": 4, "amount_per_level": 50}
    start_program(desk, session, "grid", "AERO", grid)
    placed(client, LIMIT)
    placed(client, {**LIMIT, "amount_usd": "120"})
    go_on(desk, clock, session, 0.1)
    of_program = {row.id for row in resting(desk) if row.order.run is not None}
    assert of_program
    text = client.get(f"{PAGE}/active").text
    assert "program 1</small>" in text
    for id_ in of_program:
        assert f"/{id_}/cancel" not in text
    answer = client.post(f"{PAGE}/cancel-all?answer=block")
    assert "2 orders are taken back before the next bar." in answer.text
    assert client.post(f"{PAGE}/cancel-all?answer=block").status_code == 409
    go_on(desk, clock, session, 0.1)
    assert {row.id for row in resting(desk)} == of_program
    placed(client, LIMIT)
    go_on(desk, clock, session, 0.1)
    assert "said=all-cancelled" in client.post(f"{PAGE}/cancel-all", follow_redirects=False).headers["location"]


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"amount_usd": ""}, "amount_usd", "A buy needs an amount."),
        ({"amount_usd": "x"}, "amount_usd", "found"),
        ({"amount_usd": "0"}, "amount_usd", "above zero"),
        ({"amount_usd": "9999999"}, "amount_usd", "cash at hand"),
        ({"quantity": "1"}, "quantity", "A buy takes no quantity; leave it empty."),
        ({"side": "sell", "amount_usd": ""}, "quantity", "A sell needs a quantity."),
        ({"side": "sell", "amount_usd": "", "quantity": "7"}, "quantity", "the 0 held"),
        ({"limit_price": "5"}, "limit_price", "A market order takes no limit price; leave it empty."),
        ({"order_type": "limit"}, "limit_price", "A limit order needs a limit price."),
        ({"order_type": "stop"}, "stop_price", "A stop order needs a stop price."),
        ({"order_type": "stop", "stop_price": "5"}, "stop_price", "on the wrong side"),
        ({"order_type": "stop_limit", "stop_price": "999999"}, "limit_price", "needs a limit price"),
        ({"order_type": "trailing_stop"}, "trail_percent", "needs a trail"),
        ({"order_type": "trailing_stop", "trail_percent": "100"}, "trail_percent", "from 0.01 to 99"),
        ({"order_type": "trailing_stop", "trail_amount": "99999"}, "trail_amount", "a trail below the price"),
        ({"order_type": "take_profit", "stop_price": "999999"}, "stop_price", "on the wrong side"),
        ({"stop_loss_price": "999999"}, "stop_loss_price", "below the entry"),
        ({"take_profit_price": "5"}, "take_profit_price", "above the entry"),
        ({"time_in_force": "gtd"}, "expires_at", "needs that time"),
        ({"time_in_force": "gtd", "expires_at": "2001-01-01T00:00"}, "expires_at", "after the next bar"),
        ({"time_in_force": "gtd", "expires_at": "soon"}, "expires_at", "a time in ISO-8601"),
        ({"expires_at": "2031-01-01T00:00"}, "expires_at", "leave it empty"),
        ({"order_type": "stop", "stop_price": "999999", "time_in_force": "fok"}, "time_in_force", "Only a market or a limit"),
        ({"reduce_only": "yes"}, "reduce_only", "Only a sale reduces a position"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_beside_its_field_and_what_was_typed_stays(client, desk, session, change, field, said):
    form = {**MARKET, **change}
    found = client.post(f"{PAGE}/place?answer=block", data=form)
    assert found.status_code == 422
    assert 'class="said bad"' in found.text
    assert re.search(rf'id="wrong-{field}">[^<]*{re.escape(said)}', found.text)
    for name in ("amount_usd", "quantity", "limit_price", "stop_price", "trail_percent", "expires_at"):
        assert f'name="{name}" value="{form.get(name, "")}"' in found.text
    assert f'value="{form["order_type"]}" checked' in found.text
    with desk.store.read() as connection:
        assert waiting_commands(connection, session) == []


@pytest.mark.parametrize(
    ("change", "status"),
    [({"order_type": "other"}, 404), ({"side": "hold"}, 404), ({"token_symbol": "BTC"}, 404), ({"time_in_force": "x"}, 404)],
    ids=str,
)
def test_what_the_form_does_not_offer_is_refused_in_the_whole_page_too(client, session, change, status):
    found = client.post(f"{PAGE}/place", data={**MARKET, **change})
    assert found.status_code == status
    assert "<html" in found.text
    assert 'class="problem"' in found.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (MARKET, "At the next bar's open it spends 100.00 USDC, about"),
        (LIMIT, "at 1,000.00 or less"),
        ({**LIMIT, "limit_price": "999999"}, "The price is there already"),
        ({**MARKET, "order_type": "stop", "stop_price": "9000"}, "Once WETH rises to 9,000.00"),
        ({**MARKET, "order_type": "take_profit", "stop_price": "900"}, "Once WETH falls to 900.00"),
        (
            {**LIMIT, "order_type": "stop_limit", "stop_price": "9000", "limit_price": "9001"},
            "it rests until it spends 100.00 USDC",
        ),
        ({**MARKET, "order_type": "trailing_stop", "trail_percent": "2"}, "It follows the lowest price of WETH"),
        ({**MARKET, "stop_loss_price": "1"}, "It brings a stop loss at 1.0000."),
        ({**LIMIT, "time_in_force": "1h"}, "It lives until 2025-01-01 01:00:"),
        ({**MARKET, "time_in_force": "fok"}, "nothing does"),
        ({**MARKET, "side": "sell", "amount_usd": "", "quantity": "0.001"}, "it sells 0.0010000 WETH, about"),
    ],
    ids=str,
)
def test_what_will_happen_is_told_before(client, desk, held, form, said):
    for answer in ("block", "page"):
        found = client.post(f"{PAGE}/check?answer={answer}", data=form)
        assert found.status_code == 200
        assert said.replace("'", "&#39;") in found.text
        assert ("<html" in found.text) == (answer == "page")
    with desk.store.read() as connection:
        assert waiting_commands(connection, held) == []


def test_while_somebody_types_what_is_missing_is_no_mistake(client, session):
    text = client.post(f"{PAGE}/check?answer=block", data={**MARKET, "amount_usd": ""}).text
    assert "Say how much" in text
    text = client.post(f"{PAGE}/check?answer=block", data={**LIMIT, "limit_price": ""}).text
    assert "needs a limit price" in text
    assert "bad" not in text
    assert client.post(f"{PAGE}/check", data={**MARKET, "amount_usd": ""}).status_code == 422


def test_every_type_is_placed_from_the_form(client, desk, clock, held):
    at = price_of(desk)
    sale = {"side": "sell", "token_symbol": "WETH", "quantity": "0.001", "reduce_only": "yes", "time_in_force": "1d"}
    for form in (
        {"order_type": "limit", "limit_price": str(round(at * 2, 2))},
        {"order_type": "stop", "stop_price": str(round(at / 2, 2))},
        {"order_type": "stop_limit", "stop_price": str(round(at / 2, 2)), "limit_price": "100"},
        {"order_type": "trailing_stop", "trail_percent": "9"},
        {"order_type": "take_profit", "stop_price": str(round(at * 2, 2))},
    ):
        placed(client, {**sale, **form})
    go_on(desk, clock, held, 0.1)
    assert {row.order.type for row in resting(desk)} == {"limit", "stop", "stop_limit", "trailing_stop", "take_profit"}
    assert all(row.order.reduce_only and row.order.expires for row in resting(desk))
    text = client.get(f"{PAGE}/active").text
    assert "trails 9 %" in text
    assert "reduce-only" in text


def test_the_whole_form_is_there_without_script(client, session):
    text = client.get(f"{PAGE}/").text
    names = {"order_type", "side", "token_symbol", "time_in_force", "expires_at", "reduce_only", *NUMBERS}
    assert names <= set(re.findall(r'name="(\w+)"', text))
    assert text.count('type="radio" name="order_type"') == 6
    assert not re.search(r"<input[^>]* disabled", text)


@pytest.mark.parametrize("answer", ["block", "page"])
def test_without_a_session_the_page_leads_to_the_bot(client, answer):
    text = client.get(f"{PAGE}/").text
    assert "No session runs, so there is nowhere to place an order." in text
    assert 'href="/paper-trading/#bot"' in text
    assert 'id="order-place"' not in text
    for path, form in (("place", MARKET), ("check", MARKET), ("cancel-all", {})):
        found = client.post(f"{PAGE}/{path}?answer={answer}", data=form)
        assert found.status_code in (200, 409)
        assert ("<html" in found.text) == (answer == "page")
    assert "nowhere to place an order" in client.post(f"{PAGE}/place?answer={answer}", data=MARKET).text


def test_while_the_session_stops_no_order_can_be_placed(client, desk, session):
    stop_session(desk, default_account(desk))
    assert "The bot is stopping" in client.get(f"{PAGE}/form").text
    assert client.post(f"{PAGE}/place?answer=block", data=MARKET).status_code == 409


def test_what_the_session_refuses_later_is_told_until_another_order_rests(client, desk, clock, session):
    for _ in range(2):
        placed(client, {**MARKET, "amount_usd": "9000", "order_type": "limit", "limit_price": "1000"})
    go_on(desk, clock, session, 0.1)
    text = client.get(f"{PAGE}/active").text
    assert "Limit buy of 9,000.00 USDC in WETH was not placed: expected an amount of at most the" in text
    placed(client, LIMIT)
    go_on(desk, clock, session, 0.1)
    assert "was not placed" not in client.get(f"{PAGE}/active").text


def test_the_history_is_filtered_by_its_address_and_downloaded_so(client, desk, clock, held):
    placed(client, LIMIT)
    placed(client, {**MARKET, "token_symbol": "AERO"})
    go_on(desk, clock, held, 0.2)
    with desk.store.read() as connection:
        known = order_page(connection, default_account(desk)).rows
    for query, passes in (
        ("", lambda row: True),
        ("token=aero", lambda row: row.instrument.symbol == "AERO"),
        ("status=filled", lambda row: row.status == "filled"),
        ("status=active&order_type=limit", lambda row: row.is_active and row.order.type == "limit"),
        ("status=ended&side=buy&token=WETH", lambda row: not row.is_active and row.instrument.symbol == "WETH"),
    ):
        wanted = [row.id for row in known if passes(row)]
        text = client.get(f"{PAGE}/?{query}").text
        assert rows(text) == wanted
        address = re.search(r'href="([^"]+)" download>', text)[1].replace("&amp;", "&")
        lines = client.get(address).text.splitlines()
        assert len(lines) == 1 + len(wanted)
    assert "No order passes these filters." in client.get(f"{PAGE}/?side=sell").text
    for query in ("status=x", "order_type=x", "side=x", "before=-1", "said=x"):
        assert client.get(f"{PAGE}/?{query}").status_code == 422


def test_older_orders_come_in_pages_and_a_filter_never_looks_at_all_of_them(client, desk, clock, session, monkeypatch):
    monkeypatch.setattr(orders, "ROWS", 3)
    for amount in range(11, 19):
        placed(
            client, {**LIMIT, "amount_usd": str(amount), "limit_price": "0.01", "token_symbol": "AERO" if amount == 11 else "WETH"}
        )
        if amount == 11:
            go_on(desk, clock, session, 0.1)
    go_on(desk, clock, session, 0.1)
    seen, address = [], f"{PAGE}/?side=buy"
    while address:
        text = client.get(address).text
        seen += rows(text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == sorted((row.id for row in resting(desk)), reverse=True)
    assert len(seen) == 8
    assert f'href="{PAGE}/?side=buy" rel="prev"' in text
    monkeypatch.setattr(order_history.order_page, "__kwdefaults__", {**order_history.order_page.__kwdefaults__, "among": 4})
    text = client.get(f"{PAGE}/?token=AERO").text
    assert "None of the newest orders passes these filters" in text
    older = re.search(r'href="([^"]+before=\d+)"', text)[1].replace("&amp;", "&")
    assert rows(client.get(older).text) == [seen[-1]]


def test_a_page_reads_little_and_no_more_the_more_there_is(desk, clock, session):
    """Without a client: its watcher of the live feed reads for itself."""
    account, page = default_account(desk), orders.PAGE
    query = page.ask({"status": ["filled"], "side": ["buy"]})

    def counted():
        whole = queries(desk, lambda: draw(page, PAGES, desk, owner_of(desk, query), query))
        return whole, {block.name: queries(desk, lambda block=block: alone(desk, page, block, query)) for block in page.blocks}

    whole, blocks = counted()
    assert whole <= SHELL + 5
    assert max(blocks.values()) <= 5, blocks
    with desk.store.read() as connection:
        key = newest_prices(connection)[0].instrument.key
    for _ in range(20):
        place_order(desk, account, PlaceOrder(key, Side.BUY, 100, type=OrderType.LIMIT, limit_price=1000))
    go_on(desk, clock, session, 0.2)
    assert len(resting(desk)) == 20
    assert counted() == (whole, blocks)


def test_no_query_walks_over_every_order(desk, session):
    with desk.store.read() as connection:
        plans = []

        def explain(_, cursor, statement, parameters, *rest):
            if statement.lstrip().startswith("SELECT") and "orders" in statement:
                plans.append(
                    [row[3] for row in connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                )

        event.listen(desk.store.engine, "before_cursor_execute", explain)
        try:
            resting_orders(connection, "default")
            order_page(connection, "default", status="rejected", symbol="WETH", side="sell", type="limit")
            order_page(connection, "default", status="active", symbol="WETH")
            list_orders(connection, "default", status="active")
            order_page(connection, "default", status="failed", session=session)
            order_page(connection, "default", command=7)
        finally:
            event.remove(desk.store.engine, "before_cursor_execute", explain)
    rest, history, *active, of_session, of_command = plans
    for plan in (rest, *active):
        assert any("ix_orders_account_status (account=? AND status=?)" in line for line in plan)
    assert any("ix_orders_account_id (account=? AND id>? AND id<?)" in line for line in of_session)
    assert any("SEARCH commands USING INTEGER PRIMARY KEY" in line for line in of_command), of_command
    assert any("ix_orders_account_id (account=? AND id=?)" in line for line in of_command), of_command
    assert not any("SCAN orders" in line or "SCAN commands" in line for plan in plans for line in plan)
    assert any("ix_orders_account_id (account=? AND id>?)" in line for line in history)
    assert not [line for line in (*rest, *history) if line.startswith("SCAN orders")]


def test_the_page_hears_of_whatever_happens_to_an_order():
    heard = {block.name: block.dirty_on for block in orders.PAGE.blocks}
    for name in ("active", "history", "market"):
        assert {"OrderPlaced", "OrderFilled", "OrderCancelled", "OrderExpired", "OrderTriggered", "SessionStopped"} <= heard[name]
    assert {"StopMoved", "CommandRefused", "CommandReceived"} <= heard["active"]
    assert "PricesChanged" in heard["market"]
    assert heard["form"] & heard["active"] <= orders.SESSION_KINDS


def test_orders_of_another_account_are_placed_and_taken_back_on_its_own_page(client, desk, clock):
    second = open_account(desk, "Second", 5_000)
    session = session_of(desk, clock, second)
    assert client.post(f"{PAGE}/place?answer=block", data=LIMIT).status_code == 409
    answer = client.post(f"{PAGE}/place?account=Second", data=LIMIT, follow_redirects=False)
    assert answer.headers["location"].startswith(f"{PAGE}/?account=Second&said=placed")
    go_on(desk, clock, session, 0.1)
    (row,) = resting(desk, second)
    text = client.get(f"{PAGE}/?account=Second").text
    assert f'action="{PAGE}/{row.id}/cancel?account=Second"' in text
    assert "account=Second" in re.search(r'href="([^"]+)" download>', text)[1]
    assert client.post(f"{PAGE}/cancel-all?answer=block").status_code == 409
    assert client.post(f"{PAGE}/cancel-all?answer=block&account=Second").status_code == 200
