import pytest
from litestar.exceptions import WebSocketDisconnect

from workbench.web.security import HEADERS, POLICY, policy_for


@pytest.mark.parametrize(
    "path", ["/paper-trading/", "/paper-trading/nothing", "/paper-trading/api/bot/status/", "/static/look.css", "/nowhere"]
)
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    for name, value in HEADERS:
        assert headers[name] == value
    assert headers["content-security-policy"] == policy_for("127.0.0.1:8000")


def test_the_policy_lets_no_inline_script_and_no_frame_in():
    assert "unsafe" not in POLICY
    assert "script-src 'self'" in POLICY
    assert "style-src 'self'" in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_a_page_may_open_a_line_to_the_same_server_by_its_other_loopback_name_and_to_nothing_else():
    said = "connect-src 'self' ws://127.0.0.1:8000 ws://localhost:8000;"
    assert said in policy_for("127.0.0.1:8000")
    assert said in policy_for("localhost:8000")
    for host in ("lab.example:8000", "10.0.0.1:8000", "[::1]:8000", "localhost:8000; script-src *", ""):
        assert policy_for(host) == POLICY


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000"])
@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000"])
def test_a_websocket_opens_between_the_names_of_one_place(client, host, origin):
    headers = {"host": host, "origin": origin, "sec-fetch-site": "same-origin" if host in origin else "cross-site"}
    with client.websocket_connect("/ws/paper-trading/", headers=headers) as line:
        assert line.receive_json()["type"] == "connection_confirmed"


@pytest.mark.parametrize("origin", ["http://localhost:8001", "http://localhost", "http://evil.example:8000", "null"])
def test_a_websocket_does_not_open_for_a_page_of_another_port_or_place(client, origin):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/paper-trading/", headers={"origin": origin}):
        pass


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://localhost:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/paper-trading/bot/stop", "/paper-trading/bot/start", "/paper-trading/api/bot/stop/"])
def test_another_site_cannot_change_anything(client, path, headers):
    answer = client.post(path, headers=headers)
    assert answer.status_code == 403
    if "/api/" in path:
        assert answer.json()["error"]["code"] == "forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:8000"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8000"},
        {"sec-fetch-site": "none"},
    ],
    ids=str,
)
def test_our_own_page_and_curl_may(client, headers):
    assert client.post("/paper-trading/bot/stop", headers=headers).status_code == 404


def test_another_site_may_lead_here(client):
    assert client.get("/paper-trading/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1:8000"])
def test_a_foreign_name_that_leads_to_us_is_refused(client, host):
    assert client.get("/paper-trading/", headers={"host": host}).status_code == 403


NO_PLACES = ["localhost:abc", "localhost:8000;x", "localhost:99999", "127.0.0.1:8000:1", "[::1", "[::1]x:80", "[:"]


@pytest.mark.parametrize("path", ["/paper-trading/", "/paper-trading/api/bot/status/", "/paper-trading/nowhere", "/nowhere"])
@pytest.mark.parametrize("host", NO_PLACES)
def test_a_host_with_a_port_that_is_none_is_refused_like_a_foreign_one_and_the_answer_is_whole(client, host, path):
    answer = client.get(path, headers={"host": host})
    foreign = client.get(path, headers={"host": "evil.example"})
    assert answer.status_code == foreign.status_code
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert all(answer.headers[name] == value for name, value in HEADERS)


@pytest.mark.parametrize("host", ["localhost", "localhost:8123", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:8000"])
def test_every_loopback_name_is_ours(client, host):
    assert client.get("/paper-trading/", headers={"host": host}).status_code == 200
