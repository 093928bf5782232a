"""Leave a sweep to the worker, and look from a notebook how far it is."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from workbench.actions.import_dataset import import_dataset
from workbench.actions.request_sweep import cancel_sweep, options_asked_for, request_sweep
from workbench.actions.run_search import run_search
from workbench.actions.run_sweep import run_sweep
from workbench.desk import Desk, open_desk
from workbench.domain.sweeps import MOST_ASKED, Scalar, SweepRequest, SweepStatus
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Conflict, Invalid, Refused
from workbench.research.backtest import as_series
from workbench.research.study import chosen_strategy
from workbench.research.sweep import Sweep
from workbench.store.datasets import dataset_bars
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import find_sweep_run
from workbench.strategies import name_of, parameters_of, shelf


class BackgroundSweep:
    """A sweep that the worker runs; it shows in a notebook how far it is.

    Attributes
    ----------
    id
        By which page and command line know it.
    """

    def __init__(self, desk: Desk, id_: str) -> None:
        self._desk, self.id = desk, id_

    @property
    def row(self) -> SweepRunRow:
        """The sweep as it is now."""
        with self._desk.store.read() as connection:
            return find_sweep_run(connection, self.id)

    @property
    def status(self) -> str:
        """Where it is now: WAITING, RUNNING, CANCELLING, FINISHED, CANCELLED or FAILED."""
        return self.row.status

    def cancel(self) -> "BackgroundSweep":
        """Let it end; the trials that are done stay.

        Raises
        ------
        Conflict
            If it has ended.
        """
        cancel_sweep(self._desk, self.id)
        return self

    def result(self) -> Sweep:
        """Return all of its rows, read from the store.

        Raises
        ------
        Conflict
            If it has not finished.
        """
        row = self.row
        if row.status != SweepStatus.FINISHED:
            raise Conflict("a sweep's rows can be read when it has finished", row.problem or f"it is {row.status}")
        request, options = row.request, options_asked_for(row.request)
        with self._desk.store.read() as connection:
            bars = dataset_bars(connection, request.dataset)
        if request.trials is None:
            return run_sweep(request.strategy, bars, desk=self._desk, progress=False, **options)
        return run_search(
            request.strategy, bars, desk=self._desk, progress=False, trials=request.trials, sampler=request.sampler, **options
        )

    def __repr__(self) -> str:
        row = self.row
        far = f", {row.done:,} of {row.total:,} trials" if row.total else ""
        best = ""
        if row.outcome is not None:
            best = ": best " + ", ".join(f"{name}={value}" for name, value in row.outcome.values.items())
        return f"Sweep {row.id[:8]} of {row.request.strategy}: {row.status}{far}{best}"


def sweep_in_background(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    trials: int | None = None,
    sampler: str | None = None,
    desk: Desk | None = None,
    cash: Any = 10_000,
    seed: int = 1,
    **options: Any,
) -> BackgroundSweep:
    """Ask the worker for a sweep, or a search where `trials` is given, and go on.

    It runs in a process of its own behind the bots of `workbench up`, is shown at `/paper-trading/research/`, and goes on where
    it was when the worker is started again.

    Parameters
    ----------
    strategy
        On the shelf: the worker has to find it by its name.
    bars
        One series or frame, as for `backtest`; it is kept as a dataset.
    trials, sampler
        So many trials, drawn by what earlier ones gave; all combinations where None.
    desk
        Where it is asked for; that of the platform's own place for data where None.
    options
        As for `sweep`: numbers, texts, and lists of them.

    Raises
    ------
    NotFound
        If a strategy, a parameter or an option does not exist.
    Invalid
        If a value is out of bounds or cannot be written down, or the bars are too few or of several tokens.
    Refused
        If nothing is left to try, or no worker could find the strategy.

    Examples
    --------
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     asked = sweep_in_background("sma_cross", simulate_bars("WETH", "1h", 600), fast=[5, 10], slow=30, desk=desk)
    ...     asked.status
    'WAITING'
    """
    many = as_series(bars)
    if len(many) > 1:
        raise Invalid("bars", "those of one token, for the worker reads them as a dataset", f"{len(many)} tokens")
    chosen = chosen_strategy(strategy)
    own = parameters_of(chosen) if isinstance(strategy, SignalStrategy) else {}
    _require_on_shelf(type(chosen), name_of(chosen))
    values = {name: _listed(name, given) for name, given in {**own, **options}.items()}
    if desk is not None and not isinstance(desk, Desk):
        raise Invalid("desk", "a desk, as open_desk() returns it", desk)
    found = open_desk() if desk is None else desk
    request = SweepRequest(
        name_of(chosen), values, import_dataset(found, many[0]).id, trials=trials, sampler=sampler, cash=str(cash), seed=seed
    )
    return BackgroundSweep(found, request_sweep(found, request).id)


def _require_on_shelf(kind: type[SignalStrategy], name: str) -> None:
    """Refuse a class that the worker would not find, or in whose place it would find another."""
    shelf.require_importable(name)
    if shelf.find(name) is not kind:
        folder = next(iter(shelf.folders()), "strategies")
        raise Refused(
            f"The worker finds a strategy by its name, and {name!r} is not this {kind.__name__}: write the class, under a name of "
            f"its own, to a file in {folder}."
        )


def _listed(name: str, given: Any) -> tuple[Scalar, ...]:
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping, msgspec.Struct))
    # A range holds no list of what it says, and a generator may have no end: neither is read further than can be asked for.
    found = list(islice(given, MOST_ASKED + 1)) if several else [given]
    if len(found) > MOST_ASKED:
        raise Invalid(name, f"at most {MOST_ASKED:,} values to try", "more of them")
    return tuple(_plain(name, value) for value in found)


def _plain(name: str, value: Any) -> Scalar:
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "item") and not getattr(value, "ndim", 0):
        value = value.item()
    if not isinstance(value, str | int | float):
        raise Invalid(name, "numbers and texts, for a worker reads them from a record", value)
    return value
