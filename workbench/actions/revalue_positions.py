"""Give open positions fresh prices while no session of their account runs."""

from decimal import Decimal

from sqlalchemy import select

from workbench.actions.runner import fetch
from workbench.desk import Desk
from workbench.domain.bars import parse_timeframe
from workbench.domain.events import PositionsRevalued
from workbench.domain.instruments import Instrument
from workbench.errors import Invalid, NotFound
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.log import append
from workbench.store.projections import Projector


def revalue_positions(desk: Desk, chain_id: int | None = None, position: int | None = None, source: str = "simulated") -> int:
    """Mark open positions at their source's newest price and return how many were marked.

    The positions of an account with a running session are marked by that session. A revaluation is an event of the
    account's stream and never enters a ledger digest.

    Parameters
    ----------
    chain_id
        Only positions on this chain; None for every chain.
    position
        Only this one.

    Raises
    ------
    NotFound, Invalid
        As `revaluable`.
    """
    held = revaluable(desk, chain_id, position)
    known = {instrument.key for instrument in desk.source(source).instruments()}
    return sum(_revalue(desk, source, account, [i for i in mine if i.key in known]) for account, mine in held.items())


def revaluable(desk: Desk, chain_id: int | None = None, position: int | None = None) -> dict[str, list[Instrument]]:
    """Return what may be marked of each account, for the same choice as `revalue_positions`.

    Raises
    ------
    Invalid
        If the chain or the position is no number.
    NotFound
        If there is no such open position, it is on another chain, or a session marks it.
    """
    for name, given in (("chain_id", chain_id), ("position_id", position)):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise Invalid(name, "a whole number", given)
    columns = t.positions.c
    with desk.store.read() as connection:
        query = select(t.positions).where(columns.is_open)
        held: dict[str, list[Instrument]] = {}
        for row in connection.execute(query).all():
            is_meant = position in (None, row.id) and chain_id in (None, row.instrument.chain_id)
            if is_meant and reads.active_session(connection, row.account) is None:
                held.setdefault(row.account, []).append(row.instrument)
    if position is not None and not held:
        raise NotFound("open position without a running session", str(position), field="position_id")
    return held


def _revalue(desk: Desk, source: str, account: str, instruments: list[Instrument]) -> int:
    length = parse_timeframe("5s")
    ts = (desk.now() // length - 1) * length
    marks: dict[str, Decimal] = {}
    for instrument in instruments:
        series = fetch(desk, source, instrument, "5s", ts, ts + length)
        if len(series):
            marks[instrument.key] = series.bar(len(series) - 1).close
    if not marks:
        return 0
    with desk.store.write() as connection:
        if reads.active_session(connection, account) is not None:
            return 0
        book, known = reads.account_book(connection, account)
        marks = {key: price for key, price in marks.items() if key in book.positions}
        event = PositionsRevalued(marks, book.equity({**known, **marks}), ts)
        projector = Projector(connection)
        projector.take(append(connection, account, [event], desk.at))
        projector.flush()
    return len(marks)
