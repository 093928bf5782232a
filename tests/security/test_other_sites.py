"""Another site in the same browser changes nothing, hears nothing, and cannot call us by a name of its own."""

import pytest
from litestar.exceptions import WebSocketDisconnect
from sqlalchemy import func, select

from tests.security.surface import HERE, ROOT, changing, lines, ways
from workbench.store import tables as t

FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:8001"},
    {"origin": f"{HERE}.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": HERE},
]
SENT = [
    {"json": {}},
    {"data": {"answer": "block"}},
    {"content": "{}", "headers": {"content-type": "text/plain"}},
    {"content": b"\x80\x04", "headers": {"content-type": "application/octet-stream"}},
]
NAMES = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "10.0.0.1", "", "127.0.0.1@evil.example"]


def events(desk):
    with desk.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(t.events))


def test_there_are_many_ways_to_change_something(site):
    assert len(changing(site.app)) > 40
    assert {way.path.split("/")[2] for way in changing(site.app)} >= {"api", "bot", "orders", "sessions", "admin", "login"}


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_reaches_nothing_that_changes(site, stage, headers):
    before = events(stage)
    for way in changing(site.app):
        # As a form and as JSON from everywhere, as the rest from the first of them.
        for sent in SENT if headers == FOREIGN[0] else SENT[:2]:
            answer = site.request(way.method, way.path, **{**sent, "headers": {**sent.get("headers", {}), **headers}})
            assert answer.status_code == 403, way
            assert "was refused" in answer.text, way
            assert "access-control-allow-origin" not in answer.headers
    assert events(stage) == before


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_opens_no_websocket(site, headers):
    for path in lines(site.app):
        with pytest.raises(WebSocketDisconnect), site.websocket_connect(path, headers=headers):
            pass


@pytest.mark.parametrize("host", NAMES, ids=repr)
def test_a_foreign_name_reaches_nothing_at_all(site, host):
    for way in ways(site.app):
        answer = site.request(way.method, way.path, headers={"host": host}, follow_redirects=False)
        assert answer.status_code == 403, way
    for path in lines(site.app):
        with pytest.raises(WebSocketDisconnect), site.websocket_connect(path, headers={"host": host}):
            pass


@pytest.mark.parametrize("named", ["x-forwarded-host", "forwarded", "x-host", "x-original-host"])
def test_a_name_that_is_said_beside_the_host_is_not_heard(site, named):
    assert site.get(f"{ROOT}/", headers={"host": "evil.example", named: "127.0.0.1:8000"}).status_code == 403
    told = site.get(f"{ROOT}/", headers={named: "evil.example"})
    assert told.status_code == 200
    assert "evil.example" not in told.text


def test_nobody_is_asked_in_before_a_change_from_another_site(site):
    for way in changing(site.app):
        asked = {"origin": "http://evil.example", "access-control-request-method": way.method}
        answer = site.options(way.path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")], way
