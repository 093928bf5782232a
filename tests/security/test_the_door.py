"""On an address that others reach, nothing answers without the token, and nobody can guess it or keep others from using it."""

import pytest
from click.testing import CliRunner
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient

from tests.security.conftest import TOKEN
from tests.security.surface import API, ROOT, lines, unhurried, ways
from workbench.__main__ import main
from workbench.web.app import create_app
from workbench.web.entry import ALL_TRIES, COOKIE, TRIES
from workbench.web.security import OPEN, is_secure
from workbench.web.serve import Server

LAB = "http://10.1.2.3:8000"
RIGHT = {"authorization": f"Bearer {TOKEN}"}
NONE_OF_THEM = [
    {},
    {"authorization": f"Basic {TOKEN}"},
    {"authorization": f"Token {TOKEN}"},
    {"cookie": f"{COOKIE}={TOKEN}"},
    {"cookie": f"{COOKIE}=99999999999.{'0' * 48}"},
    {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"},
]


def from_address(app, address):
    """A way in from an address."""

    async def there(scope, receive, send):
        await app({**scope, "client": (address, 1)}, receive, send)

    return TestClient(there, base_url=LAB, raise_server_exceptions=False)


@pytest.fixture
def app(stage):
    """An application of its own, for each flood is counted."""
    return create_app(stage, frozenset({"lab.example"}), TOKEN, unhurried())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
def test_beyond_loopback_it_does_not_start_without_a_token(monkeypatch, host):
    monkeypatch.delenv("WORKBENCH_TOKEN", raising=False)
    told = CliRunner().invoke(main, ["up", "--host", host, "--no-browser", "--port", "1"])
    assert told.exit_code == 1
    assert "there has to be a token" in told.output


@pytest.mark.parametrize("headers", NONE_OF_THEM, ids=str)
def test_nothing_but_the_login_page_and_its_files_answers_without_the_token(guarded, headers):
    for way in ways(guarded.app):
        if way.path.startswith(OPEN):
            continue
        answer = guarded.request(way.method, way.path, headers=headers, follow_redirects=False)
        if answer.status_code == 303:
            assert way.method == "GET", way
            assert answer.headers["location"].startswith(f"{ROOT}/login"), way
            assert not answer.content, way
        else:
            assert answer.status_code == 401, way
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "WETH" not in answer.text


@pytest.mark.parametrize("headers", NONE_OF_THEM, ids=str)
def test_no_websocket_opens_without_the_token(guarded, headers):
    for path in lines(guarded.app):
        with pytest.raises(WebSocketDisconnect), guarded.websocket_connect(path, headers=headers):
            pass
        with guarded.websocket_connect(path, headers=RIGHT) as line:
            assert line.receive_json()["type"] == "connection_confirmed"


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "bearer", "key", COOKIE])
def test_a_token_in_an_address_opens_nothing_and_none_of_ours_has_it(guarded, name):
    for path in (f"{API}/portfolio/", f"{API}/feed/", f"{ROOT}/live"):
        assert guarded.get(path, params={name: TOKEN}).status_code == 401
    for path in lines(guarded.app):
        with pytest.raises(WebSocketDisconnect), guarded.websocket_connect(f"{path}?{name}={TOKEN}"):
            pass


def test_no_page_and_no_answer_holds_the_token(guarded):
    for path in (f"{ROOT}/", f"{ROOT}/configuration/", f"{API}/bot/status/", f"{API}/openapi.json", f"{API}/docs/"):
        answer = guarded.get(path, headers=RIGHT)
        assert answer.status_code == 200
        assert TOKEN not in answer.text + str(answer.headers)


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(app):
    for scheme, is_tls in (("http", False), ("https", True)):
        with TestClient(app, base_url=f"{scheme}://10.1.2.3:8000", raise_server_exceptions=False) as client:
            given = client.post(f"{ROOT}/login", data={"token": TOKEN}, follow_redirects=False)
            parts = {part.strip().partition("=")[0].lower() for part in given.headers["set-cookie"].split(";")[1:]}
            assert {"httponly", "samesite", "path", "max-age"} <= parts
            assert "samesite=strict" in given.headers["set-cookie"].lower()
            assert ("secure" in parts) == is_tls
            assert "domain" not in parts
            assert TOKEN not in given.headers["set-cookie"] + given.headers["location"]
    assert is_secure({"scheme": "wss"})


@pytest.mark.parametrize("way_in", ["the page", "a program"])
def test_a_flood_of_guesses_is_held_up_even_where_the_last_one_is_right(app, way_in):
    def guess(client, token):
        if way_in == "the page":
            return client.post(f"{ROOT}/login", data={"token": token}, follow_redirects=False)
        return client.get(f"{API}/portfolio/", headers={"authorization": f"Bearer {token}"})

    client = from_address(app, "10.0.0.1")
    assert [guess(client, f"guess{number}").status_code for number in range(TRIES)] == [401] * TRIES
    late = guess(client, TOKEN)
    assert late.status_code == 429
    assert "set-cookie" not in late.headers


@pytest.mark.parametrize("named", ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip"])
def test_who_names_another_address_for_each_guess_is_held_up_too(app, named):
    client = from_address(app, "10.0.0.1")
    found = [
        client.post(f"{ROOT}/login", data={"token": "guess"}, headers={named: f"10.7.7.{number}"}).status_code
        for number in range(TRIES + 1)
    ]
    assert found == [401] * TRIES + [429]


def test_guesses_from_many_addresses_are_held_up_and_keep_nobody_out_who_had_come_in(app):
    known, person = from_address(app, "10.9.9.9"), from_address(app, "10.8.8.8")
    assert known.get(f"{API}/portfolio/", headers=RIGHT).status_code == 200
    assert person.post(f"{ROOT}/login", data={"token": TOKEN}, follow_redirects=False).status_code == 303
    for number in range(ALL_TRIES):
        guess = from_address(app, f"10.0.1.{number}").post(f"{ROOT}/login", data={"token": "guess"})
        assert guess.status_code == 401
    late = from_address(app, "10.0.2.1")
    assert late.post(f"{ROOT}/login", data={"token": TOKEN}).status_code == 429
    assert known.get(f"{API}/portfolio/", headers=RIGHT).status_code == 200
    assert person.get(f"{ROOT}/trades/", follow_redirects=False).status_code == 200


def test_the_server_believes_no_stranger_who_says_where_others_come_from(app):
    from threading import Event

    assert set(str(Server(app, Event()).config.forwarded_allow_ips).split(",")) <= {"127.0.0.1", "::1"}
