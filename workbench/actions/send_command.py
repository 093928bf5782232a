"""Ask something of a running session: it is recorded as a row and applied before the next slice."""

import msgspec
from msgspec.structs import replace
from sqlalchemy import update

from workbench.actions.runner import sources_of
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
from workbench.strategies import make_strategy, shelf


class Asked(msgspec.Struct, frozen=True):
    """What was asked of a session: the number under which the command is known, and the session as it is until then."""

    command: int
    session: SessionRow


def send_command(desk: Desk, session: str, command: Command, by: str = "person") -> SessionRow:
    """Record a command for a session and return the session; what it refuses stands at `record_command`."""
    return record_command(desk, session, command, by).session


def record_command(desk: Desk, session: str, command: Command, by: str = "person") -> Asked:
    """Record a command for a session, and return the number by which what comes of it is found.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has ended, or is stopping already; or if it is to go by other parameters of a file that was edited since it began.
    NotFound
        If it names a strategy or a parameter that there is not.
    Invalid
        If a field of the command has the wrong type, or a parameter is out of bounds.
    """
    body = command_body(command)
    if isinstance(command, ChangeConfiguration):
        body = command_body(_with_source(desk, session, command))
    if isinstance(command, StartProgram):
        make_program(command.program, command.parameters)
    with desk.store.write() as connection:
        found = reads.session(connection, session)
        refuse_where_it_ends(found)
        row = {"session": session, "at": desk.at, "by": by, "body": body, "after_steps": None}
        number = connection.execute(commands.insert().returning(commands.c.id), row).scalar_one()
        connection.execute(update(cursors).where(cursors.c.session == session).values(due=desk.now()))
        if isinstance(command, Stop):
            events: list[Event] = [StopRequested(command.reason, by)]
            projector = Projector(connection)
            projector.take(append(connection, session, events, desk.at))
            projector.flush()
        return Asked(number, reads.session(connection, session))


def refuse_where_it_ends(session: SessionRow) -> None:
    """Refuse whatever is asked of a session that takes no commands any more.

    Raises
    ------
    Conflict
        If it has ended, or is stopping already.
    """
    if not session.is_active or session.status == "STOPPING":
        raise Conflict("a command is for a running session", f"session {session.id} is {session.status}")


def _with_source(desk: Desk, session: str, command: ChangeConfiguration) -> ChangeConfiguration:
    """Return a change with the digest of the code that it is about: of the session's own where it knows the strategy already."""
    wanted, folder = command.configuration, desk.settings.strategies_path
    with desk.store.read() as connection:
        going = reads.session(connection, session).configuration
        began = sources_of(connection, session).get(wanted.strategy, "")
    there = shelf.source_digest(wanted.strategy, folder)
    if not began or began == there:
        make_strategy(wanted.strategy, wanted.parameters, folder)
        return replace(command, source=there)
    if (wanted.strategy, wanted.parameters) != (going.strategy, going.parameters):
        # Only the process that trades has that code, and whether it knows these parameters cannot be told here.
        raise Conflict(
            f"a session keeps the code of {wanted.strategy} that it began with, of digest {began[:8]}",
            f"its file is of digest {there[:8]} by now: start another session to trade it" if there else "its file is gone",
        )
    return replace(command, source=began)


def command_body(command: Command) -> str:
    """Return a command as its row holds it, once it is sure that it can be read back."""
    body = msgspec.json.encode(command)
    try:
        msgspec.json.decode(body, type=Command)
    except msgspec.ValidationError as problem:
        raise Invalid("command", "fields of the right types", str(problem)) from problem
    return body.decode()
