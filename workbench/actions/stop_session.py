"""Stop the session that an account has running."""

from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import Stop
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.rows import SessionRow


def stop_session(
    desk: Desk, account: str, reason: str = "asked to stop", close_positions: bool = False, by: str = "person"
) -> SessionRow:
    """Ask an account's session to stop and return it; positions stay unless they are to be closed.

    Raises
    ------
    NotFound
        If nothing is running.
    Conflict
        If it is stopping already.
    """
    with desk.store.read() as connection:
        going = reads.active_session(connection, account)
    if going is None:
        raise NotFound("running session of account", account)
    return send_command(desk, going.id, Stop(reason, close_positions), by)
