"""What was asked for, by its names: every endpoint and task of the table is there and works."""

import inspect
from datetime import datetime
from pathlib import Path

import pytest
from litestar.testing import TestClient

from tests.web.conftest import HERE, begin, go_on
from workbench import jobs
from workbench.web.app import create_app
from workbench.web.messages import read_types

ROOT = "/paper-trading"
TABLE = (Path(__file__).parent / "seed_table.md").read_text()


def named(kind: str) -> list[str]:
    rows = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")]
    return [row[1] for row in rows if row[0] == kind]


@pytest.fixture(scope="module")
def client(traded_here):
    with TestClient(create_app(traded_here), base_url=HERE) as made:
        yield made


@pytest.fixture(scope="module")
def traded_here():
    from tests.make import Clock
    from workbench.desk import open_desk

    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        go_on(desk, clock, begin(desk), 12)
        yield desk


@pytest.mark.parametrize("path", named("page"))
def test_every_page_is_there(client, path):
    answer = client.get(f"{ROOT}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", named("read"))
def test_every_reading_answers_in_the_envelope_and_has_something_to_tell(client, path):
    answer = client.get(f"{ROOT}{path}")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["success", "data", "timestamp"]
    assert body["success"] is True
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert body["data"]


@pytest.mark.parametrize("path", named("file"))
def test_every_file_is_a_table_with_a_header(client, path):
    answer = client.get(f"{ROOT}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    header, first, *_ = answer.text.splitlines()
    assert header.startswith("executed_at,trade_id,trade_type")
    assert len(first.split(",")) == len(header.split(","))


@pytest.mark.parametrize("path", named("write"))
def test_what_changes_something_is_no_get_and_refuses_nonsense_in_the_envelope(client, path):
    answer = client.post(f"{ROOT}{path}", json={"no_such_field": 1})
    assert answer.status_code in (404, 422)
    body = answer.json()
    assert list(body) == ["success", "error", "timestamp"]
    assert body["success"] is False
    assert "no_such_field" in body["error"]["message"]
    assert body["error"]["field"] == "no_such_field"


@pytest.mark.parametrize("name", named("task"))
def test_every_task_goes_by_its_name(name):
    task = getattr(jobs, name)
    assert task.task_class.__module__ == "workbench.jobs"
    wanted = {
        "run_paper_trading_bot": ["session_id", "user_id", "runtime_minutes"],
        "stop_paper_trading_bot": ["session_id", "user_id", "reason"],
        "update_all_position_prices": ["chain_id"],
        "update_single_position_price": ["position_id", "chain_id"],
    }[name]
    assert list(inspect.signature(task.func).parameters) == wanted


ANSWERS = {
    "ping": "pong", "request_portfolio_update": "portfolio_update", "request_trade_history": "trade_history",
    "request_open_positions": "open_positions", "request_performance_metrics": "performance_metrics",
}  # fmt: skip


@pytest.mark.parametrize("name", named("asked"))
def test_every_message_of_a_client_is_answered(client, name):
    with client.websocket_connect("/ws/paper-trading/") as socket:
        assert socket.receive_json()["type"] == "connection_confirmed"
        assert socket.receive_json()["type"] == "initial_snapshot"
        socket.send_json({"type": name})
        answer = socket.receive_json()
        assert answer["type"] == ANSWERS[name]
        assert set(answer) >= {"type", "data", "timestamp"}


@pytest.mark.parametrize("name", named("message"))
def test_every_message_of_the_server_goes_by_its_name(client, name):
    if name in ("connection_confirmed", "initial_snapshot"):
        with client.websocket_connect("/ws/paper-trading/") as socket:
            assert name in [socket.receive_json()["type"] for _ in range(2)]
    else:
        assert read_types(name)


@pytest.mark.parametrize("name", named("model"))
def test_every_model_has_its_table_in_the_admin(client, name):
    assert f">{name}" in client.get(f"{ROOT}/admin/").text
    answer = client.get(f"{ROOT}/admin/{name.lower()}/list")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
