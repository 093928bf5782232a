"""Tasks: what a worker was asked for, and how far it is; the words are those of the queues that people know."""

from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.domain.sessions import Status
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.rows import SessionRow, SweepRunRow
from workbench.store.sweep_runs import find_sweep_run, list_sweep_runs

_SESSIONS: Final = {
    Status.STARTING: "PENDING", Status.RUNNING: "STARTED", Status.PAUSED: "STARTED", Status.STOPPING: "STARTED",
    Status.STOPPED: "SUCCESS", Status.COMPLETED: "SUCCESS", Status.ERROR: "FAILURE",
}  # fmt: skip
_SWEEPS: Final = {
    "WAITING": "PENDING", "RUNNING": "STARTED", "CANCELLING": "STARTED", "FINISHED": "SUCCESS", "CANCELLED": "REVOKED",
    "FAILED": "FAILURE",
}  # fmt: skip


class TaskRow(msgspec.Struct, frozen=True):
    """A task: known by the id of the session or sweep that it runs.

    Parameters
    ----------
    state
        PENDING, STARTED, SUCCESS, FAILURE, or REVOKED.
    requested, started, ended
        Milliseconds UTC.
    """

    id: str
    name: str
    state: str
    requested: int
    started: int | None
    ended: int | None
    result: str
    error: str


def find_task(connection: Connection, id_: str) -> TaskRow:
    """Return the task that runs a session or a sweep.

    Raises
    ------
    NotFound
        If there is neither.
    """
    try:
        return _of_session(reads.session(connection, id_))
    except NotFound:
        pass
    try:
        return _of_sweep(find_sweep_run(connection, id_))
    except NotFound:
        raise NotFound("task", id_, field="task") from None


def list_tasks(connection: Connection, limit: int = 50) -> list[TaskRow]:
    """Return the newest tasks, newest first."""
    found = [_of_session(row) for row in reads.sessions(connection, limit=limit)]
    found += [_of_sweep(row) for row in list_sweep_runs(connection, limit)]
    return sorted(found, key=lambda task: task.requested, reverse=True)[:limit]


def _of_session(row: SessionRow) -> TaskRow:
    return TaskRow(
        row.id, "run_paper_trading_bot", _SESSIONS[row.status], row.requested, row.started, row.stopped, row.ended_because,
        row.error,
    )  # fmt: skip


def _of_sweep(row: SweepRunRow) -> TaskRow:
    return TaskRow(
        row.id, "run_sweeps", _SWEEPS[row.status], row.requested, row.started, row.ended, f"{row.done} of {row.total} trials",
        row.problem,
    )  # fmt: skip
