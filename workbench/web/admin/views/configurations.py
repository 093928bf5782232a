"""Strategy configurations: every version; an edit makes a new one, through the action that saves it."""

from typing import Any, Final

import msgspec
from sqlalchemy import Row
from starlette.requests import Request

from workbench.actions.delete_configuration import delete_configuration
from workbench.actions.save_configuration import save_configuration
from workbench.desk import Desk
from workbench.domain.config import StrategyConfiguration
from workbench.domain.params import with_fields
from workbench.domain.presets import mode_of
from workbench.errors import Conflict, Invalid
from workbench.store import reads
from workbench.store.browse import Reach, inside
from workbench.store.rows import ConfigurationRow
from workbench.store.tables import configurations
from workbench.strategies import shelf
from workbench.web.admin import cells
from workbench.web.admin.editing import Outdated, form_fields, in_rows
from workbench.web.admin.fields import ColumnField
from workbench.web.admin.finding import ACCOUNTS, FLAGS, NUMBERS, TIMES, WORDS
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView, acted, saved

_INLINE: Final = ("size_pct", "stop_loss_pct", "take_profit_pct", "confidence_threshold", "max_positions", "max_daily_trades")


def _made(row: Row[Any]) -> StrategyConfiguration:
    made: StrategyConfiguration = row.configuration
    return made


LISTING: Final = Listing(
    "paperstrategyconfiguration",
    "PaperStrategyConfiguration",
    "Every version of every configuration. Saving a change makes a new version, which is then the active one.",
    "Paper trading",
    Reach(configurations, configurations.c.id),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("version", "Version", cells.count, filters=NUMBERS, sorts=True),
        Column("is_active", "Active", cells.flag, filters=FLAGS, sorts=True),
        Column("saved", "Saved", cells.moment, filters=TIMES, sorts=True),
        Column("mode", "Mode", cells.chip, lambda row: mode_of(row.configuration)),
    ),
)


def _strategies() -> list[tuple[str, str]]:
    return [(name, f"{shelf.get(name).title} ({name})") for name in shelf.names()]


class ConfigurationsView(TableView):
    """Strategy configurations."""

    row_actions = ("view", "edit", "delete")
    inline_editable_fields = _INLINE

    def make_fields(self) -> list[ColumnField]:
        """Return the columns, and a field for everything that a configuration has."""
        own = super().make_fields()
        for field in own:
            field.exclude_from_create = field.exclude_from_edit = True
        made = form_fields(StrategyConfiguration, _made, listed=("name", "strategy", *_INLINE))
        for field in made:
            match field.name:
                case "name":
                    field.help_text = "Under another name it becomes a configuration of its own."
                    assert field.column is not None
                    field.column = msgspec.structs.replace(
                        field.column, by=configurations.c.name, filters=WORDS, sorts=True, searched=True
                    )
                case "strategy":
                    field.control, field.choices, field.form_template = "choice", _strategies, "form_choice.html"
                    assert field.column is not None
                    by = inside(configurations.c.configuration, "strategy")
                    field.column = msgspec.structs.replace(field.column, by=by, filters=WORDS, sorts=True, searched=True)
                case "parameters":
                    field.help_text = "Of the strategy, such as: fast=20, slow=50"
                case "allowed_tokens" | "blocked_tokens":
                    field.help_text = "Symbols, such as: WETH, AERO"
        self.form_layout = in_rows([field.name for field in made], 3)
        name, strategy = made[0], made[1]
        inline = [field for field in made if field.name in _INLINE]
        rest = [field for field in made[2:] if field.name not in _INLINE]
        return [*own[:2], name, *own[2:4], strategy, *inline, *own[4:], *rest]

    def can_edit(self, request: Request) -> bool:
        """Return True: an edit saves a new version through its action."""
        return True

    def can_delete(self, request: Request) -> bool:
        """Return True: a configuration is deleted through its action, which refuses the last."""
        return True

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Save a new version, with what was changed."""
        row = await self.row_named(pk)
        made = await saved(lambda: self._saved(row, data))
        return await self.row_named(made.id)

    def _saved(self, row: Row[Any], data: dict[str, Any]) -> ConfigurationRow:
        with self.desk.store.read() as connection:
            newest = max(each.version for each in reads.configurations(connection, row.account, row.name))
        if newest != row.version:
            raise Outdated(next(iter(data), ""), row.version, newest)
        return save_configuration(self.desk, row.account, changed(row.configuration, data))

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Delete every version of the configurations that rows belong to."""
        for pk in pks:
            row = await self.row_named(pk)
            await acted(lambda row=row: deleted(self.desk, row.account, row.name))  # type: ignore[misc]
        return len(pks)


def changed(made: StrategyConfiguration, data: dict[str, Any]) -> StrategyConfiguration:
    """Return a configuration with what a form says.

    Raises
    ------
    Invalid
        If a value is none that its field can have.
    """
    given = dict(data)
    if isinstance(given.get("parameters"), str):
        given["parameters"] = read_parameters(given["parameters"])
    result: StrategyConfiguration = with_fields(made, given)
    return result


def read_parameters(said: str) -> dict[str, int | float]:
    """Return parameters as somebody has typed them.

    Raises
    ------
    Invalid
        If they are no names and numbers.

    Examples
    --------
    >>> read_parameters("fast=20, slow=50.5")
    {'fast': 20, 'slow': 50.5}
    """
    found: dict[str, int | float] = {}
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, _, digits = (piece.strip() for piece in part.partition("="))
        try:
            found[name] = int(digits) if digits.lstrip("-").isdigit() else float(digits)
        except ValueError:
            raise Invalid("parameters", "names and numbers, such as fast=20, slow=50", said) from None
    return found


def deleted(desk: Desk, account: str, name: str) -> None:
    """Delete a configuration that is not the active one.

    Raises
    ------
    Conflict
        If it is, or if it is the last.
    """
    with desk.store.read() as connection:
        others = [row for row in reads.configurations(connection, account) if row.name != name]
        active = reads.active_configuration(connection, account)
    if others and active.name == name:
        raise Conflict("a configuration is deleted while another one is active", f"{name!r} is the active one")
    delete_configuration(desk, account, name)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [ConfigurationsView(desk, LISTING)]
