"""Luck: what choosing among all trials ever run of a strategy on a market is expected to show without any skill."""

from array import array
from collections.abc import Iterable
from hashlib import blake2b
from heapq import heappush, heapreplace
from typing import Final

import msgspec
import numpy as np

from workbench.research.clusters import Labels
from workbench.research.overfitting import expected_best, trial_clusters

MOST_CLUSTERED: Final = 2_000
"""Lines of returns that are laid beside each other; of more, a sample stands for all."""


class Drawn(msgspec.Struct, frozen=True):
    """What luck asks of a trial: its daily Sharpe ratio, over how many days, and its returns over stretches of time."""

    sharpe_a_day: float | None
    observations: int
    stretches: bytes | list[float]

    @property
    def line(self) -> bytes:
        """The returns over stretches as numbers of 64 bits."""
        return self.stretches if isinstance(self.stretches, bytes) else np.array(self.stretches, np.float64).tobytes()

    @property
    def score(self) -> float | None:
        """The Sharpe ratio in its own standard errors, which without skill is 1 / sqrt(observations)."""
        return None if self.sharpe_a_day is None else self.sharpe_a_day * self.observations**0.5


class Luck:
    """What choosing among all trials ever run of a strategy on a market is expected to show without any skill.

    Trials whose returns correlate are one idea: they count once, and their mean score stands for them, so that trying more of
    the same makes luck look neither larger nor smaller.

    Parameters
    ----------
    every
        All those trials; they are read one by one, and no more than a sample of them is kept.

    Attributes
    ----------
    trials, effective
        How many there were, and how many independent ones they amount to.
    """

    def __init__(self, every: Iterable[Drawn]) -> None:
        self.trials = 0
        # Trials over other stretches of time cannot be laid beside these: each stretch counts for itself.
        alike: dict[tuple[int, int], _Sample] = {}
        for drawn in every:
            self.trials += 1
            line = drawn.line
            alike.setdefault((drawn.observations, len(line)), _Sample()).add(line, drawn.score)
        found = [sample.clusters() for sample in alike.values()]
        self.effective = max(sum(count for count, _ in found), 1)
        scores = [score for _, each in found for score in each]
        self._spread = float(np.var(scores, ddof=1)) if len(scores) > 1 else 0.0

    def variance(self, observations: int) -> float:
        """Return the variance of the daily Sharpe ratios of independent trials, each as it would spread over so many days.

        Where all trials have so many days it is the variance across clusters, as in Bailey and López de Prado, "The deflated
        Sharpe ratio" (2014), and López de Prado and Lewis, "Detection of false investment strategies" (2019), section 6. Others
        are brought to that length by the standard error of a Sharpe ratio, which is about 1 / sqrt(days) (Lo, "The statistics
        of Sharpe ratios", 2002, equation 9 at a ratio of zero): so a trial over a short window, as a walk forward runs them,
        spreads no wider than one over the whole.
        """
        return self._spread / observations

    def expected_sharpe_a_day(self, observations: int) -> float:
        """Return the daily Sharpe ratio that the best of them shows by luck alone over so many days."""
        return expected_best(self.effective, self.variance(observations))


class _Sample:
    """Trials over as many days: how many different lines of returns they have, and an even sample of these.

    Kept are the lines with the smallest hashes, which are the same ones in whatever order they come.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._kept: list[tuple[int, bytes, float | None]] = []

    def add(self, line: bytes, score: float | None) -> None:
        """Take in a trial; one that did the very same as another is that one."""
        number = int.from_bytes(blake2b(line, digest_size=8).digest(), "big")
        if number in self._seen:
            return
        self._seen.add(number)
        if len(self._kept) < MOST_CLUSTERED:
            heappush(self._kept, (-number, line, score))
        elif number < -self._kept[0][0]:
            heapreplace(self._kept, (-number, line, score))

    def clusters(self) -> tuple[int, list[float]]:
        """Return how many independent trials they amount to, and the mean score of each that was found.

        Where a sample stands for all, those that it missed are estimated by how many it met once and twice (Chao, "Nonparametric
        estimation of the number of classes in a population", 1984, bias-corrected), at most in proportion.
        """
        labels = _labels([line for _, line, _ in self._kept])
        sizes = np.bincount(labels)
        found, kept, every = len(sizes), len(self._kept), len(self._seen)
        if kept < every:
            once, twice = int((sizes == 1).sum()), int((sizes == 2).sum())
            found = min(round(found * every / kept), round(found + once * (once - 1) / (2 * (twice + 1))))
        members: list[array[float]] = [array("d") for _ in sizes]
        for label, (_, _, score) in zip(labels.tolist(), self._kept, strict=True):
            if score is not None:
                members[label].append(score)
        return found, [sum(each) / len(each) for each in members if each]


def _labels(lines: list[bytes]) -> Labels:
    returns = np.frombuffer(b"".join(lines), np.float64).reshape(len(lines), -1)
    return trial_clusters(returns) if returns.shape[1] >= 3 else np.arange(len(lines))
