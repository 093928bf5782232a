"""The declaration that a table is shown by: its columns, what may be asked of each, and how each is shown."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Float, Row, cast, type_coerce

from workbench.store.browse import Reach
from workbench.store.types import AwareTime, Exact
from workbench.web.admin import cells
from workbench.web.admin.cells import Cell
from workbench.web.admin.finding import Filters


class Column(msgspec.Struct, frozen=True):
    """What is shown of a row.

    Parameters
    ----------
    shown
        Makes the cell of a value that is there.
    of
        Reads the value; the table's column of the same name where None.
    by
        What it is sorted and filtered by; the table's column of the same name where None.
    filters
        What may be asked of it.
    sorts
        Whether rows may be put into its order.
    searched
        Whether the search looks at it.
    in_list
        Whether the list has it; a row's own page has every column.
    stands_right
        Whether it stands at the right, as numbers do, though it is shown as something else.
    """

    name: str
    label: str
    shown: Callable[[Any], Cell] = cells.text
    of: Callable[[Row[Any]], Any] | None = None
    by: ColumnElement[Any] | None = None
    filters: Filters = []
    sorts: bool = False
    searched: bool = False
    in_list: bool = True
    stands_right: bool = False

    def read(self, row: Row[Any]) -> Any:
        """Return the value in a row."""
        return row._mapping[self.name] if self.of is None else self.of(row)

    def whole(self, cell: Cell) -> str:
        """Return what a cell shows where there is room for the whole of it: every digit, with the arrow that it has."""
        if self.shown is cells.moment:
            return cell.text
        return f"{cell.text[0]} {cell.title}" if self.shown is cells.result else cell.title

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        return self.stands_right or self.shown in _NUMBERS


_NUMBERS = frozenset(
    {
        cells.count, cells.number, cells.money, cells.price, cells.quantity, cells.result, cells.share, cells.result_share,
        cells.win_rate, cells.confidence,
    }
)  # fmt: skip


class Listing(msgspec.Struct, frozen=True):
    """A table as the admin shows it.

    Parameters
    ----------
    key
        Its place in an address.
    name
        What it is called.
    about
        One sentence on what its rows are.
    group
        The part of the navigation that it stands in.
    keys
        The columns that tell a row from every other.
    """

    key: str
    name: str
    about: str
    group: str
    reach: Reach
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ("id",)

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def sought(self, name: str) -> ColumnElement[Any]:
        """Return what a column is sorted and filtered by, as the database compares it."""
        declared = self.column(name).by
        by: ColumnElement[Any] = self.reach.table.c[name] if declared is None else declared
        if isinstance(by.type, AwareTime):
            return type_coerce(by, BigInteger)
        return cast(by, Float) if isinstance(by.type, Exact) else by

    def row_name(self, row: Row[Any]) -> str:
        """Return what tells a row from every other, as an address has it."""
        return ".".join(str(row._mapping[name]) for name in self.keys)

    def keys_of(self, row_name: str) -> dict[str, str] | None:
        """Return the values of the keys in a row's name, or None where it has too few."""
        parts = row_name.split(".", len(self.keys) - 1)
        return dict(zip(self.keys, parts, strict=True)) if len(parts) == len(self.keys) else None
