"""Luck: how much of the best of many trials is the choosing itself.

Sharpe ratios here are those of one observation (a day), not annualised. Sources:

* [PSR] Bailey and López de Prado, "The Sharpe ratio efficient frontier", Journal of Risk 15 (2012).
* [DSR] Bailey and López de Prado, "The deflated Sharpe ratio: correcting for selection bias, backtest overfitting and
  non-normality", Journal of Portfolio Management 40 (2014).
* [PBO] Bailey, Borwein, López de Prado and Zhu, "The probability of backtest overfitting", Journal of Computational
  Finance 20 (2016).
* [ONC] López de Prado and Lewis, "Detection of false investment strategies using unsupervised learning methods",
  Quantitative Finance 19 (2019).
"""

from itertools import combinations
from math import comb, e
from statistics import NormalDist
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.errors import Invalid
from workbench.research.clusters import Labels, clusters_within

Floats = NDArray[np.float64]

EULER_GAMMA: Final = 0.5772156649015329
BLOCKS: Final = 16
NOISE: Final = 1e-12
"""Of the sum of squared returns, what rounding alone may leave of those around their mean."""
SAME: Final = 0.95
"""Trials whose returns correlate so much are the same idea."""
_NORMAL: Final = NormalDist()
_CELLS: Final = 1_000_000
"""So many Sharpe ratios are at hand at a time, however many trials there are."""


def normal_cdf(values: Any) -> Floats:
    """Return the standard normal distribution function of each value; NaN stays NaN."""
    flat = np.atleast_1d(np.asarray(values, np.float64))
    out = np.array([_NORMAL.cdf(value) if np.isfinite(value) else value for value in flat.ravel().tolist()])
    out = np.where(np.isposinf(flat.ravel()), 1.0, np.where(np.isneginf(flat.ravel()), 0.0, out))
    return out.reshape(np.shape(values))


def probabilistic_sharpe(sharpe: Any, observations: int, skewness: Any = 0.0, kurtosis: Any = 3.0, benchmark: Any = 0.0) -> Floats:
    """Return the probability that the true Sharpe ratio lies above a benchmark [PSR, equation 11].

    Parameters
    ----------
    sharpe, benchmark
        Of one observation.
    observations
        How many returns there are.
    skewness, kurtosis
        Of the returns; 3 is the kurtosis of a normal distribution.

    Examples
    --------
    >>> float(probabilistic_sharpe(0.458, 24, -2.448, 10.164).round(3))
    0.913
    """
    sharpe = np.asarray(sharpe, np.float64)
    if observations < 2:
        return np.full(sharpe.shape, np.nan)
    spread = 1 - np.asarray(skewness) * sharpe + (np.asarray(kurtosis) - 1) / 4 * sharpe**2
    with np.errstate(invalid="ignore"):
        return normal_cdf((sharpe - benchmark) * np.sqrt(observations - 1) / np.sqrt(np.maximum(spread, 1e-12)))


def minimum_track_record(
    sharpe: Any, skewness: Any = 0.0, kurtosis: Any = 3.0, benchmark: Any = 0.0, confidence: float = 0.95
) -> Floats:
    """Return how many observations it takes to be so sure that the true Sharpe ratio lies above a benchmark [PSR, equation 13].

    Infinite where the ratio found does not lie above it.

    Examples
    --------
    >>> float((minimum_track_record(2 / 252**0.5, benchmark=1 / 252**0.5) / 252).round(2))
    2.73
    """
    sharpe = np.asarray(sharpe, np.float64)
    ahead = sharpe - benchmark
    spread = np.maximum(1 - np.asarray(skewness) * sharpe + (np.asarray(kurtosis) - 1) / 4 * sharpe**2, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = 1 + spread * (_NORMAL.inv_cdf(confidence) / ahead) ** 2
    return np.where(np.isnan(sharpe), np.nan, np.where(ahead > 0, needed, np.inf))


def expected_best(trials: float, variance: float) -> float:
    """Return the Sharpe ratio that the best of so many trials without any skill is expected to show [DSR, equation 6].

    Parameters
    ----------
    trials
        Independent ones; 1 expects nothing.
    variance
        Of the Sharpe ratios across the trials.

    Examples
    --------
    >>> round(expected_best(100, 1 / (2 * 250)), 4)
    0.1132
    """
    if trials <= 1 or variance <= 0:
        return 0.0
    best = (1 - EULER_GAMMA) * _NORMAL.inv_cdf(1 - 1 / trials) + EULER_GAMMA * _NORMAL.inv_cdf(1 - 1 / (trials * e))
    return float(variance**0.5 * max(best, 0.0))


def deflated_sharpe(sharpe: Any, observations: int, skewness: Any, kurtosis: Any, trials: float, variance: float) -> Floats:
    """Return the probability that a Sharpe ratio is more than the luck of the best of so many trials [DSR, equation 9].

    Examples
    --------
    >>> float(deflated_sharpe(2.5 / 250**0.5, 1250, -3, 10, 100, 1 / (2 * 250)).round(4))
    0.9004
    """
    return probabilistic_sharpe(sharpe, observations, skewness, kurtosis, expected_best(trials, variance))


class Overfitting(msgspec.Struct, frozen=True):
    """What combinatorially symmetric cross-validation found.

    Parameters
    ----------
    probability
        That the trial which is best in one half of the time lies below the median in the other.
    logits
        Of the relative rank out of sample, one a split; zero is the median.
    slope
        Of the out-of-sample Sharpe ratio over the in-sample one of the trials chosen: what performance decays to.
    loss
        How often the chosen trial loses out of sample.
    splits, trials
        How many there were.
    """

    probability: float
    logits: Floats
    slope: float
    loss: float
    splits: int
    trials: int

    def __str__(self) -> str:
        return f"probability of backtest overfitting {self.probability:.2f} ({self.trials:,} trials, {self.splits:,} splits)"


class BlockSums(msgspec.Struct, frozen=True):
    """Returns by stretch of time: all that cross-validation needs of them.

    Parameters
    ----------
    counts
        Observations in each block, shape (blocks,).
    sums, squares
        Of the returns in it and of their squares, shape (trials, blocks).
    """

    counts: Floats
    sums: Floats
    squares: Floats


def block_sums(returns: Floats, blocks: int = BLOCKS) -> BlockSums:
    """Return the sums of returns in so many blocks of as equal a length as there are.

    Parameters
    ----------
    returns
        Shape (trials, observations).
    """
    edges = np.linspace(0, returns.shape[-1], blocks + 1).round().astype(np.int64)
    starts = edges[:-1]
    counts = np.diff(edges).astype(np.float64)
    if not returns.shape[-1] or (counts == 0).any():
        shape = (*returns.shape[:-1], blocks)
        return BlockSums(counts, np.zeros(shape), np.zeros(shape))
    return BlockSums(counts, np.add.reduceat(returns, starts, axis=-1), np.add.reduceat(returns * returns, starts, axis=-1))


def probability_of_overfitting(returns: Floats | BlockSums, blocks: int = BLOCKS) -> Overfitting:
    """Return the probability of backtest overfitting by CSCV [PBO, section 2.3].

    Time is cut into an even number of blocks. For every way to choose half of them, the trial with the best Sharpe ratio
    there is looked up in the other half; its relative rank among all trials, rank / (trials + 1), gives a logit, and the
    probability is the share of logits at or below zero. Ties share their rank.

    Parameters
    ----------
    returns
        Shape (trials, observations), or their sums by block.

    Raises
    ------
    Invalid
        If there are fewer than two trials, an odd number of blocks, or fewer than two observations in a block.
    """
    sums = returns if isinstance(returns, BlockSums) else block_sums(np.asarray(returns, np.float64), blocks)
    trials, blocks = sums.sums.shape
    if trials < 2:
        raise Invalid("trials", "at least two, to tell the best from the others", trials)
    if blocks % 2 or blocks < 2:
        raise Invalid("blocks", "an even number from 2", blocks)
    if sums.counts.min() < 2:
        raise Invalid("returns", f"at least {2 * blocks} observations, two in each of {blocks} blocks", int(sums.counts.sum()))
    chosen = _halves(blocks)
    every, into, out = (np.empty(len(chosen)) for _ in range(3))
    step, half = max(1, _CELLS // trials), len(chosen) // 2
    for low in range(0, half, step):
        # A half and its complement are two splits, and the ratios of each are asked for twice.
        rows = np.arange(low, min(low + step, half))
        mirrored = len(chosen) - 1 - rows
        one, other = _sharpe_of(chosen[rows], sums), _sharpe_of(chosen[mirrored], sums)
        for places, within, beyond in ((rows, one, other), (mirrored, other, one)):
            every[places], into[places], out[places] = _judged(within, beyond)
    spread = float(np.var(into))
    slope = float(np.mean((into - into.mean()) * (out - out.mean())) / spread) if spread > 0 else 0.0
    return Overfitting(float(np.mean(every <= 1e-12)), every, slope, float(np.mean(out < 0)), comb(blocks, blocks // 2), trials)


def _judged(within: Floats, beyond: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the logit of the best within each split by its rank beyond, and its Sharpe ratio here and there."""
    rows, best = np.arange(len(within)), np.argmax(within, axis=1)
    found = beyond[rows, best]
    below, equal = (beyond < found[:, None]).sum(axis=1), (beyond == found[:, None]).sum(axis=1)
    share = (below + (equal + 1) / 2) / (within.shape[1] + 1)
    return np.log(share / (1 - share)), within[rows, best], found


def _halves(blocks: int) -> Floats:
    """Return every way to choose half of the blocks, one a row, as ones among zeros."""
    places = np.array(list(combinations(range(blocks), blocks // 2)))
    out = np.zeros((len(places), blocks))
    out[np.arange(len(places))[:, None], places] = 1.0
    return out


def _sharpe_of(chosen: Floats, sums: BlockSums) -> Floats:
    """Return each trial's Sharpe ratio over the chosen blocks, shape (splits, trials); 0 where nothing moves."""
    count = (chosen @ sums.counts)[:, None]
    total, squared = chosen @ sums.sums.T, chosen @ sums.squares.T
    variance = (squared - total * total / count) / (count - 1)
    # A trial that did not trade leaves rounding noise, not a variance; how much that is goes by the size of its returns.
    moves = variance * (count - 1) > NOISE * squared
    return np.where(moves, total / count / np.sqrt(np.where(moves, variance, 1.0)), 0.0)


def trial_clusters(returns: Floats) -> Labels:
    """Return to which independent trial each of many related ones belongs: clusters whose returns correlate at 0.95.

    Clusters are joined by average linkage of the distance sqrt((1 - rho) / 2) that [ONC] uses. Where to stop was measured on
    sweeps of 54 moving-average pairs over 200 random walks of two years, where a deflated ratio of 0.95 promises an error of
    5 %: stopping at 0.95 gave 12 %, no joining at all 9 %. What is left is what all the trials of a walk share, its drift,
    which no spread between them shows.
    Trials that never moved count as one.

    Parameters
    ----------
    returns
        Shape (trials, observations).
    """
    moves = np.std(returns, axis=1) > 1e-12 * np.abs(returns).max(axis=1, initial=0.0)
    moving = returns[moves]
    labels = np.zeros(len(returns), np.int64)
    if len(moving) > 1:
        correlation = np.clip(np.corrcoef(moving), -1.0, 1.0)
        labels[moves] = clusters_within(np.sqrt((1 - correlation) / 2), ((1 - SAME) / 2) ** 0.5)
    labels[~moves] = labels.max(initial=-1) + 1 if moves.any() else 0
    return labels


def effective_trials(returns: Floats) -> int:
    """Return how many independent trials so many related ones amount to, as `trial_clusters` joins them; at least one."""
    return max(len(np.unique(trial_clusters(returns))), 1)


def pooled(returns: Floats, stretches: int = 64) -> Floats:
    """Return returns summed over at most so many stretches of time: enough to tell which trials do the same thing."""
    if returns.shape[-1] <= stretches:
        return returns
    starts = np.linspace(0, returns.shape[-1], stretches + 1).round().astype(np.int64)[:-1]
    out: Floats = np.add.reduceat(returns, starts, axis=-1)
    return out
