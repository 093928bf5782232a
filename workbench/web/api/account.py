"""Accounts: which there are, a new one, cash in and out, a reset, and what each epoch made."""

from typing import Any

from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from workbench import jobs
from workbench.actions.move_cash import move_cash
from workbench.actions.open_account import default_account, open_account
from workbench.actions.reset_account import reset_account
from workbench.desk import Desk
from workbench.domain.commands import Deposit, Withdraw
from workbench.domain.money import text, to_decimal
from workbench.errors import Invalid
from workbench.store import reads
from workbench.store.rows import AccountRow, EpochRow
from workbench.web.api import shapes
from workbench.web.api.envelope import Json, Told, answer, iso, know_fields, listed, read_body
from workbench.web.api.paging import Account
from workbench.web.page import account_named


def account_shape(row: AccountRow) -> shapes.Account:
    """Return an account as answers carry it."""
    return shapes.Account(
        account_id=row.id, name=row.name, opened_at=iso(row.opened), epoch=row.epoch, total_value=row.equity,
        cash_balance=row.cash, total_pnl=row.equity - row.put_in, total_trades=row.trades, session_id=row.session,
    )  # fmt: skip


def epoch_shape(row: EpochRow) -> shapes.Epoch:
    """Return an epoch as answers carry it."""
    return shapes.Epoch(
        epoch=row.number, began_at=iso(row.began), ended_at=iso(row.ended), starting_balance=row.cash,
        total_value=row.equity, total_pnl=row.result, roi=round(100 * row.result_share, 4), costs_paid=row.costs,
        total_trades=row.trades, closed_trades=row.closed, winning_trades=row.wins,
        max_drawdown_percent=round(100 * row.worst_drawdown, 4),
    )  # fmt: skip


@get("/paper-trading/api/accounts/")
async def every(state: State) -> Told[shapes.Items[shapes.Account]]:
    """List the accounts, the newest first."""
    return await sync_to_thread(_every, state.desk)


def _every(desk: Desk) -> Told[shapes.Items[shapes.Account]]:
    default_account(desk)
    with desk.store.read() as connection:
        rows = reads.accounts(connection)
    return answer(listed([account_shape(row) for row in rows], None))


@post("/paper-trading/api/accounts/", status_code=200)
async def opened(request: Request[Any, Any, State], state: State) -> Told[shapes.OpenedAccount]:
    """Open an account, with its `name` and its `cash`."""
    body = await read_body(request)
    return await sync_to_thread(_opened, state.desk, body)


def _opened(desk: Desk, body: Json) -> Told[shapes.OpenedAccount]:
    know_fields(body, ("name", "cash"))
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise Invalid("name", "a name", name)
    account = open_account(desk, name, body.get("cash", 10_000), unique=True)
    with desk.store.read() as connection:
        row = reads.account(connection, account)
    return answer(shapes.OpenedAccount(account=account_shape(row), message=f"{row.name} was opened."))


@post("/paper-trading/api/account/reset/", status_code=200)
async def reset(request: Request[Any, Any, State], state: State) -> Told[shapes.ResetAccount]:
    """Sell what is held and begin a new epoch with `amount` of cash, 100 to 1,000,000; what came before stays."""
    body = await read_body(request)
    return await sync_to_thread(_reset, state.desk, body)


def _reset(desk: Desk, body: Json) -> Told[shapes.ResetAccount]:
    know_fields(body, ("amount", "account"))
    account, amount = _whose(desk, body), to_decimal(body.get("amount"), "amount")
    if not 100 <= amount <= 1_000_000:
        raise Invalid("amount", "a number from 100 to 1000000", body.get("amount"))
    with desk.store.read() as connection:
        held = len(reads.account_row(connection, account).book.positions)
    epoch = reset_account(desk, account, amount)
    with desk.store.read() as connection:
        before = reads.epochs(connection, account)[1]
    return answer(
        shapes.ResetAccount(
            account_id=account,
            new_balance=epoch.cash,
            positions_closed=held,
            epoch=epoch.number,
            ended=epoch_shape(before),
            message=f"Epoch {epoch.number} begins; epoch {before.number} stays for comparison.",
        )
    )


@post(["/paper-trading/api/account/deposit/", "/paper-trading/api/account/withdraw/"], status_code=200)
async def moved(request: Request[Any, Any, State], state: State) -> Told[shapes.MovedCash]:
    """Put cash in, or take it out; a running session does so before its next bar, and `command_id` tells when it has."""
    body, comes_in = await read_body(request), "deposit" in request.url.path
    return await sync_to_thread(_moved, state.desk, body, comes_in)


def _moved(desk: Desk, body: Json, comes_in: bool) -> Told[shapes.MovedCash]:
    know_fields(body, ("amount", "account"))
    done = move_cash(desk, _whose(desk, body), Deposit if comes_in else Withdraw, body.get("amount"), by="api")
    row, words = done.account, "put in" if comes_in else "taken out"
    if row.session is not None:
        jobs.hasten(row.session)
    when = "." if done.command is None else " before the next bar; until then the account is told as it was."
    message = f"{text(to_decimal(body['amount'], 'amount'))} USD {'is' if done.command is not None else 'was'} {words}{when}"
    return answer(shapes.MovedCash(account=account_shape(row), command_id=done.command, message=message))


@get("/paper-trading/api/account/epochs/", sync_to_thread=True)
def epochs(state: State, account: Account = "") -> Told[shapes.Items[shapes.Epoch]]:
    """List the epochs of the account, the newest first."""
    desk: Desk = state.desk
    account = account_named(desk, account)
    with desk.store.read() as connection:
        rows = reads.epochs(connection, account)
    return answer(listed([epoch_shape(row) for row in rows], None))


def _whose(desk: Desk, body: Json) -> str:
    name = body.get("account")
    if name is not None and not isinstance(name, str):
        raise Invalid("account", "an account's name or id", name)
    return account_named(desk, name or "")


handlers = [every, opened, reset, moved, epochs]
