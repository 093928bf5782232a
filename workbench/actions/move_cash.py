"""Put cash into an account or take it out, whether a session runs or not."""

from decimal import Decimal
from typing import Any

from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import Deposit, Withdraw
from workbench.domain.events import Deposited, Withdrawn
from workbench.domain.money import EXACT, rounded, text, to_decimal
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import AccountRow


def deposit(desk: Desk, account: str, amount: Any, by: str = "person") -> AccountRow:
    """Put cash in and return the account; a running session takes it before its next bar.

    Raises
    ------
    NotFound
        If there is no such account.
    Invalid
        If it is not an amount above zero.
    """
    return _move(desk, account, Deposit(_amount(amount)), by)


def withdraw(desk: Desk, account: str, amount: Any, by: str = "person") -> AccountRow:
    """Take cash out and return the account; a running session gives it before its next bar, if it has that much free.

    Raises
    ------
    NotFound
        If there is no such account.
    Invalid
        If it is not an amount above zero, or more than there is.
    """
    return _move(desk, account, Withdraw(_amount(amount)), by)


def _amount(amount: Any) -> Decimal:
    number = to_decimal(amount, "amount")
    if number <= 0:
        raise Invalid("amount", "an amount above zero", amount)
    return number


def _move(desk: Desk, account: str, command: Deposit | Withdraw, by: str) -> AccountRow:
    amount = rounded(command.amount, 8)
    with desk.store.read() as connection:
        _check_cash(reads.account_row(connection, account).book.free_cash(), command, amount)
        going = reads.active_session(connection, account)
    if going is not None:
        send_command(desk, going.id, command, by)
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
        return reads.account(connection, account)


def _check_cash(cash: Decimal, command: Deposit | Withdraw, amount: Decimal) -> None:
    if isinstance(command, Withdraw) and amount > cash:
        raise Invalid("amount", f"at most the {text(cash)} cash at hand", text(amount))
