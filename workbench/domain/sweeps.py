"""A sweep that is asked for, to be run by a worker: what is tried of which strategy, on which bars."""

from enum import StrEnum
from typing import Final

import msgspec

from workbench.errors import Invalid

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
MOST_ASKED: Final = 10_000
"""Values of one parameter in a request: it is a record, and this is as much as one should hold."""
MOST_VALUES: Final = 1_000_000
"""Of one range that somebody writes down."""
MOST_DRAWN: Final = 100_000
"""Trials of a search, wherever it is asked for."""


class TrialLine(msgspec.Struct, frozen=True):
    """One of the best trials of a sweep, as a page shows it.

    Parameters
    ----------
    values
        Of what was tried, as text.
    sharpe_out
        On the days that were held out.
    plateau
        How its neighbours on the grid do, as a share of its own Sharpe ratio.
    sharpe_in
        On the days before those held out.
    """

    values: dict[str, str]
    return_pct: float
    sharpe: float | None
    sharpe_out: float | None
    dsr: float | None
    max_drawdown_pct: float
    trades: int
    plateau: float | None
    at_edge: bool
    sharpe_in: float | None = None


class Surface(msgspec.Struct, frozen=True):
    """A figure over one or two axes of a sweep, the best of whatever else was tried in each cell.

    Parameters
    ----------
    down, across
        The axes; `down` is empty where there is but one.
    rows, columns
        Their values in order, as text; neighbours stand together where there are many.
    cells
        One tuple a row; None where nothing was tried, or where it never traded enough to have a figure.
    """

    by: str
    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]


class SweepOutcome(msgspec.Struct, frozen=True):
    """What came of a sweep: its best trial by one figure, and what luck makes of it.

    Parameters
    ----------
    values
        Of what was tried, as text.
    return_pct, sharpe, dsr
        Of the best trial; None where it has none.
    overfitting
        Probability that the best of these is overfitted; None where there are too few trials or days to tell.
    trials_ever, effective
        How many trials of the strategy were ever run on these bars, and how many independent ones they amount to.
    findings
        What to know before it is believed.
    top
        The best trials, the best of them first.
    surface
        How the figure lies over the grid.
    by
        The figure by which the best is the best: what a search was for, and the Sharpe ratio of a sweep.
    """

    values: dict[str, str]
    return_pct: float
    sharpe: float | None
    dsr: float | None
    overfitting: float | None
    trials_ever: int = 0
    effective: int = 0
    findings: tuple[str, ...] = ()
    top: tuple[TrialLine, ...] = ()
    surface: Surface | None = None
    by: str = "sharpe"


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


def read_values(name: str, text: str) -> list[str] | range:
    """Return the values that somebody wrote down for a parameter: a list, or a range as Python has it.

    Raises
    ------
    Invalid
        If it is neither.

    Examples
    --------
    >>> read_values("slow", "30:51:10"), read_values("width", "1.5, 2")
    (range(30, 51, 10), ['1.5', '2'])
    """
    if ":" in text:
        try:
            found = range(*(int(part) for part in text.split(":")))
        except (ValueError, TypeError):
            raise Invalid(name, "a range of whole numbers such as 5:25 or 30:221:10", text) from None
        # Not by its length, which has 64 bits.
        count = -((found.start - found.stop) // found.step)
        if count > MOST_VALUES:
            raise Invalid(name, f"at most {MOST_VALUES:,} values to try", f"{count:,} of them")
        return found
    return [value.strip() for value in text.split(",") if value.strip()]
