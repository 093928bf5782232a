"""Accounts: opened and reset through their actions."""

from typing import Any, Final

from sqlalchemy import Float, Row, case, cast, func
from starlette.requests import Request
from starlette_admin import row_action
from starlette_admin.flash import flash

from workbench.actions.open_account import DEFAULT_CASH, open_account
from workbench.actions.reset_account import reset_account
from workbench.desk import Desk
from workbench.domain.book import Book
from workbench.domain.money import NO_CASH
from workbench.store.browse import Reach, number_inside
from workbench.store.tables import accounts
from workbench.web.admin import cells
from workbench.web.admin.fields import ColumnField
from workbench.web.admin.finding import NUMBERS, TIMES, WORDS
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView, acted, saved

_c = accounts.c
_put_in = number_inside(_c.book, "deposits") - number_inside(_c.book, "withdrawals")
_made = cast(_c.equity, Float) - _put_in
_rate = case((_c.closed > 0, cast(_c.wins, Float) / _c.closed))
_CASH_FORM: Final = (
    '<form class="mt-3"><label class="form-label" for="reset-cash">Cash to begin with, in USD</label>'
    '<input id="reset-cash" class="form-control" name="cash" inputmode="decimal" autocomplete="off" value="10000"></form>'
)


def _book(row: Row[Any]) -> Book:
    book: Book = row.book
    return book


LISTING: Final = Listing(
    "papertradingaccount",
    "PaperTradingAccount",
    "Accounts, with what each is worth and how it did in its present epoch.",
    "Paper trading",
    Reach(accounts, _c.since),
    (
        Column("name", "Name", filters=WORDS, sorts=True, searched=True),
        Column("id", "Id", cells.code, filters=WORDS, searched=True),
        Column("equity", "Value", cells.money, filters=NUMBERS, sorts=True),
        Column("cash", "Cash", cells.money, lambda row: _book(row).cash, number_inside(_c.book, "cash"), NUMBERS, sorts=True),
        Column("result", "Result", cells.result, lambda row: row.equity - _book(row).put_in, _made, NUMBERS,
               sorts=True),
        Column(
            "result_share", "Result %", cells.result_share,
            lambda row: float((row.equity - _book(row).put_in) / _book(row).put_in) if _book(row).put_in else None,
            _made / func.nullif(_put_in, 0), NUMBERS, sorts=True,
        ),
        Column("win_rate", "Win rate", cells.win_rate, lambda row: row.wins / row.closed if row.closed else None, _rate,
               NUMBERS, sorts=True),
        Column("wins", "Wins", cells.count, filters=NUMBERS, sorts=True, in_list=False),
        Column("losses", "Losses", cells.count, lambda row: row.closed - row.wins, _c.closed - _c.wins, in_list=False),
        Column("closed", "Round trips", cells.count, filters=NUMBERS, sorts=True),
        Column("trades", "Trades", cells.count, filters=NUMBERS, sorts=True),
        Column("worst_drawdown", "Worst drawdown", cells.share, filters=NUMBERS, sorts=True),
        Column("fees", "Fees", cells.money, sorts=True, in_list=False),
        Column("gas", "Gas", cells.money, sorts=True, in_list=False),
        Column("deposits", "Deposits", cells.money, lambda row: _book(row).deposits, in_list=False),
        Column("withdrawals", "Withdrawals", cells.money, lambda row: _book(row).withdrawals, in_list=False),
        Column("realised", "Realised", cells.result, lambda row: _book(row).realised, in_list=False),
        Column("positions", "Open positions", cells.count, lambda row: len(_book(row).positions)),
        Column("epoch", "Epoch", cells.count, filters=NUMBERS, sorts=True),
        Column("opened", "Opened", cells.moment, filters=TIMES, sorts=True),
        Column("last_ts", "Newest bar", cells.moment, filters=TIMES, sorts=True, in_list=False),
    ),
)  # fmt: skip


class AccountsView(TableView):
    """Accounts."""

    row_actions = ("view", "reset")

    def make_fields(self) -> list[ColumnField]:
        """Return the columns, and the one that a new account is asked for."""
        fields = super().make_fields()
        for field in fields:
            field.exclude_from_create = field.exclude_from_edit = field.name not in ("name", "cash")
            field.exclude_from_edit = True
            if field.name == "cash":
                field.default, field.control, field.help_text = DEFAULT_CASH, "number", "In USD."
        return fields

    def can_create(self, request: Request) -> bool:
        """Return True: an account is opened through its action."""
        return True

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Open an account."""
        id_ = await saved(lambda: open_account(self.desk, data["name"], data["cash"], unique=True))
        return await self.row_named(id_)

    @row_action(
        name="reset",
        text="Reset",
        header="Reset the account",
        confirmation="What it holds is sold at its newest price, and a new epoch begins. Trades and thoughts stay.",
        submit_btn_text="Reset account",
        icon_class="fa-solid fa-rotate-left",
        form=_CASH_FORM,
    )
    async def reset(self, request: Request, pk: Any) -> None:
        """Begin a new epoch of an account."""
        cash = str((await request.form()).get("cash") or NO_CASH)
        epoch = await acted(lambda: reset_account(self.desk, str(pk), cash))
        flash(request, f"The account was reset: epoch {epoch.number} begins with {epoch.cash:,.2f} USD.", "success")


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [AccountsView(desk, LISTING)]
