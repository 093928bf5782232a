"""Place an order in a running session, or take one back; what is sure to be refused is refused at once."""

import msgspec

from workbench.actions.send_command import Asked, command_body, record_command, refuse_where_it_ends, send_command
from workbench.desk import Desk
from workbench.domain.commands import CancelOrder, Command, PlaceOco, PlaceOrder
from workbench.domain.events import CommandRefused
from workbench.engine.state import State
from workbench.engine.step import step
from workbench.errors import Conflict, DoesNotFit
from workbench.store import reads
from workbench.store.asked import waiting_commands
from workbench.store.orders import find_order
from workbench.store.rows import OrderRow, SessionRow


def place_order(desk: Desk, account: str, order: PlaceOrder | PlaceOco, by: str = "person") -> Asked:
    """Ask the running session of an account to place an order before its next bar.

    Raises
    ------
    Conflict
        If no session runs, or it has not begun, or is stopping.
    Invalid
        If a field has the wrong type.
    DoesNotFit
        With the bound that stands against it as the session is now, where nothing else waits for it.
    """
    with desk.store.read() as connection:
        going = reads.active_session(connection, account)
    if going is None:
        raise Conflict("an order rests in a running session", "no session of this account runs")
    refuse_what_cannot_be(desk, going, order)
    return record_command(desk, going.id, order, by)


def cancel_order(desk: Desk, order: int, by: str = "person") -> OrderRow:
    """Ask an order's session to take it back before its next bar, and return the order as it is until then.

    Parameters
    ----------
    order
        The log id of its placing.

    Raises
    ------
    NotFound
        If there is no such order.
    Conflict
        If it does not rest any more, or its session has ended.
    DoesNotFit
        If a program minds it.
    """
    with desk.store.read() as connection:
        row = find_order(connection, order)
        session = reads.session(connection, row.session)
    if not row.is_active:
        raise Conflict("only an order that rests can be cancelled", f"order {row.id} is {row.status}")
    command = CancelOrder(row.order.id)
    refuse_what_cannot_be(desk, session, command)
    send_command(desk, row.session, command, by)
    return row


def refuse_what_cannot_be(desk: Desk, session: SessionRow, command: Command) -> None:
    """Refuse a command that the session would refuse as it is now: the same rules, asked without doing anything.

    Where other commands wait, nothing is refused but by the session itself: they may change what there is at hand by then,
    as a deposit does.

    Raises
    ------
    Conflict
        If the session has not begun, has ended, or is stopping.
    DoesNotFit
        With the session's own sentence.
    """
    refuse_where_it_ends(session)
    command = msgspec.json.decode(command_body(command), type=Command)
    with desk.store.read() as connection:
        state = reads.session_state(connection, session.id)
        waits = bool(waiting_commands(connection, session.id))
    if not isinstance(state, State) or state.stopped:
        raise Conflict("a command is for a running session", f"session {session.id} is {session.status}")
    if waits:
        return
    for event in step(state, command).events:
        if isinstance(event, CommandRefused):
            raise DoesNotFit("order", event.why)
