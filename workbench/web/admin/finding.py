"""Filters: what may be asked of a column, and the condition that it makes."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette_admin.filters import BaseFilter, FilterGroup, FilterRule
from starlette_admin.filters.base import FilterApplyContext, FilterDataType, FilterValidationError

from workbench.store.tables import accounts, trading_sessions
from workbench.web.zone import shown_zone

LONGEST: Final = 200
MOST_RULES: Final = 30
"""As many rules as one address may have; a database has its bounds too."""
Filters = list[type[BaseFilter]]


class Contains(BaseFilter):
    """Whether words have some letters in them."""

    name = "contains"
    label = "contains"
    data_type = FilterDataType.STRING

    def parse_value(self, raw: Any) -> str:
        """Return the letters."""
        if len(str(raw)) > LONGEST:
            raise FilterValidationError(f"expected at most {LONGEST} letters")
        return str(raw)

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query.contains(ctx.value, autoescape=True)


class Is(Contains):
    """Whether words are these."""

    name = "is"
    label = "is"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query == ctx.value


class _Owned(Contains):
    """Of the rows of another table, known by their ids; people know them by their names."""

    owner: ClassVar[Table]

    @classmethod
    def ids(cls, condition: ColumnElement[bool]) -> Select[Any]:
        """Return the ids of those that a condition holds for."""
        return select(cls.owner.c.id).where(condition)


class IsOf(_Owned):
    """Whether it is of one that has this id or this name, in large or small letters."""

    name = "is"
    label = "is"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return or_(ctx.query == ctx.value, ctx.query.in_(self.ids(func.lower(self.owner.c.name) == func.lower(ctx.value))))


class OfNamed(_Owned):
    """Whether it is of one whose name has some letters in it."""

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query.in_(self.ids(self.owner.c.name.icontains(ctx.value, autoescape=True)))


class _Number(BaseFilter):
    data_type = FilterDataType.NUMBER

    def parse_value(self, raw: Any) -> float | int:
        """Return the number."""
        try:
            number = float(str(raw))
        except ValueError:
            raise FilterValidationError(f"expected a number, found {str(raw)[:40]!r}") from None
        if not math.isfinite(number) or abs(number) >= 2**63:
            raise FilterValidationError("expected a number of less than 19 digits")
        return int(str(raw)) if str(raw).lstrip("-").isdigit() else number


class AtLeast(_Number):
    """Whether a number is so large or larger."""

    name = "at_least"
    label = "at least"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query >= ctx.value


class AtMost(_Number):
    """Whether a number is so large or smaller."""

    name = "at_most"
    label = "at most"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query <= ctx.value


class Equals(_Number):
    """Whether a number is this one."""

    name = "equals"
    label = "equals"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query == ctx.value


class _Time(BaseFilter):
    data_type = FilterDataType.DATETIME

    def parse_value(self, raw: Any) -> int:
        """Return the milliseconds; a time without a zone is meant in the one that pages show."""
        try:
            at = datetime.fromisoformat(str(raw))
            return round((at if at.tzinfo else at.replace(tzinfo=shown_zone())).timestamp() * 1000)
        except (ValueError, OverflowError):
            raise FilterValidationError(f"expected a time such as 2026-03-01T12:00, found {str(raw)[:40]!r}") from None


class Since(_Time):
    """Whether it was then or later."""

    name = "since"
    label = "since"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query >= ctx.value


class Until(_Time):
    """Whether it was then or earlier."""

    name = "until"
    label = "until"

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query <= ctx.value


class Yes(BaseFilter):
    """Whether it is so."""

    name = "yes"
    label = "is so"
    data_type = FilterDataType.NONE

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query.is_(True)


class No(BaseFilter):
    """Whether it is not so."""

    name = "no"
    label = "is not so"
    data_type = FilterDataType.NONE

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query.is_(False)


class OneOf(BaseFilter):
    """Whether it is one of the names that it can have."""

    name = "one_of"
    label = "is one of"
    data_type = FilterDataType.ENUM
    choices: ClassVar[tuple[str, ...]] = ()

    def parse_value(self, raw: Any) -> list[str]:
        """Return the names."""
        names = [str(name) for name in raw] if isinstance(raw, list) else [str(raw)]
        for name in names:
            if name not in self.choices:
                raise FilterValidationError(f"expected one of {', '.join(self.choices)}, found {name[:40]!r}")
        return names

    def get_choices(self, request: Request) -> Sequence[tuple[str, str]]:
        """Return what can be chosen."""
        return [(name, name.replace("_", " ")) for name in self.choices]

    def apply(self, ctx: FilterApplyContext) -> Any:
        """Return the condition."""
        return ctx.query.in_(ctx.value)


WORDS: Final[Filters] = [Contains, Is]
NAMES: Final[Filters] = [Is]
NUMBERS: Final[Filters] = [AtLeast, AtMost, Equals]
TIMES: Final[Filters] = [Since, Until]
FLAGS: Final[Filters] = [Yes, No]


def _of(table: Table) -> Filters:
    return [type(kind.__name__, (kind,), {"owner": table}) for kind in (IsOf, OfNamed)]


ACCOUNTS: Final[Filters] = _of(accounts)
SESSIONS: Final[Filters] = _of(trading_sessions)


def has(column: ColumnElement[Any], words: str, filters: Filters) -> ColumnElement[bool]:
    """Return whether a column has what somebody searches for.

    A name is known by how it begins, and what belongs to an account or a session by the name of that. SQLite takes large and
    small letters for the same by itself.
    """
    if filters is NAMES:
        return column.startswith(words, autoescape=True)
    if any(issubclass(kind, OneOf) for kind in filters):
        # They are shown with spaces.
        return column.contains(words.replace(" ", "_"), autoescape=True)
    owned = next((kind for kind in filters if issubclass(kind, OfNamed)), None)
    if owned is None:
        return column.contains(words, autoescape=True)
    return column.startswith(words, autoescape=True) | column.in_(owned.ids(owned.owner.c.name.icontains(words, autoescape=True)))


def one_of(choices: Sequence[str]) -> Filters:
    """Return the filter of a column that has one of a few names."""
    return [type("OneOf", (OneOf,), {"choices": tuple(str(choice) for choice in choices)})]


def condition(
    group: FilterGroup, column: Callable[[str], ColumnElement[Any]], filters: Callable[[str, str], type[BaseFilter] | None]
) -> ColumnElement[bool] | None:
    """Return what a tree of rules asks for, or None where it asks for nothing.

    Parameters
    ----------
    column
        Returns what a field is sought by.
    filters
        Returns the filter of a field by its name.
    """
    if _size(group) > MOST_RULES:
        raise HTTPException(400, f"At most {MOST_RULES} filters can be asked for at once.")
    return _group(group, column, filters)


def _size(node: FilterGroup | FilterRule) -> int:
    return sum(_size(rule) for rule in node.rules) if isinstance(node, FilterGroup) else 1


def _group(group: FilterGroup, column: Any, filters: Any) -> ColumnElement[bool] | None:
    parts = []
    for rule in group.rules:
        if isinstance(rule, FilterGroup):
            part = _group(rule, column, filters)
        else:
            found = filters(rule.field, rule.filter)
            part = None if found is None else found().apply(FilterApplyContext(column(rule.field), rule.field, rule.value))
        if part is not None:
            parts.append(part)
    if not parts:
        return None
    return and_(*parts) if group.logic == "and" else or_(*parts)
