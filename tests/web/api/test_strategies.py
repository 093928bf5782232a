"""The JSON of programs: started, read, paused, resumed and cancelled; and a bot that begins with some."""

import csv
import io
from decimal import Decimal

import pytest

from tests.actions.test_sessions import tables
from tests.web.api.test_api import JSON, ROOT, client, go  # noqa: F401
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account

DCA = {"strategy_type": "dca", "token": "WETH", "parameters": {"amount": 900, "intervals": 3, "interval_hours": "0.01"}}
GRID = {"program": "grid", "symbol": "AERO", "parameters": {"lower": "0.2", "upper": "20", "levels": 4, "amount_per_level": 50}}
VWAP = {**DCA, "strategy_type": "vwap"}
MANUAL = {"strategy": "manual", "symbols": ["WETH", "AERO"]}


@pytest.fixture
def session(client, desk, clock):  # noqa: F811
    """A running session in which only programs trade."""
    row = client.post(f"{ROOT}/bot/start/", json=MANUAL).json()["data"]
    go(desk, clock, row["session_id"], 1)
    return row["session_id"]


def active(client):  # noqa: F811
    return client.get(f"{ROOT}/strategies/active/").json()["data"]


def test_a_program_is_started_read_and_steered(client, desk, clock, session):  # noqa: F811
    assert active(client) == {"strategies": [], "count": 0, "total_invested": "0.00000000", "total_pnl": "0.00000000"}
    asked = client.post(f"{ROOT}/strategies/", json=DCA)
    assert asked.status_code == 200
    assert asked.json()["data"]["message"] == "DCA in WETH starts before the next bar."
    go(desk, clock, session, 3)
    told = active(client)
    (run,) = told["strategies"]
    assert (told["count"], round(Decimal(told["total_invested"]), 2)) == (1, 300)
    assert told["total_pnl"] == run["current_pnl"]
    assert (run["strategy_type"], run["status"], run["token_symbol"]) == ("dca", "RUNNING", "WETH")
    assert run["token_address"].startswith("0x")
    assert (run["total_orders"], run["completed_orders"], run["failed_orders"]) == (3, 1, 0)
    assert run["progress_percent"] == 33.33
    assert run["configuration"] == {"amount": "900", "intervals": 3, "interval_hours": "0.01"}
    assert Decimal(run["average_entry"]) > 0
    assert run["current_roi"] == pytest.approx(100 * float(run["current_pnl"]) / 300, abs=1e-4)
    assert run["completed_at"] is None
    number = run["strategy_id"]
    assert client.get(f"{ROOT}/strategies/{number}/").json()["data"] == run
    for turn, status in (("pause", "PAUSED"), ("resume", "RUNNING")):
        answer = client.post(f"{ROOT}/strategies/{number}/{turn}/")
        assert answer.status_code == 200
        assert answer.json()["data"]["strategy_id"] == number
        go(desk, clock, session, 1)
        assert client.get(f"{ROOT}/strategies/{number}/").json()["data"]["status"] == status
    assert client.post(f"{ROOT}/strategies/{number}/cancel/", json={"sell": True}).status_code == 200
    go(desk, clock, session, 3)
    ended = client.get(f"{ROOT}/strategies/{number}/").json()["data"]
    assert (ended["status"], Decimal(ended["quantity_held"])) == ("CANCELLED", 0)
    assert ended["completed_at"] is not None
    assert active(client)["count"] == 0
    for turn in ("pause", "resume", "cancel"):
        answer = client.post(f"{ROOT}/strategies/{number}/{turn}/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_a_run_that_has_traded_nothing_is_not_priced_by_trades_that_were_sought_for_it(client, desk, clock, session):  # noqa: F811
    """Where there is none, all of its session's trades would be looked at."""
    market = {"order_type": "market", "token_symbol": "WETH"}
    assert client.post(f"{ROOT}/orders/", json={**market, "side": "buy", "amount_usd": 100}).status_code == 200
    go(desk, clock, session, 1)
    (bought,) = client.get(f"{ROOT}/orders/").json()["data"]["items"]
    sale = {**market, "side": "sell", "quantity": bought["filled_quantity"]}
    assert client.post(f"{ROOT}/orders/", json=sale).status_code == 200
    go(desk, clock, session, 1)
    assert client.post(f"{ROOT}/strategies/", json=DCA).status_code == 200
    advance_session(desk, session)
    (run,) = active(client)["strategies"]
    assert (run["fills"], run["current_price"], Decimal(run["current_pnl"])) == (0, None, 0)
    go(desk, clock, session, 1)
    (run,) = active(client)["strategies"]
    assert run["fills"] > 0
    assert Decimal(run["current_price"]) > 0


def test_a_bot_begins_with_programs(client, desk, clock):  # noqa: F811
    row = client.post(f"{ROOT}/bot/start/", json={**MANUAL, "programs": [GRID, {"program": "spot", "parameters": {"amount": 50}}]})
    assert row.status_code == 200
    go(desk, clock, row.json()["data"]["session_id"], 1)
    told = active(client)
    assert sorted((run["strategy_type"], run["token_symbol"]) for run in told["strategies"]) == [
        ("grid", "AERO"), ("spot", "AERO"), ("spot", "WETH"),
    ]  # fmt: skip
    grid = next(run for run in told["strategies"] if run["strategy_type"] == "grid")
    assert (grid["progress_percent"], grid["total_orders"], grid["average_entry"], grid["current_roi"]) == (None, None, None, None)


def test_every_run_is_listed_filtered_paged_and_in_the_file_those_that_ended_too(client, desk, clock, session):  # noqa: F811
    for asked in (DCA, {**DCA, "token": "AERO"}, {"strategy_type": "spot", "token": "WETH", "parameters": {"amount": 50}}):
        assert client.post(f"{ROOT}/strategies/", json=asked).status_code == 200
    go(desk, clock, session, 2)

    def listed(**asked):
        answer = client.get(f"{ROOT}/strategies/", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    every = listed()["items"]
    numbers = [run["strategy_id"] for run in every]
    assert numbers == sorted(numbers, reverse=True)
    assert sorted((run["strategy_type"], run["token_symbol"]) for run in every) == [
        ("dca", "AERO"), ("dca", "WETH"), ("spot", "WETH"),
    ]  # fmt: skip
    first = next(run for run in every if (run["strategy_type"], run["token_symbol"]) == ("dca", "WETH"))
    assert client.post(f"{ROOT}/strategies/{first['strategy_id']}/cancel/").status_code == 200
    go(desk, clock, session, 1)
    ended = listed(status="ended", strategy_type="DCA")["items"]
    assert [(run["strategy_id"], run["status"]) for run in ended] == [(first["strategy_id"], "CANCELLED")]
    assert ended == listed(status="cancelled")["items"] == listed(token="weth", strategy_type="dca", session=session)["items"]
    assert {run["strategy_id"] for run in listed(status="active")["items"]} <= set(numbers) - {first["strategy_id"]}
    told, before = [], None
    while True:
        page = listed(limit=2, **({"before": before} if before else {}))
        told += page["items"]
        before = page["next"]
        if before is None:
            break
    assert [run["strategy_id"] for run in told] == numbers
    rows = csv.DictReader(io.StringIO(client.get(f"{ROOT}/strategies/export/", params={"strategy_type": "dca"}).text))
    wanted = [(str(run["strategy_id"]), run["status"], run["total_invested"]) for run in listed(strategy_type="dca")["items"]]
    assert [(row["strategy_id"], row["status"], row["total_invested"]) for row in rows] == wanted


@pytest.mark.parametrize("path", ["strategies/", "strategies/export/"])
@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ({"status": "asleep"}, 422, "expected one of active, ended, RUNNING, PAUSED"),
        ({"strategy_type": "dcaa"}, 404, "Did you mean 'dca'"),
    ],
)
def test_a_list_of_runs_cannot_be_filtered_by_what_there_is_not(client, path, asked, status, sentence):  # noqa: F811
    answer = client.get(f"{ROOT}/{path}", params=asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["field"] == next(iter(asked))
    assert sentence in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "sent", "status", "field", "sentence"),
    [
        ("strategies/", {}, 422, "strategy_type", "strategy_type: expected one of dca, grid"),
        ("strategies/", {"strategy_type": 7}, 422, "strategy_type", "expected a text"),
        ("strategies/", {**DCA, "strategy_type": "dcaa"}, 404, "strategy_type", "Did you mean 'dca'"),
        ("strategies/", {**DCA, "token": ""}, 422, "token", "one of the session's tokens"),
        ("strategies/", {**DCA, "token": "BTC"}, 404, "token", "Expected one of WETH, AERO"),
        ("strategies/", {**DCA, "colour": 1}, 422, "colour", "no field 'colour'"),
        ("strategies/", {**DCA, "parameters": [1]}, 422, "parameters", "expected an object"),
        ("strategies/", {**DCA, "parameters": {"amuont": 1}}, 422, "amuont", "Did you mean 'amount'"),
        ("strategies/", {**DCA, "parameters": {"amount": True}}, 422, "amount", "expected a number"),
        ("strategies/", {**DCA, "parameters": {"amount": [1]}}, 422, "amount", "expected"),
        ("strategies/", {**DCA, "parameters": {"amount": {}}}, 422, "amount", "expected"),
        ("strategies/", {**DCA, "parameters": {"intervals": 1}}, 422, "intervals", "a whole number from 2"),
        ("strategies/", {**DCA, "parameters": {"interval_hours": 0.001}}, 422, "strategy_type", "at least one bar"),
        (
            "strategies/",
            {**DCA, "strategy_type": "vwap", "parameters": {"amount": 5, "curve": "x"}},
            422,
            "curve",
            "24 whole numbers",
        ),
        (
            "strategies/",
            {**DCA, "strategy_type": "vwap", "parameters": {"amount": 5, "curve": [1]}},
            422,
            "curve",
            "24 whole numbers",
        ),
        ("strategies/", {**DCA, "strategy_type": "twap", "parameters": {}}, 422, "amount", "or else a quantity to sell"),
        (
            "strategies/",
            {**DCA, "strategy_type": "grid", "parameters": {**GRID["parameters"], "stop_on_breakout": "yes"}},
            422,
            "stop_on_breakout",
            "true or false",
        ),
        ("strategies/7/pause/", {}, 404, "strategy_id", "no program run '7'"),
        ("strategies/7/resume/", {}, 404, "strategy_id", "no program run '7'"),
        ("strategies/7/cancel/", {}, 404, "strategy_id", "no program run '7'"),
        ("strategies/99999999999999999999999/cancel/", {}, 404, "strategy_id", "no program run"),
        ("strategies/7/cancel/", {"sell": "yes"}, 422, "sell", "true or false"),
        ("strategies/7/pause/", {"sell": True}, 422, "sell", "no field 'sell'"),
    ],
)
def test_nonsense_about_programs_gets_one_sentence_and_changes_nothing(client, desk, session, path, sent, status, field, sentence):  # noqa: F811
    before = tables(desk)
    answer = client.post(f"{ROOT}/{path}", json=sent)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert sentence in error["message"]
    assert error.get("field") == field
    assert tables(desk) == before


@pytest.mark.parametrize(
    ("programs", "status", "sentence"),
    [
        ("dca", 422, "programs: expected a list such as"),
        (["dca"], 422, "programs: expected a list such as"),
        ([{}], 422, "program: expected a program's name"),
        ([{"program": 7}], 422, "program: expected a text"),
        ([{"program": "dcaa"}], 404, "Did you mean 'dca'"),
        ([{"program": "dca", "symbol": "BTC"}], 404, "no token of this session 'BTC'"),
        ([{"program": "dca", "token": "WETH"}], 422, "no field 'token'"),
        ([{"program": "dca", "parameters": 5}], 422, "parameters: expected an object"),
        ([{"program": "dca", "parameters": {"intervals": 0}}], 422, "intervals: expected a whole number"),
    ],
)
def test_a_bot_does_not_begin_with_programs_that_cannot_be(client, desk, programs, status, sentence):  # noqa: F811
    default_account(desk)
    before = tables(desk)
    answer = client.post(f"{ROOT}/bot/start/", json={**MANUAL, "programs": programs})
    assert answer.status_code == status
    assert sentence in answer.json()["error"]["message"]
    assert tables(desk) == before


def test_without_a_session_there_is_nowhere_to_start_a_program(client):  # noqa: F811
    answer = client.post(f"{ROOT}/strategies/", json=DCA)
    assert answer.status_code == 409
    assert "No session runs" in answer.json()["error"]["message"]
    assert active(client)["count"] == 0


def test_there_is_nothing_at_a_number_that_no_program_has(client):  # noqa: F811
    for number in ("7", "-1", "x", "99999999999999999999999"):
        answer = client.get(f"{ROOT}/strategies/{number}/")
        assert (answer.status_code, answer.json()["success"]) == (404, False)
    answer = client.post(f"{ROOT}/strategies/7/pause/", content="{broken", headers=JSON)
    assert answer.status_code == 400
