"""What a program asked for, found again by the number that it was answered with."""

import pytest

from tests.web.api.test_orders import client, running  # noqa: F401  # the fixtures are used by their names
from tests.web.conftest import go_on
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.rebuild_projections import rebuild_projections
from workbench.actions.start_session import start_session
from workbench.actions.verify_session import verify_session
from workbench.client import Client
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.store import reads

ROOT = "/paper-trading/api/"
BUY = {"order_type": "limit", "side": "buy", "token_symbol": "WETH", "amount_usd": "100", "limit_price": "10"}


@pytest.fixture
def program(client):  # noqa: F811
    """A program that speaks to the workbench through its client."""
    return Client(http=client)


def test_an_order_is_found_by_the_command_that_placed_it(program, desk, clock, running):  # noqa: F811
    first, second = program.place(**BUY), program.place(**{**BUY, "limit_price": "20"})
    assert first["command_id"] != second["command_id"]
    assert program.command(first["command_id"])["status"] == "WAITING"
    assert program.command(first["command_id"])["order_id"] is None
    assert list(program.orders(command=first["command_id"])) == []
    go_on(desk, clock, running, 0.2)
    (mine,) = program.orders(command=second["command_id"])
    assert (mine["limit_price"], mine["command_id"]) == ("20.00000000", second["command_id"])
    told = program.command(second["command_id"])
    assert (told["status"], told["command"], told["order_id"]) == ("DONE", "place_order", mine["order_id"])
    assert (told["strategy_id"], told["why"], told["session_id"], told["asked_by"]) == (None, None, running, "api")
    assert program.get(f"orders/{mine['order_id']}/")["order"] == mine
    assert {order["command_id"] for order in program.orders()} == {first["command_id"], second["command_id"]}


def test_a_program_run_is_found_by_the_command_that_started_it(program, desk, clock, running):  # noqa: F811
    asked = program.start_strategy("dca", "WETH", amount=300, intervals=3, interval_hours=1)
    program.start_strategy("spot", "AERO", amount=50)
    assert list(program.strategies(command=asked["command_id"])) == []
    go_on(desk, clock, running, 0.2)
    (run,) = program.strategies(command=asked["command_id"])
    assert (run["strategy_type"], run["command_id"]) == ("dca", asked["command_id"])
    assert program.command(asked["command_id"])["strategy_id"] == run["strategy_id"]
    assert program.get(f"strategies/{run['strategy_id']}/")["command_id"] == asked["command_id"]


def test_a_command_that_its_session_refuses_says_why(program, desk, clock, running):  # noqa: F811
    # Each fits by itself, and all the cash there is does not cover both.
    asked = [program.place(**{**BUY, "amount_usd": "9000"})["command_id"] for _ in range(2)]
    go_on(desk, clock, running, 0.2)
    told = [program.command(number) for number in asked]
    assert [each["status"] for each in told] == ["DONE", "REFUSED"]
    assert told[1]["order_id"] is None
    assert "cash" in told[1]["why"]
    assert list(program.orders(command=asked[1])) == []


def asks_too_much(client, asking):  # noqa: F811
    """Ask for something that costs more than the cash there is, and return the answer."""
    if asking == "order":
        return client.post(f"{ROOT}orders/", json={**BUY, "amount_usd": 20_000})
    dca = {"amount": 20_000, "intervals": 3, "interval_hours": 1}
    return client.post(f"{ROOT}strategies/", json={"strategy_type": "dca", "token": "WETH", "parameters": dca})


@pytest.mark.parametrize("asking", ["order", "program"])
def test_what_a_waiting_deposit_pays_for_is_not_refused_before_it_was_put_in(client, program, desk, clock, running, asking):  # noqa: F811
    assert asks_too_much(client, asking).status_code == 422
    program.post("account/deposit/", amount=50_000)
    answer = asks_too_much(client, asking)
    assert answer.status_code == 200
    go_on(desk, clock, running, 0.2)
    assert program.command(answer.json()["data"]["command_id"])["status"] == "DONE"


@pytest.mark.parametrize("asking", ["order", "program"])
def test_a_session_that_is_stopping_takes_nothing_whatever_it_would_cost(client, program, running, asking):  # noqa: F811
    program.stop()
    answer = asks_too_much(client, asking)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "is STOPPING" in answer.json()["error"]["message"]


def test_what_still_waits_for_a_bar_to_open_when_its_session_is_stopped_came_too_late(program, desk, clock, running):  # noqa: F811
    asked = program.place(**BUY)["command_id"]
    program.stop()
    go_on(desk, clock, running, 0.2)
    assert program.command(asked)["status"] == "TOO_LATE"


def test_what_a_session_was_asked_that_is_stopped_before_it_began_came_too_late(program, desk):
    configuration = StrategyConfiguration(strategy="manual")
    row = start_session(desk, default_account(desk), SessionRequest(configuration=configuration, costs=DEFAULT_COSTS))
    asked = program.start_strategy("spot", "AERO", amount=50)["command_id"]
    assert program.command(asked)["status"] == "WAITING"
    program.stop()
    assert advance_session(desk, row.id).due is None
    told = program.command(asked)
    assert (told["status"], told["strategy_id"], told["why"]) == ("TOO_LATE", None, None)
    assert (program.command(asked + 1)["command"], program.command(asked + 1)["status"]) == ("stop", "DONE")


def test_what_waits_for_a_session_that_breaks_came_too_late(program, desk, clock, running, monkeypatch):  # noqa: F811
    def breaks(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("workbench.actions.advance_session.step", breaks)
    asked = program.place(**BUY)["command_id"]
    go_on(desk, clock, running, 0.2)
    with desk.store.read() as connection:
        assert reads.session(connection, running).status == "ERROR"
    told = program.command(asked)
    assert (told["status"], told["order_id"]) == ("TOO_LATE", None)


@pytest.mark.parametrize("path", ["commands/4711/", f"commands/{2**70}/", "strategies/?command=4711", "orders/?command=4711"])
def test_a_command_that_nobody_gave_is_not_there(client, path):  # noqa: F811
    answer = client.get(f"{ROOT}{path}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "command")


def test_a_command_of_another_account_is_not_there_for_the_one_that_is_named(program, desk, clock, running):  # noqa: F811
    program.post("accounts/", name="Second", cash=500)
    asked = program.place(**BUY)["command_id"]
    answer = program._http.get(f"{ROOT}orders/", params={"command": asked, "account": "Second"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "command")


def test_what_came_of_a_command_outlives_the_rebuilding_of_the_tables_and_changes_no_replay(program, desk, clock, running):  # noqa: F811
    asked = program.place(**BUY)["command_id"]
    go_on(desk, clock, running, 0.2)
    before = list(program.orders(command=asked))
    rebuild_projections(desk)
    assert list(program.orders(command=asked)) == before != []
    assert verify_session(desk, running).identical
