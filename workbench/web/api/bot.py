"""Bot control: start, stop, status."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from workbench import jobs
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.desk import Desk
from workbench.domain.params import with_fields
from workbench.domain.sessions import SessionRequest
from workbench.domain.terms import OPTIONS, Terms
from workbench.errors import Invalid, NotFound
from workbench.store import reads
from workbench.web.api.envelope import Json, answer, read_body, session_shape

_REQUEST_FIELDS: Final = ("mode", "source", "dataset", "symbols", "timeframe", "speed", "runtime_minutes", "seed")
START_FIELDS: Final = (*_REQUEST_FIELDS, "session_name", "account", "configuration", "strategy", "parameters", "cash", *OPTIONS)
STOP_FIELDS: Final = ("reason", "close_positions")


@post("/paper-trading/api/bot/start/", status_code=200)
async def start(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Start the bot; every field may be left out."""
    body = await read_body(request)
    return await sync_to_thread(_start, state.desk, body)


def _start(desk: Desk, body: Json) -> Response[bytes]:
    account, terms = _whose(desk, body)
    asked = read_start(body, terms)
    row = start_session(desk, account, asked, body.get("cash", 10_000))
    jobs.hasten(row.id)
    with desk.store.read() as connection:
        balance = reads.account_book(connection, row.account)[0].cash
    told = session_shape(row, desk.now())
    return answer({**told, "message": f"{row.name} is starting.", "account_balance": balance})


def _whose(desk: Desk, body: Json) -> tuple[str | None, Terms]:
    """Return the account that a session is for, None for one of its own, and the terms that the body changes."""
    if body.get("mode") == "replay":
        return None, Terms()
    name, saved = _text(body, "account", ""), _text(body, "configuration", "")
    account = default_account(desk)
    with desk.store.read() as connection:
        if name:
            account = reads.find_account(connection, name)
        terms = reads.terms(connection, account)
        if saved:
            chosen = reads.configuration_version(connection, account, saved)
            terms = msgspec.structs.replace(terms, configuration=chosen.configuration)
    return account, terms


def read_start(body: Json, base: Terms) -> SessionRequest:
    """Return the request for a session that a body describes; what it leaves out is as the terms say.

    Raises
    ------
    NotFound
        If a field is unknown.
    Invalid
        If a value has the wrong type or is out of bounds.
    """
    for name in body:
        if name not in START_FIELDS:
            raise NotFound("field", name, START_FIELDS, field=name)
    strategy = _text(body, "strategy", base.configuration.strategy)
    same = strategy == base.configuration.strategy
    parameters = (base.configuration.parameters if same else {}) if body.get("parameters") is None else body["parameters"]
    if not isinstance(parameters, dict):
        raise Invalid("parameters", "an object of names and numbers", parameters)
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Invalid(name, "a number", value)
    replay = body.get("mode") == "replay"
    for name in ("account", "configuration"):
        if replay and body.get(name) is not None:
            raise Invalid(name, "nothing, for a replay trades in an account of its own", body[name])
    for name in ("dataset", "cash"):
        if not replay and body.get(name) is not None:
            raise Invalid(name, 'nothing, for only a session with "mode": "replay" takes one', body[name])
    if replay and not body.get("dataset"):
        raise Invalid("dataset", "the id of a dataset, as `workbench import FILE` prints it", body.get("dataset"))
    terms = base.changed({name: value for name, value in body.items() if name in OPTIONS})
    configuration = with_fields(terms.configuration, {"strategy": strategy, "parameters": parameters})
    fields = {name: body[name] for name in _REQUEST_FIELDS if name in body}
    for name in ("mode", "source", "dataset", "timeframe"):
        if name in fields:
            fields[name] = _text(body, name, "")
    if "symbols" in fields:
        fields["symbols"] = _symbols(fields["symbols"])
    if "seed" in fields and (isinstance(fields["seed"], bool) or not isinstance(fields["seed"], int)):
        raise Invalid("seed", "a whole number", fields["seed"])
    return SessionRequest(
        **fields, configuration=configuration, costs=terms.costs, realism=terms.realism, name=_text(body, "session_name", "")[:120]
    )


def _text(body: Json, name: str, default: str) -> str:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid(name, "a text", value)
    return value


def _symbols(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid("symbols", 'a list of symbols such as ["WETH"]', value)
    return tuple(value)


@post("/paper-trading/api/bot/stop/", status_code=200)
async def stop(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Stop the bot; positions stay unless `close_positions` is true."""
    body = await read_body(request)
    return await sync_to_thread(_stop, state.desk, body)


def _stop(desk: Desk, body: Json) -> Response[bytes]:
    for name in body:
        if name not in STOP_FIELDS:
            raise NotFound("field", name, STOP_FIELDS, field=name)
    close = body.get("close_positions", False)
    if not isinstance(close, bool):
        raise Invalid("close_positions", "true or false", close)
    reason = _text(body, "reason", "asked to stop")[:500]
    row = stop_session(desk, default_account(desk), reason, close, by="api")
    jobs.hasten(row.id)
    told = session_shape(row, desk.now())
    return answer({**told, "message": f"{row.name} is stopping.", "sessions_stopped": 1, "reason": reason})


@get("/paper-trading/api/bot/status/", sync_to_thread=True)
def status(state: State) -> Response[bytes]:
    """Tell what the bot is doing: the session on its way, or else the last one."""
    desk: Desk = state.desk
    account = default_account(desk)
    with desk.store.read() as connection:
        found = reads.sessions(connection, account, limit=1)
        row = reads.active_session(connection, account) or (found[0] if found else None)
        book = reads.account_book(connection, account)[0]
    if row is None:
        nothing: dict[str, Decimal | str | None] = {"status": "STOPPED", "session_id": None, "message": "No session yet."}
        return answer({**nothing, "account_balance": book.cash})
    return answer({**session_shape(row, desk.now()), "account_balance": book.cash})


handlers = [start, stop, status]
