"""Ask something of a running session: it is recorded as a row and applied before the next slice."""

import msgspec
from sqlalchemy import update

from workbench.desk import Desk
from workbench.domain.commands import ChangeConfiguration, Command, StartProgram, Stop
from workbench.domain.events import Event, StopRequested
from workbench.engine.programs import make_program
from workbench.errors import Conflict, Invalid
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import SessionRow
from workbench.store.tables import commands, cursors
from workbench.strategies import make_strategy


def send_command(desk: Desk, session: str, command: Command, by: str = "person") -> SessionRow:
    """Record a command for a session and return the session.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has ended, or is stopping already.
    NotFound
        If it names a strategy or a parameter that there is not.
    Invalid
        If a field of the command has the wrong type, or a parameter is out of bounds.
    """
    body = command_body(command)
    if isinstance(command, ChangeConfiguration):
        make_strategy(command.configuration.strategy, command.configuration.parameters)
    if isinstance(command, StartProgram):
        make_program(command.program, command.parameters)
    with desk.store.write() as connection:
        found = reads.session(connection, session)
        if not found.is_active or found.status == "STOPPING":
            raise Conflict("a command is for a running session", f"session {session} is {found.status}")
        connection.execute(commands.insert(), {"session": session, "at": desk.at, "by": by, "body": body, "after_steps": None})
        connection.execute(update(cursors).where(cursors.c.session == session).values(due=desk.now()))
        if isinstance(command, Stop):
            events: list[Event] = [StopRequested(command.reason, by)]
            projector = Projector(connection)
            projector.take(append(connection, session, events, desk.at))
            projector.flush()
        return reads.session(connection, session)


def command_body(command: Command) -> str:
    """Return a command as its row holds it, once it is sure that it can be read back."""
    body = msgspec.json.encode(command)
    try:
        msgspec.json.decode(body, type=Command)
    except msgspec.ValidationError as problem:
        raise Invalid("command", "fields of the right types", str(problem)) from problem
    return body.decode()
