"""Sweeps that were asked for, as the log tells of them."""

from typing import Any

from sqlalchemy import Connection, Row, func, select

from workbench.domain.bars import as_ts
from workbench.domain.sweeps import GOING, SweepStatus
from workbench.errors import NotFound
from workbench.store.rows import SweepRunRow
from workbench.store.tables import sweep_runs as table


def find_sweep_run(connection: Connection, id_: str) -> SweepRunRow:
    """Return a sweep that was asked for, by its id or the first letters of it.

    Raises
    ------
    NotFound
        If there is none, or several begin so.
    """
    found = connection.execute(select(table).where(table.c.id.startswith(id_, autoescape=True)).limit(2)).all() if id_ else []
    if len(found) != 1:
        raise NotFound("sweep", id_, [row.id[:8] for row in list_sweep_runs(connection)], field="sweep")
    return _row(found[0])


def list_sweep_runs(
    connection: Connection, limit: int = 50, *, is_going: bool | None = None, before: int | None = None
) -> list[SweepRunRow]:
    """Return the sweeps that were asked for, the newest first.

    Parameters
    ----------
    is_going
        Only those that have not ended, or only those that have; all where None.
    before
        Only those with a lower number.
    """
    query = select(table).order_by(table.c.number.desc()).limit(limit)
    if is_going is not None:
        query = query.where(table.c.status.in_(GOING) if is_going else table.c.status.not_in(GOING))
    if before is not None:
        query = query.where(table.c.number < before)
    return [_row(row) for row in connection.execute(query)]


def count_sweep_runs(connection: Connection) -> dict[str, int]:
    """Return how many sweeps were asked for, by where they are."""
    counted = connection.execute(select(table.c.status, func.count()).group_by(table.c.status))
    return {row[0]: row[1] for row in counted}


def newest_finished(connection: Connection) -> SweepRunRow | None:
    """Return the newest sweep that has a result, or None."""
    query = select(table).where(table.c.status == SweepStatus.FINISHED).order_by(table.c.number.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else _row(found)


def next_sweep_run(connection: Connection) -> str | None:
    """Return the id of the sweep that a worker is to do something about first: the oldest that has not ended."""
    query = select(table.c.id).where(table.c.status.in_(GOING)).order_by(table.c.number).limit(1)
    return connection.execute(query).scalar()


def _row(row: Row[Any]) -> SweepRunRow:
    started, ended = (None if at is None else as_ts(at) for at in (row.started, row.ended))
    return SweepRunRow(
        row.id, row.number, row.status, row.request, row.done, row.total, row.sweep, row.read, row.outcome, row.problem,
        as_ts(row.requested), started, ended,
    )  # fmt: skip
