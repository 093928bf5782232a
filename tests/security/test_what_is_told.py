"""Every kind of answer carries the policy, and none shows a traceback, SQL or a path: an error is a number that the log has."""

import logging
import re

import pytest

from tests.security.surface import API, ROOT, ways
from workbench.web.security import HEADERS, LONGEST_BODY, POLICY, policy_for

REFUSALS = [
    ("GET", f"{ROOT}/nothing", {}, 404),
    ("GET", f"{API}/nothing/", {}, 404),
    ("DELETE", f"{ROOT}/", {}, 405),
    ("PUT", f"{API}/bot/start/", {}, 405),
    ("GET", f"{ROOT}/", {"host": "evil.example"}, 403),
    ("POST", f"{ROOT}/bot/stop", {"origin": "null"}, 403),
    ("POST", f"{API}/bot/stop/", {"content-length": str(LONGEST_BODY + 1)}, 413),
    ("GET", "/static/%00", {}, 404),
    ("GET", "/static/../app.py", {}, 404),
    ("GET", "/static/..%2Fapp.py", {}, 404),
]


def assert_guarded(answer, told):
    policy = answer.headers["content-security-policy"]
    if "/admin/" in answer.url.path:
        assert "default-src 'self'" in policy, told
        assert "unsafe-eval" not in policy, told
        assert "frame-ancestors 'none'" in policy, told
    else:
        assert policy in (POLICY, policy_for(answer.request.url.netloc.decode())), told
    for name, value in HEADERS:
        assert answer.headers[name] == value, told
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers


def test_every_address_answers_with_the_policy(site):
    for way in ways(site.app):
        # Feeds do not end by themselves; a wrong cursor does.
        asked = {"after": "x"} if way.path.endswith(("/feed/", "/live")) else {}
        assert_guarded(site.request(way.method, way.path, params=asked, follow_redirects=False), way)


@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSALS, ids=str)
def test_every_refusal_answers_with_the_policy(site, method, path, headers, status):
    answer = site.request(method, path, headers=headers, follow_redirects=False)
    assert answer.status_code == status
    assert_guarded(answer, path)


def test_every_answer_to_a_stranger_has_the_policy(guarded):
    for way in ways(guarded.app):
        assert_guarded(guarded.request(way.method, way.path, follow_redirects=False), way)


@pytest.mark.parametrize("path", [f"{ROOT}/trades/", f"{API}/trades/", f"{API}/orders/", f"{ROOT}/admin/papertrade/list"])
def test_what_breaks_is_a_number_that_the_log_has_and_tells_nothing_else(site, stage, monkeypatch, caplog, path):
    secret = "no such column: SELECT password FROM secrets"

    def broken(*_, **__):
        raise RuntimeError(secret)

    monkeypatch.setattr(type(stage.store), "read", broken)
    with caplog.at_level(logging.ERROR):
        answer = site.get(path, headers={"cache-control": "no-cache"})
    assert answer.status_code == 500
    assert_guarded(answer, path)
    for word in ("Traceback", "SELECT", "secrets", "RuntimeError", "/workbench/", ".py"):
        assert word not in answer.text, word
    number = re.search(r"error ([0-9a-f]{8})", answer.text)[1]
    assert f"error {number}" in caplog.text
    assert secret in caplog.text
