"""The JSON API: envelope, statuses, and nothing in the ledger changed by nonsense."""

from datetime import datetime

import pytest
from litestar.testing import TestClient

from tests.actions.test_sessions import tables
from workbench import jobs
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.web.app import create_app

ROOT = "/paper-trading/api"


@pytest.fixture
def client(desk):
    jobs._bound.clear()
    with TestClient(create_app(desk), base_url="http://127.0.0.1:8000") as opened:
        yield opened


def go(desk, clock, session, bars):
    advance_session(desk, session)
    for _ in range(bars):
        clock.move(5_000)
        advance_session(desk, session)


QUICK = {"parameters": {"fast": 2, "slow": 4}, "symbols": ["WETH", "AERO"]}


def test_every_answer_has_the_envelope(client):
    for path in ("bot/status/", "portfolio/", "trades/recent/", "positions/open/", "ai-thoughts/", "metrics/"):
        answer = client.get(f"{ROOT}/{path}")
        assert answer.status_code == 200, path
        body = answer.json()
        assert body["success"] is True
        assert set(body) == {"success", "data", "timestamp"}
        assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None


def test_a_bot_is_started_trades_and_is_stopped(client, desk, clock):
    started = client.post(f"{ROOT}/bot/start/", json={"runtime_minutes": 60, **QUICK}).json()["data"]
    assert started["status"] == "STARTING"
    assert started["account_balance"] == "10000.00000000"
    go(desk, clock, started["session_id"], 40)
    status = client.get(f"{ROOT}/bot/status/").json()["data"]
    assert (status["status"], status["steps"]) == ("RUNNING", 40)
    trades = client.get(f"{ROOT}/trades/recent/", params={"limit": 3}).json()["data"]
    assert len(trades["items"]) == 3
    following = client.get(f"{ROOT}/trades/recent/", params={"limit": 3, "before": trades["next"]}).json()["data"]
    assert following["items"][0]["trade_id"] < trades["items"][-1]["trade_id"]
    thought = client.get(f"{ROOT}/ai-thoughts/").json()["data"]["items"][0]
    assert thought["primary_reasoning"]
    assert {"name", "value", "threshold", "margin", "passed"} <= set(thought["gates"][0])
    portfolio = client.get(f"{ROOT}/portfolio/").json()["data"]
    for amount in ("cash_balance", "total_value", "total_pnl", "costs_paid"):
        assert isinstance(portfolio["portfolio"][amount], str)
        assert "E" not in portfolio["portfolio"][amount]
    for position in client.get(f"{ROOT}/positions/open/").json()["data"]["items"]:
        assert isinstance(position["quantity"], str)
    metrics = client.get(f"{ROOT}/metrics/").json()["data"]
    assert metrics["total_trades"] == status["trades_count"]
    stopped = client.post(f"{ROOT}/bot/stop/", json={"reason": "User requested stop"}).json()["data"]
    assert (stopped["status"], stopped["reason"]) == ("STOPPING", "User requested stop")
    advance_session(desk, started["session_id"])
    assert client.get(f"{ROOT}/bot/status/").json()["data"]["status"] == "STOPPED"


def test_a_body_may_be_left_out(client):
    assert client.post(f"{ROOT}/bot/start/").json()["data"]["config"]["strategy"] == "sma_cross"


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "sent", "status", "code", "sentence"),
    [
        ("bot/start/", {"content": "{broken", "headers": JSON}, 400, "malformed", "expected JSON"),
        ("bot/start/", {"content": "[" * 90_000, "headers": JSON}, 400, "malformed", "expected JSON of a few levels"),
        ("bot/start/", {"content": "[1]", "headers": JSON}, 400, "malformed", "expected a JSON object, found a list"),
        ("bot/start/", {"content": '{"seed": NaN}', "headers": JSON}, 400, "malformed", "expected JSON"),
        (
            "bot/start/",
            {"content": "a=1", "headers": {"Content-Type": "text/plain"}},
            400,
            "malformed",
            "content-type application/json",
        ),
        ("bot/start/", {"json": {"runtime": 5}}, 422, "unknown_field", "Did you mean 'runtime_minutes'"),
        ("bot/start/", {"json": {"strategy": "sma_crosss"}}, 404, "not_found", "Did you mean 'sma_cross'"),
        ("bot/start/", {"json": {"strategy": 7}}, 422, "invalid", "strategy: expected a text, found 7"),
        ("bot/start/", {"json": {"parameters": [1]}}, 422, "invalid", "parameters: expected an object"),
        ("bot/start/", {"json": {"parameters": {"fast": True}}}, 422, "invalid", "fast: expected a number, found true"),
        (
            "bot/start/",
            {"json": {"parameters": {"fast": 1}}},
            422,
            "invalid",
            "fast: expected a whole number from 2 to 100, found 1",
        ),
        ("bot/start/", {"json": {"parameters": {"fats": 5}}}, 422, "unknown_field", "Did you mean 'fast'"),
        ("bot/start/", {"json": {"runtime_minutes": -1}}, 422, "invalid", "runtime_minutes: expected a number from 0.01"),
        ("bot/start/", {"json": {"runtime_minutes": "soon"}}, 422, "invalid", "runtime_minutes: expected a number, found 'soon'"),
        ("bot/start/", {"json": {"size_pct": 1000}}, 422, "invalid", "size_pct: expected a number from 0.01 to 100"),
        ("bot/start/", {"json": {"symbols": "WETH"}}, 422, "invalid", "symbols: expected a list"),
        ("bot/start/", {"json": {"symbols": ["WETHX"]}}, 404, "not_found", "Did you mean 'WETH'"),
        ("bot/start/", {"json": {"timeframe": "4s"}}, 422, "invalid", "timeframe: expected"),
        ("bot/start/", {"json": {"mode": "real"}}, 422, "invalid", "mode: expected one of 'live', 'replay', found 'real'"),
        ("bot/start/", {"json": {"mode": "replay"}}, 422, "invalid", "dataset: expected the id of a dataset"),
        ("bot/start/", {"json": {"cash": -5}}, 422, "invalid", "cash: expected nothing, for only a session"),
        ("bot/start/", {"json": {"parameters": 0}}, 422, "invalid", "parameters: expected an object"),
        ("bot/start/", {"json": {"seed": "x"}}, 422, "invalid", "seed: expected a whole number"),
        ("bot/start/", {"json": {"mode": "replay", "dataset": "../../etc/passwd"}}, 404, "not_found", "no dataset"),
        ("bot/stop/", {"json": {}}, 404, "not_found", "running session"),
        ("bot/stop/", {"json": {"close_positions": "yes"}}, 422, "invalid", "close_positions: expected true or false"),
        ("bot/stop/", {"json": {"why": "x"}}, 422, "unknown_field", "no field 'why'"),
    ],
)
def test_nonsense_gets_one_sentence_and_its_status_and_changes_nothing(client, desk, path, sent, status, code, sentence):
    default_account(desk)
    before = tables(desk)
    answer = client.post(f"{ROOT}/{path}", **sent)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is False
    assert body["error"]["code"] == code
    assert sentence in body["error"]["message"]
    assert "Traceback" not in answer.text
    assert tables(desk) == before


@pytest.mark.parametrize("query", ["limit=0", "limit=abc", "limit=100000", "before=-1", "before=9999999999999999999"])
def test_a_page_that_cannot_be_is_refused(client, query):
    answer = client.get(f"{ROOT}/trades/recent/?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"


def test_a_second_start_is_a_conflict_and_so_is_a_second_stop(client):
    assert client.post(f"{ROOT}/bot/start/", json={}).status_code == 200
    again = client.post(f"{ROOT}/bot/start/", json={})
    assert again.status_code == 409
    assert "one running session at most" in again.json()["error"]["message"]
    assert client.post(f"{ROOT}/bot/stop/", json={}).status_code == 200
    assert client.post(f"{ROOT}/bot/stop/", json={}).status_code == 409


def test_unknown_paths_and_methods_answer_in_the_envelope(client):
    assert client.get(f"{ROOT}/nowhere/").status_code == 404
    assert client.get(f"{ROOT}/nowhere/").json()["success"] is False
    assert client.get(f"{ROOT}/bot/start/").status_code == 405


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_cannot_start_the_bot(client, headers):
    answer = client.post(f"{ROOT}/bot/start/", json={}, headers=headers)
    assert answer.status_code == 403
    assert client.get(f"{ROOT}/bot/status/").json()["data"]["session_id"] is None


def test_another_host_name_is_refused(client):
    assert client.get(f"{ROOT}/bot/status/", headers={"Host": "evil.example"}).status_code in (400, 403, 421)
