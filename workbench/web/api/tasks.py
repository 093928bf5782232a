"""Tasks: what a worker was asked for, and how far it is; the words are those of the queues that people know."""

from typing import Final

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from workbench.desk import Desk
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.rows import SessionRow, SweepRunRow
from workbench.store.sweep_runs import find_sweep_run, list_sweep_runs
from workbench.web.api.envelope import Json, answer, iso, listed
from workbench.web.api.paging import Limit

_SESSIONS: Final = {
    "STARTING": "PENDING", "RUNNING": "STARTED", "PAUSED": "STARTED", "STOPPING": "STARTED", "STOPPED": "SUCCESS",
    "COMPLETED": "SUCCESS", "ERROR": "FAILURE",
}  # fmt: skip
_SWEEPS: Final = {
    "WAITING": "PENDING", "RUNNING": "STARTED", "CANCELLING": "STARTED", "FINISHED": "SUCCESS", "CANCELLED": "REVOKED",
    "FAILED": "FAILURE",
}  # fmt: skip


def session_task(row: SessionRow) -> Json:
    """Return the task that runs a session; it is known by the session's id."""
    return {
        "task_id": row.id, "name": "run_paper_trading_bot", "state": _SESSIONS[row.status.value],
        "requested_at": iso(row.requested),
        "started_at": iso(row.started), "ended_at": iso(row.stopped), "result": row.ended_because or None,
        "error": row.error or None,
    }  # fmt: skip


def sweep_task(row: SweepRunRow) -> Json:
    """Return the task that runs a sweep; it is known by the sweep's id."""
    return {
        "task_id": row.id, "name": "run_sweeps", "state": _SWEEPS[row.status], "requested_at": iso(row.requested),
        "started_at": iso(row.started), "ended_at": iso(row.ended), "result": f"{row.done} of {row.total} trials",
        "error": row.problem or None,
    }  # fmt: skip


@get("/paper-trading/api/tasks/", sync_to_thread=True)
def every(state: State, limit: Limit = 50) -> Response[bytes]:
    """List the newest tasks: sessions and sweeps."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        found = [session_task(row) for row in reads.sessions(connection, limit=limit)]
        found += [sweep_task(row) for row in list_sweep_runs(connection, limit)]
    found.sort(key=lambda task: task["requested_at"], reverse=True)
    return answer(listed(found[:limit]))


@get("/paper-trading/api/tasks/{task:str}/", sync_to_thread=True)
def one(state: State, task: FromPath[str]) -> Response[bytes]:
    """Tell the state of a task: PENDING, STARTED, SUCCESS, FAILURE, or REVOKED."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        try:
            return answer(session_task(reads.session(connection, task)))
        except NotFound:
            pass
        try:
            return answer(sweep_task(find_sweep_run(connection, task)))
        except NotFound:
            raise NotFound("task", task) from None


handlers = [every, one]
