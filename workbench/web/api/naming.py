"""What a question names that the workbench keeps: an account, a session, a token. What there is not is a 404 with its field."""

from typing import Final

import msgspec
from sqlalchemy import Connection, select

from workbench.desk import Desk
from workbench.domain.instruments import Instrument
from workbench.errors import NotFound
from workbench.sources.simulated import TOKENS
from workbench.store import reads
from workbench.store.commands import find_command
from workbench.store.rows import ConfigurationRow
from workbench.store.tables import series
from workbench.web.page import account_named

_SIMULATED: Final = tuple(token.instrument for token in TOKENS)
"""Tokens that are known even before their first bar."""


Whose = tuple[str, str, int | None]
"""An account, a session and a command as a question names them."""


class Scope(msgspec.Struct, frozen=True):
    """Whose rows are asked for: an account's, of those a session's, or what came of a command; empty or None where not named."""

    account: str
    session: str = ""
    command: int | None = None


def scope_of(desk: Desk, account: str, session: str, command: int | None = None) -> Scope:
    """Return whose rows are asked for; who names a session or a command, and no account, means that one's own.

    Raises
    ------
    NotFound
        If there is no such account, session or command, or the account has none of that id.
    """
    owner, found = account_named(desk, account), ""
    if not session and command is None:
        return Scope(owner)
    with desk.store.read() as connection:
        if session:
            row = reads.session(connection, session)
            found = row.id
            owner = _owned(account, owner, row.account, "session", session)
        if command is not None:
            asked = find_command(connection, command)
            if found and asked.session != found:
                raise NotFound(f"command of session {session!r}", str(command), field="command")
            owner = _owned(account, owner, asked.account, "command", str(command))
    return Scope(owner, found, command)


def _owned(named: str, owner: str, its: str, kind: str, name: str) -> str:
    """Return whose a thing is, unless another account was named."""
    if named and its != owner:
        raise NotFound(f"{kind} of account {named!r}", name, field=kind)
    return its


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
