"""Import candles as a dataset, named by the hash of its content."""

from workbench.desk import Desk
from workbench.engine.series import BarSeries
from workbench.sources.candle_file import content_hash
from workbench.store.datasets import save_dataset
from workbench.store.rows import DatasetRow


def import_dataset(desk: Desk, series: BarSeries, name: str = "") -> DatasetRow:
    """Keep a series as a dataset and return it; the same content again is the same dataset.

    Parameters
    ----------
    series
        From `read_bars`, `simulate_bars` or a frame.
    name
        What a person calls it; the symbol and the timeframe where empty.
    """
    with desk.store.write() as connection:
        title = name or f"{series.instrument.symbol} {series.timeframe}"
        return save_dataset(connection, content_hash(series), title, series, desk.at)
