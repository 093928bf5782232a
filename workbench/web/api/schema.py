"""The document of the API: OpenAPI 3.1 as a file, and a page of our own that shows it without anything from elsewhere.

Addresses, their parameters and what is answered are read from the handlers; what a body holds stands in `bodies`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from http import HTTPStatus
from shlex import quote
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin
from urllib.parse import urlencode

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

import workbench
from workbench.web.api.bodies import body_schema
from workbench.web.api.envelope import Told
from workbench.web.idempotency import CHANGING, HEADER, LONGEST, REPLAYED
from workbench.web.page import ROOT
from workbench.web.render import draw_page

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}

ORDER: Final = (
    "accounts/", "account/epochs/", "account/deposit/", "account/withdraw/", "account/reset/",
    "configuration/", "config/", "configurations/", "configurations/compare/", "configurations/{name}/activate/",
    "configurations/{name}/", "intel-level/",
    "prices/", "prices/{token_symbol}/", "candles/{symbol}/", "series/", "series/export/", "datasets/", "datasets/export/",
    "bot/start/", "bot/status/", "tasks/", "tasks/{task}/",
    "sessions/", "sessions/{session}/", "sessions/{session}/pause/", "sessions/{session}/resume/",
    "orders/place/", "orders/", "orders/export/", "orders/{number}/", "orders/cancel/",
    "strategies/", "strategies/active/", "strategies/export/", "strategies/{number}/", "strategies/{number}/pause/",
    "strategies/{number}/resume/", "strategies/{number}/cancel/", "commands/{command}/",
    "portfolio/", "positions/open/", "positions/open/export/", "positions/history/", "positions/history/export/",
    "trades/", "trades/recent/", "trades/export/", "ai-thoughts/", "ai-thoughts/export/", "ai-thoughts/why/",
    "metrics/", "performance/", "equity/", "analytics/data/", "analytics/export/", "autopilot/", "autopilot/export/", "feed/",
    "bot/stop/", "sessions/history/", "sessions/export/", "sessions/compare/export/", "sessions/{session}/export/",
    "sessions/{session}/delete/",
    "sweeps/", "sweeps/export/", "sweeps/{sweep}/", "sweeps/{sweep}/cancel/", "trials/", "trials/count/", "trials/export/",
)  # fmt: skip
"""The addresses as the document lists them: whoever sends its examples one after the other finds for each what it is about."""
PAIRS: Final = {
    "number": 4711,
    "command": 4711,
    "session": "3f2a9c1e",
    "sweep": "9d41",
    "task": "3f2a9c1e",
    "name": "Careful",
    "symbol": "WETH",
    "token_symbol": "WETH",
}
"""What stands for the names in an address in examples."""
ASKED: Final = {
    "ai-thoughts/why/": {"token": "WETH"},
    "configurations/compare/": {"before": "Default", "after": "Careful"},
}
"""What stands for the parameters that have to be given."""
LINKS: Final[dict[tuple[str, str], dict[str, tuple[str, ...]]]] = {
    ("post", "bot/start/"): {
        "/data/session_id": ("sessions/{session}/", "sessions/{session}/pause/", "sessions/{session}/resume/",
                             "sessions/{session}/export/", "sessions/{session}/delete/", "tasks/{task}/"),
    },
    ("post", "orders/"): {"/data/command_id": ("commands/{command}/",)},
    ("get", "orders/"): {"/data/items/0/order_id": ("orders/{number}/", "orders/cancel/")},
    ("get", "strategies/active/"): {
        "/data/strategies/0/strategy_id": ("strategies/{number}/", "strategies/{number}/pause/", "strategies/{number}/resume/",
                                           "strategies/{number}/cancel/"),
    },
    ("post", "sweeps/"): {"/data/sweep_id": ("sweeps/{sweep}/", "sweeps/{sweep}/cancel/")},
}  # fmt: skip
"""Which answers name what other addresses are about: the operation, where its answer has it, and those addresses."""
STREAMED: Final = "feed/"
"""The address whose answer never ends."""
_EVENT: Final = 'id: 4711\nevent: trade_executed\ndata: {"type":"trade_executed","id":4711,"data":{},"timestamp":""}\n\n'
_KEY: Final[Json] = {
    "name": HEADER, "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "description": "A key of your own: the request is done once, and sent again with the same key it is answered as it was first.",
}  # fmt: skip
_PROBLEMS: Final = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
_API: Final = f"{ROOT}/api/"


def _place(path: str) -> tuple[int, str]:
    """Return where an address stands in the document; what no order was thought of for comes last."""
    return (ORDER.index(path) if path in ORDER else len(ORDER)), path


class Operation(msgspec.Struct, frozen=True):
    """One thing that can be asked, as the page shows it."""

    method: str
    path: str
    summary: str
    parameters: tuple[Json, ...]
    body: Json | None
    curl: str


class Group(msgspec.Struct, frozen=True):
    """Operations of one kind."""

    title: str
    operations: tuple[Operation, ...]


class SchemaView(msgspec.Struct, frozen=True):
    """What `api.html` gets."""

    version: str
    groups: tuple[Group, ...]


@cache
def document() -> Json:
    """Return the API as an OpenAPI 3.1 document."""
    from workbench.web import api
    from workbench.web.api import feed

    config = OpenAPIConfig(title="Workbench", version=workbench.__version__, use_handler_docstrings=True)
    made: Json = Litestar(route_handlers=[*api.handlers, *feed.handlers], openapi_config=config).openapi_schema.to_schema()
    told = _answers([*api.handlers, *feed.handlers])
    types = list(dict.fromkeys(kind for kinds in told.values() for kind in kinds))
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    known = dict(zip(types, references, strict=True))
    paths: Json = {}
    for path, operations in made["paths"].items():
        full = path if path.endswith("/") else f"{path}/"
        paths[full] = {
            method: _told(full, method, operation, [known[kind] for kind in told.get((full, method), ())])
            for method, operation in operations.items()
        }
    _link(paths)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Workbench", "version": workbench.__version__, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items(), key=lambda item: _place(item[0].removeprefix(_API)))),
        "components": {"schemas": {**schemas, "Problem": _PROBLEM}, "securitySchemes": {"token": _SCHEME}},
        "security": [{}, {"token": []}],
    }  # fmt: skip
    # As it is sent: a list is a list, whatever it was made of.
    told_as_sent: Json = msgspec.json.decode(msgspec.json.encode(whole))
    return told_as_sent


_DESCRIPTION: Final = (
    "Paper trading: no real money moves. Money, prices and quantities are strings; times are ISO-8601, UTC.\n\n"
    "One rule for what is asked wrongly, in a path, a filter or a body, with its `field`: a value that is malformed, out of bounds "
    "or none of those listed is 422 `invalid`; a field or a parameter that nobody knows is 422 `unknown_field`; the name of "
    "something that is not there, such as an account, a session, a token, a strategy or an order, is 404 `not_found`. "
    "A body that is no JSON object is 400 `malformed`; what has its moment, and not now, is 409 `conflict`."
)


def _answers(handlers: Iterable[HTTPRouteHandler]) -> dict[tuple[str, str], list[Any]]:
    """Return what each operation tells in its envelope, by address and method, as its handler's annotation has it."""
    found: dict[tuple[str, str], list[Any]] = {}
    for handler in handlers:
        annotation = handler.parsed_fn_signature.return_type.annotation
        kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        told = [get_args(kind)[0] for kind in kinds if get_origin(kind) is Told]
        for path in handler.paths:
            for method in handler.http_methods:
                found[f"{re.sub(r':[a-z]+}', '}', path)}/".replace("//", "/"), method.lower()] = told
    return found


def _envelope(told: Sequence[Json]) -> Json:
    return {
        "type": "object", "required": ["success", "data", "timestamp"],
        "properties": {
            "success": {"const": True}, "data": told[0] if len(told) == 1 else {"anyOf": list(told)},
            "timestamp": {"type": "string", "format": "date-time"},
        },
    }  # fmt: skip


def _link(paths: Json) -> None:
    """Write down where an answer names what another address is about."""
    for (method, source), pointers in LINKS.items():
        links: Json = {}
        for pointer, rests in pointers.items():
            for rest in rests:
                for operation in paths[f"{_API}{rest}"].values():
                    value = f"$response.body#{pointer}"
                    names = re.findall(r"{(\w+)}", rest)
                    given = {"parameters": {f"path.{names[0]}": value}} if names else {"requestBody": {"order_id": value}}
                    links[operation["operationId"]] = {"operationId": operation["operationId"], **given}
        paths[f"{_API}{source}"][method]["responses"]["200"]["links"] = links


_PROBLEM: Final[Json] = {
    "type": "object", "required": ["success", "error", "timestamp"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object", "required": ["code", "message"],
            "properties": {"code": _TEXT, "message": _TEXT, "field": _TEXT},
        },
        "timestamp": {"type": "string", "format": "date-time"},
    },
}  # fmt: skip
_SCHEME: Final[Json] = {"type": "http", "scheme": "bearer", "description": "Asked for where the server listens beyond loopback."}


def _told(path: str, method: str, operation: Json, told_data: Sequence[Json]) -> Json:
    rest = path.removeprefix(_API)
    good: Json = {"description": "A CSV file.", "content": {"text/csv": {"schema": _TEXT}}}
    if rest == STREAMED:
        told_as = {"text/event-stream": {"schema": _TEXT, "example": _EVENT}}
        good = {"description": "Events as they come, without an end.", "content": told_as}
    elif not rest.endswith("export/"):
        good = {"description": "It was done.", "content": {"application/json": {"schema": _envelope(told_data)}}}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    responses = {"200": good}
    for status in _PROBLEMS:
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": {"application/json": problem}}
    examples = {**PAIRS, **ASKED.get(rest, {})}
    parameters: list[Json] = [
        {**parameter, "example": examples[parameter["name"]]}
        if parameter["in"] == "path" or parameter["name"] in ASKED.get(rest, {})
        else dict(parameter)
        for parameter in operation.get("parameters", [])
    ]
    told = {
        "operationId": f"{method}_{rest.strip('/').replace('/', '_').replace('{', '').replace('}', '').replace('-', '_')}",
        "summary": (operation.get("description") or operation.get("summary") or "").partition("\n")[0],
        "tags": [rest.split("/")[0]],
        "parameters": parameters,
        "responses": responses,
    }
    if method.upper() in CHANGING:
        told["parameters"] = [*parameters, _KEY]
        good["headers"] = {REPLAYED: {"description": "It was answered so before.", "schema": {"const": "true"}}}
    body = body_schema(rest)
    if method == "post" and body is not None:
        told["requestBody"] = {"content": {"application/json": body}}
    return told


def _groups(place: str) -> Iterator[Group]:
    found: dict[str, list[Operation]] = {}
    for path, operations in document()["paths"].items():
        for method, told in operations.items():
            found.setdefault(told["tags"][0], []).append(_operation(place, path, method, told))
    for title, each in found.items():
        yield Group(title, tuple(each))


def _operation(place: str, path: str, method: str, told: Json) -> Operation:
    example = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    filled = path
    for name, value in PAIRS.items():
        filled = filled.replace(f"{{{name}}}", str(value))
    rest = path.removeprefix(_API)
    asked = urlencode(ASKED.get(rest, {}))
    # What never ends is shown as it comes, not in pieces of some thousand letters.
    options = "-N " if rest == STREAMED else "" if method == "get" else f"-X {method.upper()} "
    curl = f"curl {options}{quote(place + filled + (f'?{asked}' if asked else ''))}"
    if method == "post" and example:
        curl += f" -H 'Content-Type: application/json' -d '{msgspec.json.encode(example).decode()}'"
    return Operation(method.upper(), path, told["summary"], tuple(told["parameters"]), example, curl)


@get("/paper-trading/api/openapi.json", include_in_schema=False)
async def openapi() -> Response[bytes]:
    """Tell the API as an OpenAPI 3.1 document."""
    return Response(msgspec.json.encode(document()), media_type="application/openapi+json")


@get("/paper-trading/api/docs/", include_in_schema=False)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the API: what can be asked, with what, and an example of each, at the address by which this page was asked for."""
    place = f"{request.url.scheme}://{request.url.netloc}"
    return Response(draw_page("api.html", SchemaView(workbench.__version__, tuple(_groups(place)))), media_type=MediaType.HTML)


handlers = [openapi, docs]
