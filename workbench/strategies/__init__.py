"""The shelf of strategies: one per file, found by name.

`strategies.SmaCross` and `strategies.shelf.get("sma_cross")` are the same class. Adding a strategy is adding one file;
the page's form, the notebook's sliders, the command line and the contract tests find it by themselves.

A user's own are files of the same kind in the folder `strategies` of the data folder, or in `WORKBENCH_STRATEGIES`; and, for the
notebook itself, classes in its cells. Where the folders of several open desks have one of a name, a desk's own sessions and
sweeps go by its own, and everything else by that of the desk that was opened last.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from workbench.domain.params import make
from workbench.engine.strategy import SignalStrategy
from workbench.errors import NotFound
from workbench.settings import read_settings
from workbench.shelf import Shelf, camel_case

own_folders: Final[list[Path]] = []
"""Folders of the data that are open beside the usual ones; a desk adds its own while it is open."""


def _folders() -> Iterator[Path]:
    yield from dict.fromkeys([*reversed(own_folders), read_settings().strategies_path])


shelf: Shelf[SignalStrategy] = Shelf("workbench.strategies", SignalStrategy, "strategy", _folders)


def make_strategy(name: str, parameters: Mapping[str, Any] | None = None, folder: Path | None = None) -> SignalStrategy:
    """Return a strategy with its parameters.

    Parameters
    ----------
    folder
        Of the user's own files, looked at before the others: that of the desk whose session or sweep it is for.

    Raises
    ------
    NotFound
        If there is no such strategy, or it has no such parameter; the sentence names the nearest.
    Invalid
        If a parameter is out of bounds.
    """
    return strategy_of(shelf.get(name, "strategy", folder), parameters or {})


def strategy_of(kind: type[SignalStrategy], parameters: Mapping[str, Any]) -> SignalStrategy:
    """Return a strategy of a class with its parameters; refused as by `make_strategy`."""
    made: SignalStrategy = make(kind, parameters, f"parameter of {shelf.name_of(kind)}")
    return made


def name_of(strategy: SignalStrategy) -> str:
    """Return the name that the shelf knows a strategy by."""
    return shelf.name_of(type(strategy))


def parameters_of(strategy: SignalStrategy) -> dict[str, int | float]:
    """Return the parameters of a strategy by name."""
    return {name: getattr(strategy, name) for name in strategy.__struct_fields__}


def __getattr__(name: str) -> type[SignalStrategy]:
    try:
        if not name.startswith("_"):
            return shelf.get(name)
    except NotFound:
        pass
    raise AttributeError(f"module 'workbench.strategies' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *map(camel_case, shelf.names())]
