"""What the bodies of requests hold: each field with its schema and, where the example has it, its value.

The rules, the costs and the frictions have their schemas from the structs that they are read into. A test holds the fields to
what the handlers take.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import MODELS, ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.sweeps import SweepRequest
from workbench.domain.terms import COSTS, REALISM, RULES

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_NUMBER: Final[Json] = {"type": ["string", "number"]}
_WHOLE: Final[Json] = {"type": "integer"}
_FLAG: Final[Json] = {"type": "boolean"}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_PARAMETERS: Final[Json] = {
    "type": "object", "description": "By the strategy's own names.", "additionalProperties": {"type": ["number", "string"]},
}  # fmt: skip
_OF_PROGRAM: Final[Json] = {
    "type": "object", "description": "By the program's own names.",
    "additionalProperties": {"type": ["number", "string", "boolean", "array"], "items": _NUMBER},
}  # fmt: skip
_PROGRAMS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object", "required": ["program"], "additionalProperties": False,
        "properties": {"program": _TEXT, "symbol": _TEXT, "parameters": _OF_PROGRAM},
    },
}  # fmt: skip
_SCALAR: Final[Json] = {"type": ["string", "number", "boolean"]}
_TRIED: Final[Json] = {"type": "object", "additionalProperties": {"anyOf": [{"type": "array", "items": _SCALAR}, _SCALAR]}}


def _loose(schema: Json) -> Json:
    """Return the schema of a value as a caller may write it: a `Decimal` as a number too."""
    if "anyOf" in schema:
        return {"anyOf": [_loose(part) for part in schema["anyOf"]]}
    if schema.get("format") == "decimal":
        return _NUMBER
    return {name: part for name, part in schema.items() if name != "default"}


def _fields(names: Iterable[str], *structs: type[msgspec.Struct]) -> dict[str, tuple[Json, Any]]:
    """Return the schemas of fields that several structs have, the first that has one."""
    known: Json = {}
    for struct in reversed(structs):
        known |= msgspec.json.schema_components([struct])[1][struct.__name__]["properties"]
    return {name: (_loose(known[name]), None) for name in names}


_RULES: Final = _fields(RULES, StrategyConfiguration)
_REALISM: Final = _fields(REALISM, PaperTradingConfig)
_OPTIONS: Final = {
    "trading_mode": (_TEXT, None), "costs": ({"enum": [*MODELS]}, None),
    **_RULES, **_fields(COSTS, ExchangeCosts, PoolCosts), **_REALISM,
}  # fmt: skip


BODIES: Final[dict[str, dict[str, tuple[Json, Any]]]] = {
    "bot/start/": {
        "runtime_minutes": (_NUMBER, 60), "strategy": (_TEXT, "sma_cross"), "parameters": (_PARAMETERS, {"fast": 20, "slow": 100}),
        "symbols": (_TEXTS, ["WETH", "AERO"]), "timeframe": (_TEXT, "5s"), "session_name": (_TEXT, "Morning"),
        "account": (_TEXT, None), "configuration": (_TEXT, None), "mode": ({"enum": ["live", "replay"]}, None),
        "source": (_TEXT, None), "dataset": (_TEXT, None), "speed": (_NUMBER, None), "seed": (_WHOLE, None),
        "programs": (_PROGRAMS, None), "cash": (_NUMBER, None),
        **_OPTIONS, "size_pct": (_NUMBER, 10), "stop_loss_pct": (_NUMBER, 5),
    },
    "bot/stop/": {"reason": (_TEXT, "User requested stop"), "close_positions": (_FLAG, False), "account": (_TEXT, None)},
    "configuration/": {
        "name": (_TEXT, "Careful"), "trading_mode": (_TEXT, "CONSERVATIVE"), "apply_now": (_FLAG, False), "account": (_TEXT, None),
        "strategy": (_TEXT, None), "parameters": (_PARAMETERS, None), **_RULES, **_REALISM, "max_positions": (_NUMBER, 3),
    },
    "intel-level/": {"intel_level": ({"type": ["integer", "null"]}, 5), "apply_now": (_FLAG, False), "account": (_TEXT, None)},
    "configurations/{name}/activate/": {"account": (_TEXT, None)},
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
        "strategy_type": (_TEXT, "dca"), "token": (_TEXT, "WETH"), "parameters": (_OF_PROGRAM, {"amount": 500, "intervals": 5}),
        "account": (_TEXT, None),
    },
    "strategies/{number}/cancel/": {"sell": (_FLAG, False)},
    "sweeps/": {
        **_fields(SweepRequest.__struct_fields__, SweepRequest),
        "strategy": (_TEXT, "sma_cross"), "values": (_TRIED, {"fast": [5, 10, 20], "slow": [40, 80]}), "count": (_WHOLE, 4000),
    },
}  # fmt: skip
"""What the bodies hold, by address."""
NEEDED: Final = {
    "intel-level/": ["intel_level"], "orders/": ["order_type"], "orders/cancel/": ["order_id"], "accounts/": ["name"],
    "account/reset/": ["amount"], "account/deposit/": ["amount"], "strategies/": ["strategy_type", "token"],
    "sweeps/": ["strategy", "values"],
}  # fmt: skip
"""What may not be left out of them."""
SAME: Final = {"config/": "configuration/", "orders/place/": "orders/", "account/withdraw/": "account/deposit/"}
"""Addresses whose bodies are those of another."""


def body_schema(rest: str) -> Json | None:
    """Return the schema and the example of what is posted to an address; None where it takes no body."""
    same = SAME.get(rest, rest)
    fields = BODIES.get(same)
    if fields is None:
        return None
    properties = {name: schema for name, (schema, _) in fields.items()}
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if same in NEEDED:
        schema["required"] = NEEDED[same]
    return {"schema": schema, "example": {name: value for name, (_, value) in fields.items() if value is not None}}
