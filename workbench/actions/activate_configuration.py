"""Make a saved configuration the one that an account's next session goes by."""

from workbench.desk import Desk
from workbench.domain.events import ConfigurationActivated
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import ConfigurationRow


def activate_configuration(desk: Desk, account: str, name: str, version: int | None = None) -> ConfigurationRow:
    """Make a version of a configuration the active one, the newest where none is named, and return it.

    Raises
    ------
    NotFound
        If nothing was saved under that name, or not that version.
    """
    with desk.store.write() as connection:
        versions = reads.configurations(connection, account, name)
        chosen = next((row for row in versions if version is None or row.version == version), None)
        if chosen is None:
            raise NotFound(f"version of {name}", str(version), [str(row.version) for row in versions], field="version")
        projector = Projector(connection)
        projector.take(append(connection, account, [ConfigurationActivated(name, chosen.version)], desk.at))
        projector.flush()
        return reads.active_configuration(connection, account)
