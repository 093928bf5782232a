"""Luck: worked numbers from the papers, and what is known of noise."""

from itertools import combinations

import numpy as np
import pytest

from workbench.analytics.returns import moments, sharpe_a_day
from workbench.errors import Invalid
from workbench.research.overfitting import (
    block_sums,
    deflated_sharpe,
    effective_trials,
    expected_best,
    minimum_track_record,
    probabilistic_sharpe,
    probability_of_overfitting,
)


def test_the_probabilistic_sharpe_of_the_papers_hedge_fund():
    # Bailey and López de Prado (2012), section 4: 24 months, SR 0.458 a month, skewness -2.448, kurtosis 10.164.
    assert float(probabilistic_sharpe(0.458, 24, -2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)
    assert float(probabilistic_sharpe(0.458, 24)) == pytest.approx(0.982, abs=5e-4)


@pytest.mark.parametrize(("a_year", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_of_the_papers_exhibits(a_year, years):
    # The same, section 6: a Sharpe ratio of 2 to be above 1 at 95 %, with daily, weekly and monthly normal returns.
    found = minimum_track_record(2 / a_year**0.5, benchmark=1 / a_year**0.5)
    assert float(found) / a_year == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize(("trials", "deflated"), [(100, 0.9004), (46, 0.9505)])
def test_the_deflated_sharpe_of_the_papers_analyst(trials, deflated):
    # Bailey and López de Prado (2014), "A numerical example": SR 2.5 a year, 1250 days, skewness -3, kurtosis 10, V = 1/2.
    found = deflated_sharpe(2.5 / 250**0.5, 1250, -3, 10, trials, 1 / (2 * 250))
    assert float(found) == pytest.approx(deflated, abs=5e-5)
    if trials == 100:
        assert expected_best(100, 1 / (2 * 250)) == pytest.approx(0.1132, abs=5e-5)


def test_a_ratio_no_better_than_its_benchmark_needs_for_ever():
    assert np.isinf(minimum_track_record(0.05, benchmark=0.05))
    assert np.isnan(minimum_track_record(np.nan))
    assert float(probabilistic_sharpe(0.0, 100)) == 0.5


def test_one_trial_has_no_luck_of_choosing():
    assert expected_best(1, 0.5) == 0.0
    assert float(deflated_sharpe(0.1, 500, 0, 3, 1, 0.5)) == float(probabilistic_sharpe(0.1, 500))


def brute_force(returns: np.ndarray, blocks: int) -> float:
    """The probability by the paper's words, split by split."""
    parts, bad = np.array_split(returns, blocks, axis=1), 0
    ways = list(combinations(range(blocks), blocks // 2))
    for way in ways:
        inside = np.concatenate([parts[i] for i in way], axis=1)
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in way], axis=1)
        best = int(np.argmax(sharpe_a_day(inside)))
        found = sharpe_a_day(outside)
        rank = (found < found[best]).sum() + 1
        bad += rank / (len(returns) + 1) <= 0.5
    return bad / len(ways)


@pytest.mark.parametrize("seed", range(5))
def test_the_probability_of_overfitting_is_that_of_the_papers_definition(seed):
    returns = np.random.default_rng(seed).normal(0.0005 * (seed - 2), 0.01, (7, 240))
    returns[3] += 0.0004 * seed
    found = probability_of_overfitting(returns, 8)
    assert found.probability == pytest.approx(brute_force(returns, 8), abs=1e-12)
    assert (found.splits, found.trials) == (70, 7)


def test_two_trials_that_take_turns_are_chosen_wrong_every_time():
    # By hand: the one that is better in one half is worse in the other, whichever half it is.
    wave = np.tile([0.01, 0.011, 0.009, 0.01, -0.01, -0.011, -0.009, -0.01], 1)
    returns = np.stack([wave, -wave])
    assert probability_of_overfitting(returns, 2).probability == 1.0


def test_noise_is_overfitted_half_the_time_and_skill_is_not():
    noise = np.random.default_rng(11).normal(0, 0.01, (200, 1600))
    assert 0.15 < probability_of_overfitting(noise).probability < 0.85
    noise[17] += 0.002
    assert probability_of_overfitting(noise).probability < 0.01


def test_over_many_markets_of_noise_the_mean_is_a_half():
    chance = np.random.default_rng(3)
    found = [probability_of_overfitting(chance.normal(0, 0.01, (30, 320)), 8).probability for _ in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(
    ("returns", "blocks", "said"),
    [
        (np.ones((1, 100)), 4, "at least two"),
        (np.ones((3, 100)), 3, "an even number"),
        (np.ones((3, 7)), 4, "at least 8 observations"),
    ],
)
def test_what_cannot_be_judged_is_refused(returns, blocks, said):
    with pytest.raises(Invalid, match=said):
        probability_of_overfitting(returns, blocks)


def test_sums_by_block_are_those_of_the_returns():
    returns = np.random.default_rng(2).normal(0, 1, (3, 103))
    sums = block_sums(returns, 16)
    assert sums.counts.sum() == 103
    assert np.allclose(sums.sums.sum(axis=1), returns.sum(axis=1))
    assert np.allclose(sums.squares.sum(axis=1), (returns**2).sum(axis=1))


@pytest.mark.parametrize("groups", [2, 3, 5, 9])
def test_trials_that_do_the_same_are_counted_once(groups):
    chance = np.random.default_rng(groups)
    ideas = chance.normal(0, 1, (groups, 400))
    trials = np.concatenate([idea + chance.normal(0, 0.1, (12, 400)) for idea in ideas])
    assert effective_trials(trials) == groups


def test_trials_that_have_nothing_to_do_with_each_other_all_count():
    assert effective_trials(np.random.default_rng(4).normal(0, 1, (50, 64))) == 50


def test_copies_are_one_trial_and_those_that_never_traded_another():
    wave = np.sin(np.arange(50.0))
    assert effective_trials(np.stack([wave] * 6)) == 1
    assert effective_trials(np.stack([wave] * 6 + [np.zeros(50)] * 3)) == 2
    assert effective_trials(np.zeros((4, 50))) == 1


def test_moments_are_those_of_the_textbook():
    skewness, kurtosis = moments(np.array([1.0, 2.0, 3.0, 10.0]))
    away = np.array([-3.0, -2.0, -1.0, 6.0])
    assert skewness == pytest.approx((away**3).mean() / (away**2).mean() ** 1.5)
    assert kurtosis == pytest.approx((away**4).mean() / (away**2).mean() ** 2)


@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_cross_validation_gives_the_same_however_much_is_at_hand_at_a_time(monkeypatch, cells):
    draw = np.random.default_rng(8)
    returns = draw.normal(0, 0.01, (40, 200))
    returns[3] = returns[4]
    returns[5] = 0.0
    whole = probability_of_overfitting(returns, 8)
    monkeypatch.setattr("workbench.research.overfitting._CELLS", cells)
    found = probability_of_overfitting(returns, 8)
    assert np.array_equal(found.logits, whole.logits)
    assert (found.probability, found.loss) == (whole.probability, whole.loss)
    assert found.slope == pytest.approx(whole.slope)
    # And as its definition says, split by split.
    blocks = np.array_split(np.arange(200), 8)
    for place, half in enumerate(combinations(range(8), 4)):
        inside = np.concatenate([blocks[i] for i in half])
        outside = np.setdiff1d(np.arange(200), inside)
        within, beyond = (
            np.where(part.std(axis=1) > 0, part.mean(axis=1) / np.maximum(part.std(axis=1, ddof=1), 1e-300), 0.0)
            for part in (returns[:, inside], returns[:, outside])
        )
        own = beyond[np.argmax(within)]
        rank = ((beyond < own - 1e-12).sum() + ((np.abs(beyond - own) <= 1e-12).sum() + 1) / 2) / 41
        assert found.logits[place] == pytest.approx(np.log(rank / (1 - rank)))


@pytest.mark.parametrize("scale", [1e-4, 1e-8, 1e-10])
def test_the_probability_of_overfitting_does_not_depend_on_how_large_the_positions_are(scale):
    returns = np.random.default_rng(8).normal(0.0002, 0.01, (12, 640))
    whole, small = probability_of_overfitting(returns), probability_of_overfitting(scale * returns)
    assert 0 < whole.probability < 1
    assert small.probability == whole.probability
    assert np.allclose(small.logits, whole.logits)
