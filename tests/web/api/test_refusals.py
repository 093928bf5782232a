"""One rule for whatever is asked wrongly, at every address and in every parameter that the document of the API knows."""

import re

import pytest
from litestar.testing import TestClient

from tests.web.conftest import HERE, begin
from workbench.store import reads
from workbench.web.api.schema import document
from workbench.web.app import create_app

NAMES = {"account", "session", "token", "tokens", "symbol", "source", "strategy", "strategy_type", "study", "name", "sessions"}
"""Parameters that name something that is kept; all others hold a value of a kind."""
ASKED = {"ai-thoughts/why/": {"token": "WETH"}, "configurations/compare/": {"before": "Default", "after": "Default"}}
READINGS = {path.split("/api/")[1]: methods["get"] for path, methods in document()["paths"].items() if "get" in methods}
QUESTIONS = [
    (path, parameter["name"]) for path, told in READINGS.items() for parameter in told["parameters"] if parameter["in"] == "query"
]


@pytest.fixture(scope="module")
def quiet(traded):
    """A client whose application never came up, so that no feed looks at the store beside it."""
    return TestClient(create_app(traded), base_url=HERE)


def ask(client, desk, path, **asked):
    with desk.store.read() as connection:
        session = reads.sessions(connection)[0].id
    known = {"symbol": "WETH", "token_symbol": "WETH", "session": session, "task": session}
    address = re.sub(r"{(\w+)}", lambda match: known.get(match[1], "1"), path)
    return client.get(f"/paper-trading/api/{address}", params={**ASKED.get(path, {}), **asked})


def refused(answer):
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("field")


@pytest.mark.parametrize(("path", "name"), QUESTIONS)
def test_what_is_not_there_is_404_and_what_is_no_value_422_wherever_it_is_asked(path, name, quiet, traded):
    is_name = name in NAMES or path.startswith("configurations/compare/")
    expected = (404, "not_found", name) if is_name else (422, "invalid", name)
    answer = ask(quiet, traded, path, **{name: "nonsense"})
    assert refused(answer) == expected, answer.text
    assert "nonsense" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [path for path in READINGS if "{" in path])
def test_what_an_address_names_and_is_not_there_is_404_with_its_field(path, quiet):
    fields = {"number": "order_id" if path.startswith("orders/") else "strategy_id"}
    (name,) = re.findall(r"{(\w+)}", path)
    answer = quiet.get(f"/paper-trading/api/{path.replace(f'{{{name}}}', '4711' if name in ('number', 'command') else 'nothing')}")
    assert refused(answer) == (404, "not_found", fields.get(name, name))


@pytest.mark.parametrize("path", READINGS)
def test_a_parameter_that_nobody_knows_is_refused_by_its_name(path, quiet, traded):
    assert refused(ask(quiet, traded, path, nonsense="1")) == (422, "unknown_field", "nonsense")


@pytest.mark.parametrize("path", READINGS)
def test_an_account_that_is_none_is_404_even_where_nothing_is_told_of_it(path, quiet, traded):
    assert refused(ask(quiet, traded, path, account="nope")) == (404, "not_found", "account")


@pytest.mark.parametrize(("path", "name"), [*QUESTIONS, ("accounts/", "account")])
def test_a_parameter_that_is_given_twice_is_refused_by_its_name(path, name, quiet, traded):
    answer = ask(quiet, traded, path, **{name: ["nonsense", "nothing"]})
    assert refused(answer) == (422, "invalid", name), answer.text
    assert answer.json()["error"]["message"] == f"{name}: expected one value, found 2 of them: 'nonsense', 'nothing'."


def test_a_value_out_of_a_list_is_taken_in_whatever_case_and_nothing_means_what_is_told_anyway(quiet, traded):
    named = {
        "analytics/export/": ("DAYS", "days"),
        "sessions/compare/export/": ("Lines", "lines"),
        "sessions/{session}/export/": ("ORDERS", "orders"),
    }
    for path, (large, small) in named.items():
        assert ask(quiet, traded, path, what=large).text == ask(quiet, traded, path, what=small).text != ""
        assert ask(quiet, traded, path, what="").text == ask(quiet, traded, path).text


def test_what_a_page_may_be_asked_for_is_named_where_it_is_asked_for_something_else(quiet):
    answer = quiet.post("/paper-trading/orders/cancel-all?answer=paeg")
    assert answer.status_code == 422
    assert "expected one of page, block, found &#39;paeg&#39;" in answer.text


@pytest.mark.parametrize(("path", "name"), [("bot/start/", "account"), ("orders/", "account"), ("bot/stop/", "close_positions")])
def test_what_belongs_into_a_body_is_refused_in_an_address_and_nothing_is_done(path, name, client, desk):
    answer = client.post(f"/paper-trading/api/{path}?{name}=Second", json={})
    assert refused(answer) == (422, "unknown_field", name)
    with desk.store.read() as connection:
        assert reads.sessions(connection) == []


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("trades/", {"limit": 0}, "limit"), ("trades/", {"limit": 201}, "limit"), ("trades/", {"before": -1}, "before"),
        ("trades/", {"before": 2**63}, "before"), ("trades/", {"token": "x" * 201}, "token"),
        ("orders/", {"before": "x"}, "before"),
        ("candles/{symbol}/", {"timeframe": "7m"}, "timeframe"), ("feed/", {"after": "x"}, "after"),
    ],
)  # fmt: skip
def test_a_broken_cursor_or_a_count_out_of_bounds_is_told_like_any_other_value(path, asked, field, quiet, traded):
    assert refused(ask(quiet, traded, path, **asked)) == (422, "invalid", field)


def test_what_has_to_be_asked_and_is_not_is_told_by_its_name(quiet):
    for path, field in (("ai-thoughts/why/", "token"), ("configurations/compare/?before=Default", "after")):
        answer = quiet.get(f"/paper-trading/api/{path}")
        assert refused(answer) == (422, "invalid", field)
        assert answer.json()["error"]["message"] == f"{field}: expected a value, found nothing."


def test_a_session_is_named_by_its_first_letters_and_brings_its_own_account(quiet, traded):
    with traded.store.read() as connection:
        session = reads.sessions(connection)[0].id
    for path in ("trades/", "orders/", "ai-thoughts/", "equity/"):
        items = ask(quiet, traded, path, session=session[:8]).json()["data"]["items"]
        assert {item["session_id"] for item in items} == {session}, path


def test_a_session_of_another_account_is_not_there_for_the_one_that_is_named(client):
    client.post("/paper-trading/api/accounts/", json={"name": "Second", "cash": "500"})
    second = client.post("/paper-trading/api/bot/start/", json={"account": "Second"}).json()["data"]["session_id"]
    for path in ("trades/", "orders/", "ai-thoughts/", "equity/", "strategies/", "autopilot/"):
        assert client.get(f"/paper-trading/api/{path}", params={"session": second}).status_code == 200, path
        wrong = client.get(f"/paper-trading/api/{path}", params={"session": second, "account": "Paper account"})
        assert refused(wrong) == (404, "not_found", "session"), path


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("orders/", {"order_type": "limitt"}, (422, "invalid", "order_type")),
        ("configuration/", {"trading_mode": "reckless"}, (422, "invalid", "trading_mode")),
        ("configuration/", {"siz_pct": 3}, (422, "unknown_field", "siz_pct")),
        ("accounts/", {"nam": "x"}, (422, "unknown_field", "nam")),
        ("bot/start/", {"parameters": {"fats": 5}}, (422, "unknown_field", "fats")),
        ("bot/start/", {"costs": "pol"}, (422, "invalid", "costs")),
        ("bot/start/", {"strategy": "nope"}, (404, "not_found", "strategy")),
        ("bot/start/", {"configuration": "Bald"}, (404, "not_found", "configuration")),
        ("bot/start/", {"symbols": ["WETHX"]}, (404, "not_found", "symbols")),
    ],
)
def test_a_body_is_refused_by_the_same_rule(client, desk, path, body, expected):
    if path == "orders/":
        begin(desk)
    assert refused(client.post(f"/paper-trading/api/{path}", json=body)) == expected
