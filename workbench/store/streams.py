"""Whose a stream of the log is, and what the numbers in its events stand for; each read is for many events at once."""

from collections.abc import Collection, Iterable
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, select, tuple_

from workbench.domain.events import SessionStarted
from workbench.domain.instruments import Instrument
from workbench.domain.orders import Order
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.log import stream_events
from workbench.store.program_runs import program_run
from workbench.store.rows import PositionRow, RunRow


class SessionLine(msgspec.Struct, frozen=True):
    """What never changes of a session."""

    id: str
    account: str
    name: str
    mode: str


def session_lines(connection: Connection, streams: Collection[str]) -> dict[str, SessionLine]:
    """Return the sessions among some streams; the others are accounts' own, or sweeps'."""
    columns = t.trading_sessions.c
    query = select(columns.id, columns.account, columns.name, columns.request).where(columns.id.in_(streams))
    return {row.id: SessionLine(row.id, row.account, row.name, row.request.mode) for row in connection.execute(query)}


def traded_instruments(connection: Connection, session: str) -> dict[str, Instrument]:
    """Return what a session trades, by key; nothing before it has started."""
    for row in stream_events(connection, session, ["SessionStarted"]):
        plan = msgspec.json.decode(row.body, type=SessionStarted).plan
        return {instrument.key: instrument for instrument in plan.instruments}
    return {}


def numbered_orders(connection: Connection, numbers: Collection[tuple[str, int]]) -> dict[tuple[str, int], Order]:
    """Return orders, as they stand, by their session and their number in it."""
    columns = t.orders.c
    query = select(columns.session, columns.number, columns.body).where(tuple_(columns.session, columns.number).in_(numbers))
    return {(row.session, row.number): row.body for row in connection.execute(query)}


def numbered_runs(connection: Connection, numbers: Collection[tuple[str, int]]) -> dict[tuple[str, int], RunRow]:
    """Return program runs, at the newest price that is known, by their session and their number in it."""
    columns = t.program_runs.c
    query = select(columns.session, columns.number, columns.id).where(tuple_(columns.session, columns.number).in_(numbers))
    return {(row.session, row.number): program_run(connection, row.id) for row in connection.execute(query).all()}


def put_in_by(connection: Connection, marks: Collection[int]) -> dict[int, Decimal]:
    """Return what had been put in, less what was taken out, at each of these marks of equity."""
    columns = t.equity_points.c
    return {row.id: row.put_in for row in connection.execute(select(columns.id, columns.put_in).where(columns.id.in_(marks)))}


def newest_positions(connection: Connection, account: str, keys: Iterable[str]) -> dict[str, PositionRow]:
    """Return an account's position in each instrument: the open one, or else the one that was closed last."""
    wanted = set(keys)
    found = {row.instrument.key: row for row in reads.positions(connection, account) if row.instrument.key in wanted}
    if len(found) < len(wanted):
        for row in reads.closed_positions(connection, account, limit=40):
            if row.instrument.key in wanted:
                found.setdefault(row.instrument.key, row)
    return found
