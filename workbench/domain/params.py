"""`Param`: what a typed, bounded field may hold; one declaration for sliders, forms, grids, checks and tables.

msgspec checks types when it decodes, and nothing when a struct is called, so whatever has `Param` fields checks itself
through `check_fields` when it is made.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from operator import index
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from workbench.domain.money import LEDGER, rounded, to_decimal
from workbench.errors import Invalid, UnknownField


class Param(msgspec.Struct, frozen=True):
    """Bounds and words for one field.

    Parameters
    ----------
    low, high
        The least and the greatest value, both allowed.
    step
        How far one notch of a slider goes.
    label
        A name for a form; the field's own name where empty.
    help
        One sentence for the person who sets it.
    unit
        What the number counts, such as `"%"`.
    decimals
        A `Decimal` is kept to this many, half-even: what multiplies money must leave its products within 28 digits.
    """

    low: float
    high: float
    step: float = 1
    label: str = ""
    help: str = ""
    unit: str = ""
    decimals: int = 4


class Field(NamedTuple):
    """A field that carries a `Param`, as forms and sliders want it."""

    name: str
    type: type
    optional: bool
    default: Any
    param: Param

    @property
    def label(self) -> str:
        """The name a person sees."""
        return self.param.label or spelled_out(self.name)

    def check(self, value: Any) -> Any:
        """Return the value in the field's own type.

        Raises
        ------
        Invalid
            If it has the wrong type or is out of bounds.
        """
        if value is None or value == "":
            if self.optional:
                return None
            raise Invalid(self.name, self.expected, value)
        number = to_decimal(value, self.name) if not isinstance(value, bool) else None
        if number is None or (self.type is int and number != number.to_integral_value()):
            raise Invalid(self.name, self.expected, value)
        if not _bound(self.param.low) <= number <= _bound(self.param.high):
            raise Invalid(self.name, self.expected, value)
        if self.type is Decimal:
            return number if number == number.to_integral_value() else _kept(number, self.param.decimals)
        return int(number) if self.type is int else float(number)

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        kind = "a whole number" if self.type is int else "a number"
        empty = ", or nothing" if self.optional else ""
        return f"{kind} from {self.param.low:g} to {self.param.high:g}{empty}"


@cache
def _bound(number: float) -> Decimal:
    return to_decimal(number)


def _kept(number: Decimal, decimals: int) -> Decimal:
    """Return a number to so many decimals, without the zeros that this would leave at its end."""
    short = rounded(number, decimals)
    return number if number == short else short.normalize(LEDGER)


@cache
def param_fields(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return the fields of a struct that carry a `Param`, in the order in which they are written."""
    return tuple(_param_fields(struct))


def _param_fields(struct: type[msgspec.Struct]) -> Iterator[Field]:
    hints = get_type_hints(struct, include_extras=True)
    for info in msgspec.structs.fields(struct):
        hint = hints[info.name]
        options = get_args(hint) if get_origin(hint) is Union or type(hint).__name__ == "UnionType" else (hint,)
        for option in options:
            if get_origin(option) is Annotated:
                kind, *notes = get_args(option)
                for note in notes:
                    if isinstance(note, Param):
                        yield Field(info.name, kind, type(None) in options, info.default, note)


def counted(name: str, value: Any, low: int | None, most: int | None = None, of: str = "") -> int:
    """Return a whole number that is within its bounds, as a plain one where it is NumPy's.

    Parameters
    ----------
    low, most
        The least and the greatest, both allowed; any where None.
    of
        What is counted, for the sentence of a refusal.

    Raises
    ------
    Invalid
        Naming it, its bounds and what was found.

    Examples
    --------
    >>> counted("runs", 5, 1)
    5
    """
    bounds = "" if low is None else f" from {low}" if most is None else f" from {low} to {most}"
    expected = f"a whole number{bounds}{of}"
    if isinstance(value, bool):
        raise Invalid(name, expected, value)
    try:
        number = index(value)
    except TypeError:
        raise Invalid(name, expected, value) from None
    if (low is not None and number < low) or (most is not None and number > most):
        raise Invalid(name, expected, value)
    return number


def check_fields(made: msgspec.Struct) -> None:
    """Check every `Param` field of a struct that is being made, and give each its own type.

    Call it from `__post_init__`.

    Raises
    ------
    Invalid
        Naming the field, its bounds and what was found.
    """
    for field in param_fields(type(made)):
        found = getattr(made, field.name)
        value = field.check(found)
        if value is not found:
            msgspec.structs.force_setattr(made, field.name, value)
    _check_choices(made)


def _check_choices(made: msgspec.Struct) -> None:
    for name, choices in _choices(type(made)):
        found = getattr(made, name)
        if found not in choices or (choices == (True, False) and not isinstance(found, bool)):
            wanted = "true or false" if choices == (True, False) else "one of " + ", ".join(map(repr, choices))
            raise Invalid(name, wanted, found)


@cache
def _choices(struct: type[msgspec.Struct]) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    hints = get_type_hints(struct)
    literals = ((name, get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal)
    return (*literals, *((name, (True, False)) for name, hint in hints.items() if hint is bool))


def make(struct: type[msgspec.Struct], values: Mapping[str, Any], kind: str) -> Any:
    """Return the struct made from named values.

    Parameters
    ----------
    struct
        The class to make; it checks its own bounds.
    values
        The fields to set; the others keep their defaults.
    kind
        What a field is called in a refusal, such as `"parameter of sma_cross"`.

    Raises
    ------
    UnknownField
        If a name is not a field; the sentence names the nearest one.
    Invalid
        If a value is out of bounds.
    """
    if not isinstance(values, Mapping):
        raise Invalid(kind, "names and values, such as {'fast': 20}", values)
    known = struct.__struct_fields__
    for name in values:
        if name not in known:
            raise UnknownField(kind, name, known)
    return struct(**values)


def plain(value: Any) -> Any:
    """Return a parameter's value as JSON carries it: a `Decimal` as its digits."""
    return format(value, "f") if isinstance(value, Decimal) else value


def with_fields(made: Any, changes: Mapping[str, Any]) -> Any:
    """Return a struct with some fields changed, checked again as when it was made."""
    return type(made)(**{name: changes.get(name, getattr(made, name)) for name in made.__struct_fields__})


def spelled_out(name: str) -> str:
    """Return a field's name as people read it.

    Examples
    --------
    >>> spelled_out("enable_vwap"), spelled_out("simulate_network_issues")
    ('Enable VWAP', 'Simulate network issues')
    """
    return " ".join(word.upper() if word in _SHORT else word for word in name.capitalize().split("_"))


_SHORT: Final = frozenset({"dca", "twap", "vwap", "mev"})
"""Words that are written in capitals."""
