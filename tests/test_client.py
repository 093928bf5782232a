"""The client of the JSON API: what it asks is understood, lists are followed to their end, errors carry their facts."""

import pytest

from tests.web.conftest import go_on
from workbench.actions.refresh_prices import refresh_prices
from workbench.client import ApiError, Client


@pytest.fixture
def workbench(client):
    """The client over the test server."""
    return Client(http=client)


@pytest.fixture
def client(desk):
    from litestar.testing import TestClient

    from tests.web.conftest import HERE
    from workbench.web.app import create_app

    with TestClient(create_app(desk), base_url=HERE, raise_server_exceptions=False) as made:
        yield made


def test_a_bot_is_started_watched_given_an_order_and_stopped(workbench, desk, clock):
    from workbench.actions.advance_session import advance_session

    session = workbench.start(parameters={"fast": 2, "slow": 4}, symbols=["WETH", "AERO"])["session_id"]
    advance_session(desk, session)
    go_on(desk, clock, session, 6)
    assert workbench.status()["status"] == "RUNNING"
    workbench.place(order_type="limit", side="buy", token_symbol="WETH", amount_usd="50", limit_price="1")
    go_on(desk, clock, session, 0.2)
    (order,) = workbench.orders(status="active", order_type="limit")
    assert workbench.cancel(order["order_id"])["order_id"] == order["order_id"]
    workbench.start_strategy("spot", "WETH", amount=50)
    go_on(desk, clock, session, 0.2)
    assert [run["strategy_type"] for run in workbench.strategies(token="weth")] == ["spot"]
    assert list(workbench.every("strategies/active/")) == list(workbench.active_strategies()) == []
    workbench.start_strategy("dca", "WETH", amount=50, intervals=5)
    go_on(desk, clock, session, 0.2)
    assert [run["strategy_type"] for run in workbench.active_strategies()] == ["dca"]
    trades = list(workbench.trades(limit=5))
    assert len(trades) == workbench.performance()["total_trades"] > 5
    assert workbench.why("weth")["thought"]["token_symbol"] == "WETH"
    assert float(workbench.price("weth")["price"]) > 0
    assert float(workbench.portfolio()["portfolio"]["total_value"]) > 0
    assert [told["session_id"] for told in workbench.sessions()] == [session]
    assert list(workbench.positions("history"))
    assert next(workbench.thoughts(symbol="WETH"))["token_symbol"] == "WETH"
    assert workbench.stop("enough")["status"] == "STOPPING"


def test_an_error_carries_its_facts(workbench, desk):
    refresh_prices(desk)
    with pytest.raises(ApiError, match="Did you mean 'WETH'") as found:
        workbench.price("WETHH")
    assert (found.value.status, found.value.code, found.value.field) == (404, "not_found", "token_symbol")
    with pytest.raises(ApiError, match="nobody"):
        Client(account="nobody", http=workbench._http).portfolio()


def test_a_configuration_is_deleted_and_the_account_looked_at(workbench, desk):
    workbench.post("configuration/", name="Wild one?", size_pct=5)
    assert "Wild one?" in {row["name"] for row in workbench.configurations()["items"]}
    workbench.delete_configuration("Wild one?")
    assert "Wild one?" not in {row["name"] for row in workbench.configurations()["items"]}
    with pytest.raises(ApiError, match="last"):
        workbench.delete_configuration("Default")
    assert [row["account_id"] for row in workbench.accounts()] == ["default"]
    assert list(workbench.equity()) == list(workbench.tasks()) == []
