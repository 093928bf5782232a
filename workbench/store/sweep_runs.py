"""Sweeps that were asked for, as the log tells of them."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, case, func, select, true, union_all

from workbench.domain.bars import as_ts
from workbench.domain.sweeps import GOING, SweepStatus
from workbench.errors import NotFound
from workbench.store.rows import SweepRunRow
from workbench.store.snapshots import once_a_snapshot
from workbench.store.tables import sweep_runs as table
from workbench.store.trials import counted_trials


@once_a_snapshot
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


class SweepPage(msgspec.Struct, frozen=True):
    """Sweeps as their page shows them.

    Parameters
    ----------
    counts
        How many were asked for, by where they are; those that the page does not show too.
    trials, strategies
        How many trials were ever run, each counted once, and of how many strategies.
    going, ended
        Those that have not ended, and a page of those that have; newest first.
    newest
        The newest that has a result.
    """

    counts: dict[str, int]
    trials: int
    strategies: int
    going: tuple[SweepRunRow, ...]
    ended: tuple[SweepRunRow, ...]
    newest: SweepRunRow | None


@once_a_snapshot
def sweep_page(connection: Connection, limit: int, before: int | None = None, most_going: int = 50) -> SweepPage:
    """Return the sweeps that go on, so many of the ended ones before a number, the newest result, and counts of all."""
    c = table.c
    told = select(*(func.count(case((c.status == one, 1))).label(f"count_{one}") for one in SweepStatus)).subquery()
    tried = counted_trials().subquery()
    newest_first = select(c.id).order_by(c.number.desc())
    older = newest_first if before is None else newest_first.where(c.number < before)
    finished = newest_first.where(c.status == SweepStatus.FINISHED).limit(1).subquery()
    shown = union_all(
        select(newest_first.where(c.status.in_(GOING)).limit(most_going).subquery()),
        select(older.where(c.status.not_in(GOING)).limit(limit).subquery()),
        select(finished),
    )
    wanted = c.id.in_(shown)
    query = select(told, tried, table, select(finished.c.id).scalar_subquery().label("newest_finished"))
    joined = told.join(tried, true()).outerjoin(table, wanted)
    rows = connection.execute(query.select_from(joined).order_by(c.number.desc())).all()
    found = [_row(row) for row in rows if row.id is not None]
    ended = [row for row in found if not row.is_going and (before is None or row.number < before)][:limit]
    return SweepPage(
        {str(status): rows[0]._mapping[f"count_{status}"] for status in SweepStatus}, rows[0].trials, rows[0].strategies,
        tuple(row for row in found if row.is_going), tuple(ended),
        next((row for row in found if row.id == rows[0].newest_finished), None),
    )  # fmt: skip


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
