"""What a question names that the workbench keeps: an account, a session, a token. What there is not is a 404 with its field."""

from typing import Final

import msgspec
from sqlalchemy import Connection, select

from workbench.desk import Desk
from workbench.domain.instruments import Instrument
from workbench.errors import NotFound
from workbench.sources.simulated import TOKENS
from workbench.store import reads
from workbench.store.rows import ConfigurationRow
from workbench.store.tables import series
from workbench.web.page import account_named

_SIMULATED: Final = tuple(token.instrument for token in TOKENS)
"""Tokens that are known even before their first bar."""


class Scope(msgspec.Struct, frozen=True):
    """Whose rows are asked for: an account's, or of those a session's; `session` is empty where none is named."""

    account: str
    session: str = ""


def scope_of(desk: Desk, account: str, session: str) -> Scope:
    """Return whose rows are asked for; who names a session and no account means the session's own.

    Raises
    ------
    NotFound
        If there is no such account, no such session, or the account has none of that id.
    """
    owner = account_named(desk, account)
    if not session:
        return Scope(owner)
    with desk.store.read() as connection:
        row = reads.session(connection, session)
    if account and row.account != owner:
        raise NotFound(f"session of account {account!r}", session, field="session")
    return Scope(row.account, row.id)


def configuration_named(connection: Connection, account: str, which: str, field: str) -> ConfigurationRow:
    """Return a saved configuration by its name, or one version of it, written `Default@2`.

    Raises
    ------
    NotFound
        If there is none; it names the field that asked for it.
    """
    try:
        return reads.configuration_version(connection, account, which)
    except NotFound as problem:
        problem.field = field
        raise


def symbol_named(connection: Connection, symbol: str, field: str = "token") -> str:
    """Return a token's symbol as its instrument writes it, whatever the case it was asked for in; empty where none was.

    Raises
    ------
    NotFound
        If nothing is called so.
    """
    if not symbol:
        return ""
    recorded: list[Instrument] = list(connection.execute(select(series.c.instrument).distinct()).scalars())
    known = list(dict.fromkeys(instrument.symbol for instrument in (*_SIMULATED, *recorded)))
    for name in known:
        if name.lower() == symbol.lower():
            return name
    raise NotFound("token", symbol, known, field=field)
