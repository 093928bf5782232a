import logging
from decimal import Decimal

import pytest
from litestar.exceptions import HTTPException

from workbench.errors import Conflict, Invalid, LedgerBroken, Malformed, NotFound, SourceUnavailable
from workbench.web.errors import tell
from workbench.web.pages import dashboard


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (Malformed("The body", "JSON", "nothing"), 400, "malformed"),
        (NotFound("token", "WETTH", ["WETH"]), 404, "not_found"),
        (Conflict("one session", "there is another"), 409, "conflict"),
        (Invalid("size_pct", "a number", "abc"), 422, "invalid"),
        (SourceUnavailable("simulated", "asleep"), 503, "source_unavailable"),
        (HTTPException(status_code=405), 405, "method_not_allowed"),
    ],
)
def test_an_error_has_its_status_its_code_and_its_sentence(problem, status, code):
    found, trouble = tell(problem)
    assert (found, trouble.code) == (status, code)
    assert trouble.message.endswith(".")


def test_a_refusal_names_its_field():
    assert tell(Invalid("size_pct", "a number", "abc"))[1].field == "size_pct"


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (Decimal(-5), "-5"), (Decimal("1E-8"), "0.00000001"), (Decimal("1E+999999"), "1E+999999"), (Decimal("NaN"), "NaN"),
        (Decimal("0E-40"), "0E-40"), (None, "nothing"), (True, "true"), (False, "false"), (5, "5"), (0.5, "0.5"), ("abc", "'abc'"),
        ("two words", "two words"), ("", "''"),
    ],
)  # fmt: skip
def test_what_was_found_is_told_as_a_person_writes_it(found, written):
    assert str(Invalid("size_pct", "a number", found)) == f"size_pct: expected a number, found {written}."


@pytest.mark.parametrize("problem", [ValueError("a secret"), LedgerBroken("identity", 1, 2)])
def test_what_we_did_not_mean_gets_a_number_that_the_log_has(problem, caplog):
    with caplog.at_level(logging.ERROR):
        status, trouble = tell(problem)
    assert status == 500
    assert "secret" not in trouble.message
    number = trouble.message.split("error ")[1].split(" ")[0]
    assert number in caplog.text


def test_a_page_that_is_not_there_is_a_calm_page(client):
    answer = client.get("/paper-trading/nothing/at/all")
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.text
    assert 'href="/paper-trading/"' in answer.text


def test_a_button_pressed_too_often_is_told_at_the_head_of_the_page_and_its_block_stays(client):
    def pressed():
        return client.post("/paper-trading/orders/cancel-all?answer=block")

    flooded = next(answer for answer in (pressed() for _ in range(500)) if answer.status_code == 429)
    assert (flooded.headers["hx-retarget"], flooded.headers["hx-reswap"]) == ("#notice", "innerHTML")
    assert flooded.text.startswith("Requests that change something come too fast.")
    assert client.post("/paper-trading/orders/cancel-all").text.startswith("<!doctype html>")


def test_under_the_api_it_is_the_envelope(client):
    answer = client.get("/paper-trading/api/nothing")
    assert answer.status_code == 404
    body = answer.json()
    assert body["success"] is False
    assert body["error"] == {"code": "not_found", "message": "There is nothing at this address."}
    assert body["timestamp"]


def test_a_block_with_a_wrong_name_says_which_was_meant(client):
    answer = client.get("/paper-trading/dashboard/thougts")
    assert answer.status_code == 404
    assert "thoughts" in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/paper-trading/?range=5y",
        "/paper-trading/trades/?side=both",
        "/paper-trading/trades/?before=x",
        "/paper-trading/trades/?sort=colour",
        "/paper-trading/strategies/?before=x",
        "/paper-trading/research/?before=x",
    ],
)
def test_a_wrong_answer_to_a_pages_question_is_refused_in_a_sentence(client, address):
    answer = client.get(address)
    assert answer.status_code == 422
    assert "expected" in answer.text


def test_a_page_that_breaks_shows_a_number_and_no_traceback(client, monkeypatch, caplog):
    monkeypatch.setattr(dashboard.reads, "quotes", lambda *_, **__: 1 / 0)
    answer = client.get("/paper-trading/")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "in the log" in answer.text
    assert "ZeroDivisionError" in caplog.text
