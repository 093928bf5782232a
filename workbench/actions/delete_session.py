"""Take a session that has ended out of the lists; what it did stays in the log."""

from workbench.desk import Desk
from workbench.domain.events import SessionDeleted
from workbench.errors import Conflict
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import SessionRow


def delete_session(desk: Desk, session: str) -> SessionRow:
    """Take a session out of the lists and return it.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has not ended, or is out of the lists already.
    """
    with desk.store.write() as connection:
        row = reads.session(connection, session)
        if row.is_active:
            raise Conflict("only a session that has ended can be deleted", f"session {row.id} is {row.status}")
        if row.is_deleted:
            raise Conflict("a session is deleted once", f"session {row.id} is out of the lists already")
        projector = Projector(connection)
        projector.take(append(connection, row.account, [SessionDeleted(row.id)], desk.at))
        projector.flush()
        return row
