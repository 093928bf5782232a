"""Open an account; the default one makes itself."""

from decimal import Decimal
from typing import Any, Final
from uuid import uuid4
from weakref import WeakSet

from sqlalchemy import Connection, select

from workbench.desk import Desk
from workbench.domain.config import DEFAULT_CONFIGURATION
from workbench.domain.events import AccountOpened, ConfigurationSaved
from workbench.domain.money import opening_cash
from workbench.domain.names import alike, read_name
from workbench.errors import Invalid
from workbench.store.database import Database
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.tables import accounts

DEFAULT_ACCOUNT: Final = "default"
DEFAULT_CASH: Final = Decimal(10_000)
_with_default: Final[WeakSet[Database]] = WeakSet()


def open_account(desk: Desk, name: str, cash: Any = DEFAULT_CASH, id_: str | None = None, unique: bool = False) -> str:
    """Open an account with some cash and return its id.

    Parameters
    ----------
    name
        What a person calls it.
    cash
        To begin with, in USD.
    id_
        A fixed id; made up where None. Opening an account that is there already changes nothing.
    unique
        Refuse a name that another account has, in large or small letters, so that this one can be found by it.

    Raises
    ------
    Invalid
        If the name is empty, too long or cannot be shown, the cash is not an amount above zero, or the name is
        taken and was to be unique.
    """
    amount, name = opening_cash(cash), read_name(name)
    account = id_ or uuid4().hex[:12]
    with desk.store.write() as connection:
        if unique:
            _refuse_taken(connection, name)
        if connection.execute(select(accounts.c.id).where(accounts.c.id == account)).scalar() is None:
            events = [
                AccountOpened(account, name, amount),
                ConfigurationSaved(DEFAULT_CONFIGURATION),
            ]
            projector = Projector(connection)
            projector.take(append(connection, account, events, desk.at))
            projector.flush()
    return account


def _refuse_taken(connection: Connection, name: str) -> None:
    """Refuse a name by which another account is known, whether in large or small letters."""
    known = connection.execute(select(accounts.c.name, accounts.c.id)).all()
    taken = alike(name, (called for row in known for called in row))
    if taken is not None:
        raise Invalid("name", f"one that no account has yet, in large or small letters, and there is {taken!r}", name)


def default_account(desk: Desk) -> str:
    """Return the id of the account that a single person uses; it makes itself, with 10,000 USD."""
    # No account ever goes, so it is looked for once in each store.
    if desk.store in _with_default:
        return DEFAULT_ACCOUNT
    with desk.store.read() as connection:
        found = connection.execute(select(accounts.c.id).where(accounts.c.id == DEFAULT_ACCOUNT)).scalar()
    if not found:
        open_account(desk, "Paper account", id_=DEFAULT_ACCOUNT)
    _with_default.add(desk.store)
    return DEFAULT_ACCOUNT
