"""The shelf of strategies: one per file, found by name.

`strategies.SmaCross` and `strategies.shelf.get("sma_cross")` are the same class. Adding a strategy is adding one file;
the page's form, the notebook's sliders, the command line and the contract tests find it by themselves.

A user's own are files of the same kind in the folder `strategies` of the data folder, or in `WORKBENCH_STRATEGIES`; and, for the
notebook itself, classes in its cells.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from workbench.domain.params import make
from workbench.engine.strategy import SignalStrategy
from workbench.settings import read_settings
from workbench.shelf import Shelf, camel_case, snake_case

own_folders: Final[list[Path]] = []
"""Folders of the data that are open beside the usual ones; a desk adds its own while it is open."""


def _folders() -> Iterator[Path]:
    yield from dict.fromkeys([*reversed(own_folders), read_settings().strategies_path])


shelf: Shelf[SignalStrategy] = Shelf("workbench.strategies", SignalStrategy, "strategy", _folders)


def make_strategy(name: str, parameters: Mapping[str, Any] | None = None) -> SignalStrategy:
    """Return a strategy with its parameters.

    Raises
    ------
    NotFound
        If there is no such strategy, or it has no such parameter; the sentence names the nearest.
    Invalid
        If a parameter is out of bounds.
    """
    found = shelf.get(name, "strategy")
    made: SignalStrategy = make(found, parameters or {}, f"parameter of {snake_case(found.__name__)}")
    return made


def name_of(strategy: SignalStrategy) -> str:
    """Return the name that the shelf knows a strategy by."""
    return snake_case(type(strategy).__name__)


def parameters_of(strategy: SignalStrategy) -> dict[str, int | float]:
    """Return the parameters of a strategy by name."""
    return {name: getattr(strategy, name) for name in strategy.__struct_fields__}


def __getattr__(name: str) -> type[SignalStrategy]:
    if name.startswith("_") or snake_case(name) not in shelf.names():
        raise AttributeError(f"module 'workbench.strategies' has no attribute {name!r}")
    return shelf.get(name)


def __dir__() -> list[str]:
    return [*globals(), *map(camel_case, shelf.names())]
