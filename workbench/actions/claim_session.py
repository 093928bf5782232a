"""Claim a session for somebody: only its account's owner may run it, stop it, or say how long it runs."""

from workbench.desk import Desk
from workbench.domain.events import RuntimeLimited
from workbench.domain.sessions import SessionRequest
from workbench.errors import Conflict, Invalid, Refused
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import SessionRow


class NotTheOwner(Refused):
    """Somebody asks for a session of another one's account."""

    status = 403
    field = "user_id"

    def __init__(self, session: str, owner: int, found: int) -> None:
        self.session, self.owner, self.found = session, owner, found
        super().__init__(f"Session {session} belongs to user {owner}, found user {found}.")


def claim_session(desk: Desk, session: str, user: int, runtime_minutes: float | None = None) -> SessionRow:
    """Return a session, once it is sure that a user may have it.

    Parameters
    ----------
    user
        Who asks.
    runtime_minutes
        How long it is to run from its start on; what was asked for stays where None.

    Raises
    ------
    NotFound
        If there is no such session.
    NotTheOwner
        If its account belongs to another user.
    Conflict
        If it has ended, or it has begun and was to run for another time.
    Invalid
        If the time is out of bounds, or an id is none.
    """
    if not isinstance(session, str):
        raise Invalid("session_id", "a session's id, or the first letters of it", session)
    if isinstance(user, bool) or not isinstance(user, int):
        raise Invalid("user_id", "a whole number", user)
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        owner = reads.account_row(connection, row.account).owner
    if user != owner:
        raise NotTheOwner(row.id, owner, user)
    if not row.is_active:
        raise Conflict("a session that has not ended is run or stopped", f"session {row.id} is {row.status}")
    if runtime_minutes is None or runtime_minutes == row.runtime_minutes:
        return row
    SessionRequest(runtime_minutes=runtime_minutes)
    with desk.store.write() as connection:
        row = reads.session(connection, row.id)
        if row.started is not None:
            raise Conflict("how long a session runs is said before it begins", f"session {row.id} is {row.status}")
        projector = Projector(connection)
        projector.take(append(connection, row.account, [RuntimeLimited(row.id, float(runtime_minutes))], desk.at))
        projector.flush()
        return reads.session(connection, row.id)
