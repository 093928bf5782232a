import pytest

from workbench.web.security import HEADERS, POLICY


@pytest.mark.parametrize(
    "path", ["/paper-trading/", "/paper-trading/nothing", "/paper-trading/api/bot/status/", "/static/look.css", "/nowhere"]
)
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    for name, value in HEADERS:
        assert headers[name] == value


def test_the_policy_lets_no_inline_script_and_no_frame_in():
    assert "unsafe" not in POLICY
    assert "script-src 'self'" in POLICY
    assert "style-src 'self'" in POLICY
    assert "frame-ancestors 'none'" in POLICY


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


@pytest.mark.parametrize("host", ["localhost", "localhost:8123", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:8000"])
def test_every_loopback_name_is_ours(client, host):
    assert client.get("/paper-trading/", headers={"host": host}).status_code == 200
