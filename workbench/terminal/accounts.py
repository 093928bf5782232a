"""`workbench account`: accounts, cash and epochs."""

from typing import Any

import click

from workbench.terminal.options import Words, account_of, account_option, home_option


@click.group(cls=Words)
def account() -> None:
    """Look at accounts, open one, move cash, and begin anew."""


@account.command(name="list")
@home_option
def list_accounts(home: str | None) -> None:
    """List the accounts, the newest first."""
    from workbench.desk import open_desk
    from workbench.store import reads

    with open_desk(home) as desk:
        account_of(desk, None)
        with desk.store.read() as connection:
            rows = reads.accounts(connection)
    for row in rows:
        running = "  running" if row.session else ""
        click.echo(
            f"{row.id:<14}{row.name:<28}{row.equity:>16,.2f}{row.equity - row.put_in:>+14,.2f}{row.trades:>7} trades{running}"
        )


@account.command(name="open")
@click.argument("name")
@click.option("--cash", default="10000", show_default=True, metavar="N", help="To begin with.")
@home_option
def open_(name: str, cash: str, home: str | None) -> None:
    """Open an account called NAME and print its id."""
    from workbench.actions.open_account import open_account
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        click.echo(open_account(desk, name, cash, unique=True))


@account.command()
@click.argument("amount")
@account_option
@home_option
def deposit(amount: str, account: str | None, home: str | None) -> None:
    """Put AMOUNT of cash in; a running session takes it before its next bar."""
    from workbench.actions import move_cash
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        row = move_cash.deposit(desk, account_of(desk, account), amount, by="command line")
        _tell_cash(row)


@account.command()
@click.argument("amount")
@account_option
@home_option
def withdraw(amount: str, account: str | None, home: str | None) -> None:
    """Take AMOUNT of cash out; a running session gives it before its next bar."""
    from workbench.actions import move_cash
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        row = move_cash.withdraw(desk, account_of(desk, account), amount, by="command line")
        _tell_cash(row)


def _tell_cash(row: Any) -> None:
    if row.session:
        click.echo(f"Session {row.session[:8]} does so before its next bar.")
    else:
        click.echo(f"{row.name}: {row.cash:,.2f} cash")


@account.command()
@click.option("--cash", default="10000", show_default=True, metavar="N", help="That the new epoch begins with.")
@account_option
@home_option
def reset(cash: str, account: str | None, home: str | None) -> None:
    """Sell what is held and begin a new epoch; what came before stays and can be compared."""
    from workbench.actions.reset_account import reset_account
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        epoch = reset_account(desk, account_of(desk, account), cash)
    click.echo(f"Epoch {epoch.number} begins with {epoch.cash:,.2f}.")


@account.command()
@account_option
@home_option
def epochs(account: str | None, home: str | None) -> None:
    """Compare what each epoch of an account made."""
    from workbench.desk import open_desk
    from workbench.store import reads

    with open_desk(home) as desk:
        chosen = account_of(desk, account)
        with desk.store.read() as connection:
            rows = reads.epochs(connection, chosen)
    for row in rows:
        state = "goes on" if row.ended is None else "ended"
        told = f"{row.cash:>14,.2f} → {row.equity:>14,.2f}{100 * row.result_share:>+9.2f} %"
        click.echo(f"{row.number:>3}  {state:<8}{told}{row.trades:>7} trades  worst drawdown {100 * row.worst_drawdown:.2f} %")
