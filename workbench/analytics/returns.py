"""Figures of returns, for one run or for many at once: the last axis is time, the others are runs.

Daily returns are those of equity at UTC day ends, the first from what a run opened with. A figure that is not defined is NaN.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS_A_YEAR: Final = 365
"""Crypto trades on every day."""


class Day(Protocol):
    """An account at the end of a UTC day: equity, and what had been put in by then."""

    @property
    def equity(self) -> Decimal:
        """What it was worth."""

    @property
    def put_in(self) -> Decimal:
        """Deposits less withdrawals so far."""


def daily_returns(days: Sequence[Day]) -> Floats:
    """Return what each day after the first made of the equity before it, without what was put in or taken out on it."""
    equity, put_in = (np.array([float(getattr(day, name)) for day in days]) for name in ("equity", "put_in"))
    moved = np.diff(put_in)
    before = equity[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        made: Floats = np.where(before > 0, (equity[1:] - moved) / before - 1, 0.0)
    return made


def every_day(days: NDArray[np.int64], ends: Floats) -> Floats:
    """Return equity at the end of every day from the first to the last; a day without a bar ends as the one before it.

    Parameters
    ----------
    days
        The numbers of the days that have bars, rising.
    ends
        Equity at their ends, shape (..., len(days)).
    """
    filled: Floats = np.repeat(ends, np.append(np.diff(days), 1), axis=-1)
    return filled


def changes(ends: Floats) -> Floats:
    """Return the change from each day's end to the next, as shares; what has fallen to nothing stays there.

    Parameters
    ----------
    ends
        Equity at day ends, shape (..., days).

    Returns
    -------
    numpy.ndarray
        Shape (..., days - 1).

    Examples
    --------
    >>> changes(np.array([100.0, 110.0, 99.0])).round(3).tolist()
    [0.1, -0.1]
    """
    before, after = ends[..., :-1], ends[..., 1:]
    alive = before > 0
    if alive.all():
        return after / before - 1
    return np.where(alive, after / np.where(alive, before, 1.0) - 1, 0.0)


def daily(opening: float, ends: Floats) -> Floats:
    """Return the change of every day as shares: the first day's from what it was opened with, so that they compound to the whole.

    Parameters
    ----------
    opening
        Equity before the first day.
    ends
        Equity at day ends, shape (..., days).

    Returns
    -------
    numpy.ndarray
        Shape (..., days).

    Examples
    --------
    >>> daily(80.0, np.array([100.0, 110.0, 99.0])).round(3).tolist()
    [0.25, 0.1, -0.1]
    """
    return changes(np.concatenate([np.full((*ends.shape[:-1], 1), opening), ends], axis=-1))


def sharpe(returns: Floats) -> Floats:
    """Return mean over deviation (ddof 1) times sqrt(365), risk-free 0; NaN under two days or where nothing moves.

    Source: Sharpe, "The Sharpe ratio", Journal of Portfolio Management 21 (1994).
    """
    return sharpe_a_day(returns) * np.sqrt(DAYS_A_YEAR)  # type: ignore[no-any-return]


def sharpe_a_day(returns: Floats) -> Floats:
    """Return mean over deviation (ddof 1) of the returns themselves, not annualised: what the luck of trials is judged by."""
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    spread = np.std(returns, axis=-1, ddof=1)
    moves = spread > 0
    return np.where(moves, np.mean(returns, axis=-1) / np.where(moves, spread, 1.0), np.nan)


def sortino(returns: Floats) -> Floats:
    """Return the mean over the root mean square of the negative returns, times sqrt(365); NaN where none is negative.

    Source: Sortino and van der Meer, "Downside risk", Journal of Portfolio Management 17 (1991); target 0.
    """
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    below = np.sqrt(np.mean(np.minimum(returns, 0) ** 2, axis=-1))
    falls = below > 0
    found: Floats = np.where(falls, np.mean(returns, axis=-1) / np.where(falls, below, 1.0), np.nan) * np.sqrt(DAYS_A_YEAR)
    return found


def moments(returns: Floats) -> tuple[Floats, Floats]:
    """Return skewness and kurtosis (3 for a normal distribution) of the returns, by population moments; 0 and 3 if still."""
    if returns.shape[-1] < 2:
        return np.zeros(returns.shape[:-1]), np.full(returns.shape[:-1], 3.0)
    away = returns - np.mean(returns, axis=-1, keepdims=True)
    squared = away * away
    second = np.mean(squared, axis=-1)
    moves = second > 0
    safe = np.where(moves, second, 1.0)
    skewness = np.where(moves, np.mean(squared * away, axis=-1) / safe**1.5, 0.0)
    return skewness, np.where(moves, np.mean(squared * squared, axis=-1) / safe**2, 3.0)


def growth_a_year(opening: Floats | float, final: Floats | float, days: float) -> Floats:
    """Return the compound annual growth as a share, -1 where nothing is left; NaN for no time at all."""
    if days <= 0:
        return np.full(np.shape(final), np.nan)
    left = np.maximum(np.asarray(final, np.float64) / opening, 0.0)
    with np.errstate(over="ignore"):
        return left ** (DAYS_A_YEAR / days) - 1
