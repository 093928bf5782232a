"""Open a dataset that is kept beside the other records."""

from workbench.desk import Desk, desk_or_own
from workbench.engine.series import BarSeries
from workbench.store.datasets import dataset_bars


def open_dataset(id_: str, desk: Desk | None = None) -> BarSeries:
    """Return the bars of a dataset.

    Parameters
    ----------
    id_
        Its id, or the first letters of it.
    desk
        Where it is kept; that of the platform's own place for data where None.

    Raises
    ------
    NotFound
        If there is none, or several begin so.

    Examples
    --------
    >>> from workbench.actions.import_dataset import import_dataset
    >>> from workbench.desk import open_desk
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     kept = import_dataset(desk, simulate_bars("WETH", "1h", 20))
    ...     len(open_dataset(kept.id[:8], desk))
    20
    """
    with desk_or_own(desk) as chosen, chosen.store.read() as connection:
        return dataset_bars(connection, id_)
