"""Save a strategy configuration under its name, as a new version, and make it the active one."""

from typing import Final

from workbench.desk import Desk
from workbench.domain.config import StrategyConfiguration, check_texts
from workbench.domain.events import ConfigurationActivated, ConfigurationSaved, Event
from workbench.domain.names import alike
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import ConfigurationRow
from workbench.strategies import make_strategy

TAKEN: Final = "compare"
"""What stands in the place of a configuration's name in an address of its own."""


def save_configuration(desk: Desk, account: str, configuration: StrategyConfiguration) -> ConfigurationRow:
    """Save a configuration and return it; one that differs in nothing from its newest version is only made active.

    A session that runs keeps the version it began with; `ChangeConfiguration` brings it another.

    Raises
    ------
    NotFound
        If there is no such account, strategy or parameter.
    Invalid
        If a parameter is out of bounds, a text too long or not to be shown, or a new name one that no address can have, or
        that differs from another configuration's only in large and small letters.
    """
    check_texts(configuration)
    make_strategy(configuration.strategy, configuration.parameters, desk.settings.strategies_path)
    with desk.store.write() as connection:
        reads.account_row(connection, account)
        saved = {row.name for row in reads.configurations(connection, account)}
        taken = None if configuration.name in saved else alike(configuration.name, saved)
        if taken is not None:
            there = f"{taken!r}, to save its next version, or a name that differs from it in more than large and small letters"
            raise Invalid("name", there, configuration.name)
        newest = reads.configurations(connection, account, configuration.name)[0] if configuration.name in saved else None
        if newest is None and ("/" in configuration.name or not configuration.name.strip(".") or configuration.name == TAKEN):
            # What was saved so before is chosen on its page, and saved again, as ever.
            words = f"a name without a slash, neither of dots alone nor {TAKEN!r}, as addresses have it"
            raise Invalid("name", words, configuration.name)
        event: Event = ConfigurationSaved(configuration)
        if newest is not None and newest.configuration == configuration:
            event = ConfigurationActivated(newest.name, newest.version)
        projector = Projector(connection)
        projector.take(append(connection, account, [event], desk.at))
        projector.flush()
        return reads.active_configuration(connection, account)
