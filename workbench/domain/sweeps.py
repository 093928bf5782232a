"""A sweep that is asked for, to be run by a worker: what is tried of which strategy, on which bars."""

from enum import StrEnum
from typing import Final

import msgspec

Scalar = str | int | float | bool


class SweepStatus(StrEnum):
    """Where a sweep that was asked for is."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    FINISHED = "FINISHED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


GOING: Final = (SweepStatus.WAITING, SweepStatus.RUNNING, SweepStatus.CANCELLING)
"""The statuses of a sweep that a worker has still to do something about."""


class SweepOutcome(msgspec.Struct, frozen=True):
    """What came of a sweep: its best trial by the Sharpe ratio, and what luck makes of it.

    Parameters
    ----------
    values
        Of what was tried, as text.
    return_pct, sharpe, dsr
        Of the best trial; None where it has none.
    overfitting
        Probability that the best of these is overfitted; None where there are too few trials or days to tell.
    """

    values: dict[str, str]
    return_pct: float
    sharpe: float | None
    dsr: float | None
    overfitting: float | None


class SweepRequest(msgspec.Struct, frozen=True):
    """A sweep or a search that is asked for, in plain values only: it is written down and read by another process.

    Parameters
    ----------
    strategy
        Its name on the shelf.
    values
        Of parameters, rules and costs, by name; what has several is tried, what has one is fixed.
    dataset
        A dataset's id or name; a simulated market where it is empty.
    symbol, timeframe, count
        Of the simulated market: which token, how long its bars are, how many.
    trials
        So many, drawn by what earlier ones gave; all combinations where None.
    sampler
        By which they are drawn.
    """

    strategy: str
    values: dict[str, tuple[Scalar, ...]]
    dataset: str = ""
    symbol: str = "WETH"
    timeframe: str = "1h"
    count: int = 5_000
    trials: int | None = None
    sampler: str | None = None
    cash: str = "10000"
    seed: int = 1
