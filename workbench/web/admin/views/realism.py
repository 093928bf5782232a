"""Paper trading configs: how real an account's simulation is; an edit makes a new version, through the action that saves it."""

from typing import Any, Final

from sqlalchemy import Row, func, select
from starlette.requests import Request

from workbench.actions.save_paper_trading_config import save_paper_trading_config
from workbench.desk import Desk
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.params import with_fields
from workbench.errors import NotFound, Refused
from workbench.store.browse import Reach
from workbench.store.tables import paper_trading_configs
from workbench.web.admin import cells
from workbench.web.admin.editing import Outdated, form_fields, in_rows
from workbench.web.admin.fields import ColumnField
from workbench.web.admin.finding import ACCOUNTS, FLAGS, NUMBERS, TIMES
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView, saved

_c = paper_trading_configs.c


def _made(row: Row[Any]) -> PaperTradingConfig:
    made: PaperTradingConfig = row.config
    return made


class Refusal(Refused):
    """No config is made for an account."""

    field = "account"


LISTING: Final = Listing(
    "papertradingconfig",
    "PaperTradingConfig",
    "How real each account's simulation is: delay, failures, slippage. Saving a change makes a new version.",
    "Paper trading",
    Reach(paper_trading_configs, _c.id),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("version", "Version", cells.count, filters=NUMBERS, sorts=True),
        Column("is_active", "Active", cells.flag, filters=FLAGS, sorts=True),
        Column("saved", "Saved", cells.moment, filters=TIMES, sorts=True),
    ),
)


class PaperTradingConfigsView(TableView):
    """Paper trading configs."""

    row_actions = ("view", "edit")

    def make_fields(self) -> list[ColumnField]:
        """Return the columns, and a field for everything that a config has."""
        own = super().make_fields()
        for field in own:
            field.exclude_from_edit = True
            field.exclude_from_create = field.name != "account"
        names = PaperTradingConfig.__struct_fields__
        made = form_fields(PaperTradingConfig, _made, listed=names)
        self.inline_editable_fields = list(names)
        own[1].help_text = "The id of an account that has none yet; it then trades by this one."
        self.form_layout = ["account", *in_rows([field.name for field in made], 3)]
        return [*own[:4], *made, own[4]]

    def can_create(self, request: Request) -> bool:
        """Return True: an account that goes by the defaults has no config to edit yet."""
        return True

    def can_edit(self, request: Request) -> bool:
        """Return True: an edit saves a new version through its action."""
        return True

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Save an account's config."""
        account = data.pop("account")
        return await saved(lambda: self._created(account, data))

    def _created(self, account: str, data: dict[str, Any]) -> Row[Any]:
        newest = self._newest(account)
        if newest:
            raise Refusal(f"An account that has no config gets one here, and this one has version {newest}. Edit that one.")
        config = with_fields(PaperTradingConfig(), data)
        if config == PaperTradingConfig():
            raise Refusal("These are the defaults, by which an account without a config trades anyway. Change one to keep it.")
        return self._saved(account, config)

    def _newest(self, account: str) -> int:
        with self.desk.store.read() as connection:
            return connection.execute(select(func.max(_c.version)).where(_c.account == account)).scalar() or 0

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Save a new version, with what was changed."""
        row = await self.row_named(pk)
        return await saved(lambda: self._edited(row, data))

    def _edited(self, row: Row[Any], data: dict[str, Any]) -> Row[Any]:
        newest = self._newest(row.account)
        if newest != row.version:
            raise Outdated(next(iter(data), ""), row.version, newest)
        return self._saved(row.account, with_fields(row.config, data))

    def _saved(self, account: str, config: PaperTradingConfig) -> Row[Any]:
        save_paper_trading_config(self.desk, account, config)
        with self.desk.store.read() as connection:
            found = connection.execute(paper_trading_configs.select().where(_c.account == account, _c.is_active)).first()
        if found is None:
            raise NotFound("config of account", account, field="account")
        return found


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [PaperTradingConfigsView(desk, LISTING)]
