"""Orders over JSON: placed in the running session, refused at once where they would be, listed, taken back."""

import pytest
from litestar.testing import TestClient

from tests.actions.test_sessions import tables
from tests.web.conftest import HERE, go_on
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.client import Client
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.sources.simulated import TOKENS
from workbench.store import order_history
from workbench.web.app import create_app

API = "/paper-trading/api/orders/"


@pytest.fixture
def running(desk, clock):
    """A session that has begun and places nothing by itself."""
    configuration = StrategyConfiguration(strategy="manual")
    row = start_session(desk, default_account(desk), SessionRequest(configuration=configuration, costs=DEFAULT_COSTS))
    advance_session(desk, row.id)
    go_on(desk, clock, row.id, 0.2)
    return row.id


@pytest.fixture
def client(desk):
    with TestClient(create_app(desk), base_url=HERE, raise_server_exceptions=False) as made:
        yield made


def active(client):
    return client.get(API, params={"status": "active"}).json()["data"]["items"]


def test_a_limit_order_is_placed_rests_is_looked_at_and_taken_back(client, desk, clock, running):
    price = client.get("/paper-trading/api/prices/weth/").json()["data"]["price"]
    limit = str(round(float(price) * 0.5, 2))
    placed = client.post(API, json={"order_type": "LIMIT_BUY", "token_symbol": "weth", "amount_usd": 250, "limit_price": limit})
    assert placed.status_code == 200
    assert placed.json()["data"]["status"] == "REQUESTED"
    assert placed.json()["data"]["session_id"] == running
    go_on(desk, clock, running, 0.2)
    (order,) = active(client)
    assert (order["order_type"], order["side"], order["token_symbol"]) == ("limit", "buy", "WETH")
    assert (float(order["amount_usd"]), float(order["limit_price"]), order["status"]) == (250, float(limit), "open")
    assert client.get(f"{API}{order['order_id']}/").json()["data"]["order"] == order
    taken = client.post(f"{API}cancel/", json={"order_id": order["order_id"]})
    assert taken.status_code == 200
    go_on(desk, clock, running, 0.2)
    assert active(client) == []
    (ended,) = client.get(API, params={"status": "ended"}).json()["data"]["items"]
    assert (ended["status"], ended["notes"]) == ("cancelled", "cancelled by hand")
    again = client.post(f"{API}cancel/", json={"order_id": order["order_id"]})
    assert again.status_code == 409
    assert "only an order that rests can be cancelled" in again.json()["error"]["message"].lower()


def test_a_market_order_fills_at_the_next_open(client, desk, clock, running):
    body = {"order_type": "market", "side": "buy", "token_symbol": "AERO", "amount_usd": "100.5"}
    assert client.post(f"{API}place/", json=body).status_code == 200
    go_on(desk, clock, running, 0.3)
    (order,) = client.get(API, params={"token": "aero", "side": "buy", "order_type": "market"}).json()["data"]["items"]
    assert order["status"] == "filled"
    assert float(order["filled_quantity"]) > 0


WETH = next(token.instrument.address for token in TOKENS if token.instrument.symbol == "WETH")
BUY = {"order_type": "market", "side": "buy", "token_symbol": "WETH", "amount_usd": 5}


@pytest.mark.parametrize(
    ("changes", "status", "field", "sentence"),
    [
        ({"order_type": "limit"}, 422, "order", "needs a limit price"),
        ({"amount_usd": -1}, 422, "amount_usd", "from 0"),
        (
            {"order_type": "limit", "side": "sell", "amount_usd": None, "quantity": 1, "limit_price": 9999},
            422,
            "order",
            "the 0 held",
        ),
        ({"amount_usd": 1e9}, 422, "order", "10000"),
        ({"token_symbol": "WETHH"}, 404, "token_symbol", "Did you mean 'WETH'"),
        ({"token_address": "0x0"}, 404, "token_address", "'0x0'"),
        ({"token_symbol": "", "token_address": "0x0"}, 404, "token_address", "'0x0'"),
        ({"token_symbol": "WETHH", "token_address": WETH}, 404, "token_symbol", "Did you mean 'WETH'"),
        ({"token_symbol": "AERO", "token_address": WETH}, 422, "token_address", "that of AERO, as token_symbol says, found"),
        ({"token_symbol": None}, 404, "token_symbol", "There is no token of this session ''"),
        ({"order_type": "limitt"}, 422, "order_type", "Did you mean 'limit'"),
        ({"side": "bye"}, 422, "side", "Did you mean 'buy'"),
        ({"amount_usd": "many"}, 422, "amount_usd", "many"),
        ({"amount_usd": True}, 422, "amount_usd", "a number"),
        ({"expires_at": "soon"}, 422, "expires_at", "ISO"),
        ({"cash": 5}, 422, "cash", "field"),
        ({"order_type": "stop_limit", "stop_price": 1, "trigger_price": 2}, 422, "trigger_price", "the same"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_changes_nothing(client, desk, running, changes, status, field, sentence):
    before = tables(desk)
    answer = client.post(API, json={**BUY, **changes})
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert sentence in answer.json()["error"]["message"]
    assert tables(desk) == before


@pytest.mark.parametrize(
    "named", [{"token_symbol": "weth"}, {"token_symbol": "", "token_address": WETH.upper()}, {"token_address": WETH}]
)
def test_a_token_is_named_by_its_symbol_its_address_or_both(client, desk, clock, running, named):
    assert client.post(API, json={**BUY, **named}).status_code == 200
    go_on(desk, clock, running, 0.3)
    assert [order["token_symbol"] for order in client.get(API).json()["data"]["items"]] == ["WETH"]


def test_without_a_running_session_there_is_nowhere_to_place_an_order(client):
    answer = client.post(API, json={"order_type": "market", "side": "buy", "token_symbol": "WETH", "amount_usd": 5})
    assert answer.status_code == 409
    assert "no session of this account runs" in answer.json()["error"]["message"]


@pytest.mark.parametrize("number", [0, 1, -1, 2**63, 2**70])
def test_an_order_that_is_none_is_not_found(client, number):
    assert client.get(f"{API}{number}/").status_code == 404
    assert client.post(f"{API}cancel/", json={"order_id": number}).status_code == 404


def test_a_list_of_orders_looks_at_so_many_and_says_where_it_goes_on(client, desk, clock, running, monkeypatch):
    monkeypatch.setattr(order_history.order_page, "__kwdefaults__", {**order_history.order_page.__kwdefaults__, "among": 4})
    asked = []
    for amount in range(100, 109):
        body = {"order_type": "limit", "side": "buy", "token_symbol": "WETH", "amount_usd": amount, "limit_price": 1000}
        asked.append(client.post(API, json=body).json()["data"]["command_id"])
        go_on(desk, clock, running, 0.1)
    every = [order["order_id"] for order in active(client)]
    assert len(every) == 9
    none = client.get(API, params={"status": "failed"}).json()["data"]
    assert none == {"items": [], "next": every[3]}
    of_session = client.get(API, params={"session": running, "before": every[3]}).json()["data"]
    assert ([order["order_id"] for order in of_session["items"]], of_session["next"]) == (every[4:8], every[7])
    (oldest,) = client.get(API, params={"command": asked[0]}).json()["data"]["items"]
    assert (oldest["order_id"], oldest["command_id"]) == (every[-1], asked[0])
    followed = Client(http=client).orders(limit=2)
    assert [order["order_id"] for order in followed] == every


def test_orders_are_paged_and_downloaded_as_they_are_filtered(client, desk, clock, running):
    for amount in (100, 110, 120):
        body = {"order_type": "limit", "side": "buy", "token_symbol": "WETH", "amount_usd": amount, "limit_price": 1000}
        assert client.post(API, json=body).status_code == 200
    go_on(desk, clock, running, 0.2)
    first = client.get(API, params={"limit": 2}).json()["data"]
    assert [float(order["amount_usd"]) for order in first["items"]] == [120, 110]
    rest = client.get(API, params={"limit": 2, "before": first["next"]}).json()["data"]
    assert [float(order["amount_usd"]) for order in rest["items"]] == [100]
    assert rest["next"] is None
    lines = client.get(f"{API}export/", params={"status": "active"}).text.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("placed_at,order_id,order_type,side")
    assert client.get(API, params={"status": "nonsense"}).status_code == 422
