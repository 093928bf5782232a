"""Accounts and configurations over JSON."""

import pytest

from tests.web.api.test_api import QUICK, ROOT, client, go  # noqa: F401  # the fixture is used by its name
from workbench.actions.open_account import default_account
from workbench.store import reads
from workbench.web.api.schema import document


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def refused(answer, status, field, said):
    body = answer.json()
    assert (answer.status_code, body["success"]) == (status, False)
    assert body["error"].get("field") == field
    assert said in body["error"]["message"]


def test_the_active_configuration_is_told_with_every_field(client):  # noqa: F811
    for path in ("configuration/", "config/"):
        told = data(client.get(f"{ROOT}/{path}"))["configuration"]
        assert (told["name"], told["version"], told["trading_mode"], told["is_active"]) == ("Default", 1, "CUSTOM", True)
        assert (told["size_pct"], told["max_positions"], told["allowed_tokens"], told["failure_rate_pct"]) == ("10", 5, [], "0")


def test_a_configuration_is_saved_as_a_version_with_what_it_changes(client, desk):  # noqa: F811
    body = {"name": "Bold", "trading_mode": "aggressive", "enable_dca": True, "failure_rate_pct": 2, "parameters": {"fast": 5}}
    saved = data(client.post(f"{ROOT}/configuration/", json=body))
    assert saved["created"] is True
    assert {change["field"] for change in saved["changes"]} >= {"intel_level", "enable_dca", "failure_rate_pct", "parameters"}
    assert data(client.post(f"{ROOT}/configuration/", json={"size_pct": 12}))["configuration"]["version"] == 2
    listed = data(client.get(f"{ROOT}/configurations/"))["items"]
    assert [(row["name"], row["is_active"]) for row in listed] == [("Bold", True), ("Default", False)]
    compared = data(client.get(f"{ROOT}/configurations/compare/", params={"before": "Bold@1", "after": "Bold@2"}))
    assert compared["changes"] == [{"field": "size_pct", "label": "Size", "before": "10 %", "after": "12 %"}]
    assert data(client.post(f"{ROOT}/configurations/Bold@1/activate/"))["configuration"]["size_pct"] == "10"
    started = data(client.post(f"{ROOT}/bot/start/", json={}))
    with desk.store.read() as connection:
        session = reads.session(connection, started["session_id"])
    assert (session.configuration.name, session.configuration.parameters, session.configuration.intel_level) == (
        "Bold",
        {"fast": 5},
        8,
    )
    assert data(client.delete(f"{ROOT}/configurations/Bold/"))["message"] == "Bold was deleted; Default is active."
    refused(client.delete(f"{ROOT}/configurations/Default/"), 409, None, "is its last")


def test_a_version_is_activated_for_the_account_that_the_body_names(client, desk):  # noqa: F811
    data(client.post(f"{ROOT}/accounts/", json={"name": "Second"}))
    for size in (12, 13):
        data(client.post(f"{ROOT}/configuration/", json={"size_pct": size, "account": "Second"}))
    told = data(client.post(f"{ROOT}/configurations/Default@2/activate/", json={"account": "Second"}))["configuration"]
    assert (told["version"], told["size_pct"]) == (2, "12")
    assert data(client.get(f"{ROOT}/configuration/"))["configuration"]["version"] == 1
    path = f"{ROOT}/configurations/Default/activate/"
    refused(client.post(path, json={"account": "nope"}), 404, "account", "There is no account 'nope'")
    refused(client.post(path, json={"zzz": 1}), 422, "zzz", "There is no field 'zzz'")
    refused(client.post(f"{path}?account=Second"), 422, "account", "There is no parameter 'account'")
    assert "NAME@VERSION" in document()["paths"][f"{ROOT}/configurations/{{name}}/activate/"]["post"]["summary"]


def test_a_saved_configuration_reaches_the_running_session_if_it_is_to(client, desk, clock):  # noqa: F811
    started = data(client.post(f"{ROOT}/bot/start/", json=QUICK))
    go(desk, clock, started["session_id"], 2)
    data(client.post(f"{ROOT}/configuration/", json={"size_pct": 33}))
    go(desk, clock, started["session_id"], 2)
    with desk.store.read() as connection:
        assert reads.session(connection, started["session_id"]).configuration.size_pct == 10
    data(client.post(f"{ROOT}/configuration/", json={"size_pct": 34, "apply_now": True}))
    go(desk, clock, started["session_id"], 1)
    with desk.store.read() as connection:
        assert reads.session(connection, started["session_id"]).configuration.size_pct == 34


@pytest.mark.parametrize(
    ("body", "status", "field", "said"),
    [
        ({"siz_pct": 3}, 422, "siz_pct", "Did you mean 'size_pct'"),
        ({"size_pct": 300}, 422, "size_pct", "from 0.01 to 100"),
        ({"enable_dca": "yes"}, 422, "enable_dca", "true or false"),
        ({"strategy": "nope"}, 404, "strategy", "There is no strategy 'nope'"),
        ({"name": 5}, 422, "name", "a text"),
        ({"name": "  "}, 422, "name", "a name"),
        ({"parameters": [1]}, 422, "parameters", "an object of names and numbers"),
        ({"parameters": {"fast": 1}}, 422, "fast", "from 2 to 100"),
        ({"trading_mode": "reckless"}, 422, "trading_mode", "expected one of"),
        ({"apply_now": 1}, 422, "apply_now", "true or false"),
        ({"fee_bps": 1}, 422, "fee_bps", "There is no field 'fee_bps'"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_and_nothing_is_saved(client, desk, body, status, field, said):  # noqa: F811
    refused(client.post(f"{ROOT}/configuration/", json=body), status, field, said)
    with desk.store.read() as connection:
        assert len(reads.configurations(connection, default_account(desk), "Default")) == 1


def test_an_account_is_opened_trades_beside_the_default_one_and_is_reset(client, desk, clock):  # noqa: F811
    opened = data(client.post(f"{ROOT}/accounts/", json={"name": "Second", "cash": 5000}))["account"]
    assert (opened["name"], opened["cash_balance"], opened["epoch"]) == ("Second", "5000.00000000", 1)
    first = data(client.post(f"{ROOT}/bot/start/", json=QUICK))["session_id"]
    second = data(client.post(f"{ROOT}/bot/start/", json={**QUICK, "account": "Second"}))["session_id"]
    for session in (first, second):
        go(desk, clock, session, 8)
    given = data(client.post(f"{ROOT}/account/deposit/", json={"amount": "5", "account": "Second"}))
    assert given["account"]["session_id"] == second
    assert given["message"].startswith("5 USD is put in before the next bar")
    command = f"{ROOT}/commands/{given['command_id']}/"
    before = data(client.get(command))["status"]
    go(desk, clock, second, 1)
    assert data(client.get(command))["status"] != before
    assert data(client.get(f"{ROOT}/portfolio/?account=Second"))["portfolio"]["deposits"] == "5005.00000000"
    taken = data(client.post(f"{ROOT}/account/withdraw/", json={"amount": 5, "account": "Second"}))
    assert (taken["command_id"], taken["message"][:27]) == (given["command_id"] + 1, "5 USD is taken out before t")
    answer = client.post(f"{ROOT}/account/reset/", json={"amount": 700, "account": "Second"})
    refused(answer, 409, None, "while no session of it runs")
    data(client.post(f"{ROOT}/bot/stop/"))
    go(desk, clock, first, 0)
    reset = data(client.post(f"{ROOT}/account/reset/", json={"amount": 700}))
    assert (reset["new_balance"], reset["epoch"]) == ("700.00000000", 2)
    assert [row["epoch"] for row in data(client.get(f"{ROOT}/account/epochs/"))["items"]] == [2, 1]
    told = data(client.post(f"{ROOT}/account/withdraw/", json={"amount": 100}))
    assert (told["command_id"], told["message"]) == (None, "100 USD was taken out.")
    moved = told["account"]
    assert (moved["cash_balance"], moved["total_pnl"]) == ("600.00000000", "0.00000000")
    names = [row["name"] for row in data(client.get(f"{ROOT}/accounts/"))["items"]]
    assert set(names) == {"Second", "Paper account"}


@pytest.mark.parametrize(
    ("path", "body", "status", "field", "said"),
    [
        ("accounts/", {}, 422, "name", "expected a name"),
        ("accounts/", {"name": "Paper account"}, 422, "name", "that no account has yet"),
        ("accounts/", {"name": "x" * 121}, 422, "name", "up to 120 letters"),
        ("bot/start/", {"session_name": "x" * 121}, 422, "session_name", "up to 120 letters"),
        ("accounts/", {"name": "x", "cash": 0}, 422, "cash", "an amount from"),
        ("accounts/", {"nam": "x"}, 422, "nam", "Did you mean 'name'"),
        ("account/reset/", {}, 422, "amount", "a number"),
        ("account/reset/", {"amount": 99}, 422, "amount", "from 100 to 1000000"),
        ("account/reset/", {"amount": "NaN"}, 422, "amount", "finite"),
        ("account/reset/", {"amount": 500, "account": "nobody"}, 404, "account", "There is no account 'nobody'"),
        ("account/deposit/", {"amount": -1}, 422, "amount", "above zero"),
        ("account/withdraw/", {"amount": 99_999}, 422, "amount", "at most the 10000.00000000 cash"),
        ("account/withdraw/", {"amount": 1, "account": 7}, 422, "account", "name or id"),
        ("bot/start/", {"account": "nobody"}, 404, "account", "There is no account 'nobody'"),
        ("bot/start/", {"configuration": "Bald"}, 404, "configuration", "There is no configuration 'Bald'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(client, desk, path, body, status, field, said):  # noqa: F811
    default_account(desk)
    refused(client.post(f"{ROOT}/{path}", json=body), status, field, said)


def test_the_longest_name_of_an_account_is_one_that_an_address_takes(client):  # noqa: F811
    name = "Ä" * 120
    opened = data(client.post(f"{ROOT}/accounts/", json={"name": name}))["account"]
    for asked in (name, name.lower()):
        assert data(client.get(f"{ROOT}/portfolio/", params={"account": asked}))["portfolio"]["account_id"] == opened["account_id"]
    refused(client.get(f"{ROOT}/portfolio/", params={"account": name + "Ä"}), 422, "account", "at most 120 characters")
