"""Open an account; the default one makes itself."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4
from weakref import WeakSet

from sqlalchemy import select

from workbench.desk import Desk
from workbench.domain.config import DEFAULT_CONFIGURATION
from workbench.domain.events import AccountOpened, ConfigurationSaved
from workbench.domain.money import opening_cash
from workbench.domain.names import alike, numbered, read_account_name
from workbench.errors import Invalid
from workbench.store.database import Database
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.tables import accounts

DEFAULT_ACCOUNT: Final = "default"
DEFAULT_CASH: Final = Decimal(10_000)
_with_default: Final[WeakSet[Database]] = WeakSet()


def open_account(
    desk: Desk, name: str, cash: Any = DEFAULT_CASH, id_: str | None = None, unique: bool = False, number: bool = False
) -> str:
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
    number
        Put a number behind such a name instead.

    Raises
    ------
    Invalid
        If the name is empty, too long or cannot be shown, the cash is not an amount above zero, the name is another
        account's id, or it is taken and was to be unique.
    """
    amount, name = opening_cash(cash), read_account_name(name)
    account = id_ or uuid4().hex[:12]
    with desk.store.write() as connection:
        known = {row.id: row.name for row in connection.execute(select(accounts.c.id, accounts.c.name))}
        if account not in known:
            # The default account makes itself, so its id is taken before it is there.
            ids = [each for each in (*known, DEFAULT_ACCOUNT) if each != account]
            if number:
                name = numbered(name, [*ids, *known.values()])
            else:
                _refuse_taken(name, [*ids, *known.values()] if unique else ids)
            events = [
                AccountOpened(account, name, amount),
                ConfigurationSaved(DEFAULT_CONFIGURATION),
            ]
            projector = Projector(connection)
            projector.take(append(connection, account, events, desk.at))
            projector.flush()
    desk.accounts.clear()
    return account


def _refuse_taken(name: str, taken: Iterable[str]) -> None:
    """Refuse a name by which another account is known, whether in large or small letters."""
    found = alike(name, taken)
    if found is not None:
        raise Invalid("name", f"one that no account has yet, in large or small letters, and there is {found!r}", name)


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
