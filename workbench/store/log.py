"""The event log: append-only, chained by digest, and the only announcement there is."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, select

from workbench.domain.bars import as_ts
from workbench.domain.events import FIRST_DIGEST, Event, canonical, decode, kind_of, log_digest
from workbench.errors import LogBroken
from workbench.store.tables import events as table

_HEAD: Final = (
    select(table.c.seq, table.c.digest).where(table.c.stream == bindparam("stream")).order_by(table.c.seq.desc()).limit(1)
)
_LAST: Final = select(func.coalesce(func.max(table.c.id), 0))


class LogRow(msgspec.Struct, frozen=True):
    """One event as the log keeps it; `at` is the clock when it was written, milliseconds UTC."""

    id: int
    stream: str
    seq: int
    at: int
    kind: str
    body: str
    digest: str

    @property
    def event(self) -> Event:
        """The event itself."""
        return decode(self.kind, self.body)


def append(connection: Connection, stream: str, events: Sequence[Event], at: datetime) -> list[LogRow]:
    """Write events at the end of a stream and return their rows.

    Parameters
    ----------
    connection
        Of a writing transaction.
    stream
        A session's id, or an account's for what happens while no session runs.
    at
        The clock, aware.
    """
    if not events:
        return []
    seq, digest = head(connection, stream)
    number = last_id(connection)
    rows = []
    for event in events:
        kind, body = kind_of(event), canonical(event)
        digest, seq, number = log_digest(digest, kind, body), seq + 1, number + 1
        rows.append(LogRow(number, stream, seq, as_ts(at), kind, body.decode(), digest))
    connection.execute(
        table.insert(),
        [
            {"id": r.id, "stream": r.stream, "seq": r.seq, "at": at, "kind": r.kind, "body": r.body, "digest": r.digest}
            for r in rows
        ],
    )
    return rows


def head(connection: Connection, stream: str) -> tuple[int, str]:
    """Return the number and the digest of a stream's last event; 0 and zeros where there is none."""
    row = connection.execute(_HEAD, {"stream": stream}).first()
    return (row.seq, row.digest) if row else (0, FIRST_DIGEST)


def last_id(connection: Connection) -> int:
    """Return the id of the newest event: the feed's cursor."""
    return int(connection.execute(_LAST).scalar_one())


def events_after(connection: Connection, cursor: int, limit: int = 500, kinds: Iterable[str] = ()) -> list[LogRow]:
    """Return the events after a cursor, oldest first."""
    query = select(table).where(table.c.id > cursor).order_by(table.c.id).limit(limit)
    wanted = tuple(kinds)
    if wanted:
        query = query.where(table.c.kind.in_(wanted))
    return [_row(row) for row in connection.execute(query)]


def stream_events(connection: Connection, stream: str, kinds: Iterable[str] = ()) -> Iterator[LogRow]:
    """Yield a stream's events in order."""
    query = select(table).where(table.c.stream == stream).order_by(table.c.seq)
    wanted = tuple(kinds)
    if wanted:
        query = query.where(table.c.kind.in_(wanted))
    for row in connection.execution_options(yield_per=2000).execute(query):
        yield _row(row)


def newest_first(connection: Connection, stream: str, kind: str, after: int = 0) -> Iterator[LogRow]:
    """Yield a stream's events of one kind after one of its numbers, the newest first; whoever has enough stops reading."""
    query = select(table).where(table.c.stream == stream, table.c.kind == kind, table.c.seq > after).order_by(table.c.seq.desc())
    for row in connection.execution_options(yield_per=500).execute(query):
        yield _row(row)


def every_event(connection: Connection) -> Iterator[LogRow]:
    """Yield the whole log in the order in which it was written."""
    for row in connection.execution_options(yield_per=2000).execute(select(table).order_by(table.c.id)):
        yield _row(row)


def check_chain(rows: Iterable[LogRow]) -> int:
    """Hold a stream to its digests and return how many events it has.

    Raises
    ------
    LogBroken
        At the first event whose number or digest does not follow from the ones before it.
    """
    digest, count = FIRST_DIGEST, 0
    for row in rows:
        count += 1
        if row.seq != count:
            raise LogBroken(row.stream, count, f"event {count}", f"event {row.seq}")
        digest = log_digest(digest, row.kind, row.body.encode())
        if digest != row.digest:
            raise LogBroken(row.stream, row.seq, f"digest {digest[:16]}…", f"{row.digest[:16]}…")
    return count


def _row(row: Row[Any]) -> LogRow:
    return LogRow(row.id, row.stream, row.seq, as_ts(row.at), row.kind, row.body, row.digest)
