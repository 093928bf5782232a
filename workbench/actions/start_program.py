"""Start a program in a running session; pause, resume and cancel are commands of its run."""

from collections.abc import Mapping
from typing import Any, Final

from workbench.actions.runner import fetch
from workbench.actions.send_command import Asked, record_command, refuse_where_it_ends
from workbench.desk import Desk
from workbench.domain.bars import UNITS, parse_timeframe
from workbench.domain.commands import StartProgram
from workbench.domain.instruments import Instrument
from workbench.domain.sessions import ProgramRequest
from workbench.engine.programs import make_program, name_of, parameters_of
from workbench.engine.programs.vwap import Vwap, volume_curve
from workbench.engine.running import start_obstacle
from workbench.engine.turn import Turn
from workbench.errors import DoesNotFit, Invalid, NotFound, Refused
from workbench.store import reads, recorded
from workbench.store.asked import waiting_commands
from workbench.store.datasets import dataset_bars, find_dataset
from workbench.store.rows import SessionRow

CURVE_DAYS: Final = 7
"""How many days before a start a volume curve looks back on."""


class NowhereToStart(Refused):
    """A program was to be started, and no session runs."""

    status = 409

    def __init__(self) -> None:
        super().__init__("No session runs, so there is nowhere to start a program.")


def start_program(
    desk: Desk, session: str, program: str, symbol: str, parameters: Mapping[str, Any] | None = None, by: str = "person"
) -> SessionRow:
    """Ask a running session to start a program in one of its tokens, and return the session; as `request_program` does."""
    return request_program(desk, session, program, symbol, parameters, by).session


def request_program(
    desk: Desk, session: str, program: str, symbol: str, parameters: Mapping[str, Any] | None = None, by: str = "person"
) -> Asked:
    """Ask a running session to start a program in one of its tokens.

    A VWAP that is given no curve gets that of the bars stored by now.

    Raises
    ------
    NotFound
        If there is no such session, program or parameter, or the session does not trade the token.
    Invalid
        If a parameter is out of bounds.
    DoesNotFit
        If the program does not fit the session's bars; or, where nothing else waits, its rules or what the account has at hand.
    Conflict
        If the session has ended, or is stopping.
    """
    with desk.store.read() as connection:
        row = reads.session(connection, session)
        refuse_where_it_ends(row)
        instruments = _instruments(desk, row)
        state = reads.session_state(connection, row.id)
        waits = bool(waiting_commands(connection, row.id))
        cursor = row.cursor
    asked = ProgramRequest(program, symbol, dict(parameters or {}))
    command = ready(desk, row.source, row.dataset, row.timeframe, instruments, asked, cursor)[0]
    # The session would say the same before its next bar, and who asks should not have to wait for it; but what waits may
    # change what there is at hand by then, as a deposit does, and only the session knows what it will have.
    against = "" if state is None or waits else start_obstacle(Turn(state), command)
    if against:
        raise DoesNotFit("program", against)
    return record_command(desk, row.id, command, by)


def ready(
    desk: Desk,
    source: str,
    dataset: str,
    timeframe: str,
    instruments: Mapping[str, Instrument],
    asked: ProgramRequest,
    cursor: int | None = None,
) -> list[StartProgram]:
    """Return the commands that start a program as it was asked for, one for each instrument that is meant.

    Parameters
    ----------
    instruments
        Those of the session, by symbol.
    cursor
        Open time of the last bar that the session has seen, for what may be read of a dataset.

    Raises
    ------
    NotFound, Invalid, DoesNotFit
        Naming what there is not, or which bound stands against it.
    """
    program = make_program(asked.program, asked.parameters)
    against = program.bounds(parse_timeframe(timeframe)) if not isinstance(program, Vwap) or program.curve else ""
    if against:
        raise DoesNotFit("program", against)
    known = {symbol.lower(): instrument for symbol, instrument in instruments.items()}
    if asked.symbol and asked.symbol.lower() not in known:
        raise NotFound("token of this session", asked.symbol, instruments, field="symbol")
    meant = [known[asked.symbol.lower()]] if asked.symbol else list(instruments.values())
    started = []
    for instrument in meant:
        parameters = parameters_of(program)
        if isinstance(program, Vwap) and not program.curve:
            parameters["curve"] = list(_curve(desk, source, dataset, instrument, cursor))
            against = make_program(asked.program, parameters).bounds(parse_timeframe(timeframe))
            if against:
                raise DoesNotFit("program", against)
        started.append(StartProgram(name_of(program), instrument.key, parameters))
    return started


def _instruments(desk: Desk, row: SessionRow) -> dict[str, Instrument]:
    """Return what a session trades, by symbol."""
    if row.mode == "replay":
        with desk.store.read() as connection:
            instrument = find_dataset(connection, row.dataset).instrument
        return {instrument.symbol: instrument}
    known = {instrument.symbol: instrument for instrument in desk.source(row.source).instruments()}
    return {symbol: known[symbol] for symbol in row.symbols}


def _curve(desk: Desk, source: str, dataset: str, instrument: Instrument, cursor: int | None) -> tuple[int, ...]:
    """Return the volume curve of the days before now; a replay knows what it has seen, and nothing that comes after."""
    hour, look_back = UNITS["h"], CURVE_DAYS * UNITS["d"]
    if dataset:
        with desk.store.read() as connection:
            whole = dataset_bars(connection, dataset)
        seen = whole.between(0 if cursor is None else cursor + 1 - look_back, 0 if cursor is None else cursor + 1)
        if len(seen) == 0 or int(seen.ts[-1]) - int(seen.ts[0]) < UNITS["d"] - hour:
            raise Invalid("curve", "24 weights, because a replay has seen less than a day by now", "none")
        return volume_curve(seen)
    end = desk.now() // hour * hour
    series = fetch(desk, source, instrument, "1h", end - look_back, end)
    with desk.store.write(durable=False) as connection:
        number = recorded.series_id(connection, source, instrument, "1h")
        recorded.record(connection, number, series, desk.at)
    curve = volume_curve(series)
    if not curve:
        raise Invalid("curve", f"24 weights, because {source} knows no volume of {instrument.symbol}", "none")
    return curve


def running_session(desk: Desk, account: str) -> str:
    """Return the id of the session that runs.

    Raises
    ------
    NowhereToStart
        If none does.
    """
    with desk.store.read() as connection:
        going = reads.active_session(connection, account)
    if going is None:
        raise NowhereToStart
    return going.id
