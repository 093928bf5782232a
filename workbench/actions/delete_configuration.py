"""Delete a saved configuration, but never the last."""

from workbench.desk import Desk
from workbench.domain.events import ConfigurationActivated, ConfigurationDeleted, Event
from workbench.errors import Conflict
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import ConfigurationRow


def delete_configuration(desk: Desk, account: str, name: str) -> ConfigurationRow:
    """Delete every version of a configuration and return the active one; where that was deleted, the newest that is left.

    Raises
    ------
    NotFound
        If nothing was saved under that name.
    Conflict
        If it is the last.
    """
    with desk.store.write() as connection:
        doomed = reads.configurations(connection, account, name)
        others = [row for row in reads.configurations(connection, account) if row.name != name]
        if not others:
            raise Conflict("an account keeps one configuration at least", f"{name!r} is its last")
        events: list[Event] = [ConfigurationDeleted(name)]
        if any(row.is_active for row in doomed):
            events.append(ConfigurationActivated(others[0].name, others[0].version))
        projector = Projector(connection)
        projector.take(append(connection, account, events, desk.at))
        projector.flush()
        return reads.active_configuration(connection, account)
