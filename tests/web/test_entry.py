"""The door: a token, a cookie, and nobody else; attacks from other sites, names, addresses and in haste."""

from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from tests.make import Clock
from workbench.__main__ import main
from workbench.errors import Invalid
from workbench.web.app import create_app
from workbench.web.entry import ALL_TRIES, COOKIE, GOOD_SECONDS, TRIES, Door, Pace, TooManyTries
from workbench.web.login import own_path
from workbench.web.pages import PAGES

TOKEN = "correct-horse-battery-staple"
ROOT = "/paper-trading"
HERE = "http://10.1.2.3:8000"


@pytest.fixture
def guarded(desk):
    """A client of a workbench that wants its token."""
    app = create_app(desk, frozenset({"lab.example"}), TOKEN)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/trades/", "/research/", "/trades/?side=buy"])
def test_a_page_leads_to_the_login_page_and_back(guarded, path):
    answer = guarded.get(f"{ROOT}{path}", follow_redirects=False)
    assert answer.status_code == 303
    assert unquote(answer.headers["location"]) == f"{ROOT}/login?leads_to={ROOT}{path}"
    assert "Token" in guarded.get(answer.headers["location"]).text


def by_htmx(path):
    """Return the headers that htmx sends from a page of the workbench."""
    return {"hx-request": "true", "hx-current-url": f"{HERE}{path}"}


@pytest.mark.parametrize("path", [*(f"/{page.name}/{block.name}" for page in PAGES for block in page.blocks), "/live"])
def test_a_block_whose_login_has_expired_leads_the_whole_page_to_the_login_page_and_back(guarded, path):
    answer = guarded.get(f"{ROOT}{path}", headers=by_htmx(f"{ROOT}/trades/?side=buy&token=WETH"), follow_redirects=False)
    assert answer.status_code == 401
    assert unquote(answer.headers["hx-redirect"]) == f"{ROOT}/login?leads_to={ROOT}/trades/?side=buy&token=WETH"
    assert answer.text == ""
    page = guarded.get(answer.headers["hx-redirect"]).text
    assert f'name="leads_to" value="{ROOT}/trades/?side=buy&amp;token=WETH"' in page


@pytest.mark.parametrize(
    "place", ["http://evil.example/paper-trading/../x", "//evil.example", "javascript:alert(1)", "http://[", "\\", ""]
)
def test_a_block_leads_to_no_other_place_than_our_own(guarded, place):
    answer = guarded.get(f"{ROOT}/dashboard/bot", headers={"hx-request": "true", "hx-current-url": place}, follow_redirects=False)
    assert unquote(answer.headers["hx-redirect"]) == f"{ROOT}/login?leads_to={ROOT}/"


def test_a_form_whose_login_has_expired_stays_as_it_is_typed_and_the_notice_leads_to_the_login_page(guarded):
    answer = guarded.post(f"{ROOT}/bot/start?answer=block", data={"size_pct": "7"}, headers=by_htmx(f"{ROOT}/"))
    assert answer.status_code == 401
    assert "hx-redirect" not in answer.headers
    assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("#notice", "innerHTML")
    assert f'href="{ROOT}/login?leads_to={ROOT}/"' in answer.text


@pytest.mark.parametrize("path", ["/api/portfolio/", "/api/bot/status/", "/live"])
def test_a_program_without_the_token_is_told_so(guarded, path):
    answer = guarded.get(f"{ROOT}{path}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.post(f"{ROOT}/api/bot/start/").status_code == 401


def test_a_program_brings_its_token_in_a_header_and_never_in_the_address(guarded):
    right, wrong = {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"Bearer {TOKEN}x"}
    assert guarded.get(f"{ROOT}/api/portfolio/", headers=right).status_code == 200
    assert guarded.get(f"{ROOT}/api/portfolio/", headers=wrong).status_code == 401
    for name in ("token", "access_token", "authorization"):
        assert guarded.get(f"{ROOT}/api/portfolio/", params={name: TOKEN}).status_code == 401
    assert guarded.get(f"{ROOT}/api/portfolio/", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401


def test_a_person_types_it_once_and_gets_a_cookie_that_scripts_cannot_read(guarded):
    answer = guarded.post(f"{ROOT}/login", data={"token": TOKEN, "leads_to": f"{ROOT}/trades/"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/trades/")
    cookie = answer.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={GOOD_SECONDS}"):
        assert word.lower() in cookie.lower()
    assert TOKEN not in cookie
    assert guarded.get(f"{ROOT}/trades/", follow_redirects=False).status_code == 200
    assert guarded.post(f"{ROOT}/logout", follow_redirects=False).headers["location"] == f"{ROOT}/login?said=left"
    assert guarded.get(f"{ROOT}/trades/", follow_redirects=False).status_code == 303


def test_a_wrong_token_is_a_sentence_beside_the_field_and_many_have_to_wait(guarded):
    for _ in range(TRIES):
        answer = guarded.post(f"{ROOT}/login", data={"token": "guess"})
        assert answer.status_code == 401
        assert "This is not the token" in answer.text
    flooded = guarded.post(f"{ROOT}/login", data={"token": TOKEN})
    assert flooded.status_code == 429
    assert "Too many wrong tokens" in flooded.text
    program = guarded.get(f"{ROOT}/api/portfolio/", headers={"authorization": f"Bearer {TOKEN}"})
    assert program.status_code == 429
    assert 1 <= int(program.headers["retry-after"]) <= 60


def test_wrong_tokens_from_everywhere_have_to_wait_too_and_time_forgives():
    clock = Clock(1_000)
    door = Door(TOKEN, clock)
    for number in range(ALL_TRIES):
        assert not door.opens("guess", f"10.0.0.{number // (TRIES - 1)}")
    with pytest.raises(TooManyTries):
        door.opens(TOKEN, "10.9.9.9")
    clock.move(61)
    assert door.opens(TOKEN, "10.9.9.9")


def test_a_flood_from_everywhere_keeps_nobody_out_who_came_in_before():
    clock = Clock(1_000)
    door = Door(TOKEN, clock)
    assert door.opens(TOKEN, "10.1.1.1")
    for number in range(ALL_TRIES):
        assert not door.opens("guess", f"10.0.0.{number // (TRIES - 1)}")
    assert door.opens(TOKEN, "10.1.1.1")
    for _ in range(TRIES):
        assert not door.opens("guess", "10.1.1.1")
    with pytest.raises(TooManyTries):
        door.opens(TOKEN, "10.1.1.1")
    clock.move(GOOD_SECONDS + 1)
    for number in range(ALL_TRIES):
        assert not door.opens("guess", f"10.0.0.{number // (TRIES - 1)}")
    with pytest.raises(TooManyTries):
        door.opens(TOKEN, "10.1.1.1")


@pytest.mark.parametrize("cookie", ["", "x", "9999999999.", "9999999999.0", "²³.4", "-5.aa", "1e9.ff", "99999999999999.aa"])
def test_a_cookie_that_was_not_given_here_opens_nothing(cookie):
    assert not Door(TOKEN).is_good(cookie)


def test_a_cookie_is_good_for_some_hours_and_for_one_token_only():
    clock = Clock(1_000_000)
    cookie = Door(TOKEN, clock).cookie()
    assert Door(TOKEN, clock).is_good(cookie)
    assert not Door(TOKEN + "2", clock).is_good(cookie)
    until, signature = cookie.split(".")
    assert not Door(TOKEN, clock).is_good(f"{int(until) + 1}.{signature}")
    clock.move(GOOD_SECONDS + 1)
    assert not Door(TOKEN, clock).is_good(cookie)


@pytest.mark.parametrize("token", ["short", "has a space in it ok", "", "ümlauts-are-not-ascii"])
def test_a_token_that_is_none_is_refused(token):
    with pytest.raises(Invalid, match="at least 16"):
        Door(token)


def test_cookies_that_cannot_be_read_are_none(guarded):
    assert guarded.get(f"{ROOT}/api/portfolio/", headers={"cookie": f"{COOKIE}; ;;\x01=\x02"}).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"), [("10.1.2.3:8000", 401), ("lab.example", 401), ("[fe80::1]:80", 401), ("evil.example", 403)]
)
def test_behind_the_door_every_address_is_ours_and_no_foreign_name(guarded, host, status):
    assert guarded.get(f"{ROOT}/api/portfolio/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example/", f"{ROOT}/../../etc", f"{ROOT}\\x", f"{ROOT}/logout", f"{ROOT}/a\n/b", ""]
)
def test_nobody_is_led_elsewhere_after_logging_in(path):
    assert own_path(path) == f"{ROOT}/"


def test_what_anybody_may_see_is_the_login_page_and_what_it_is_drawn_with(guarded):
    assert guarded.get("/static/look.css").status_code == 200
    assert guarded.get(f"{ROOT}/login").status_code == 200
    assert guarded.get(f"{ROOT}/login").headers["content-security-policy"].startswith("default-src 'self'")


def test_the_door_is_held_against_other_sites_too(guarded):
    answer = guarded.post(f"{ROOT}/login", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_changes_come_at_a_bounded_pace(desk):
    clock = Clock(0)
    app = create_app(desk, pace=Pace(burst=3, a_minute=60, clock=clock))
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        answers = [client.post(f"{ROOT}/api/bot/stop/").status_code for _ in range(4)]
        assert answers == [404, 404, 404, 429]
        refused = client.post(f"{ROOT}/api/bot/stop/")
        assert refused.json()["error"]["code"] == "too_fast"
        assert refused.headers["retry-after"] == "1"
        assert client.get(f"{ROOT}/api/bot/status/").status_code == 200
        clock.move(1)
        assert client.post(f"{ROOT}/api/bot/stop/").status_code == 404


def test_no_other_address_than_loopback_without_a_token(monkeypatch):
    monkeypatch.delenv("WORKBENCH_TOKEN", raising=False)
    told = CliRunner().invoke(main, ["up", "--host", "0.0.0.0", "--no-browser"])
    assert told.exit_code == 1
    assert "there has to be a token" in told.output
    monkeypatch.setenv("WORKBENCH_TOKEN", "short")
    told = CliRunner().invoke(main, ["up", "--host", "0.0.0.0", "--no-browser"])
    assert told.exit_code != 0
    assert "at least 16 letters" in told.output
    told = CliRunner().invoke(main, ["up", "--host", "nowhere.example", "--no-browser"])
    assert "expected an address of this machine" in told.output


def test_on_loopback_nobody_is_asked(client):
    assert client.get(f"{ROOT}/api/portfolio/").status_code == 200
    assert client.get(f"{ROOT}/login", follow_redirects=False).status_code == 303


def test_who_is_behind_the_door_can_leave_by_a_button_and_is_told_so(guarded):
    guarded.post(f"{ROOT}/login", data={"token": TOKEN})
    assert "Log out" in guarded.get(f"{ROOT}/").text
    assert "You are logged out." in guarded.post(f"{ROOT}/logout").text
    assert "You are logged out." not in guarded.get(f"{ROOT}/login").text


def test_where_nobody_is_asked_nobody_logs_out(client):
    assert "Log out" not in client.get(f"{ROOT}/").text
