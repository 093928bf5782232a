"""Bodies that are too large or of the wrong kind, cursors and ids of nowhere, frames of noise: a clear error, nothing changed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.exceptions import WebSocketDisconnect
from sqlalchemy import func, select

from tests.security.surface import API, ROOT, bodies, changing, lines, questions
from workbench.store import tables as t
from workbench.web.api.bodies import SAME
from workbench.web.security import LONGEST_BODY

KINDS = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
WRONG_NUMBERS = ["-1", "0x10", "²", "1.5", "", " ", "9" * 30, "NaN", "1;2", "[]"]
NUMBERS = [asked for asked in questions() if asked[1] in ("limit", "before", "after") and "/compare/" not in asked[0]]
"""What an address is asked by that has to be a number; a comparison is before and after, and of names."""


def events(desk):
    with desk.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(t.events))


def pieces(size):
    """A body that does not say how long it is."""
    for _ in range(size // 50_000 + 1):
        yield b"x" * 50_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_says_it_is_too_large_is_refused_everywhere_before_anything_is_done(site, stage, kind):
    before = events(stage)
    for way in changing(site.app):
        answer = site.request(way.method, way.path, headers={"content-type": kind, "content-length": str(LONGEST_BODY + 1)})
        assert answer.status_code == 413, way
        if way.path.startswith(API):
            assert answer.json()["error"]["code"] == "request_entity_too_large"
    assert events(stage) == before


@pytest.mark.parametrize("kind", KINDS[:2])
def test_a_body_that_does_not_say_how_long_it_is_is_read_no_further_than_it_may_be(site, stage, kind):
    before = events(stage)
    paths = [body.path for body in bodies()] if kind == KINDS[0] else [f"{ROOT}/bot/start", f"{ROOT}/orders/place"]
    for path in [*paths, f"{ROOT}/admin/papertradingaccount/create"]:
        answer = site.post(path, content=pieces(2 * LONGEST_BODY), headers={"content-type": kind})
        assert answer.status_code == 413, path
    assert events(stage) == before


@pytest.mark.parametrize("kind", [*KINDS[1:], "application/x-python-pickle", "application/xml", "application/jsonx"])
def test_a_body_of_another_kind_is_refused_and_changes_nothing(site, stage, kind):
    before = events(stage)
    for body in bodies():
        answer = site.post(body.path, content=json.dumps(body.example), headers={"content-type": kind})
        assert answer.status_code == 400, body.path
        assert "application/json" in answer.json()["error"]["message"]
    assert events(stage) == before


@pytest.mark.parametrize(
    "raw", [b"\x80\x04\x95", b"{", b"[]", b"null", b'"x"', b'{"a": 1e}', b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 50_000], ids=repr
)
def test_a_body_that_is_no_object_is_refused_and_changes_nothing(site, stage, raw):
    before = events(stage)
    for body in bodies():
        answer = site.post(body.path, content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body.path
        assert answer.json()["error"]["code"] == "malformed"
        assert len(answer.content) < 1_000
    assert events(stage) == before


@pytest.mark.parametrize("number", WRONG_NUMBERS)
def test_a_limit_or_a_cursor_that_is_no_number_is_refused_with_its_field(site, number):
    assert len(NUMBERS) > 15
    for path, name in NUMBERS:
        answer = site.get(path, params={name: number})
        assert answer.status_code in ((200, 400, 422) if not number.strip() else (400, 422)), f"{path} {name}"
        if answer.status_code != 200:
            assert name in answer.json()["error"]["message"], path


@pytest.mark.parametrize("cursor", ["0", "1", "9000000000000000000"])
def test_a_cursor_of_another_table_shows_a_page_or_none_and_breaks_nothing(site, cursor):
    for path, name in NUMBERS:
        if name == "before":
            answer = site.get(path, params={"before": cursor, "limit": 2})
            assert answer.status_code in (200, 404, 422), path


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 40, "١", "1\t2", "0x1"])
def test_a_broken_last_event_id_is_told_and_no_feed_begins(site, given):
    for headers, params in (({"last-event-id": given.encode()}, {}), ({}, {"after": given})):
        answer = site.get(f"{API}/feed/", headers=headers, params=params)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] in ("Last-Event-ID", "after")


def test_no_feed_begins_after_an_event_that_there_is_not(site):
    assert site.get(f"{API}/feed/", params={"after": "99999999999"}).json()["error"]["field"] == "after"


def test_an_id_that_nothing_has_is_not_found_and_changes_nothing(site, stage):
    before = events(stage)
    asked = [
        ("POST", "orders/999999999/cancel"), ("POST", "strategies/999999999/pause"), ("POST", "sessions/nowhere/pause"),
        ("POST", "research/nowhere/cancel"), ("POST", "api/sessions/nowhere/delete/"), ("POST", "api/strategies/999999999/cancel/"),
        ("POST", "api/configurations/nothing/activate/"), ("DELETE", "api/configurations/nothing/"),
        ("POST", "api/sweeps/nowhere/cancel/"), ("GET", "api/orders/999999999/"), ("GET", "api/tasks/nowhere/"),
        ("GET", "api/sessions/nowhere/"), ("GET", "api/prices/NOTHING/"), ("GET", "api/trades/?account=nobody"),
    ]  # fmt: skip
    for method, path in asked:
        assert site.request(method, f"{ROOT}/{path}", follow_redirects=False).status_code == 404, path
    assert events(stage) == before


def test_what_is_sent_twice_under_one_key_is_done_once_at_every_address(site, stage):
    for number, body in enumerate(bodies()):
        if body.path.removeprefix(f"{API}/") in SAME:
            continue
        key = {"idempotency-key": f"twice-{number}"}
        first = site.post(body.path, json=body.example, headers=key)
        after = events(stage)
        again = site.post(body.path, json=body.example, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content), body.path
        assert again.headers["idempotency-replayed"] == "true"
        assert events(stage) == after
        assert site.post(body.path, json={**body.example, "no_such_field": 1}, headers=key).status_code == 422


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
names = st.sampled_from(["type", "data", "limit", "after"])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
noise = st.text(max_size=80) | st.builds(json.dumps, values)


@settings(max_examples=60)
@given(frame=noise | st.binary(max_size=80))
def test_noise_on_the_websocket_is_an_error_and_the_line_stays(site, frame):
    from workbench.web import websocket as talk

    (path,) = lines(site.app)
    with pytest.MonkeyPatch.context() as patch, site.websocket_connect(path) as line:
        patch.setattr(talk, "FLOOD_SECONDS", 0)
        assert line.receive_json()["type"] == "connection_confirmed"
        assert line.receive_json()["type"] == "initial_snapshot"
        line.send_bytes(frame) if isinstance(frame, bytes) else line.send_text(frame)
        said = line.receive_json()
        assert said["type"] == "error"
        assert "Traceback" not in said["data"]["message"]
        line.send_text('{"type": "ping", "timestamp": 7}')
        assert line.receive_json()["data"] == {"timestamp": 7}


@pytest.mark.parametrize("asked", ["after=-1", "after=1e9", "kinds=<script>", "account=../../etc", "after=%00"])
def test_an_address_of_the_websocket_that_asks_for_nonsense_is_told_so(site, asked):
    (path,) = lines(site.app)
    with site.websocket_connect(f"{path}?{asked}") as line:
        assert line.receive_json()["type"] == "error"
        with pytest.raises(WebSocketDisconnect):
            line.receive_json()
