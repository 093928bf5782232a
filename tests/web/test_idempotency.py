"""What is sent twice is done once: the same key gets the same answer, from programs and from forms, in one try or in a race."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from litestar.testing import TestClient
from sqlalchemy import func, select

from tests.web.conftest import HERE, go_on
from workbench.actions import answer_once
from workbench.actions.advance_session import advance_session
from workbench.actions.answer_once import claim_key, keep_answer
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.client import Client
from workbench.domain.config import StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.errors import SourceUnavailable
from workbench.store import reads
from workbench.store.answers import Answer
from workbench.store.sweep_runs import list_sweep_runs
from workbench.store.tables import commands, idempotency_keys
from workbench.web.api import orders as api
from workbench.web.app import create_app
from workbench.web.page import Asking
from workbench.web.pages.orders import FORM, PAGE, OrdersQuery

API = "/paper-trading/api"
ORDER = {"order_type": "market", "side": "buy", "token_symbol": "WETH", "amount_usd": "100"}
DCA = {"program": "dca", "symbol": "WETH", "p.amount": "900", "p.intervals": "3", "p.interval_hours": "0.01"}
KEY = {"Idempotency-Key": "a key of my own"}
DAY = 86_400_000


@pytest.fixture
def session(desk, clock):
    """A session that has begun and places nothing by itself."""
    row = start_session(desk, default_account(desk), SessionRequest(configuration=StrategyConfiguration(strategy="manual")))
    advance_session(desk, row.id)
    go_on(desk, clock, row.id, 0.2)
    return row.id


def asked(desk):
    """How many commands were recorded."""
    with desk.store.read() as connection:
        return connection.execute(select(func.count()).select_from(commands)).scalar()


def keys(desk):
    with desk.store.read() as connection:
        return set(connection.execute(select(idempotency_keys.c.key)).scalars())


def place(client, body=ORDER, headers=KEY, path="orders/"):
    return client.post(f"{API}/{path}", json=body, headers=headers)


def key_in(text):
    (found,) = re.findall(r'<input type="hidden" name="idempotency_key" value="([^"]*)"', text)
    return found


def test_an_order_that_is_sent_twice_is_placed_once_and_answered_the_same(client, desk, session):
    first, again = place(client), place(client)
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-content-type-options"] == "nosniff"
    assert asked(desk) == 1


def test_without_a_key_and_under_other_keys_every_order_is_placed(client, desk, session):
    for headers in ({}, {}, KEY, {"Idempotency-Key": "another"}):
        assert "idempotency-replayed" not in place(client, headers=headers).headers
    assert asked(desk) == 4


@pytest.mark.parametrize(
    ("body", "path"),
    [({**ORDER, "amount_usd": "200"}, "orders/"), (ORDER, "orders/place/"), (ORDER, "orders/?account=default")],
    ids=["body", "path", "query"],
)
def test_the_key_of_another_request_is_refused_and_nothing_is_placed(client, desk, session, body, path):
    first = place(client)
    refused = place(client, body, path=path)
    assert refused.status_code == 422
    assert (refused.json()["error"]["code"], refused.json()["error"]["field"]) == ("key_reused", "idempotency_key")
    assert asked(desk) == 1
    assert place(client).content == first.content


def test_while_the_first_is_under_way_the_second_is_told_so(client, desk, session, monkeypatch):
    began, may_end, placing = Event(), Event(), api.place_order

    def slowly(*given, **named):
        began.set()
        assert may_end.wait(30)
        return placing(*given, **named)

    monkeypatch.setattr(api, "place_order", slowly)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(place, client)
        assert began.wait(30)
        try:
            second = place(client)
        finally:
            may_end.set()
        assert second.status_code == 409
        assert second.json()["error"]["code"] == "still_under_way"
        assert second.headers["retry-after"] == "1"
        assert first.result().status_code == 200
    assert place(client).content == first.result().content
    assert asked(desk) == 1


def test_two_threads_at_once_place_one_order(client, desk, session):
    at_once = Barrier(2)

    def send(_):
        at_once.wait(30)
        return place(client)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(send, range(2)))
    done = [answer for answer in answers if answer.status_code == 200 and "idempotency-replayed" not in answer.headers]
    assert len(done) == 1
    (other,) = (answer for answer in answers if answer is not done[0])
    assert other.status_code == 409 or other.content == done[0].content
    assert asked(desk) == 1


def test_a_refusal_is_kept_though_it_would_be_none_by_now(client, desk, clock):
    refused = place(client)
    assert refused.status_code == 409
    row = start_session(desk, default_account(desk), SessionRequest(configuration=StrategyConfiguration(strategy="manual")))
    advance_session(desk, row.id)
    go_on(desk, clock, row.id, 0.2)
    again = place(client)
    assert (again.status_code, again.content) == (409, refused.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert place(client, headers={"Idempotency-Key": "another"}).status_code == 200


def test_who_is_told_to_try_later_keeps_the_key(client, desk, session, monkeypatch):
    def fail(*given, **named):
        raise SourceUnavailable("base", "gone")

    with monkeypatch.context() as broken:
        broken.setattr(api, "place_order", fail)
        assert place(client).status_code == 503
    assert keys(desk) == set()
    assert place(client).status_code == 200
    assert asked(desk) == 1


def test_what_broke_after_it_was_done_is_not_done_again_under_its_key(client, desk, session, monkeypatch):
    placing = api.place_order

    def break_afterwards(*given, **named):
        placing(*given, **named)
        raise RuntimeError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(api, "place_order", break_afterwards)
        assert place(client).status_code == 500
    again = place(client)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "unsettled")
    assert "may have been done" in again.json()["error"]["message"]
    assert asked(desk) == 1
    assert place(client, headers={"Idempotency-Key": "another"}).status_code == 200


def test_a_claim_without_an_answer_is_never_taken_over_and_its_owner_may_come_late(desk, clock):
    answer = Answer(200, "application/json", "", b"first")
    first = claim_key(desk, "key", "request")
    clock.move(60_000)
    with pytest.raises(answer_once.StillUnderWay):
        claim_key(desk, "key", "request")
    clock.move(1)
    with pytest.raises(answer_once.Unsettled):
        claim_key(desk, "key", "request")
    keep_answer(desk, first, answer)
    assert claim_key(desk, "key", "request") == answer
    answer_once.free_key(desk, first)
    assert claim_key(desk, "key", "request") == answer


def test_a_request_that_was_done_before_the_process_ended_is_not_done_again(client, desk, clock, session, monkeypatch):
    with monkeypatch.context() as crashing:
        crashing.setattr("workbench.web.idempotency.keep_answer", lambda *given: None)
        assert place(client).status_code == 200
    assert place(client).json()["error"]["code"] == "still_under_way"
    clock.move(60_001)
    assert place(client).json()["error"]["code"] == "unsettled"
    assert asked(desk) == 1


def test_a_key_is_forgotten_after_a_day(client, desk, clock, session):
    place(client)
    clock.move(DAY)
    assert place(client).headers["idempotency-replayed"] == "true"
    clock.move(1)
    assert place(client, headers={"Idempotency-Key": "another"}).status_code != 500
    assert keys(desk) == {"another"}


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "käse".encode("latin-1"), "tab\tin it"], ids=repr)
def test_what_is_no_key_is_refused(client, desk, session, key):
    refused = place(client, headers={"Idempotency-Key": key})
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "idempotency_key"
    assert "1 to 200 printable ASCII characters" in refused.json()["error"]["message"]
    assert asked(desk) == 0


def test_the_longest_key_is_taken(client, desk, session):
    key = {"Idempotency-Key": "~" * 200}
    assert place(client, headers=key).content == place(client, headers=key).content
    assert asked(desk) == 1


def test_reading_takes_no_key(client, desk):
    for _ in range(2):
        assert "idempotency-replayed" not in client.get(f"{API}/bot/status/", headers=KEY).headers
    assert keys(desk) == set()


def test_another_site_and_who_has_not_come_in_leave_no_key_behind(client, desk):
    assert place(client, headers={**KEY, "origin": "http://evil.example"}).status_code == 403
    with TestClient(create_app(desk, token="a token of twenty".replace(" ", "-")), base_url=HERE) as outside:
        assert place(outside).status_code == 401
        wrong = {"token": "wrong", "idempotency_key": "mine"}
        assert [outside.post("/paper-trading/login", data=wrong).status_code for _ in range(2)] == [401, 401]
    assert keys(desk) == set()


def test_the_client_places_once_what_it_sends_twice(client, desk, session):
    workbench = Client(http=client)
    told = [workbench.place(idempotency_key="mine", **ORDER) for _ in range(2)]
    assert told[0] == told[1]
    assert asked(desk) == 1


# --- forms ---------------------------------------------------------------------------------------------------------------


def test_an_order_form_that_is_sent_twice_places_one_order_and_gets_the_same_fragment(client, desk, session):
    key = key_in(client.get("/paper-trading/orders/").text)
    form = {**ORDER, "idempotency_key": key}
    first, again = (client.post("/paper-trading/orders/place?answer=block", data=form) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert again.text == first.text
    assert again.headers["idempotency-replayed"] == "true"
    assert asked(desk) == 1
    assert key_in(again.text) not in ("", key)
    assert client.post("/paper-trading/orders/place?answer=block", data={**form, "idempotency_key": key_in(again.text)}).text
    assert asked(desk) == 2


def test_a_post_that_is_reloaded_without_script_leads_to_the_same_page(client, desk, session):
    form = {**ORDER, "idempotency_key": "mine"}
    first, again = (client.post("/paper-trading/orders/place", data=form, follow_redirects=False) for _ in range(2))
    assert (again.status_code, again.headers["location"]) == (303, first.headers["location"])
    assert asked(desk) == 1


def test_a_form_that_is_wrong_is_sent_again_with_a_key_of_its_own(client, desk, session):
    form = {**ORDER, "amount_usd": "", "idempotency_key": "mine"}
    wrong = client.post("/paper-trading/orders/place?answer=block", data=form)
    assert wrong.status_code == 422
    right = {**ORDER, "idempotency_key": key_in(wrong.text)}
    assert client.post("/paper-trading/orders/place?answer=block", data=right).status_code == 200
    assert asked(desk) == 1


def test_a_key_of_another_form_is_told_at_the_head_of_the_page_and_the_form_stays(client, desk, session):
    form = {**ORDER, "idempotency_key": "mine"}
    client.post("/paper-trading/orders/place?answer=block", data=form)
    refused = client.post("/paper-trading/orders/place?answer=block", data={**form, "amount_usd": "7"})
    assert refused.status_code == 422
    assert (refused.headers["hx-retarget"], refused.headers["hx-reswap"]) == ("#notice", "innerHTML")
    assert refused.text.startswith("This differs from what was first sent under the same idempotency key")
    whole = client.post("/paper-trading/orders/place", data={**form, "amount_usd": "7"})
    assert whole.status_code == 422
    assert "<html" in whole.text
    assert asked(desk) == 1


@pytest.mark.parametrize("path", ["orders/check", "configuration/review"])
def test_what_is_only_looked_over_takes_no_key(client, desk, session, path):
    for amount in ("100", "200"):
        answer = client.post(f"/paper-trading/{path}?answer=block", data={**ORDER, "amount_usd": amount, "idempotency_key": "mine"})
        assert "idempotency key" not in answer.text
    assert keys(desk) == set()


def test_a_bot_form_that_is_sent_twice_starts_one_bot(client, desk):
    form = {"strategy": "sma_cross", "idempotency_key": key_in(client.get("/paper-trading/").text)}
    first, again = (client.post("/paper-trading/bot/start?answer=block", data=form) for _ in range(2))
    assert (again.status_code, again.text) == (200, first.text)
    with desk.store.read() as connection:
        assert len(reads.sessions(connection, default_account(desk))) == 1


def test_a_program_form_that_is_sent_twice_starts_one_program(client, desk, session):
    form = {**DCA, "idempotency_key": key_in(client.get("/paper-trading/strategies/").text)}
    first, again = (client.post("/paper-trading/strategies/start?answer=block", data=form) for _ in range(2))
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert asked(desk) == 1


def test_a_sweep_form_that_is_sent_twice_asks_for_one_sweep(client, desk):
    key = key_in(client.get("/paper-trading/research/").text)
    form = {"strategy": "sma_cross", "market": "WETH", "count": "900", "p.fast": "5, 10", "idempotency_key": key}
    first, again = (client.post("/paper-trading/research/start?answer=block", data=form) for _ in range(2))
    assert (again.status_code, again.text) == (200, first.text)
    with desk.store.read() as connection:
        assert len(list_sweep_runs(connection)) == 1


def test_a_drawing_that_several_readers_get_has_no_key_of_anybody(desk, session):
    with desk.store.read() as connection:
        account, query = default_account(desk), OrdersQuery()
        shared = [FORM.look(connection, Asking(account, query, desk.now(), is_shared=True)) for _ in range(2)]
        own = [FORM.look(connection, Asking(account, query, desk.now())) for _ in range(2)]
    assert shared[0] == shared[1]
    assert shared[0].key == ""
    assert own[0].key != own[1].key
    assert PAGE.block("form") is FORM
