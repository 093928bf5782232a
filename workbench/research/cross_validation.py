"""Cross-validation of the choosing: on some groups of days the best trial is chosen, on the others it is judged.

Every trial trades the whole time once; what is cut is its line of daily returns. Days next to a tested group are left out of the
training: `purge` days on both sides, for a signal there has looked at tested days or tested ones at it, and `embargo` more after
it. With one group tested at a time this is purged K-fold; with several it is combinatorial purged cross-validation, whose tested
stretches join into several whole paths, each of them out of sample from end to end. Source: Lopez de Prado, "Advances in
financial machine learning" (2018), chapters 7 and 12.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.analytics.returns import Floats, daily, sharpe
from workbench.domain.bars import DAY
from workbench.domain.params import counted
from workbench.errors import Invalid
from workbench.research.overfitting import NOISE
from workbench.research.study import Study, Values, plain
from workbench.research.trials import Bench, Tally, ends_of, run_tallies, times_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

Flags = NDArray[np.bool_]
MOST_SPLITS: Final = 5_000
_YEAR: Final = np.sqrt(365.0)


class Splits(msgspec.Struct, frozen=True):
    """Which days are trained on and which are tested, one split a row.

    Parameters
    ----------
    tested
        The groups that each split tests, shape (splits, k).
    train, test
        Shape (splits, days).
    edges
        Where each group begins, and where the last one ends.
    """

    tested: NDArray[np.int64]
    train: Flags
    test: Flags
    edges: NDArray[np.int64]

    @property
    def paths(self) -> int:
        """How many whole paths the tested stretches join into: k / n of the splits."""
        groups, k = len(self.edges) - 1, self.tested.shape[1]
        return int(comb(groups, k) * k // groups)


def split_days(days: int, groups: int, tested: int = 1, purge: int = 0, embargo: int = 0) -> Splits:
    """Return every way to test so many of the groups into which days are cut.

    Parameters
    ----------
    days
        How many daily returns there are.
    groups, tested
        Into how many groups of one length, and how many of them are tested at a time.
    purge
        Days left out of the training on both sides of a tested group.
    embargo
        Days left out beyond those after it.

    Raises
    ------
    Invalid
        If there are too few days, or nothing is left to train on.

    Examples
    --------
    >>> split = split_days(12, 4, 1, purge=1, embargo=1)
    >>> split.train[1].astype(int).tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    """
    groups = counted("groups", groups, 2)
    tested = counted("tested", tested, 1, groups - 1, f" of {groups} groups")
    purge = counted("purge", purge, 0, of=" days")
    if days < 2 * groups:
        raise Invalid("bars", f"at least {2 * groups} days for {groups} groups of two", f"{days} days")
    if comb(groups, tested) > MOST_SPLITS:
        raise Invalid(
            "groups", f"at most {MOST_SPLITS:,} splits", f"{comb(groups, tested):,} of {groups} groups, {tested} at a time"
        )
    edges = np.linspace(0, days, groups + 1).round().astype(np.int64)
    chosen = np.array(list(combinations(range(groups), tested)), np.int64)
    train, test = np.ones((len(chosen), days), np.bool_), np.zeros((len(chosen), days), np.bool_)
    for row, places in enumerate(chosen):
        for place in places:
            low, high = int(edges[place]), int(edges[place + 1])
            test[row, low:high] = True
            train[row, max(low - purge, 0) : high + purge + embargo] = False
    for row in np.flatnonzero(train.sum(axis=1) < 2)[:1]:
        left = int(train[row].sum())
        raise Invalid("purge", f"at least two days left to train on beside {purge} purged and {embargo} under embargo", f"{left}")
    return Splits(chosen, train, test, edges)


class CrossValidation:
    """A finished cross-validation; it shows itself in a notebook.

    Attributes
    ----------
    study
        What was tried on what.
    splits
        Which days were trained on and tested.
    chosen
        The values that each split chose.
    trained, tested
        Yearly Sharpe ratios of what was chosen, in training and in the test, one a split; nan where nothing moved.
    rank
        The share of all trials that what was chosen beat in the test, one a split; one half is luck.
    lines
        Daily returns of what each split chose, shape (splits, days).
    first
        The day of the first return.
    """

    def __init__(
        self, study: Study, splits: Splits, chosen: Sequence[Values], trained: Floats, tested: Floats, rank: Floats, lines: Floats,
        first: int, purge: int, embargo: int,
    ) -> None:  # fmt: skip
        self.study, self.splits, self.chosen, self.lines, self.first = study, splits, list(chosen), lines, first
        self.trained, self.tested, self.rank, self.purge, self.embargo = trained, tested, rank, purge, embargo

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row a split: the groups it tested, what was chosen, its Sharpe ratio in training and in the test, its rank there."""
        names = list(self.study.axes)
        values = {name: [plain(one[name]) for one in self.chosen] for name in names}
        return pl.DataFrame(
            {
                "tested": [list(map(int, row)) for row in self.splits.tested], **values,
                "days_train": self.splits.train.sum(axis=1), "days_test": self.splits.test.sum(axis=1),
                "sharpe_train": pl.Series(self.trained).fill_nan(None), "sharpe_test": pl.Series(self.tested).fill_nan(None),
                "return_test_pct": 100 * (np.prod(1 + np.where(self.splits.test, self.lines, 0.0), axis=1) - 1),
                "rank": self.rank,
            },
            strict=False,
        )  # fmt: skip

    @cached_property
    def path_lines(self) -> Floats:
        """Daily returns of every path that tested stretches join into, shape (paths, days)."""
        out = np.zeros((self.splits.paths, self.lines.shape[1]))
        for group in range(len(self.splits.edges) - 1):
            low, high = self.splits.edges[group : group + 2].tolist()
            rows = np.flatnonzero((self.splits.tested == group).any(axis=1))
            out[:, low:high] = self.lines[rows, low:high]
        return out

    @cached_property
    def paths(self) -> pl.DataFrame:
        """One row a path: return, Sharpe ratio and worst drawdown; every day of it was traded by what others days had chosen."""
        grown = np.cumprod(1 + self.path_lines, axis=1)
        peaks = np.maximum(np.maximum.accumulate(grown, axis=1), 1.0)
        return pl.DataFrame(
            {
                "path": np.arange(len(grown)), "return_pct": 100 * (grown[:, -1] - 1),
                "sharpe": pl.Series(sharpe(self.path_lines)).fill_nan(None),
                "max_drawdown_pct": 100 * (grown / peaks - 1).min(axis=1),
            }
        )  # fmt: skip

    @property
    def kind(self) -> str:
        """What it is called: purged K-fold, or combinatorial purged cross-validation."""
        return "purged K-fold" if self.splits.tested.shape[1] == 1 else "combinatorial purged cross-validation"

    @cached_property
    def findings(self) -> list[str]:
        """What to know before it is believed, in plain sentences."""
        told, count = [], len(self.rank)
        below = int((self.rank < 0.5).sum())
        if 2 * below >= count:
            told.append(f"In {below} of {count} splits what was best in training came out below the median in the test.")
        lost = int((self.paths["return_pct"] <= 0).sum())
        if lost:
            whose = f"{lost} of {self.paths.height} paths" if self.paths.height > 1 else "The path"
            told.append(f"{whose} out of sample made nothing.")
        kept, shown = float(np.nanmean(self.tested)), float(np.nanmean(self.trained))
        if shown > 0 and kept < 0.5 * shown:
            told.append(f"The Sharpe ratio of what was chosen is {shown:.2f} in training and {kept:.2f} in the test.")
        return told

    def plot(self) -> "go.Figure":
        """Return a plotly figure: every path out of sample."""
        from workbench.analytics.figures import fan_figure

        days = (self.first + np.arange(self.lines.shape[1])) * DAY
        return fan_figure(days, np.cumprod(1 + self.path_lines, axis=1) * float(self.study.cash), repr(self))

    def __repr__(self) -> str:
        ratios, count = sorted(self.paths["sharpe"].drop_nulls().to_list()), self.paths.height
        spread = "Sharpe " + " to ".join(f"{ratio:.2f}" for ratio in dict.fromkeys((ratios[0], ratios[-1]))) if ratios else "still"
        paths = f"{count} paths" if count > 1 else "one path"
        return f"{self.study.family}, {self.kind} with {len(self.rank)} splits: {paths} out of sample, {spread}"

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.frame if self.paths.height == 1 else self.paths)


def validate(
    study: Study, wanted: Sequence[Values], bench: Bench, splits: Splits, first: int, purge: int, embargo: int,
    workers: int | None = None,
) -> Iterator[tuple[Sequence[Values], list[Tally], CrossValidation | None]]:  # fmt: skip
    """Yield the trials in chunks, as sums, and at last what came of them all.

    However many trials there are, no more than a chunk of their lines is in memory; of each there stay one Sharpe ratio a split.
    """
    times = times_of(study.traded)
    count = len(splits.tested)
    best = np.full(count, -np.inf)
    lines, chosen = np.zeros((count, splits.train.shape[1])), [wanted[0]] * count
    judged: list[Floats] = []
    for part, tallies in run_tallies(bench, wanted, workers):
        returns = daily(float(study.cash), ends_of(times, tallies))
        within, beyond = (masked_sharpe(returns, mask) for mask in (splits.train, splits.test))
        judged.append(beyond.astype(np.float32))
        place = np.argmax(within, axis=0)
        found = within[place, np.arange(count)]
        for split in np.flatnonzero(found > best).tolist():
            best[split], lines[split], chosen[split] = found[split], returns[place[split]], part[place[split]]
        yield part, tallies, None
    every = np.concatenate(judged)
    own = np.array([masked_sharpe(lines[i : i + 1], splits.test[i : i + 1])[0, 0] for i in range(count)])
    rounded = own.astype(np.float32)
    below, same = (every < rounded).sum(axis=0), (every == rounded).sum(axis=0)
    rank = (below + (same - 1) / 2) / max(len(every) - 1, 1)
    yield (), [], CrossValidation(study, splits, chosen, best * _YEAR, own * _YEAR, rank, lines, first, purge, embargo)


def masked_sharpe(returns: Floats, masks: Flags) -> Floats:
    """Return the Sharpe ratio of one observation of each line over the days of each mask; 0 where nothing moves.

    Parameters
    ----------
    returns
        Shape (lines, days).
    masks
        Shape (splits, days).

    Returns
    -------
    numpy.ndarray
        Shape (lines, splits).
    """
    chosen = masks.astype(np.float64)
    count = chosen.sum(axis=1)
    total, squared = returns @ chosen.T, (returns * returns) @ chosen.T
    variance = (squared - total * total / count) / (count - 1)
    # A line that did not move leaves rounding noise, not a variance.
    moves = variance * (count - 1) > NOISE * squared
    return np.where(moves, total / count / np.sqrt(np.where(moves, variance, 1.0)), 0.0)
