"""Take back every order that an account has resting, but those that a program minds."""

from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import CancelOrder
from workbench.errors import Conflict
from workbench.store import reads
from workbench.store.asked import waiting_commands
from workbench.store.order_history import resting_orders
from workbench.store.rows import OrderRow


def cancel_orders(desk: Desk, account: str, by: str = "person") -> tuple[OrderRow, ...]:
    """Ask for every resting order of an account to be taken back before the next bar, and return those that will be.

    What a program has resting is its own, and stays; what was asked of before is not asked of again.

    Raises
    ------
    Conflict
        If there is none, or no session runs.
    """
    with desk.store.read() as connection:
        going = reads.active_session(connection, account)
        waiting = waiting_commands(connection, going.id) if going is not None else []
        rows = resting_orders(connection, account, limit=1_000)
    if going is None:
        raise Conflict("orders rest in a running session", "no session of this account runs")
    asked = {command.order for command in waiting if isinstance(command, CancelOrder)}
    wanted = tuple(row for row in rows if row.session == going.id and row.order.run is None and row.order.id not in asked)
    if not wanted:
        raise Conflict("only orders that rest can be taken back", "there is none that is not a program's, or taken back already")
    for row in wanted:
        send_command(desk, going.id, CancelOrder(row.order.id), by)
    return wanted
