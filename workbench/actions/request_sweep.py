"""Ask for a sweep that a worker runs, and ask for it to end: a request becomes a row, and a worker finds it."""

from typing import Any
from uuid import uuid4

import numpy as np
from msgspec.structs import replace
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.domain.events import Event, SweepCancelled, SweepCancelRequested, SweepRequested
from workbench.domain.instruments import Instrument
from workbench.domain.params import counted
from workbench.domain.sweeps import MOST_ASKED, MOST_DRAWN, SweepRequest, SweepStatus
from workbench.engine.series import PRICES, BarSeries
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Conflict, Invalid
from workbench.research.search import AIM, check_aims, check_drawn, with_typed_axes
from workbench.research.study import check_lengths, grid, study_of
from workbench.sources.simulated import simulate_bars, simulated_stretch
from workbench.store.datasets import dataset_bars, find_dataset
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import find_sweep_run
from workbench.strategies import make_strategy, shelf


def request_sweep(desk: Desk, request: SweepRequest) -> SweepRunRow:
    """Ask for a sweep or a search and return it; it is WAITING until a worker takes it up.

    Parameters
    ----------
    request
        What is asked for.

    Raises
    ------
    NotFound
        If the strategy, a parameter, an option or the dataset is unknown.
    Invalid
        If a value, the timeframe or a number is out of bounds, or the bars are too few.
    Refused
        If nothing is left to try, or the strategy lives in a notebook's cell, where no worker can find it.

    Examples
    --------
    >>> from workbench.desk import open_desk
    >>> with open_desk(":memory:") as desk:
    ...     asked = request_sweep(desk, SweepRequest("sma_cross", {"fast": (5, 10), "slow": (30, 40)}, count=600))
    >>> asked.status, asked.total
    ('WAITING', 0)
    """
    for name, values in request.values.items():
        if len(values) > MOST_ASKED:
            raise Invalid(name, f"at most {MOST_ASKED:,} values to try", f"{len(values):,} of them")
    shelf.require_importable(request.strategy)
    if request.dataset:
        with desk.store.read() as connection:
            found = find_dataset(connection, request.dataset)
        instrument = found.instrument
        request = replace(request, dataset=found.id, symbol=instrument.symbol, timeframe=found.timeframe, count=found.bars)
    else:
        instrument, _, _ = simulated_stretch(request.symbol, request.timeframe, request.count)
    _check(desk, request, instrument)
    run = str(uuid4())
    return tell_of_sweep(desk, run, SweepRequested(run, request))


def _check(desk: Desk, request: SweepRequest, instrument: Instrument) -> None:
    """Refuse what could not be run; for that no bar is made or read, only counted."""
    if request.trials is not None:
        counted("trials", request.trials, 1, MOST_DRAWN)
    elif request.sampler is not None:
        raise Invalid("sampler", "trials beside it, for nothing is drawn without", request.sampler)
    options = options_asked_for(request)
    study = study_of(strategy_asked_for(desk, request), _as_many(instrument, request.timeframe, request.count), **options)
    if request.trials is None:
        check_lengths(study, grid(study))
    else:
        check_drawn(with_typed_axes(study, options), [AIM], check_aims([AIM], request.sampler))


def _as_many(instrument: Instrument, timeframe: str, count: int) -> BarSeries:
    """Return a series of which nothing is true but what it is of and how long it is; one number stands for all of a column."""
    whole, volume = np.broadcast_to(np.int64(1), count), np.broadcast_to(np.float64(1), count)
    return BarSeries(instrument, timeframe, whole, dict.fromkeys(PRICES, whole), volume, checked=True)


def cancel_sweep(desk: Desk, id_: str) -> SweepRunRow:
    """Ask for a sweep to end and return it; the trials that are done stay.

    Raises
    ------
    NotFound
        If there is none of that id.
    Conflict
        If it has ended.
    """
    # One transaction: between a look and the word a worker could take it up, or end it.
    with desk.store.write() as connection:
        row = find_sweep_run(connection, id_)
        if not row.is_going:
            raise Conflict("a sweep that has not ended can be cancelled", f"it is {row.status}")
        if row.status == SweepStatus.CANCELLING:
            return row
        is_waiting = row.status == SweepStatus.WAITING
        return _add(desk, connection, row.id, SweepCancelled(row.done) if is_waiting else SweepCancelRequested())


def tell_of_sweep(desk: Desk, run: str, event: Event) -> SweepRunRow:
    """Write down what happened to a sweep that was asked for, and return it as it is then."""
    with desk.store.write() as connection:
        return _add(desk, connection, run, event)


def tell_of_going_sweep(desk: Desk, run: str, event: Event | None) -> bool:
    """Write down how far a sweep is, where there is a word of it, and tell whether it goes on; of one that is to end nothing."""
    # One transaction: between a look and the word it could be cancelled, and would begin once it has ended.
    with desk.store.write() as connection:
        row = find_sweep_run(connection, run)
        if row.status not in (SweepStatus.WAITING, SweepStatus.RUNNING):
            return False
        if event is not None:
            _add(desk, connection, run, event)
        return True


def end_sweep(desk: Desk, run: str, event: Event) -> SweepRunRow:
    """Write down how a sweep ended and return it; one that has ended already stays as it is."""
    with desk.store.write() as connection:
        row = find_sweep_run(connection, run)
        return _add(desk, connection, run, event) if row.is_going else row


def _add(desk: Desk, connection: Connection, run: str, event: Event) -> SweepRunRow:
    projector = Projector(connection)
    projector.take(append(connection, run, [event], desk.at))
    projector.flush()
    return find_sweep_run(connection, run)


def strategy_asked_for(desk: Desk, request: SweepRequest) -> SignalStrategy:
    """Return the strategy that a request names, as the desk's own folder has it where it does."""
    return make_strategy(request.strategy, folder=desk.settings.strategies_path)


def bars_asked_for(desk: Desk, request: SweepRequest) -> BarSeries:
    """Return the bars that a request names."""
    if not request.dataset:
        return simulate_bars(request.symbol, request.timeframe, request.count)
    with desk.store.read() as connection:
        return dataset_bars(connection, request.dataset)


def options_asked_for(request: SweepRequest) -> dict[str, Any]:
    """Return what a request hands to `sweep`: lists are tried, single values are fixed."""
    given = {name: values[0] if len(values) == 1 else list(values) for name, values in request.values.items()}
    return {"cash": request.cash, "seed": request.seed, **given}
