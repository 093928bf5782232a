"""Trials: every one that was ever run, by strategy and market, so that nobody has to say how many there were."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, literal, select, tuple_, update

from workbench.domain.bars import as_ts
from workbench.errors import Invalid
from workbench.store.rows import SweepRow, TrialRow
from workbench.store.tables import sweeps, trials

RUNNING, DONE = "RUNNING", "DONE"


def begin_sweep(connection: Connection, id_: str, family: str, market: str, options: str, at: datetime) -> None:
    """Write down that a sweep runs; one that was interrupted goes on under its id."""
    known = connection.execute(select(sweeps.c.id).where(sweeps.c.id == id_)).first()
    if known is None:
        row = {"id": id_, "family": family, "market": market, "options": options, "trials": 0, "status": RUNNING}
        connection.execute(insert(sweeps), {**row, "began": at, "touched": at})
    else:
        connection.execute(update(sweeps).where(sweeps.c.id == id_).values(status=RUNNING, options=options, touched=at))


def save_trials(connection: Connection, id_: str, family: str, market: str, rows: Sequence[TrialRow], at: datetime) -> None:
    """Keep trials of a sweep; one that is kept already stays as it is."""
    here = (trials.c.sweep == id_) & trials.c["values"].in_([row.values for row in rows])
    known = set(connection.execute(select(trials.c["values"]).where(here)).scalars())
    fresh = [row for row in rows if row.values not in known]
    if fresh:
        own = {"sweep": id_, "family": family, "market": market, "at": at}
        connection.execute(
            insert(trials),
            [
                {
                    **own, "values": row.values, "key": row.key, "sharpe": row.sharpe, "return_pct": row.return_pct,
                    "trades": row.trades, "figures": row.figures,
                }
                for row in fresh
            ],
        )  # fmt: skip
    connection.execute(update(sweeps).where(sweeps.c.id == id_).values(trials=sweeps.c.trials + len(fresh), touched=at))


def finish_sweep(connection: Connection, id_: str, best: str | None, overfitting: float | None, at: datetime) -> None:
    """Write down that a sweep is done, its best values, and the probability that they are overfitted."""
    done = {"status": DONE, "best": best, "overfitting": overfitting, "touched": at}
    connection.execute(update(sweeps).where(sweeps.c.id == id_).values(**done))


def stored_trials(connection: Connection, id_: str) -> dict[str, bytes]:
    """Return the figures of a sweep's trials by their values."""
    rows = connection.execute(select(trials.c["values"], trials.c.figures).where(trials.c.sweep == id_))
    return {row[0]: row[1] for row in rows}


def ledger(connection: Connection, family: str, market: str) -> Iterator[bytes]:
    """Yield the figures of every trial ever run of a strategy on a market, each once and as it was run last, oldest first."""
    here = (trials.c.family == family) & (trials.c.market == market)
    newest = select(func.max(trials.c.id)).where(here).group_by(trials.c.key)
    query = select(trials.c.figures).where(trials.c.id.in_(newest)).order_by(trials.c.id)
    with connection.execution_options(yield_per=1_000).execute(query) as found:
        yield from found.scalars()


class ListedTrial(msgspec.Struct, frozen=True):
    """A trial as a list shows it; `at` in milliseconds UTC."""

    id: int
    sweep: str
    family: str
    market: str
    values: dict[str, Any]
    sharpe: float | None
    return_pct: float
    trades: int
    at: int


SORTS: Final[dict[str, ColumnElement[Any]]] = {
    "id": trials.c.id, "sharpe": trials.c.sharpe, "return_pct": trials.c.return_pct, "trades": trials.c.trades,
}  # fmt: skip
_LOWEST: Final = -1.7e308


def list_trials(
    connection: Connection, family: str = "", sweep: str = "", limit: int = 50, before: int | None = None, sort: str = "-id"
) -> list[ListedTrial]:
    """Return trials, the newest first unless sorted otherwise; of one strategy, or of one study, where they are named.

    Parameters
    ----------
    before
        The id of a trial: those that come after it in the order that is asked for.
    sort
        One of `SORTS`, with a minus for descending; trials without the figure come last.

    Raises
    ------
    Invalid
        If the sort is none.
    """
    name, falls = sort.removeprefix("-"), sort.startswith("-")
    if name not in SORTS:
        raise Invalid("sort", "one of " + ", ".join(SORTS) + ", with a minus for descending", sort)
    columns = trials.c
    value = SORTS[name] if name == "id" else func.coalesce(SORTS[name], _LOWEST if falls else -_LOWEST)
    query = select(
        columns.id, columns.sweep, columns.family, columns.market, columns["values"].label("tried"), columns.sharpe,
        columns.return_pct, columns.trades, columns.at,
    ).order_by(value.desc() if falls else value, columns.id.desc() if falls else columns.id).limit(limit)  # fmt: skip
    query = query.where(columns.family == family) if family else query
    query = query.where(columns.sweep == sweep) if sweep else query
    if before is not None and name == "id":
        query = query.where(columns.id < before if falls else columns.id > before)
    elif before is not None:
        last = select(value).where(columns.id == before).scalar_subquery()
        here, there = tuple_(value, columns.id), tuple_(last, literal(before))
        query = query.where(here < there if falls else here > there)
    return [
        ListedTrial(
            row.id, row.sweep, row.family, row.market, msgspec.json.decode(row.tried or "{}"), row.sharpe, row.return_pct,
            row.trades, as_ts(row.at),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def count_trials(connection: Connection) -> tuple[int, int]:
    """Return how many trials were ever run, each counted once, and of how many strategies."""
    counted = connection.execute(counted_trials()).one()
    return int(counted[0]), int(counted[1])


def counted_trials() -> Select[int, int]:
    """Select what `count_trials` returns."""
    each = select(trials.c.family).group_by(trials.c.family, trials.c.market, trials.c.key).subquery()
    columns = (func.count().label("trials"), func.count(func.distinct(each.c.family)).label("strategies"))
    return select(*columns).select_from(each)


def families(connection: Connection) -> list[str]:
    """Return the strategies of which anything was ever tried."""
    return list(connection.execute(select(sweeps.c.family).distinct().order_by(sweeps.c.family)).scalars())


def has_study(connection: Connection, id_: str) -> bool:
    """Return whether there is a sweep of this id."""
    return connection.execute(select(sweeps.c.id).where(sweeps.c.id == id_)).first() is not None


def list_sweeps(connection: Connection, limit: int = 100) -> list[SweepRow]:
    """Return sweeps, the newest first."""
    return [_sweep(row) for row in connection.execute(select(sweeps).order_by(sweeps.c.touched.desc()).limit(limit))]


def _sweep(row: Row[Any]) -> SweepRow:
    options = msgspec.json.decode(row.options)
    return SweepRow(
        row.id, row.family, row.market, options, row.trials, row.best, row.overfitting, row.status, as_ts(row.began),
        as_ts(row.touched),
    )  # fmt: skip
