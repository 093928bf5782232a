"""Forms: the fields of a struct, with the words and bounds that it is declared with."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from sqlalchemy import Row

from workbench.domain.params import param_fields
from workbench.errors import Refused
from workbench.web.admin import cells
from workbench.web.admin.fields import ColumnField, as_typed
from workbench.web.admin.listing import Column
from workbench.web.filters import NOTHING, words


class Outdated(Refused):
    """Somebody edits a version that is not the newest: saving it would undo what was changed since."""

    status = 409

    def __init__(self, field: str, version: int, newest: int) -> None:
        self.field = field
        super().__init__(f"This is version {version}, and version {newest} was saved since. Load the list anew, and edit that one.")


def form_fields(struct: type[msgspec.Struct], made: Callable[[Row[Any]], Any], listed: Sequence[str]) -> list[ColumnField]:
    """Return a field for every field of a struct, in the order in which they are written.

    Parameters
    ----------
    made
        Reads the struct in a row.
    listed
        The fields that the list shows; a row's own page has all of them.
    """
    hints, params = get_type_hints(struct), {field.name: field for field in param_fields(struct)}
    fields = []
    for info in msgspec.structs.fields(struct):
        name, hint, param = info.name, hints[info.name], params.get(info.name)
        label = param.label if param else words(name).capitalize()
        told = shown_as(hint, param.param.unit if param else "", "num" if param else "")
        read = lambda row, name=name: getattr(made(row), name)  # noqa: E731
        column = Column(name, label, told, read, in_list=name in listed, stands_right=param is not None)
        field = ColumnField(name, label, column=column, exclude_from_list=name not in listed)
        default = None if info.default is msgspec.NODEFAULT else info.default
        if param:
            low, high = bound(param.param.low), bound(param.param.high)
            empty = " Empty for none." if param.optional else ""
            unit = f", {param.param.unit}" if param.param.unit else ""
            field.control, field.label = "number", f"{label}{unit}"
            field.help_text = f"{param.param.help} From {low} to {high}.{empty}".strip()
        elif hint is bool:
            field.control, field.form_template = "flag", "fields/form/boolean.html"
        elif get_origin(hint) is Literal:
            field.control, field.form_template = "choice", "form_choice.html"
            field.choices = [(choice, words(choice)) for choice in get_args(hint)]
        field.default = default
        fields.append(field)
    return fields


def bound(number: float) -> str:
    """Return a bound as people read it.

    Examples
    --------
    >>> bound(1e9), bound(0.01)
    ('1,000,000,000', '0.01')
    """
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def shown_as(hint: Any, unit: str, tone: str = "") -> Callable[[Any], cells.Cell]:
    """Return how a value of some type is shown."""
    if hint is bool:
        return cells.flag

    def typed(value: Any) -> cells.Cell:
        digits = as_typed(value)
        return cells.Cell(f"{digits}\u202f{unit}" if unit and digits else digits or NOTHING, cells.unformulated(digits), tone)

    return typed


def in_rows(names: Sequence[str], wide: int) -> list[Any]:
    """Return names as rows of a form, so many beside each other."""
    return [tuple(names[i : i + wide]) for i in range(0, len(names), wide)]
