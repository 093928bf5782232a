"""Datasets: candle files that were imported, named by the hash of their content."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from workbench.domain.bars import as_ts
from workbench.engine.series import BarSeries
from workbench.errors import NotFound
from workbench.store import recorded
from workbench.store.rows import DatasetRow
from workbench.store.tables import datasets


def save_dataset(connection: Connection, id_: str, name: str, series: BarSeries, imported: datetime) -> DatasetRow:
    """Keep a dataset, once: the same content again is the same dataset."""
    known = connection.execute(select(datasets).where(datasets.c.id == id_)).first()
    if known is None:
        number = recorded.series_id(connection, f"dataset:{id_}", series.instrument, series.timeframe)
        recorded.record(connection, number, series, imported)
        connection.execute(
            datasets.insert(),
            {
                "id": id_, "name": name, "series": number, "instrument": series.instrument, "timeframe": series.timeframe,
                "bars": len(series), "first": int(series.ts[0]), "last": int(series.ts[-1]), "holes": len(series.holes),
                "missing": series.missing, "imported": imported,
            },
        )  # fmt: skip
    return find_dataset(connection, id_)


def find_dataset(connection: Connection, id_: str) -> DatasetRow:
    """Return a dataset by its id, or by the first letters of it.

    Raises
    ------
    NotFound
        If there is none, or several begin so.
    """
    rows = connection.execute(select(datasets).where(datasets.c.id.startswith(id_, autoescape=True)).limit(2)).all() if id_ else []
    if len(rows) != 1:
        raise NotFound("dataset", id_, [row.id[:12] for row in list_datasets(connection)], field="dataset")
    return _row(rows[0])


def list_datasets(connection: Connection) -> list[DatasetRow]:
    """Return every dataset, newest first."""
    return [_row(row) for row in connection.execute(select(datasets).order_by(datasets.c.imported.desc()))]


def dataset_bars(connection: Connection, id_: str) -> BarSeries:
    """Return the bars of a dataset."""
    row = connection.execute(select(datasets).where(datasets.c.id == find_dataset(connection, id_).id)).one()
    return recorded.read_bars(connection, row.series, row.instrument, row.timeframe)


def _row(row: Row[Any]) -> DatasetRow:
    return DatasetRow(
        row.id,
        row.name,
        row.instrument,
        row.timeframe,
        row.bars,
        row.first,
        row.last,
        row.holes,
        row.missing,
        as_ts(row.imported),
    )
