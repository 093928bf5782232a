"""Program runs, as the log tells of them."""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, case, func, select, true, union_all

from workbench.domain.money import NO_CASH, per_unit
from workbench.domain.programs import ProgramRun, RunStatus
from workbench.errors import NotFound
from workbench.store import tables as t
from workbench.store.browse import number_inside
from workbench.store.rows import RunRow
from workbench.store.snapshots import once_a_snapshot
from workbench.store.types import Exact


@once_a_snapshot
def program_runs(
    connection: Connection,
    account: str = "",
    session: str = "",
    active: bool | None = None,
    limit: int = 50,
    before: int | None = None,
    status: str = "",
    program: str = "",
    symbol: str = "",
    command: int | None = None,
) -> list[RunRow]:
    """Return program runs, filtered, newest first; of all accounts and sessions where none is named.

    What a run holds is taken at the newest price that is known; one that has traded nothing has that of an open position, if any.

    Parameters
    ----------
    active
        Only those that go on, or only those that have ended where False.
    status
        One status.
    symbol
        As its instrument writes it.
    command
        The number of the command that started it.
    """
    columns = t.program_runs.c
    query = _runs().order_by(columns.id.desc()).limit(limit)
    if account:
        query = query.where(columns.account == account)
    if session:
        query = query.where(columns.session == session)
    if active is not None:
        query = query.where(columns.status.in_([each.value for each in RunStatus if each.is_active is active]))
    for column, wanted in ((columns.status, status), (columns.program, program), (columns.symbol, symbol)):
        if wanted:
            query = query.where(column == wanted)
    if command is not None:
        query = query.where(t.commands.c.id == command)
    if before is not None:
        query = query.where(columns.id < before)
    return [_run(row) for row in connection.execute(query)]


class RunPage(msgspec.Struct, frozen=True):
    """An account's program runs as a page shows them.

    Parameters
    ----------
    counts
        How many there are of each status, those that the page does not show too.
    newest
        The id of the newest of all; 0 where there is none.
    active, ended
        Those that go on, and a page of those that do not, newest first.
    """

    counts: dict[RunStatus, int]
    newest: int
    active: tuple[RunRow, ...]
    ended: tuple[RunRow, ...]


@once_a_snapshot
def run_page(connection: Connection, account: str, most_active: int, limit: int, before: int | None = None) -> RunPage:
    """Return the program runs that go on, so many of the ended ones before an id, and how many there are of each status."""
    columns = t.program_runs.c
    mine = columns.account == account
    counted = select(
        func.coalesce(func.max(columns.id), 0).label("newest"),
        *(func.count(case((columns.status == status.value, 1))).label(f"count_{status.value}") for status in RunStatus),
    ).where(mine)  # fmt: skip
    told = counted.subquery()
    going = columns.status.in_([status.value for status in RunStatus if status.is_active])
    ids = select(columns.id).where(mine).order_by(columns.id.desc())
    older = ids if before is None else ids.where(columns.id < before)
    shown = union_all(
        select(ids.where(going).limit(most_active).subquery()), select(older.where(~going).limit(limit).subquery())
    )  # fmt: skip
    runs = _runs().where(columns.id.in_(shown)).subquery()
    rows = connection.execute(select(told, runs).select_from(told.outerjoin(runs, true())).order_by(runs.c.id.desc())).all()
    counts = {status: rows[0]._mapping[f"count_{status.value}"] for status in RunStatus}
    found = tuple(_run(row) for row in rows if row.id is not None)
    active = tuple(row for row in found if row.run.status.is_active)
    return RunPage(counts, rows[0].newest, active, tuple(row for row in found if not row.run.status.is_active))


def program_run(connection: Connection, id_: int) -> RunRow:
    """Return a program run by the log id of its start.

    Raises
    ------
    NotFound
        If there is none.
    """
    # A number that no column could hold is none of them.
    known = 0 < id_ < 2**63
    row = connection.execute(_runs().where(t.program_runs.c.id == id_)).first() if known else None
    if row is None:
        raise NotFound("program run", str(id_), field="strategy_id")
    return _run(row)


def _runs() -> Select[Any]:
    """Select program runs with the newest price of their instruments: of the open position, else of the session's last trade.

    A run that has traded nothing is worth nothing at any price, and where nobody else traded its token either, its last trade
    would be sought among all of the session's.
    """
    runs, held, traded = t.program_runs.c, t.positions.c, t.trades.c
    open_at = select(held.price).where(held.account == runs.account, held.is_open, held.instrument == runs.instrument)
    last = select(traded.price).where(traded.session == runs.session, traded.instrument == runs.instrument)
    newest = last.order_by(traded.id.desc()).limit(1).scalar_subquery()
    has_traded = number_inside(runs.body, "fills") > 0
    price = func.coalesce(open_at.scalar_subquery(), case((has_traded, newest)), type_=Exact()).label("price")
    started_by = t.commands.c.id.label("command")
    return select(t.program_runs, price, started_by).outerjoin(t.commands, t.commands.c.outcome == runs.id)


def _run(row: Row[Any]) -> RunRow:
    run: ProgramRun = row.body
    price: Decimal | None = row.price
    result = run.result(price if price is not None else NO_CASH)
    mean = per_unit(run.spent, run.bought, row.instrument.price_decimals) if run.bought else None
    return RunRow(row.id, row.session, row.account, row.instrument, run, price, result, mean, row.command)
