"""The shelf of programs: one per file, found by name.

`programs.Dca` and `programs.shelf.get("dca")` are the same class. Adding a program is adding one file; the page's form,
the command line, the notebook and the contract tests find it by themselves.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.domain.params import make
from workbench.engine.program import ProgramStrategy
from workbench.shelf import Shelf, camel_case, snake_case

shelf: Shelf[ProgramStrategy] = Shelf("workbench.engine.programs", ProgramStrategy, "program")


def make_program(name: str, parameters: Mapping[str, Any] | None = None) -> ProgramStrategy:
    """Return a program with its parameters.

    Raises
    ------
    NotFound
        If there is no such program, or it has no such parameter; the sentence names the nearest.
    Invalid
        If a parameter is out of bounds, or they do not go together.
    """
    found = shelf.get(name, "program")
    made: ProgramStrategy = make(found, parameters or {}, f"parameter of {snake_case(found.__name__)}")
    return made


def name_of(program: ProgramStrategy | type[ProgramStrategy]) -> str:
    """Return the name that the shelf knows a program by."""
    return snake_case((program if isinstance(program, type) else type(program)).__name__)


def parameters_of(program: ProgramStrategy) -> dict[str, Any]:
    """Return a program's parameters as JSON carries them; what is not set is left out.

    Examples
    --------
    >>> parameters_of(shelf.get("dca")(amount=100, intervals=4))
    {'amount': '100', 'intervals': 4, 'interval_hours': '24'}
    """
    values = ((name, getattr(program, name)) for name in program.__struct_fields__)
    return {name: _plain(value) for name, value in values if value is not None and value != ()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def __getattr__(name: str) -> type[ProgramStrategy]:
    if name.startswith("_") or snake_case(name) not in shelf.names():
        raise AttributeError(f"module 'workbench.engine.programs' has no attribute {name!r}")
    return shelf.get(name)


def __dir__() -> list[str]:
    return [*globals(), *map(camel_case, shelf.names())]
