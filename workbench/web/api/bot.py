"""Bot control: start, stop, status."""

from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from workbench import jobs
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.desk import Desk
from workbench.domain.params import with_fields
from workbench.domain.sessions import ProgramRequest, SessionRequest
from workbench.domain.terms import OPTIONS, Terms
from workbench.errors import Invalid
from workbench.store import reads
from workbench.web.api import shapes
from workbench.web.api.envelope import Json, Told, answer, fields_of, know_fields, read_body, session_shape, text_of
from workbench.web.api.naming import configuration_named
from workbench.web.api.paging import Account
from workbench.web.page import account_named

_REQUEST_FIELDS: Final = ("mode", "source", "dataset", "symbols", "timeframe", "speed", "runtime_minutes", "seed")
START_FIELDS: Final = (
    *_REQUEST_FIELDS, "session_name", "account", "configuration", "strategy", "parameters", "programs", "cash", *OPTIONS,
)  # fmt: skip
PROGRAM_FIELDS: Final = ("program", "symbol", "parameters")
STOP_FIELDS: Final = ("reason", "close_positions", "account")


@post("/paper-trading/api/bot/start/", status_code=200)
async def start(request: Request[Any, Any, State], state: State) -> Told[shapes.Started]:
    """Start the bot; every field may be left out."""
    body = await read_body(request)
    return await sync_to_thread(_start, state.desk, body)


def _start(desk: Desk, body: Json) -> Told[shapes.Started]:
    account, terms = _whose(desk, body)
    asked = read_start(body, terms)
    row = start_session(desk, account, asked, body.get("cash", 10_000))
    jobs.hasten(row.id)
    with desk.store.read() as connection:
        balance = reads.account_row(connection, row.account).book.cash
    told = fields_of(session_shape(row, desk.now()))
    return answer(shapes.Started(**told, message=f"{row.name} is starting.", account_balance=balance))


def _whose(desk: Desk, body: Json) -> tuple[str | None, Terms]:
    """Return the account that a session is for, None for one of its own, and the terms that the body changes."""
    if body.get("mode") == "replay":
        return None, Terms()
    name, saved = text_of(body, "account", ""), text_of(body, "configuration", "")
    account = account_named(desk, name)
    with desk.store.read() as connection:
        terms = reads.terms(connection, account)
        if saved:
            chosen = configuration_named(connection, account, saved, "configuration")
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
    know_fields(body, START_FIELDS)
    strategy = text_of(body, "strategy", base.configuration.strategy)
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
            fields[name] = text_of(body, name, "")
    if "symbols" in fields:
        fields["symbols"] = _symbols(fields["symbols"])
    if "seed" in fields and (isinstance(fields["seed"], bool) or not isinstance(fields["seed"], int)):
        raise Invalid("seed", "a whole number", fields["seed"])
    return SessionRequest(
        **fields,
        configuration=configuration,
        costs=terms.costs,
        realism=terms.realism,
        name=text_of(body, "session_name"),
        programs=_programs(body.get("programs")),
    )


def _programs(value: Any) -> tuple[ProgramRequest, ...]:
    """Return the programs that a session is to start with; whether there are such is found out when it is started."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Invalid("programs", 'a list such as [{"program": "dca", "symbol": "WETH", "parameters": {"amount": 500}}]', value)
    return tuple(map(read_program, value))


def read_program(body: Json) -> ProgramRequest:
    """Return the program that a body asks for.

    Raises
    ------
    NotFound
        If a field is unknown.
    Invalid
        If a value has the wrong type, or no program is named.
    """
    know_fields(body, PROGRAM_FIELDS)
    program, symbol, parameters = text_of(body, "program"), text_of(body, "symbol"), body.get("parameters")
    if not program:
        raise Invalid("program", "a program's name, such as 'dca'", body.get("program"))
    if parameters is not None and not isinstance(parameters, dict):
        raise Invalid("parameters", "an object of names and values", parameters)
    return ProgramRequest(program, symbol, parameters or {})


def _symbols(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid("symbols", 'a list of symbols such as ["WETH"]', value)
    return tuple(value)


@post("/paper-trading/api/bot/stop/", status_code=200)
async def stop(request: Request[Any, Any, State], state: State) -> Told[shapes.Stopping]:
    """Stop the bot; positions stay unless `close_positions` is true."""
    body = await read_body(request)
    return await sync_to_thread(_stop, state.desk, body)


def _stop(desk: Desk, body: Json) -> Told[shapes.Stopping]:
    know_fields(body, STOP_FIELDS)
    close = body.get("close_positions", False)
    if not isinstance(close, bool):
        raise Invalid("close_positions", "true or false", close)
    reason = text_of(body, "reason", "asked to stop")[:500]
    row = stop_session(desk, account_named(desk, text_of(body, "account", "")), reason, close, by="api")
    jobs.hasten(row.id)
    told = fields_of(session_shape(row, desk.now()))
    return answer(shapes.Stopping(**told, message=f"{row.name} is stopping.", sessions_stopped=1, reason=reason))


@get("/paper-trading/api/bot/status/", sync_to_thread=True)
def status(state: State, account: Account = "") -> Told[shapes.Bot] | Told[shapes.NoBot]:
    """Tell what the bot is doing: the session on its way, or else the last one."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        found = reads.sessions(connection, account, limit=1)
        row = reads.active_session(connection, account) or (found[0] if found else None)
        book = reads.account_row(connection, account).book
    if row is None:
        none_yet = shapes.NoBot(status="STOPPED", session_id=None, message="No session yet.", account_balance=book.cash)
        return answer(none_yet)
    return answer(shapes.Bot(**fields_of(session_shape(row, desk.now())), account_balance=book.cash))


handlers = [start, stop, status]
