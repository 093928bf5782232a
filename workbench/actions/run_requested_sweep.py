"""Run a sweep that was asked for: a process of its own, so that it takes no time from the bots, and one at a time."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event as Flag
from typing import Final

from workbench.actions.request_sweep import (
    bars_asked_for,
    end_sweep,
    options_asked_for,
    strategy_asked_for,
    tell_of_going_sweep,
)
from workbench.actions.run_search import run_search
from workbench.actions.run_sweep import run_sweep
from workbench.desk import Desk
from workbench.domain.events import Event, SweepAdvanced, SweepCancelled, SweepFailed, SweepFinished, SweepStarted
from workbench.domain.sweeps import SweepRequest
from workbench.errors import Conflict, WorkbenchError
from workbench.research.outcome import outcome_of
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import find_sweep_run, next_sweep_run

ELSEWHERE: Final = 75
"""Exit code of a process that found another one at work."""
TELL_MS: Final = 500
"""How often the log hears how far a sweep is, at most."""
LOOK_SECONDS: Final = 0.5
"""How often a worker looks whether another one's sweep has ended."""
NICENESS: Final = 10
"""How much a sweep steps back behind the bots, as the system counts it."""


class _CancelledSweep(Exception):
    """It was asked to end."""


def run_requested_sweep(desk: Desk, id_: str) -> SweepRunRow:
    """Run a sweep that was asked for and return it as it ended; one that was interrupted goes on with what is stored.

    Raises
    ------
    NotFound
        If there is none of that id.
    Conflict
        If another process runs one.
    """
    with _alone(desk):
        with desk.store.read() as connection:
            row = find_sweep_run(connection, id_)
        if not row.is_going:
            return row
        done, told = row.done, 0

        def tell(now_done: int, total: int) -> None:
            nonlocal done, told
            done = now_done
            event: Event | None = None
            if not told:
                event = SweepStarted(total)
            elif desk.now() - told >= TELL_MS:
                event = SweepAdvanced(done, total)
            if not tell_of_going_sweep(desk, row.id, event):
                raise _CancelledSweep
            if event is not None:
                told = desk.now()

        try:
            return end_sweep(desk, row.id, _run(desk, row.request, tell))
        except _CancelledSweep:
            return end_sweep(desk, row.id, SweepCancelled(done))
        except WorkbenchError as problem:
            return end_sweep(desk, row.id, SweepFailed(str(problem)))
        except SystemExit as problem:
            # It is the strategy that wants to end, and no reason for us: whoever asked is told.
            return end_sweep(desk, row.id, SweepFailed(f"SystemExit: {problem}"))
        except Exception as problem:  # a strategy of one's own may raise anything, and the reason belongs beside the sweep
            end_sweep(desk, row.id, SweepFailed(f"{type(problem).__name__}: {problem}"))
            raise


def _run(desk: Desk, request: SweepRequest, tell: Callable[[int, int], None]) -> SweepFinished:
    strategy, bars, options = strategy_asked_for(desk, request), bars_asked_for(desk, request), options_asked_for(request)
    if request.trials is None:
        swept = run_sweep(strategy, bars, desk=desk, progress=tell, **options)
    else:
        swept = run_search(strategy, bars, desk=desk, progress=tell, trials=request.trials, sampler=request.sampler, **options)
    return SweepFinished(swept.study.id, swept.frame.height, swept.stored, outcome_of(swept))


def run_waiting_sweeps(desk: Desk, ending: Flag) -> int:
    """Run every sweep that waits, one after the other, each in a process of its own; return how many have ended.

    A process that dies leaves a sweep that is told as failed; one that is ended because we end leaves it to the next worker.

    Parameters
    ----------
    ending
        Set when this worker ends.
    """
    count = 0
    while not ending.is_set():
        with desk.store.read() as connection:
            run = next_sweep_run(connection)
        if run is None:
            break
        if not _is_free(desk):
            ending.wait(LOOK_SECONDS)
            continue
        code = _run_in_process(desk, run, ending)
        if code == ELSEWHERE or ending.is_set():
            continue
        problem = f"Expected a process that runs the sweep to its end, found that it ended with code {code}."
        end_sweep(desk, run, SweepFailed(problem))
        count += 1
    return count


def _run_in_process(desk: Desk, run: str, ending: Flag) -> int:
    home = str(desk.settings.home)
    command = [sys.executable, "-m", "workbench", "run-sweep", run, "--home", home, "--parent", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        while True:
            try:
                return process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                if ending.is_set():
                    process.terminate()


@contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """Hold a lock between processes that the system lets go of when its holder dies, on every platform."""
    with closing(sqlite3.connect(desk.settings.home / "research.lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as problem:
            raise Conflict("one sweep is run at a time", "another process runs one") from problem
        yield


def _is_free(desk: Desk) -> bool:
    try:
        with _alone(desk):
            return True
    except Conflict:
        return False
