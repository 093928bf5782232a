"""Columns as starlette-admin knows them: a cell to look at, and in a form what a person types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.fields import BaseField
from starlette_admin.helpers import html_params
from starlette_admin.types import RequestAction

from workbench.web.admin.cells import EMPTY
from workbench.web.admin.listing import Column
from workbench.web.filters import plain_number

_FORMS: Final = frozenset({RequestAction.CREATE, RequestAction.EDIT, RequestAction.INLINE_EDIT})
LONGEST: Final = 10_000


@dataclass
class ColumnField(BaseField):  # type: ignore[misc, unused-ignore]
    """A column that is shown and, where it has a control, may be changed.

    Parameters
    ----------
    column
        How it is shown.
    control
        The kind of control in a form: `number`, `text`, `choice` or `flag`.
    choices
        What can be chosen, each with its words; or what returns them when a form is drawn.
    """

    column: Column | None = None
    control: str = "text"
    choices: Callable[[], Sequence[tuple[str, str]]] | Sequence[tuple[str, str]] = ()
    class_: str = "form-control"
    list_template: str = "cell.html"
    detail_template: str = "cell.html"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.form_template = {"choice": "form_choice.html", "flag": "fields/form/boolean.html"}.get(
            self.control, self.form_template
        )

    async def parse_obj(self, request: Request, obj: Any) -> Any:
        """Return the value in a row."""
        assert self.column is not None
        return self.column.read(obj)

    async def serialize_value(self, request: Request, value: Any) -> Any:
        """Return the value as it is looked at, typed, or written to a file."""
        assert self.column is not None
        if request.state.action in _FORMS:
            return value if self.control == "flag" else as_typed(value)
        cell = self.column.shown(value)
        if request.state.action == RequestAction.DETAIL and cell.title and not cell.address:
            # There is room for the whole of it.
            return replace(cell, text=self.column.whole(cell))
        return cell.plain if request.state.action == RequestAction.EXPORT else cell

    async def serialize_none_value(self, request: Request) -> Any:
        """Return what stands where there is no value."""
        if request.state.action in _FORMS or request.state.action == RequestAction.EXPORT:
            return ""
        assert self.column is not None
        # What is missing stands below the numbers that are there.
        return replace(EMPTY, tone=f"num {EMPTY.tone}") if self.column.is_number else EMPTY

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """Return what was typed; what it may be is checked by what it is for."""
        if self.control == "flag":
            return form_data.get(self.id) is not None
        return str(form_data.get(self.id) or "").strip()[:LONGEST]

    def offered(self) -> Sequence[tuple[str, str]]:
        """Return what can be chosen."""
        return self.choices() if callable(self.choices) else self.choices

    def input_params(self) -> str:
        """Return the attributes of the control."""
        number = {"inputmode": "decimal"} if self.control == "number" else {}
        kind = {} if self.control == "flag" else {"type": "text", "autocomplete": "off"}
        return str(html_params({**kind, **number, "disabled": self.disabled, "readonly": self.read_only}))


def as_typed(value: Any) -> str:
    """Return a value as somebody would type it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return ", ".join(str(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={plain_number(part)}" for name, part in value.items())
    return str(plain_number(value))
