"""Exports: rows as Polars frames and as CSV, one header, plain numbers, times in ISO-8601."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

CHUNK: Final = 5_000
"""Rows that are at hand at a time."""
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_chunks(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], chunk: int = CHUNK) -> Iterator[bytes]:
    r"""Yield a CSV file of rows in pieces, the header first, however many rows there are.

    Numbers are written as they are, to the last digit. A text that a spreadsheet would take for a formula gets an apostrophe
    before it.

    Examples
    --------
    >>> b"".join(csv_chunks([{"price": Decimal("0.10"), "why": "=1+1"}], ["price", "why"]))
    b"price,why\n0.10,'=1+1\n"
    """
    import polars as pl

    waiting: list[dict[str, str | None]] = []
    schema = dict.fromkeys(columns, pl.String)
    yield pl.DataFrame(schema=schema).write_csv().encode()
    for row in rows:
        waiting.append({name: _cell(row.get(name)) for name in columns})
        if len(waiting) == chunk:
            yield pl.DataFrame(waiting, schema=schema).write_csv(include_header=False).encode()
            waiting = []
    if waiting:
        yield pl.DataFrame(waiting, schema=schema).write_csv(include_header=False).encode()


def _cell(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case int() | float():
            return repr(value)
        case str():
            return f"'{value}" if value.startswith(_DANGEROUS) else value
        case _:
            return msgspec.json.encode(value, enc_hook=str).decode()
