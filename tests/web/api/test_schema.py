"""The document of the API: every address with its parameters and bodies, true to what the handlers take; a page without a CDN."""

import re
import shlex
from html import unescape

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.web.api.test_autopilot import adjusted  # noqa: F401  # the fixture is used by its name
from workbench.actions.advance_session import advance_session
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.web import api
from workbench.web.api import bot, configuration, feed, orders, strategies, sweeps
from workbench.web.api.bodies import BODIES
from workbench.web.api.schema import ORDER, PAIRS, document

ROOT = "/paper-trading/api"


def test_every_address_of_the_api_is_in_the_document():
    told = {(path, method.upper()) for path, operations in document()["paths"].items() for method in operations}
    there = set()
    for handler in [*api.handlers, *feed.handlers]:
        for path in handler.paths:
            for method in handler.http_methods:
                there.add((re.sub(r":\w+}", "}", path) + "/", method))
    assert told == there
    assert document()["openapi"] == "3.1.0"


def test_the_feed_is_in_the_document_with_all_accounts_and_no_end():
    told = document()["paths"][f"{ROOT}/feed/"]["get"]
    assert {parameter["name"]: parameter["description"] for parameter in told["parameters"]}.keys() == {"after", "kinds", "account"}
    assert any("* for all" in parameter["description"] for parameter in told["parameters"])
    assert list(told["responses"]["200"]["content"]) == ["text/event-stream"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("bot/start/", bot.START_FIELDS), ("bot/stop/", bot.STOP_FIELDS), ("configuration/", configuration.SAVED),
        ("orders/", orders.PLACE_FIELDS), ("strategies/", strategies.START_FIELDS), ("sweeps/", sweeps.FIELDS),
    ],
)  # fmt: skip
def test_what_a_body_is_said_to_hold_is_what_its_handler_takes(path, fields):
    assert set(BODIES[path]) == set(fields)


def test_every_post_is_said_to_hold_something_only_if_it_takes_it(client):
    for path, operations in document()["paths"].items():
        if "post" not in operations:
            continue
        filled = path
        for name, value in PAIRS.items():
            filled = filled.replace(f"{{{name}}}", str(value))
        answer = client.post(filled, json={"no_such_field": 1})
        assert answer.status_code in (404, 422), path


def test_every_changing_operation_and_no_other_takes_a_key():
    for operations in document()["paths"].values():
        for method, told in operations.items():
            takes = "Idempotency-Key" in [parameter["name"] for parameter in told["parameters"]]
            assert takes == (method != "get")
            assert ("Idempotency-Replayed" in told["responses"]["200"].get("headers", {})) == takes


def told_by(answer, pointer):
    """What stands in an answer at a pointer; None where nothing does."""
    found = answer.json()
    for part in pointer.removeprefix("$response.body#/").split("/"):
        found = found[int(part)] if isinstance(found, list) and found else None if found is None else found.get(part)
    return found


class Sender:
    """Sends what the document says, with its own examples and with what the answers that it links tell."""

    def __init__(self, client):
        self.client, self.known = client, {}

    def send(self, path, method, told):
        known = self.known.get(told["operationId"], {})
        values = {parameter["name"]: parameter.get("example") for parameter in told["parameters"]}
        for name, value in known.get("parameters", {}).items():
            values[name.removeprefix("path.")] = value
        asked = {p["name"]: values[p["name"]] for p in told["parameters"] if p["in"] == "query" and p["required"]}
        body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        body = {**body, **known.get("requestBody", {})} if body is not None else None
        address = re.sub(r"{(\w+)}", lambda match: str(values[match[1]]), path)
        answer = self.client.request(method.upper(), address, params=asked, json=body)
        for link in told["responses"]["200"].get("links", {}).values():
            given = {
                kind: {name: told_by(answer, pointer) for name, pointer in link[kind].items()}
                for kind in ("parameters", "requestBody")
                if kind in link
            }
            self.known[link["operationId"]] = given
        return answer


def operations(without=("feed/",)):
    for path, methods in document()["paths"].items():
        for method, told in methods.items():
            if path.split("/api/")[1] not in without:
                yield path, method, told


def test_every_example_is_done_when_all_are_sent_in_the_order_of_the_document(client, desk, clock):
    refresh_prices(desk)
    sender, going = Sender(client), None
    for path, method, told in operations():
        answer = sender.send(path, method, told)
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        if path.endswith("bot/start/"):
            going = answer.json()["data"]["session_id"]
        if going is not None:
            # Something that a worker does between two requests, as it would anyway.
            clock.move(5_000)
            advance_session(desk, going)


def schemas_in(node):
    """Every schema that stands in a piece of the document, whatever it is called."""
    if isinstance(node, dict):
        for name, inner in node.items():
            if name in ("properties", "patternProperties"):
                yield from inner.values()
            elif name in ("items", "additionalProperties", "schema") and isinstance(inner, dict):
                yield inner
            elif name == "anyOf":
                yield from inner
            if name not in ("example", "default", "enum"):
                yield from schemas_in(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from schemas_in(inner)


def test_no_schema_says_nothing():
    told = [*schemas_in(document())]
    assert len(told) > 1_000
    assert {} not in told


def departures(answer, told):
    """Where an answer is not as its schema says."""
    assert answer.status_code == 200, answer.text
    schema = told["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document()["components"]}
    wrong = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(answer.json())
    return [f"{list(error.path)}: {error.message}" for error in wrong]


def reading(path):
    return document()["paths"][f"{ROOT}/{path}"]["get"]


def test_every_list_with_something_in_it_is_as_its_schema_says(pages):
    lists = ("trades/", "ai-thoughts/", "orders/", "positions/open/", "positions/history/", "equity/", "sessions/")
    for path in (*lists, "bot/status/", "portfolio/", "performance/", "analytics/data/"):
        answer = pages.get(f"{ROOT}/{path}")
        assert answer.json()["data"].get("items") != [], path
        assert departures(answer, reading(path)) == [], path


def test_before_the_first_session_the_status_is_as_its_schema_says(client):
    answer = client.get(f"{ROOT}/bot/status/")
    assert answer.json()["data"]["session_id"] is None
    assert departures(answer, reading("bot/status/")) == []


def test_what_came_of_a_sweep_and_what_the_autopilot_did_is_as_its_schema_says(client, desk, adjusted):  # noqa: F811
    asked = {"strategy": "sma_cross", "values": {"fast": [5, 10], "slow": [30, 40]}, "count": 900}
    sweep = client.post(f"{ROOT}/sweeps/", json=asked).json()["data"]["sweep_id"]
    run_requested_sweep(desk, sweep)
    assert departures(client.get(f"{ROOT}/sweeps/{sweep}/"), reading("sweeps/{sweep}/")) == []
    for path in ("sweeps/", "trials/", "trials/count/", "tasks/", "autopilot/"):
        answer = client.get(f"{ROOT}/{path}")
        assert answer.json()["data"].get("items") != [], path
        assert departures(answer, reading(path)) == [], path


def test_every_answer_is_as_its_schema_says(client, desk, clock):
    refresh_prices(desk)
    sender, going, seen = Sender(client), None, 0
    for path, method, told in operations():
        answer = sender.send(path, method, told)
        (kind,) = told["responses"]["200"]["content"]
        assert answer.headers["content-type"].startswith(kind), path
        if kind == "application/json":
            assert departures(answer, told) == [], f"{method} {path}"
            seen += 1
        if path.endswith("bot/start/"):
            going = answer.json()["data"]["session_id"]
        if going is not None:
            clock.move(5_000)
            advance_session(desk, going)
    assert seen > 60


def test_the_rows_of_an_answer_have_no_field_that_its_schema_does_not_know(pages):
    schemas = document()["components"]["schemas"]
    for path, name in (("trades/", "Trade"), ("ai-thoughts/", "Thought"), ("sessions/", "MadeSession"), ("orders/", "Order")):
        row = pages.get(f"{ROOT}/{path}").json()["data"]["items"][0]
        assert list(row) == list(schemas[name]["properties"])


def test_every_address_says_what_may_be_asked_of_it_as_the_document_does(client):
    for path, operations in document()["paths"].items():
        filled = path.replace("{number}", "1").replace("{command}", "1")
        answer = client.options(filled)
        assert answer.status_code == 204, path
        assert answer.headers["allow"] == ", ".join(sorted({"OPTIONS", *map(str.upper, operations)})), path
        refused = client.put(filled)
        assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, set(answer.headers["allow"].split(", ")))


def test_the_page_of_the_api_loads_nothing_from_elsewhere(client):
    page = client.get(f"{ROOT}/docs/")
    assert page.status_code == 200
    assert not re.findall(r'(?:src|href)="https?://', page.text)
    assert "/paper-trading/api/trades/" in page.text
    assert client.get(f"{ROOT}/openapi.json").json() == document()


def test_every_address_has_its_place_in_the_order_of_the_document():
    paths = [path.split("/api/")[1] for path in document()["paths"]]
    assert paths == list(ORDER)


def test_what_there_is_to_copy_asks_the_server_that_the_page_came_from(client):
    for host in ("127.0.0.1:8123", "localhost:8000", "[::1]:9000"):
        page = unescape(client.get(f"{ROOT}/docs/", headers={"host": host}).text)
        calls = [shlex.split(call) for call in re.findall(r"curl [^<]*", page)]
        assert len(calls) == len(list(operations(without=())))
        for call in calls:
            (address,) = [word for word in call if word.startswith("http")]
            assert address.startswith(f"http://{host}{ROOT}/")
            assert ("-N" in call) == address.endswith("/feed/")
