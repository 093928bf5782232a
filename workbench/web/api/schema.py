"""The document of the API: OpenAPI 3.1 as a file, and a page of our own that shows it without anything from elsewhere.

Addresses and their parameters are read from the handlers; what a body holds stands here, and a test holds it to what the
handlers take.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Response, get
from litestar.openapi import OpenAPIConfig

import workbench
from workbench.domain.sweeps import SweepRequest
from workbench.domain.terms import OPTIONS, REALISM, RULES
from workbench.web.idempotency import CHANGING, HEADER, LONGEST, REPLAYED
from workbench.web.page import ROOT
from workbench.web.render import draw_page

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_NUMBER: Final[Json] = {"type": ["string", "number"]}
_WHOLE: Final[Json] = {"type": "integer"}
_FLAG: Final[Json] = {"type": "boolean"}
_OBJECT: Final[Json] = {"type": "object"}
_LIST: Final[Json] = {"type": "array"}
_ANY: Final[Json] = {}

BODIES: Final[dict[str, dict[str, tuple[Json, Any]]]] = {
    "bot/start/": {
        "runtime_minutes": (_NUMBER, 60), "strategy": (_TEXT, "sma_cross"), "parameters": (_OBJECT, {"fast": 20, "slow": 100}),
        "symbols": (_LIST, ["WETH", "AERO"]), "timeframe": (_TEXT, "5s"), "session_name": (_TEXT, "Morning"),
        "account": (_TEXT, None), "configuration": (_TEXT, None), "mode": (_TEXT, None), "source": (_TEXT, None),
        "dataset": (_TEXT, None), "speed": (_NUMBER, None), "seed": (_WHOLE, None), "programs": (_LIST, None),
        "cash": (_NUMBER, None),
        **dict.fromkeys(OPTIONS, (_ANY, None)), "size_pct": (_NUMBER, 10), "stop_loss_pct": (_NUMBER, 5),
    },
    "bot/stop/": {"reason": (_TEXT, "User requested stop"), "close_positions": (_FLAG, False), "account": (_TEXT, None)},
    "configuration/": {
        "name": (_TEXT, "Careful"), "trading_mode": (_TEXT, "CONSERVATIVE"), "apply_now": (_FLAG, False), "account": (_TEXT, None),
        "strategy": (_TEXT, None), "parameters": (_OBJECT, None), **dict.fromkeys((*RULES, *REALISM), (_ANY, None)),
        "max_positions": (_NUMBER, 3),
    },
    "intel-level/": {"intel_level": ({"type": ["integer", "null"]}, 5), "apply_now": (_FLAG, False), "account": (_TEXT, None)},
    "orders/": {
        "order_type": (_TEXT, "limit"), "side": (_TEXT, "buy"), "token_symbol": (_TEXT, "WETH"), "amount_usd": (_NUMBER, "250"),
        "limit_price": (_NUMBER, "2450.5"), "token_address": (_TEXT, None), "quantity": (_NUMBER, None),
        "stop_price": (_NUMBER, None),
        "trigger_price": (_NUMBER, None), "trail_percent": (_NUMBER, None), "trail_amount": (_NUMBER, None),
        "stop_loss_price": (_NUMBER, None), "take_profit_price": (_NUMBER, None), "time_in_force": (_TEXT, None),
        "expires_at": (_TEXT, None), "reduce_only": (_FLAG, None), "account": (_TEXT, None),
    },
    "orders/cancel/": {"order_id": (_WHOLE, 4711), "reason": (_TEXT, None)},
    "accounts/": {"name": (_TEXT, "Second"), "cash": (_NUMBER, 5000)},
    "account/reset/": {"amount": (_NUMBER, 10_000), "account": (_TEXT, None)},
    "account/deposit/": {"amount": (_NUMBER, 500), "account": (_TEXT, None)},
    "strategies/": {
        "strategy_type": (_TEXT, "dca"), "token": (_TEXT, "WETH"), "parameters": (_OBJECT, {"amount": 500, "intervals": 5}),
        "account": (_TEXT, None),
    },
    "strategies/{number}/cancel/": {"sell": (_FLAG, False)},
    "sweeps/": {
        "strategy": (_TEXT, "sma_cross"), "values": (_OBJECT, {"fast": [5, 10, 20], "slow": [40, 80]}), "count": (_WHOLE, 4000),
        **{name: (_ANY, None) for name in SweepRequest.__struct_fields__ if name not in ("strategy", "values", "count")},
    },
}  # fmt: skip
"""What the bodies hold, by address: each field with its kind and, where the example has it, its value."""
SAME: Final = {"config/": "configuration/", "orders/place/": "orders/", "account/withdraw/": "account/deposit/"}
"""Addresses whose bodies are those of another."""
PAIRS: Final = {
    "number": 4711,
    "command": 4711,
    "session": "3f2a9c1e",
    "sweep": "9d41",
    "task": "3f2a9c1e",
    "name": "Default",
    "token_symbol": "WETH",
}
"""What stands for the names in an address in examples."""
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
    paths: Json = {}
    for path, operations in made["paths"].items():
        full = path if path.endswith("/") else f"{path}/"
        paths[full] = {method: _told(full, method, operation) for method, operation in operations.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Workbench", "version": workbench.__version__,
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Answer": _ANSWER, "Problem": _PROBLEM}, "securitySchemes": {"token": _SCHEME}},
        "security": [{}, {"token": []}],
    }  # fmt: skip


_DESCRIPTION: Final = (
    "Paper trading: no real money moves. Money, prices and quantities are strings; times are ISO-8601, UTC.\n\n"
    "One rule for what is asked wrongly, in a path, a filter or a body, with its `field`: a value that is malformed, out of bounds "
    "or none of those listed is 422 `invalid`; a field or a parameter that nobody knows is 422 `unknown_field`; the name of "
    "something that is not there, such as an account, a session, a token, a strategy or an order, is 404 `not_found`. "
    "A body that is no JSON object is 400 `malformed`; what has its moment, and not now, is 409 `conflict`."
)
_ANSWER: Final[Json] = {
    "type": "object", "required": ["success", "data", "timestamp"],
    "properties": {"success": {"const": True}, "data": {}, "timestamp": {"type": "string", "format": "date-time"}},
}  # fmt: skip
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


def _told(path: str, method: str, operation: Json) -> Json:
    rest = path.removeprefix(_API)
    good: Json = {"description": "A CSV file.", "content": {"text/csv": {"schema": _TEXT}}}
    if rest == STREAMED:
        told_as = {"text/event-stream": {"schema": _TEXT, "example": _EVENT}}
        good = {"description": "Events as they come, without an end.", "content": told_as}
    elif not rest.endswith("export/"):
        example = {"success": True, "data": {}, "timestamp": "2026-01-01T00:00:00.000+00:00"}
        schema = {"$ref": "#/components/schemas/Answer"}
        good = {"description": "It was done.", "content": {"application/json": {"schema": schema, "example": example}}}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    responses = {"200": good}
    for status in _PROBLEMS:
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": {"application/json": problem}}
    parameters: list[Json] = [dict(parameter) for parameter in operation.get("parameters", [])]
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
    body = _body(rest)
    if method == "post" and body:
        told["requestBody"] = {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {name: schema for name, (schema, _) in body.items()},
                        "additionalProperties": False,
                    },
                    "example": {name: value for name, (_, value) in body.items() if value is not None},
                }
            }
        }
    return told


def _body(rest: str) -> Mapping[str, tuple[Json, Any]]:
    return BODIES.get(SAME.get(rest, rest), {})


def _groups() -> Iterator[Group]:
    found: dict[str, list[Operation]] = {}
    for path, operations in document()["paths"].items():
        for method, told in operations.items():
            found.setdefault(told["tags"][0], []).append(_operation(path, method, told))
    for title, each in found.items():
        yield Group(title, tuple(each))


def _operation(path: str, method: str, told: Json) -> Operation:
    example = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    filled = path
    for name, value in PAIRS.items():
        filled = filled.replace(f"{{{name}}}", str(value))
    curl = f"curl {'' if method == 'get' else f'-X {method.upper()} '}http://localhost:8000{filled}"
    if method == "post" and example:
        curl += f" -H 'Content-Type: application/json' -d '{msgspec.json.encode(example).decode()}'"
    return Operation(method.upper(), path, told["summary"], tuple(told["parameters"]), example, curl)


@get("/paper-trading/api/openapi.json", include_in_schema=False)
async def openapi() -> Response[bytes]:
    """Tell the API as an OpenAPI 3.1 document."""
    return Response(msgspec.json.encode(document()), media_type="application/openapi+json")


@get("/paper-trading/api/docs/", include_in_schema=False)
async def docs() -> Response[str]:
    """Show the API: what can be asked, with what, and an example of each."""
    return Response(draw_page("api.html", SchemaView(workbench.__version__, tuple(_groups()))), media_type=MediaType.HTML)


handlers = [openapi, docs]
