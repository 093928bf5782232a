"""Start a trading session: a request becomes a row, and a worker takes it up."""

from typing import Any
from uuid import uuid4

from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from workbench.actions.open_account import open_account
from workbench.actions.send_command import command_body
from workbench.actions.start_program import ready
from workbench.desk import Desk
from workbench.domain.commands import StartProgram
from workbench.domain.config import check_texts
from workbench.domain.events import SessionRequested
from workbench.domain.names import read_name, seen
from workbench.domain.sessions import SessionRequest
from workbench.errors import Conflict, NotFound
from workbench.store import reads
from workbench.store.datasets import find_dataset
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import SessionRow
from workbench.store.tables import commands, cursors
from workbench.strategies import make_strategy, shelf


def start_session(desk: Desk, account: str | None, request: SessionRequest, cash: Any = 10_000) -> SessionRow:
    """Ask for a session and return it; it is STARTING until a worker takes it up.

    Parameters
    ----------
    account
        Whose book it trades; None opens one of its own, so that a replay never mixes with the live account. It is called
        like the session, with a number where another account is.
    request
        What is asked for.
    cash
        Of the account that is opened where `account` is None.

    Raises
    ------
    NotFound
        If the strategy, a parameter, the source, a symbol or the dataset is unknown.
    Invalid
        If a value is out of bounds.
    Conflict
        If the account has a session already.
    """
    request = checked(desk, request)
    starts = _programs(desk, request)
    session = str(uuid4())
    if account is None:
        account = open_account(desk, _own_name(request) or f"{request.mode} {session[:8]}", cash, number=True)
    try:
        with desk.store.write() as connection:
            going = reads.active_session(connection, account)
            if going is not None:
                raise Conflict("an account has one running session at most", f"session {going.id} is {going.status}")
            projector = Projector(connection)
            projector.take(append(connection, session, [SessionRequested(session, account, request)], desk.at))
            projector.flush()
            connection.execute(
                cursors.insert(),
                {"session": session, "turn": 0, "state": "", "input_digest": "", "due": desk.now(), "heartbeat": 0},
            )
            rows = [
                {"session": session, "at": desk.at, "by": "session", "body": command_body(command), "after_steps": None}
                for command in starts
            ]
            if rows:
                connection.execute(commands.insert(), rows)
            return reads.session(connection, session)
    except IntegrityError as error:
        raise Conflict("an account has one running session at most", "another one was started at the same moment") from error


def _own_name(request: SessionRequest) -> str:
    """Return what the account of a session's own is called: like the session, as far as an account can be."""
    name = seen(request.name).strip()
    return "" if name == "*" else name


def _programs(desk: Desk, request: SessionRequest) -> list[StartProgram]:
    """Return the commands that start the programs which are asked for, once it is sure that they can be."""
    if not request.programs:
        return []
    if request.mode == "replay":
        with desk.store.read() as connection:
            dataset = find_dataset(connection, request.dataset)
        instruments = {dataset.instrument.symbol: dataset.instrument}
    else:
        known = {instrument.symbol: instrument for instrument in desk.source(request.source).instruments()}
        instruments = {symbol: known[symbol] for symbol in request.symbols}
    found = [ready(desk, request.source, request.dataset, request.timeframe, instruments, asked) for asked in request.programs]
    return [command for commands_of_one in found for command in commands_of_one]


def checked(desk: Desk, request: SessionRequest) -> SessionRequest:
    """Return the request if everything it names exists, in full spelling.

    Raises
    ------
    NotFound, Invalid
        Naming the field.
    Refused
        If the strategy lives in a notebook's cell, where no worker can find it.
    """
    check_texts(request.configuration)
    if request.name:
        read_name(request.name, "session_name")
    make_strategy(request.configuration.strategy, request.configuration.parameters, desk.settings.strategies_path)
    shelf.require_importable(request.configuration.strategy)
    if request.mode == "replay":
        with desk.store.read() as connection:
            dataset = find_dataset(connection, request.dataset)
        return replace(
            request, source="dataset", dataset=dataset.id, symbols=(dataset.instrument.symbol,), timeframe=dataset.timeframe
        )
    source = desk.source(request.source)
    source.check_timeframe(request.timeframe)
    known = {instrument.symbol.lower(): instrument.symbol for instrument in source.instruments()}
    for symbol in request.symbols:
        if symbol.lower() not in known:
            raise NotFound("token", symbol, known.values(), field="symbols")
    symbols = tuple(dict.fromkeys(known[symbol.lower()] for symbol in request.symbols)) or tuple(known.values())
    return replace(request, symbols=symbols)
