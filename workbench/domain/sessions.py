"""A trading session: what was asked for, what it goes by, and the moves its status may make."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec

from workbench.domain.breakers import Breaker, Outcome
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts, PaperTradingConfig
from workbench.domain.instruments import Instrument
from workbench.domain.params import Param, check_fields
from workbench.errors import Conflict


class Status(StrEnum):
    """Where a session is in its life."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"


MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.STARTING: frozenset({Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.ERROR}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.STOPPING, Status.STOPPED, Status.COMPLETED, Status.ERROR}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.COMPLETED, Status.ERROR}),
    Status.STOPPING: frozenset({Status.STOPPED, Status.COMPLETED, Status.ERROR}),
    Status.STOPPED: frozenset(),
    Status.COMPLETED: frozenset(),
    Status.ERROR: frozenset(),
}
ACTIVE: Final = (Status.STARTING, Status.RUNNING, Status.PAUSED, Status.STOPPING)
"""The statuses of which an account may have one session at most."""


def move(found: Status, to: Status) -> Status:
    """Return `to`, if a session may go there from where it is.

    Raises
    ------
    Conflict
        If it may not.
    """
    if to not in MOVES[found]:
        raise Conflict(f"a session that is {found} cannot become {to}", f"it is {found}")
    return to


class ProgramRequest(msgspec.Struct, frozen=True):
    """A program that a session is to start with: which, in which of its symbols, with which parameters.

    An empty symbol means each of them.
    """

    program: str
    symbol: str = ""
    parameters: dict[str, Any] = {}


class SessionRequest(msgspec.Struct, frozen=True):
    """What somebody asks for when they start a session.

    Parameters
    ----------
    mode
        `live` on the real clock, or `replay` over a dataset.
    source
        The price source's name; `dataset` in a replay.
    dataset
        The dataset's id in a replay.
    symbols
        Which of the source's tokens; all where empty.
    timeframe
        Such as `"5s"`.
    speed
        In a replay, how many times faster than the clock; 0 goes as fast as it can.
    runtime_minutes
        How long, on the clock; None for no limit.
    seed
        For whatever draws at random.
    programs
        Programs to start before the first bar, each in one of the symbols.
    """

    mode: Literal["live", "replay"] = "live"
    source: str = "simulated"
    dataset: str = ""
    symbols: tuple[str, ...] = ()
    timeframe: str = "5s"
    speed: Annotated[float, Param(0, 1e9, 1, "Speed", "Times faster than the clock; 0 for as fast as it goes.")] = 0.0
    runtime_minutes: Annotated[float, Param(0.01, 5_256_000, 1, "Runtime", "On the clock; nothing for no limit.", "min")] | None = (
        None
    )
    seed: int = 1
    configuration: StrategyConfiguration = StrategyConfiguration()
    costs: CostModel = ExchangeCosts()
    realism: PaperTradingConfig = PaperTradingConfig()
    name: str = ""
    programs: tuple[ProgramRequest, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)


class Carried(msgspec.Struct, frozen=True):
    """What an account's next session takes over from its last one, so that a restart is no way around a rule.

    Parameters
    ----------
    day, trades_today, day_equity
        The UTC day of bar time, the fills in it, and the equity that it began with.
    peak
        The highest equity.
    left, stopped_out
        When each token was last left, and which of them by a stop.
    breakers, outcomes, streak, sent
        What has tripped, how the newest round trips ended, losses in a row, and how the last orders fared.
    flows, entries
        Of what is still held: cash that went in and came out; when and at what price it was entered, and the highest since.
    """

    day: int
    trades_today: int
    day_equity: Decimal
    peak: Decimal
    left: dict[str, int] = {}
    stopped_out: tuple[str, ...] = ()
    breakers: dict[str, Breaker] = {}
    outcomes: tuple[Outcome, ...] = ()
    streak: int = 0
    sent: str = ""
    flows: dict[str, Decimal] = {}
    entries: dict[str, tuple[int, Decimal, Decimal]] = {}


class Plan(msgspec.Struct, frozen=True):
    """What a session goes by; a state carries it, and a command may change its configuration.

    Parameters
    ----------
    instruments
        What is traded, in the order in which everything is done.
    timeframe
        The length of a bar, such as `"1h"`.
    configuration, costs
        How it is traded and what that costs.
    realism
        Which of the world's frictions are simulated on top.
    seed
        For whatever is drawn.
    """

    instruments: tuple[Instrument, ...]
    timeframe: str
    configuration: StrategyConfiguration
    costs: CostModel = ExchangeCosts()
    realism: PaperTradingConfig = PaperTradingConfig()
    seed: int = 1
