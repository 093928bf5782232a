"""Luck among all trials: what is tried again and again is one idea, whatever its order and its number."""

import numpy as np
import pytest

from workbench.research import luck
from workbench.research.luck import Drawn, Luck


def drawn(lines: np.ndarray, days: int = 640) -> list[Drawn]:
    """Trials whose returns over stretches are these lines."""
    ratios = lines.mean(axis=1) / lines.std(axis=1) / (days / lines.shape[1]) ** 0.5
    return [Drawn(float(ratio), days, line.tobytes()) for ratio, line in zip(ratios, lines, strict=True)]


def independent(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.01, 1, (count, 64))


def copies(line: np.ndarray, count: int, seed: int = 2) -> np.ndarray:
    """The same line, each time a little off."""
    return line + np.random.default_rng(seed).normal(0, 0.01, (count, len(line)))


def test_trying_more_of_the_same_changes_neither_how_many_ideas_there_are_nor_how_far_they_spread():
    ideas = independent(40)
    before = Luck(drawn(ideas))
    assert before.effective == 40
    after = Luck(drawn(np.concatenate([ideas, copies(ideas[0], 1_000)])))
    assert after.trials == 1_040
    assert after.effective == 40
    assert after.expected_sharpe_a_day(640) == pytest.approx(before.expected_sharpe_a_day(640), rel=0.001)


def test_the_very_same_trial_under_two_names_is_one():
    ideas = drawn(independent(10))
    assert Luck(ideas + ideas).effective == 10
    assert Luck(ideas + ideas).variance(640) == pytest.approx(Luck(ideas).variance(640))


def test_of_more_trials_than_are_clustered_the_order_does_not_matter(monkeypatch):
    monkeypatch.setattr(luck, "MOST_CLUSTERED", 200)
    ideas = independent(200)
    mixed = drawn(np.concatenate([ideas, copies(ideas[7], 200)]))
    found = {Luck(mixed).effective, Luck(mixed[::-1]).effective}
    assert len(found) == 1
    (effective,) = found
    # About half of what is kept are copies, and half of the ideas; what was missed is estimated, in proportion at most.
    assert 150 <= effective <= 250


def test_few_ideas_among_many_trials_stay_few(monkeypatch):
    monkeypatch.setattr(luck, "MOST_CLUSTERED", 100)
    ideas = independent(5)
    many = np.concatenate([copies(idea, 300, seed) for seed, idea in enumerate(ideas)])
    assert Luck(drawn(many)).effective == 5


def test_trials_over_another_stretch_of_time_count_for_themselves():
    assert Luck(drawn(independent(10)) + drawn(independent(5, seed=9), days=320)).effective == 15


def test_trials_that_never_moved_count_as_one_and_have_no_score():
    still = [Drawn(None, 640, np.zeros(64).tobytes())] * 3
    assert Luck(still).effective == 1
    ideas = drawn(independent(6))
    assert Luck(ideas + still).effective == 7
    assert Luck(ideas + still).variance(640) == pytest.approx(Luck(ideas).variance(640))
    assert Luck([]).effective == 1
