"""Paper trading configs: how real an account's simulation is; an edit makes a new version, through the action that saves it."""

from typing import Any, Final

from sqlalchemy import Row
from starlette.requests import Request

from workbench.actions.save_paper_trading_config import save_paper_trading_config
from workbench.desk import Desk
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.params import with_fields
from workbench.errors import NotFound
from workbench.store.browse import Reach
from workbench.store.tables import paper_trading_configs
from workbench.web.admin import cells
from workbench.web.admin.editing import form_fields, in_rows
from workbench.web.admin.fields import ColumnField
from workbench.web.admin.finding import FLAGS, NAMES, NUMBERS, TIMES
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView, saved

_c = paper_trading_configs.c


def _made(row: Row[Any]) -> PaperTradingConfig:
    made: PaperTradingConfig = row.config
    return made


LISTING: Final = Listing(
    "papertradingconfig",
    "PaperTradingConfig",
    "How real each account's simulation is: delay, failures, slippage. Saving a change makes a new version.",
    "Paper trading",
    Reach(paper_trading_configs, _c.id),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("account", "Account", cells.account, filters=NAMES, searched=True),
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
        return await self._save(account, PaperTradingConfig(), data)

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Save a new version, with what was changed."""
        row = await self.row_named(pk)
        return await self._save(row.account, row.config, data)

    async def _save(self, account: str, config: PaperTradingConfig, data: dict[str, Any]) -> Any:
        return await saved(lambda: self._saved(account, config, data))

    def _saved(self, account: str, config: PaperTradingConfig, data: dict[str, Any]) -> Row[Any]:
        save_paper_trading_config(self.desk, account, with_fields(config, data))
        with self.desk.store.read() as connection:
            found = connection.execute(paper_trading_configs.select().where(_c.account == account, _c.is_active)).first()
        if found is None:
            raise NotFound("config of account", account, field="account")
        return found


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [PaperTradingConfigsView(desk, LISTING)]
