"""What was read once in a snapshot is not read again in it: the blocks of a page share their readings.

A connection that `store.read()` opens sees one snapshot until it is closed, so what it said it would say again. Only looks
are kept here; whoever writes reads for himself.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from workbench.domain.book import Book
from workbench.domain.commands import Command
from workbench.store import prices, reads
from workbench.store.prices import TokenPrice
from workbench.store.rows import SessionRow

Found = TypeVar("Found")
_known: Final[WeakKeyDictionary[Connection, dict[Hashable, Any]]] = WeakKeyDictionary()


def once(connection: Connection, key: Hashable, read: Callable[[], Found]) -> Found:
    """Return what was found under a key in this snapshot, or else read it now."""
    known = _known.setdefault(connection, {})
    if key not in known:
        known[key] = read()
    found: Found = known[key]
    return found


def active_session(connection: Connection, account: str) -> SessionRow | None:
    """Return the session that an account has on its way, or None."""
    return once(connection, ("active_session", account), lambda: reads.active_session(connection, account))


def newest_prices(connection: Connection) -> tuple[TokenPrice, ...]:
    """Return the newest price of each token of the simulated market."""
    return once(connection, "newest_prices", lambda: prices.newest_prices(connection))


def waiting_commands(connection: Connection, session: str) -> list[Command]:
    """Return what was asked of a session and has not been applied yet, oldest first."""
    return once(connection, ("waiting_commands", session), lambda: reads.waiting_commands(connection, session))


def account_book(connection: Connection, account: str) -> Book:
    """Return an account's book."""
    book: Book = once(connection, ("account_book", account), lambda: reads.account_row(connection, account).book)
    return book
