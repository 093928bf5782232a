"""The document of the API: every address with its parameters and bodies, true to what the handlers take; a page without a CDN."""

import re

import pytest

from workbench.web import api
from workbench.web.api import bot, configuration, feed, orders, strategies, sweeps
from workbench.web.api.schema import BODIES, PAIRS, document

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
        # What an address says by itself needs no body, and none is read.
        if "post" not in operations or path.endswith("/activate/"):
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


def test_every_example_of_a_body_is_read(client):
    for path, operations in document()["paths"].items():
        example = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        if example is None:
            continue
        answer = client.post(path.replace("{number}", "1"), json=example)
        assert answer.status_code in (200, 404, 409), f"{path}: {answer.text}"


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
