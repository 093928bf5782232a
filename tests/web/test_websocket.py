import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from tests.web.conftest import HERE, begin, go_on
from tests.web.test_tail import deposit_outside, log_of
from workbench.actions.open_account import default_account
from workbench.web import websocket as talk
from workbench.web.app import create_app
from workbench.web.tail import Tail
from workbench.web.websocket import REQUESTS

LINE = "/ws/paper-trading/"
SECONDS = 60


def hear(line):
    return json.loads(line.receive_text(timeout=SECONDS))


def greeted(line):
    """Take in what comes first, and return the snapshot."""
    assert hear(line)["type"] == "connection_confirmed"
    snapshot = hear(line)
    assert snapshot["type"] == "initial_snapshot"
    return snapshot


def ask(line, message):
    line.send_text(message if isinstance(message, str) else json.dumps(message))
    return hear(line)


@pytest.fixture(scope="module")
def line(pages):
    """A connection over a desk with trades, greeted already; tests ask one thing at a time."""
    with pages.websocket_connect(LINE) as opened:
        greeted(opened)
        yield opened


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Tests ask faster than a person; those about the limit set it themselves."""
    monkeypatch.setattr(talk.Conversation, "_is_flood", lambda self: False)


def test_it_is_confirmed_and_begins_with_a_snapshot(pages, traded):
    with pages.websocket_connect(LINE) as line:
        first = hear(line)
        assert first["type"] == "connection_confirmed"
        assert first["data"]["account_id"] == default_account(traded)
        assert first["data"]["message"]
        snapshot = hear(line)
        assert snapshot["id"] == log_of(traded)[-1]
        assert {"account", "session", "positions", "recent_trades", "recent_thoughts"} <= set(snapshot["data"])
        assert snapshot["data"]["session"]["status"] == "RUNNING"


def test_each_question_has_its_answer(line):
    assert ask(line, {"type": "ping", "timestamp": 17})["data"] == {"timestamp": 17}
    assert ask(line, {"type": "ping", "data": {"timestamp": "now"}})["data"] == {"timestamp": "now"}
    portfolio = ask(line, {"type": "request_portfolio_update", "timestamp": 1})
    assert portfolio["type"] == "portfolio_update"
    assert isinstance(portfolio["data"]["total_value"], str)
    history = ask(line, {"type": "request_trade_history"})
    assert history["type"] == "trade_history"
    assert len(history["data"]["items"]) == 10
    assert len(ask(line, {"type": "request_trade_history", "limit": 3})["data"]["items"]) == 3
    assert ask(line, {"type": "request_open_positions"})["type"] == "open_positions"
    metrics = ask(line, {"type": "request_performance_metrics"})
    assert (metrics["type"], set(metrics)) == ("performance_metrics", {"type", "data", "timestamp"})
    assert metrics["data"]["total_trades"] > 0


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"type": "pin"}, "not_found", "type"),
        ({"type": 5}, "invalid", "type"),
        ({}, "invalid", "type"),
        ({"type": "request_trade_history", "limit": 0}, "invalid", "limit"),
        ({"type": "request_trade_history", "limit": 201}, "invalid", "limit"),
        ({"type": "request_trade_history", "limit": "5"}, "invalid", "limit"),
        ({"type": "request_trade_history", "limit": True}, "invalid", "limit"),
        ({"type": "request_trade_history", "limt": 5}, "unknown_field", "limt"),
        ({"type": "request_open_positions", "data": []}, "invalid", "data"),
        ({"type": "ping", "timestamp": {}}, "invalid", "timestamp"),
        ("not json", "malformed", None),
        ("[1]", "malformed", None),
        ("", "malformed", None),
        ("[" * 5000, "malformed", None),
        ('{"type": "' + "x" * 70_000 + '"}', "malformed", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_answered_is_an_error_and_the_connection_goes_on(line, message, code, field):
    said = ask(line, message)
    assert said["type"] == "error"
    assert said["data"]["code"] == code
    assert said["data"].get("field") == field
    assert said["data"]["message"].endswith((".", "?"))
    assert ask(line, {"type": "ping"})["type"] == "pong"


def test_bytes_are_an_error(line):
    line.send_bytes(b"\x00\xff")
    assert hear(line)["data"]["code"] == "malformed"


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3))
types = st.sampled_from(sorted(REQUESTS)) | st.text(max_size=20) | values
fields = st.dictionaries(st.sampled_from(["timestamp", "limit", "data", "account", "id"]) | st.text(max_size=5), values, max_size=3)
objects = st.builds(lambda type_, rest: json.dumps({**rest, "type": type_}), types, fields)


@settings(max_examples=150)
@given(frame=st.text(max_size=200) | objects | st.binary(max_size=100))
def test_whatever_is_sent_is_answered_once(line, frame):
    if isinstance(frame, bytes):
        line.send_bytes(frame)
    else:
        line.send_text(frame)
    said = hear(line)
    assert said["type"] in {"error", *(request.answer for request in REQUESTS.values())}
    if said["type"] == "error":
        assert said["data"]["code"] in {"malformed", "invalid", "not_found", "unknown_field"}
    assert ask(line, {"type": "ping", "timestamp": "still there"})["data"] == {"timestamp": "still there"}


def test_what_happens_is_told_with_rising_ids_and_resumed_without_a_gap(client, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    first = log_of(desk)[-1]
    with client.websocket_connect(LINE) as line:
        assert greeted(line)["id"] == first
        go_on(desk, clock, session, 1)
        heard = []
        while not heard or heard[-1]["id"] < first + 5:
            message = hear(line)
            heard += [message] if "id" in message else []
    ids = [message["id"] for message in heard]
    go_on(desk, clock, session, 1)
    last = log_of(desk)[-1]
    with client.websocket_connect(f"{LINE}?after={ids[-1]}") as line:
        assert hear(line)["type"] == "connection_confirmed"
        while ids[-1] < last:
            message = hear(line)
            ids += [message["id"]] if "id" in message else []
            heard.append(message)
    assert ids == list(range(first + 1, last + 1))
    assert {"ai_thought", "trade_executed", "portfolio_update", "position_updated"} <= {message["type"] for message in heard}


def test_only_what_is_asked_for_is_told(client, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    with client.websocket_connect(f"{LINE}?after=0&kinds=trade_update") as line:
        assert hear(line)["type"] == "connection_confirmed"
        assert {hear(line)["type"] for _ in range(5)} == {"trade_executed"}


@pytest.mark.parametrize("address", ["?after=x", "?after=99999999", "?kinds=nothing", "?account=nobody"])
def test_an_address_that_asks_for_nonsense_is_told_so_and_closed(pages, address):
    with pages.websocket_connect(f"{LINE}{address}") as line:
        assert hear(line)["type"] == "error"
        with pytest.raises(WebSocketDisconnect) as ended:
            line.receive_text(timeout=SECONDS)
    assert ended.value.code == 1008


def test_of_all_accounts_nothing_is_asked_but_a_ping(client, desk):
    default_account(desk)
    with client.websocket_connect(f"{LINE}?account=*") as line:
        assert greeted(line)["data"]["accounts"]
        assert ask(line, {"type": "ping"})["type"] == "pong"
        assert ask(line, {"type": "request_open_positions"})["data"]["code"] == "conflict"


def test_a_flood_is_told_so_once_and_closed(client, desk, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(talk, "FLOOD_SECONDS", 3600)
    default_account(desk)
    with client.websocket_connect(LINE) as line:
        greeted(line)
        for _ in range(40):
            line.send_text('{"type": "ping"}')
        said = [hear(line)["type"] for _ in range(21)]
        assert said == ["pong"] * 20 + ["error"]
        with pytest.raises(WebSocketDisconnect) as ended:
            line.receive_text(timeout=SECONDS)
    assert ended.value.code == 1008


def test_twenty_a_second_are_no_flood(client, desk, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(talk, "FLOOD_SECONDS", 0)
    default_account(desk)
    with client.websocket_connect(LINE) as line:
        greeted(line)
        assert {ask(line, {"type": "ping"})["type"] for _ in range(40)} == {"pong"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"host": "evil.example"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
def test_another_site_may_not_connect(pages, headers):
    with pytest.raises(WebSocketDisconnect), pages.websocket_connect(LINE, headers=headers):
        pass


@pytest.mark.parametrize("headers", [{}, {"origin": HERE}, {"sec-fetch-site": "same-origin", "origin": HERE}], ids=str)
def test_our_own_page_and_a_program_may_connect(pages, headers):
    with pages.websocket_connect(LINE, headers=headers) as line:
        greeted(line)


def test_connections_end_at_once_when_the_server_does(desk):
    default_account(desk)
    app = create_app(desk)
    with TestClient(app, base_url=HERE) as client, client.websocket_connect(LINE) as line:
        greeted(line)
        client.blocking_portal.call(app.state.live.end_feeds)
        with pytest.raises(WebSocketDisconnect) as ended:
            line.receive_text(timeout=SECONDS)
        assert ended.value.code == 1001


def test_what_breaks_inside_is_logged_and_closes_the_connection(client, desk, monkeypatch, caplog):
    default_account(desk)

    async def broken(self, lens, cursor):
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(Tail, "read", broken)
    with client.websocket_connect(LINE) as line:
        greeted(line)
        with pytest.raises(WebSocketDisconnect) as ended:
            line.receive_text(timeout=SECONDS)
    assert ended.value.code == 1011
    assert "ZeroDivisionError" in caplog.text


def test_a_reader_who_goes_away_leaves_nothing_behind(client, desk):
    account = default_account(desk)
    live = client.app.state.live
    with client.websocket_connect(LINE) as line:
        greeted(line)
        deposit_outside(desk, account)
        assert hear(line)["type"] in {"account_updated", "portfolio_update"}

    async def alone():
        async with asyncio.timeout(SECONDS):
            while live.tail.lanes:
                await asyncio.sleep(0)

    client.blocking_portal.call(alone)
