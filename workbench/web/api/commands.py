"""Commands: what became of what a program asked of a session."""

from litestar import get
from litestar.datastructures import State
from litestar.params import FromPath

from workbench.desk import Desk
from workbench.shelf import snake_case
from workbench.store.commands import CommandRow, find_command
from workbench.web.api import shapes
from workbench.web.api.envelope import Told, answer, iso


def command_shape(row: CommandRow) -> shapes.Command:
    """Return a command as answers carry it; `order_id` and `strategy_id` are what came of it, null where nothing did yet."""
    return shapes.Command(
        command_id=row.id, command=snake_case(type(row.command).__name__), status=row.status.value,
        asked_at=iso(row.asked), asked_by=row.by,
        order_id=row.order, strategy_id=row.run, why=row.why or None, account_id=row.account,
        session_id=row.session,
    )  # fmt: skip


@get("/paper-trading/api/commands/{command:int}/", sync_to_thread=True)
def one(state: State, command: FromPath[int]) -> Told[shapes.Command]:
    """Tell what became of a command: WAITING, DONE, REFUSED or TOO_LATE, and which order or program run came of it."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(command_shape(find_command(connection, command)))


handlers = [one]
