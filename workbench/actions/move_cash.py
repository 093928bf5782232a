"""Put cash into an account or take it out, whether a session runs or not."""

from decimal import Decimal
from typing import Any

import msgspec

from workbench.actions.send_command import record_command
from workbench.desk import Desk
from workbench.domain.commands import Deposit, Withdraw
from workbench.domain.events import Deposited, Withdrawn
from workbench.domain.money import EXACT, rounded, text, to_decimal
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import AccountRow


class Moved(msgspec.Struct, frozen=True):
    """An account after cash was asked for; where a session is to move it before its next bar, the number of its command."""

    account: AccountRow
    command: int | None


def deposit(desk: Desk, account: str, amount: Any, by: str = "person") -> AccountRow:
    """Put cash in and return the account; a running session takes it before its next bar.

    Raises
    ------
    NotFound
        If there is no such account.
    Invalid
        If it is not an amount above zero.
    """
    return move_cash(desk, account, Deposit, amount, by).account


def withdraw(desk: Desk, account: str, amount: Any, by: str = "person") -> AccountRow:
    """Take cash out and return the account; a running session gives it before its next bar, if it has that much free.

    Raises
    ------
    NotFound
        If there is no such account.
    Invalid
        If it is not an amount above zero, or more than there is.
    """
    return move_cash(desk, account, Withdraw, amount, by).account


def _amount(amount: Any) -> Decimal:
    number = to_decimal(amount, "amount")
    if number <= 0:
        raise Invalid("amount", "an amount above zero", amount)
    return number


def move_cash(desk: Desk, account: str, kind: type[Deposit | Withdraw], amount: Any, by: str = "person") -> Moved:
    """Put cash in or take it out, and return the account with the number of the command that a running session got.

    Raises
    ------
    NotFound, Invalid
        As `deposit` and `withdraw`.
    """
    command, number = kind(_amount(amount)), None
    amount = rounded(command.amount, 8)
    with desk.store.read() as connection:
        _check_cash(reads.account_row(connection, account).book.free_cash(), command, amount)
        going = reads.active_session(connection, account)
    if going is not None:
        number = record_command(desk, going.id, command, by).command
    else:
        with desk.store.write() as connection:
            cash = reads.account_row(connection, account).book.cash
            _check_cash(cash, command, amount)
            event = Deposited(amount, EXACT.add(cash, amount))
            out = Withdrawn(amount, EXACT.subtract(cash, amount))
            projector = Projector(connection)
            projector.take(append(connection, account, [event if isinstance(command, Deposit) else out], desk.at))
            projector.flush()
    with desk.store.read() as connection:
        return Moved(reads.account(connection, account), number)


def _check_cash(cash: Decimal, command: Deposit | Withdraw, amount: Decimal) -> None:
    if isinstance(command, Withdraw) and amount > cash:
        raise Invalid("amount", f"at most the {text(cash)} cash at hand", text(amount))
