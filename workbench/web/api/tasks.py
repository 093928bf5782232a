"""Tasks: what a worker was asked for, and how far it is."""

from litestar import get
from litestar.datastructures import State
from litestar.params import FromPath

from workbench.desk import Desk
from workbench.store.tasks import TaskRow, find_task, list_tasks
from workbench.web.api import shapes
from workbench.web.api.envelope import Told, answer, iso, listed
from workbench.web.api.paging import Limit


def task_shape(row: TaskRow) -> shapes.Task:
    """Return a task as answers carry it."""
    return shapes.Task(
        task_id=row.id, name=row.name, state=row.state, requested_at=iso(row.requested), started_at=iso(row.started),
        ended_at=iso(row.ended), result=row.result or None, error=row.error or None,
    )  # fmt: skip


@get("/paper-trading/api/tasks/", sync_to_thread=True)
def every(state: State, limit: Limit = 50) -> Told[shapes.Items[shapes.Task]]:
    """List the newest tasks: sessions and sweeps."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(listed([task_shape(row) for row in list_tasks(connection, limit)]))


@get("/paper-trading/api/tasks/{task:str}/", sync_to_thread=True)
def one(state: State, task: FromPath[str]) -> Told[shapes.Task]:
    """Tell the state of a task: PENDING, STARTED, SUCCESS, FAILURE, or REVOKED."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(task_shape(find_task(connection, task)))


handlers = [every, one]
