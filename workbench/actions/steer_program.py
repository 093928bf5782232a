"""Pause, resume or cancel a program run; its session does so before its next bar."""

from typing import Literal

from workbench.actions.send_command import send_command
from workbench.desk import Desk
from workbench.domain.commands import CancelProgram, Command, PauseProgram, ResumeProgram
from workbench.domain.programs import RunStatus
from workbench.errors import Conflict
from workbench.store.program_runs import program_run
from workbench.store.rows import RunRow

Turn = Literal["pause", "resume", "cancel"]


def steer_program(desk: Desk, id_: int, turn: Turn, sell: bool = False, by: str = "person") -> RunRow:
    """Ask a program run to pause, to go on or to end, and return it as it is until then.

    Parameters
    ----------
    id_
        The log id of its start.
    sell
        Where it is cancelled: whether what it holds is sold.

    Raises
    ------
    NotFound
        If there is no such run.
    Conflict
        If it is not the moment for that, or its session has ended.
    """
    with desk.store.read() as connection:
        row = program_run(connection, id_)
    send_command(desk, row.session, _command(row, turn, sell), by)
    return row


def _command(row: RunRow, turn: Turn, sell: bool) -> Command:
    number, status = row.run.id, row.run.status
    found = f"program run {row.id} is {status}"
    match turn:
        case "pause" if status is RunStatus.RUNNING:
            return PauseProgram(number)
        case "pause":
            raise Conflict("only a program run that is RUNNING can be paused", found)
        case "resume" if status is RunStatus.PAUSED:
            return ResumeProgram(number)
        case "resume":
            raise Conflict("only a program run that is PAUSED can be resumed", found)
        case _ if status in (RunStatus.RUNNING, RunStatus.PAUSED):
            return CancelProgram(number, sell)
        case _:
            raise Conflict("only a program run that is RUNNING or PAUSED can be cancelled", found)
