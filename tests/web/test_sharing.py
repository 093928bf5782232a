"""What several ask for at once is drawn once, and nobody reads less than what had been committed when he asked."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

import workbench as wb
from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account
from workbench.store import browse
from workbench.web import pages as shelf
from workbench.web.api import portfolio as api

PORTFOLIO = "/paper-trading/api/portfolio/"
OWN = {"cache-control": "no-cache"}


@pytest.fixture(autouse=True)
def account(desk):
    """The account whose pages are asked for; who comes first would open it, which is a commit."""
    return default_account(desk)


@pytest.fixture
def drawn(monkeypatch):
    """The pages that were drawn, by name."""
    names, drawing = [], shelf.draw

    def counted(page, *given, **named):
        names.append(page.name)
        return drawing(page, *given, **named)

    monkeypatch.setattr(shelf, "draw", counted)
    return names


@pytest.fixture
def at_once(client, monkeypatch):
    """Ask for the portfolio, and once it is being looked at, ask for it again; return both answers and how many looked."""

    def ask(problem=None, headers=None):
        looks, looking, may_end, shape = [], Event(), Event(), api.portfolio_shape

        def slowly(*given):
            looks.append(1)
            if len(looks) == 1:
                looking.set()
                assert may_end.wait(30)
                if problem:
                    raise problem
            return shape(*given)

        monkeypatch.setattr(api, "portfolio_shape", slowly)
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(client.get, PORTFOLIO)
            assert looking.wait(30)
            second = threads.submit(client.get, PORTFOLIO, headers=headers)
            # Whoever does not wait for the first one is answered before it ends.
            if headers:
                second.result(30)
            may_end.set()
            return first.result(30), second.result(30), len(looks)

    return ask


def value_in(answer):
    return float(answer.json()["data"]["portfolio"]["total_value"])


def test_who_asks_while_the_same_is_drawn_gets_that(at_once):
    first, second, looks = at_once()
    assert first.content == second.content
    assert looks == 1


def test_who_wants_a_drawing_of_his_own_gets_one(at_once):
    first, second, looks = at_once(headers=OWN)
    assert (first.status_code, second.status_code, looks) == (200, 200, 2)


def test_what_broke_for_one_is_tried_again_for_the_other(at_once):
    first, second, looks = at_once(problem=RuntimeError("it broke"))
    assert (first.status_code, second.status_code, looks) == (500, 200, 2)


def test_a_page_is_drawn_once_a_second_and_anew_after_every_commit(client, desk, account, clock, drawn):
    for _ in range(3):
        client.get("/paper-trading/")
    assert drawn == ["dashboard"]
    clock.move(1000)
    client.get("/paper-trading/")
    assert drawn == ["dashboard"] * 2
    wb.deposit(desk, account, 500)
    assert "10,500" in client.get("/paper-trading/").text
    assert drawn == ["dashboard"] * 3
    client.get("/paper-trading/", headers=OWN)
    assert drawn == ["dashboard"] * 4


def test_each_has_a_drawing_of_what_he_asks_for(client, desk):
    other = wb.open_account(desk, "Other", 77)
    texts = {client.get(PORTFOLIO, params={"account": name}).text for name in ("", other)}
    assert len(texts) == 2
    assert value_in(client.get(PORTFOLIO, params={"account": other})) == 77


def test_a_shared_page_has_keys_that_nobody_else_has(client, desk, clock, drawn):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    texts = [client.get("/paper-trading/orders/").text for _ in range(3)]
    assert drawn == ["orders"]
    keys = [re.findall(r'name="idempotency_key" value="([^"]+)"', text) for text in texts]
    assert all(len(found) == len(keys[0]) >= 1 for found in keys)
    assert len({key for found in keys for key in found}) == 3 * len(keys[0])
    assert len({re.sub(r'(?<=name="idempotency_key" value=")[^"]+', "", text) for text in texts}) == 1


def test_what_is_refused_is_refused_to_everybody(client):
    answers = [client.get("/paper-trading/api/trades/", params={"limit": "-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]


def test_a_file_is_everybodys_own(client):
    files = [client.get("/paper-trading/api/trades/export/") for _ in range(2)]
    assert files[0].content == files[1].content
    assert files[0].headers["content-type"].startswith("text/csv")


def test_nobody_reads_less_than_what_was_committed_when_he_asked(client, desk, account):
    over = Event()

    def hurry():
        while not over.is_set():
            client.get(PORTFOLIO)

    with ThreadPoolExecutor(3) as threads:
        others = [threads.submit(hurry) for _ in range(3)]
        try:
            for number in range(1, 41):
                wb.deposit(desk, account, 1)
                assert value_in(client.get(PORTFOLIO)) == 10_000 + number
        finally:
            over.set()
        for other in others:
            other.result(30)


# --- the admin -----------------------------------------------------------------------------------------------------------

LIST = "/paper-trading/admin/papertradingaccount/list"


@pytest.fixture
def listed(monkeypatch):
    """How often the admin read a list."""
    times, reading = [], browse.page

    def counted(*given, **named):
        times.append(1)
        return reading(*given, **named)

    monkeypatch.setattr(browse, "page", counted)
    return times


def nonce_of(answer):
    (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    return nonce


def test_a_list_of_the_admin_is_shared_by_the_tabs_of_one_browser_each_with_a_nonce_of_its_own(client, listed):
    client.get(LIST)
    listed.clear()
    answers = [client.get(LIST) for _ in range(3)]
    assert len(listed) == 1
    nonces = [nonce_of(answer) for answer in answers]
    assert len(set(nonces)) == 3
    for nonce, answer in zip(nonces, answers, strict=True):
        scripts = re.findall(r"<script\b[^>]*\bnonce=\"([^\"]*)\"", answer.text)
        assert scripts
        assert set(scripts) == {nonce}


def test_another_browser_gets_a_list_of_its_own(client, listed):
    client.get(LIST)
    listed.clear()
    client.get(LIST)
    client.cookies.clear()
    assert "set-cookie" in client.get(LIST).headers
    client.cookies.clear()
    client.get(LIST)
    assert len(listed) == 3
