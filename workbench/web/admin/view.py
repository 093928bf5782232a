"""A table as starlette-admin asks for it: rows, their number, one of them; nobody may write where a view does not say so."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from anyio import to_thread
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, or_
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette_admin import BaseModelView, RowActionsDisplayType
from starlette_admin.actions import ActionSelection
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.filters import FilterGroup
from starlette_admin.types import RequestAction

from workbench.desk import Desk
from workbench.errors import Refused, TryLater
from workbench.store import browse
from workbench.web.admin.fields import ColumnField
from workbench.web.admin.finding import LONGEST, condition, has
from workbench.web.admin.listing import Listing

Made = TypeVar("Made")
MOST_EXPORTED: Final = 10_000
BY: Final = "admin"
"""Who asked, as a command's row has it."""


class TableView(BaseModelView):  # type: ignore[misc, unused-ignore]
    """A table that may be looked at, searched, sorted, filtered and exported; a view that may more derives from it.

    Parameters
    ----------
    desk
        Whose store it is.
    listing
        How the table is shown.
    """

    pk_attr = "row"
    exporters: Sequence[Any] = ("csv",)
    importers: Sequence[Any] = ()
    page_size = 25
    page_size_options: Sequence[int] = (25, 50, 100)
    search_highlight = True
    row_actions_display_type = RowActionsDisplayType.INLINE_LINKS
    actions: Sequence[str] | None = ("export",)
    row_actions: Sequence[str] | None = ("view",)

    def __init__(self, desk: Desk, listing: Listing) -> None:
        self.desk, self.listing = desk, listing
        self.key = listing.key
        self.display_name = self.menu_label = listing.name
        self.fields = self.make_fields()
        # A view may have more columns than it declares, and they are sought like the others.
        listing = self.listing = replace(listing, columns=tuple(f.column for f in self.fields if f.column is not None))
        for field in self.fields:
            field.filters = listing.column(field.name).filters
        self.searchable_fields = [c.name for c in listing.columns if c.filters]
        self.sortable_fields = [c.name for c in listing.columns if c.sorts]
        self.exclude_fields_from_list = [c.name for c in listing.columns if not c.in_list]
        self.fields_default_sort = []
        super().__init__()

    def make_fields(self) -> list[ColumnField]:
        """Return the columns as fields."""
        return [ColumnField(c.name, c.label, column=c, filters=c.filters) for c in self.listing.columns]

    # --- what is read ---

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Row[Any]]:
        """Return a page of rows."""
        where, order = self._where(q, filters), self._order(sorts or ())
        most = limit if limit > 0 else MOST_EXPORTED
        return await self._read(lambda connection: browse.page(connection, self.listing.reach, where, order, skip, most))

    async def count(self, request: Request, q: str | None = None, filters: FilterGroup | None = None) -> int:
        """Return how many rows there are, counted up to a bound."""
        where = self._where(q, filters)
        return await self._read(lambda connection: browse.count(connection, self.listing.reach, where))

    async def find_by_pk(self, request: Request, pk: Any) -> Row[Any] | None:
        """Return a row by its name."""
        return await self._find(str(pk))

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Row[Any]]:
        """Return rows by their names; as many as a page may have."""
        found = [await self.find_by_pk(request, pk) for pk in pks[: max(self.page_size_options)]]
        return [row for row in found if row is not None]

    async def row_named(self, pk: Any) -> Row[Any]:
        """Return a row by its name; that there is none is a refusal."""
        found = await self._find(str(pk))
        if found is None:
            raise ActionFailed(f"There is no {self.listing.name} {str(pk)!r} any more.")
        return found

    async def _find(self, row_name: str) -> Row[Any] | None:
        keys = self.listing.keys_of(row_name)
        if keys is None:
            return None
        return await self._read(lambda connection: browse.find(connection, self.listing.reach.table, keys))

    async def _read(self, look: Callable[[Connection], Made]) -> Made:
        def within() -> Made:
            with self.desk.store.read() as connection:
                return look(connection)

        return await to_thread.run_sync(within)

    def _where(self, q: str | None, filters: FilterGroup | None) -> ColumnElement[bool] | None:
        listing, registry = self.listing, self.get_filter_registry()
        fields = {field.name: field for field in self._all_fields}
        asked = condition(
            filters or FilterGroup(), listing.sought, lambda name, filter_: registry.get_filter(fields[name], filter_)
        )
        words = (q or "").strip()[:LONGEST]
        searched = [column for column in listing.columns if column.searched]
        if not words or not searched:
            return asked
        said = or_(*(has(listing.sought(column.name), words, column.filters) for column in searched))
        return said if asked is None else asked & said

    def _order(self, sorts: Sequence[tuple[str, str]]) -> list[ColumnElement[Any]]:
        sought = [(self.listing.sought(name), way) for name, way in sorts if name in (self.sortable_fields or ())]
        if len(sought) == 1 and sought[0][1] == "desc" and sought[0][0] is self.listing.reach.newest:
            return []
        return [column.desc() if way == "desc" else column.asc() for column, way in sought]

    def _default_sort(self) -> list[tuple[str, bool]]:
        return []

    # --- what a row is called ---

    async def get_pk_value(self, request: Request, obj: Any) -> str:
        """Return what a row is called in an address."""
        return self.listing.row_name(obj)

    async def repr(self, obj: Any, request: Request) -> str:
        """Return what a row is called in a sentence."""
        return f"{self.listing.name} {self.listing.row_name(obj)}"

    # --- what nobody may do, unless a view says so ---

    def can_create(self, request: Request) -> bool:
        """Return whether rows may be added."""
        return False

    def can_edit(self, request: Request) -> bool:
        """Return whether rows may be changed."""
        return False

    def can_delete(self, request: Request) -> bool:
        """Return whether rows may be deleted."""
        return False

    def can_import(self, request: Request) -> bool:
        """Return False: what is here comes from the log."""
        return False

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        """Refuse to add a row."""
        raise HTTPException(403)

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        """Refuse to change a row."""
        raise HTTPException(403)

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        """Refuse to delete rows."""
        raise HTTPException(403)

    async def handle_action(self, request: Request, selection: ActionSelection, name: str) -> Response | None:
        """Do what was asked of several rows; what this view does not offer is forbidden."""
        if name not in (self.actions or ()):
            raise HTTPException(403)
        return await super().handle_action(request, selection, name)

    async def handle_row_action(self, request: Request, pk: Any, name: str) -> Response | None:
        """Do what was asked of a row; what this view does not offer is forbidden."""
        if name not in (self.row_actions or ()) or not await self.is_row_action_allowed(request, name):
            raise HTTPException(403)
        return await super().handle_row_action(request, pk, name)

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Return whether a row has a button; one that is pressed too late is refused by the action, in its own words."""
        if request.state.action == RequestAction.ROW_ACTION:
            return True
        return await self.is_row_action_allowed(request, name) and self.offers(name, obj)

    def offers(self, name: str, row: Row[Any]) -> bool:
        """Return whether it is the moment for an action on a row."""
        return True


async def acted(action: Callable[[], Made]) -> Made:
    """Carry an action out, off the event loop; what it refuses is shown as its own sentence.

    Raises
    ------
    ActionFailed
        With that sentence.
    """
    try:
        return await to_thread.run_sync(action)
    except (Refused, TryLater) as problem:
        raise ActionFailed(str(problem)) from problem


async def saved(action: Callable[[], Made]) -> Made:
    """Carry out an action that a form asks for; what it refuses is shown beside the field.

    Raises
    ------
    FormValidationError
        With the refusal's sentence.
    """
    try:
        return await to_thread.run_sync(action)
    except Refused as problem:
        raise FormValidationError({problem.field or "": str(problem)}) from problem
