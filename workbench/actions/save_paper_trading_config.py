"""Save how real an account's simulation is to be."""

from workbench.desk import Desk
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.events import PaperTradingConfigSaved
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector


def save_paper_trading_config(desk: Desk, account: str, config: PaperTradingConfig) -> PaperTradingConfig:
    """Save a config as a new version, from which on sessions are simulated by it, and return it; the same again changes nothing.

    Raises
    ------
    NotFound
        If there is no such account.
    """
    with desk.store.write() as connection:
        reads.account_row(connection, account)
        if reads.paper_trading_config(connection, account) != config:
            projector = Projector(connection)
            projector.take(append(connection, account, [PaperTradingConfigSaved(config)], desk.at))
            projector.flush()
        return reads.paper_trading_config(connection, account)
