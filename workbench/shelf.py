"""A shelf: a package in which each module offers one class, found by name.

`strategies/sma_cross.py` offers `SmaCross`. Adding a thing to a shelf is adding one file; there is no list to edit.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Generic, TypeVar

from workbench.errors import NotFound

T = TypeVar("T")


class Shelf(Generic[T]):
    """The classes that a package's modules offer.

    Parameters
    ----------
    package
        The package's full name, such as `"workbench.strategies"`.
    port
        The class that every offered class derives from.
    kind
        What one of them is called in a sentence, such as `"strategy"`.
    """

    def __init__(self, package: str, port: type[T], kind: str) -> None:
        self.package, self.port, self.kind = package, port, kind

    def names(self) -> tuple[str, ...]:
        """Return the names on the shelf, sorted; nothing is imported for it."""
        paths = import_module(self.package).__path__
        return tuple(sorted(m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_")))

    def get(self, name: str, field: str | None = None) -> type[T]:
        """Return the class called `name`, written like its module or like itself.

        Raises
        ------
        NotFound
            If there is none; the sentence names the nearest one.
        """
        module_name = snake_case(name)
        if module_name not in self.names():
            raise NotFound(self.kind, name, self.names(), field)
        module = import_module(f"{self.package}.{module_name}")
        offered: type[T] = getattr(module, camel_case(module_name))
        return offered

    def load(self) -> None:
        """Import everything on the shelf now, so that nobody waits for it later."""
        for name in self.names():
            self.get(name)

    def __iter__(self) -> Iterator[type[T]]:
        return (self.get(name) for name in self.names())


def snake_case(name: str) -> str:
    """Return `SmaCross` or `sma-cross` as `sma_cross`."""
    spread = "".join(f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c for i, c in enumerate(name))
    return spread.lower().replace("-", "_")


def camel_case(name: str) -> str:
    """Return `sma_cross` as `SmaCross`."""
    return "".join(part.capitalize() for part in name.split("_"))
