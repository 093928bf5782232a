"""Drop what was read from the log and read it again."""

from workbench.desk import Desk
from workbench.store.projections import rebuild


def rebuild_projections(desk: Desk) -> int:
    """Rebuild every projection from the log in one transaction and return how many events that took."""
    with desk.store.write() as connection:
        return rebuild(connection)
