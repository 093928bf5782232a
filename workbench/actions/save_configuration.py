"""Save a strategy configuration under its name, as a new version, and make it the active one."""

import re
from typing import Final

from msgspec.structs import replace

from workbench.desk import Desk
from workbench.domain.config import StrategyConfiguration, check_texts
from workbench.domain.events import ConfigurationActivated, ConfigurationSaved, Event
from workbench.domain.names import alike, read_name
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import ConfigurationRow
from workbench.strategies import make_strategy

TAKEN: Final = "compare"
"""What stands in the place of a configuration's name in an address of its own."""
_VERSION: Final = re.compile("@[0-9]+$")
"""How a name that means one version of a configuration ends: a configuration of that name would hide it."""


def save_configuration(desk: Desk, account: str, configuration: StrategyConfiguration) -> ConfigurationRow:
    """Save a configuration and return it; one that differs in nothing from its newest version is only made active.

    Spaces around a new name are none of it. A session that runs keeps the version it began with; `ChangeConfiguration`
    brings it another.

    Raises
    ------
    NotFound
        If there is no such account, strategy or parameter.
    Invalid
        If a parameter is out of bounds, a text too long or not to be shown, or a new name one that no address can have, that
        reads as a version of another, or that differs from another configuration's only in large and small letters.
    """
    check_texts(configuration)
    make_strategy(configuration.strategy, configuration.parameters, desk.settings.strategies_path)
    with desk.store.write() as connection:
        reads.account_row(connection, account)
        saved = {row.name for row in reads.configurations(connection, account)}
        # What was saved before its name was held to anything is chosen on its page, and saved again, as ever.
        if configuration.name not in saved:
            configuration = replace(configuration, name=read_name(configuration.name))
        taken = None if configuration.name in saved else alike(configuration.name, saved)
        if taken is not None:
            there = f"{taken!r}, to save its next version, or a name that differs from it in more than large and small letters"
            raise Invalid("name", there, configuration.name)
        newest = reads.configurations(connection, account, configuration.name)[0] if configuration.name in saved else None
        if newest is None and ("/" in configuration.name or not configuration.name.strip(".") or configuration.name == TAKEN):
            words = f"a name without a slash, neither of dots alone nor {TAKEN!r}, as addresses have it"
            raise Invalid("name", words, configuration.name)
        if newest is None and _VERSION.search(configuration.name):
            raise Invalid("name", "a name that does not end as versions are written, such as 'Default@1'", configuration.name)
        event: Event = ConfigurationSaved(configuration)
        if newest is not None and newest.configuration == configuration:
            event = ConfigurationActivated(newest.name, newest.version)
        projector = Projector(connection)
        projector.take(append(connection, account, [event], desk.at))
        projector.flush()
        return reads.active_configuration(connection, account)
