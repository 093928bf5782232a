"""Lists as files: the same filters as their JSON, every row, in pieces."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar.response import Stream

from workbench.analytics.exports import CHUNK, csv_chunks
from workbench.desk import Desk
from workbench.web.api.envelope import Json, fields_of

Reading = Callable[[Any, int, int | None], Sequence[msgspec.Struct | Json]]
"""Returns the shapes of so many rows before a cursor, from a connection."""
MOST: Final = 1_000_000


def whole_file(name: str, columns: Sequence[str], rows: Sequence[msgspec.Struct | Json]) -> Stream:
    """Return an answer that is a CSV file of rows that are all at hand."""
    return _stream(name, columns, map(_line, rows))


def csv_file(name: str, columns: Sequence[str], desk: Desk, read: Reading, cursor: str) -> Stream:
    """Return an answer that is a CSV file of a whole list, newest first.

    Parameters
    ----------
    name
        Of the file.
    read
        Returns the shapes of so many rows before a cursor; what it refuses, it refuses before the answer begins.
    cursor
        The field of a shape that says where the next rows begin.
    """
    with desk.store.read() as connection:
        first = read(connection, CHUNK, None)

    def rows() -> Iterator[Mapping[str, Any]]:
        some, count = list(map(_line, first)), 0
        while some:
            yield from some
            count += len(some)
            if len(some) < CHUNK or count >= MOST:
                return
            with desk.store.read() as connection:
                some = list(map(_line, read(connection, CHUNK, some[-1][cursor])))

    return _stream(name, columns, rows())


def _line(row: msgspec.Struct | Json) -> Json:
    return fields_of(row) if isinstance(row, msgspec.Struct) else row


def _stream(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Stream:
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Stream(csv_chunks(rows, columns), media_type="text/csv", headers=headers)
