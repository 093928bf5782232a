"""What was read once in a snapshot is not read again in it: the blocks of a page share their readings.

A connection that `store.read()` opens sees one snapshot until it is closed, so what it said it would say again. Whoever writes
reads for himself, for what he writes changes what is read.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from workbench.store.database import READS_ONLY

Given = ParamSpec("Given")
Found = TypeVar("Found")
_known: Final[WeakKeyDictionary[Connection, dict[Any, Any]]] = WeakKeyDictionary()


def once_a_snapshot(
    read: Callable[Concatenate[Connection, Given], Found],
) -> Callable[Concatenate[Connection, Given], Found]:
    """Let a reading answer with what it found before, where it is asked for the same in the same snapshot.

    A list is answered with one of the caller's own; the rows in it are frozen and shared.
    """

    @wraps(read)
    def reading(connection: Connection, *given: Given.args, **named: Given.kwargs) -> Found:
        if not connection.get_execution_options().get(READS_ONLY):
            return read(connection, *given, **named)
        known = _known.setdefault(connection, {})
        key = (read, given, tuple(sorted(named.items())))
        if key not in known:
            known[key] = read(connection, *given, **named)
        found: Any = known[key]
        return list(found) if isinstance(found, list) else found  # type: ignore[return-value]

    return reading  # type: ignore[return-value]


def remember(connection: Connection, reading: Callable[..., Found], *given: Any, found: Found) -> None:
    """Let a reading that is read once a snapshot answer with what another has found beside it."""
    if connection.get_execution_options().get(READS_ONLY):
        read: Any = reading.__wrapped__  # type: ignore[attr-defined]
        _known.setdefault(connection, {}).setdefault((read, given, ()), found)
