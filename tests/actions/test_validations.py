"""Walk-forward, cross-validation, Monte Carlo and significance: what is chosen never sees what it is judged on."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.make import HOUR, series, wandering
from workbench.analytics.returns import sharpe
from workbench.domain.bars import DAY
from workbench.engine.stitched import lay_out
from workbench.errors import Invalid, NotFound, Refused
from workbench.research.cross_validation import masked_sharpe, split_days
from workbench.research.monte_carlo import drawn_bars, stationary_places
from workbench.research.overfitting import trial_clusters
from workbench.research.significance import Held, laid_by_chance
from workbench.research.walk_forward import run_legs
from workbench.store.trials import ledger

AXES = {"fast": [3, 5, 8], "slow": [15, 25, 40]}


@pytest.fixture(scope="module")
def bars():
    return wandering(3000, seed=5)


def walk(desk, bars, **options):
    return wb.walk_forward("sma_cross", bars, desk=desk, **{"progress": False, "fee_bps": 10, **AXES, **options})


def validate(desk, bars, **options):
    return wb.cross_validate("sma_cross", bars, desk=desk, progress=False, **{"fee_bps": 10, **AXES, **options})


# --- a stretch of time ---------------------------------------------------------------------------------------------------


def test_a_run_from_a_time_on_reads_the_bars_before_it_as_history(bars):
    since = int(bars.ts[1500])
    cut = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 200}, since=since)
    whole = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 200})
    assert cut.bars[0].ts[0] == since
    assert cut.digest == wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 200}, since=since, engine="step").digest
    # It trades when the whole run does from there on; only its sizes differ, for its cash does.
    later = whole.trades.filter(pl.col("opened") > cut.bars[0].frame["ts"][0])
    assert later.height > 3
    assert cut.trades.select("opened", "closed").equals(later.select("opened", "closed"))
    blind = wb.backtest("sma_cross", bars[1500:], parameters={"fast": 5, "slow": 200})
    assert blind.trades["opened"][0] > bars.frame["ts"][1700], "without history its mean of 200 bars takes 200 bars"


@pytest.mark.parametrize("since", ["2023-12-01", "2023-12-01T00:00:00+00:00"])
def test_a_time_may_be_a_text(bars, since):
    assert wb.backtest("sma_cross", bars, since=since).bars[0].frame["ts"][0].isoformat() == "2023-12-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"since": "soon"}, "since: expected a time such as '2024-03-01'"),
        ({"since": "2099-01-01"}, r"since: expected a stretch with bars of BTC/USDT, found 2023"),
        ({"until": 3.5}, "until: expected a datetime"),
    ],
)
def test_a_time_that_is_none_or_has_no_bars_is_refused(bars, options, sentence):
    with pytest.raises(Invalid, match=sentence):
        wb.backtest("sma_cross", bars, **options)


# --- walk forward --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchored", [False, True])
def test_a_walk_forward_chooses_on_each_window_what_a_sweep_over_it_finds_best(desk, bars, anchored):
    walked = walk(desk, bars, folds=4, anchored=anchored)
    frame = walked.frame
    assert frame.height == 4
    assert (frame["train_to"] == frame["test_from"]).all()
    assert frame["test_from"].to_list()[1:] == frame["test_to"].to_list()[:-1]
    for row in frame.iter_rows(named=True):
        best = max(
            (
                wb.backtest("sma_cross", bars, parameters={"fast": f, "slow": s}, fee_bps=10, since=row["train_from"],
                            until=row["train_to"])
                for f in AXES["fast"] for s in AXES["slow"]
            ),
            key=lambda result: result.stats["sharpe"],
        )  # fmt: skip
        assert (best.strategy.fast, best.strategy.slow) == (row["fast"], row["slow"])
        assert row["sharpe_train"] == pytest.approx(best.stats["sharpe"])
        assert row["train_from"] == (frame["train_from"][0] if anchored else row["train_from"])
    lengths = (frame["train_to"] - frame["train_from"]).to_list()
    assert (lengths[0] < lengths[-1]) is anchored


def test_the_test_windows_are_one_run_of_what_was_chosen_for_each(desk, bars):
    walked = walk(desk, bars, folds=4)
    enter, leave = np.zeros(len(bars), bool), np.zeros(len(bars), bool)
    stamps = bars.frame["ts"]
    for row in walked.frame.iter_rows(named=True):
        own = wb.strategies.SmaCross(fast=row["fast"], slow=row["slow"]).signals(candles_of(bars))
        inside = ((stamps >= row["test_from"]) & (stamps < row["test_to"])).to_numpy()
        enter[inside], leave[inside] = own.enter[inside], own.exit[inside]
    low = int(np.searchsorted(bars.ts, walked.result.bars[0].ts[0]))
    by_hand = wb.from_signals(bars[low:], enter[low:], leave[low:], fee_bps=10)
    assert walked.result.digest == by_hand.digest
    assert walked.result.engine == "kernel"
    laid = [lay_out(series, walked.study.strategy) for series in walked.study.many]
    assert run_legs(walked.study, walked.legs, laid, engine="step").digest == by_hand.digest
    assert np.prod(1 + walked.frame["return_test_pct"].to_numpy() / 100) == pytest.approx(
        1 + walked.result.stats["total_return_pct"] / 100
    )


def candles_of(bars):
    from workbench.engine.strategy import candles

    return candles(bars)


def test_rules_that_are_chosen_change_between_windows_as_they_would_live(desk, bars):
    walked = walk(desk, bars, folds=3, fast=[5], slow=[20, 30], stop_loss_pct=[1, 3, 8])
    assert walked.result.engine == "step"
    assert walked.result.because == "commands come between bars"
    stops = walked.frame["stop_loss_pct"].to_list()
    assert len(set(stops)) > 1, "another seed is needed for this test to mean something"
    assert walked.result.state.plan.configuration.stop_loss_pct == stops[-1]


def test_the_way_an_entry_is_sized_can_be_chosen_too(desk, bars):
    walked = walk(desk, bars, folds=3, fast=[3, 8], slow=[20], sizing=["percent", "fixed", "kelly"])
    assert set(walked.frame["sizing"]) <= {"percent", "fixed", "kelly"}
    assert walked.result.stats["trades"] > 5


def test_nothing_after_a_window_changes_what_was_chosen_for_it(desk, bars):
    walked = walk(desk, bars, folds=4)
    crashed = bars.frame.with_columns(
        [pl.when(pl.col("ts") >= walked.frame["test_from"][2]).then(pl.col(n) * 0.5).otherwise(pl.col(n)).round(8).alias(n)
         for n in ("open", "high", "low", "close")]
    )  # fmt: skip
    with wb.open_desk(":memory:") as other:
        again = walk(other, wb.BarSeries.from_frame(crashed, bars.instrument, "1h"), folds=4)
    assert again.frame.select("fast", "slow").head(3).equals(walked.frame.select("fast", "slow").head(3))
    assert again.frame["return_test_pct"][:2].to_list() == walked.frame["return_test_pct"][:2].to_list()


def test_every_trial_of_a_walk_forward_is_counted_and_none_is_run_twice(desk, bars):
    told = []
    walk(desk, bars, folds=3, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (27, 27)
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h"))) == 27
    walk(desk, bars, folds=3)
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h"))) == 27


def test_a_walk_over_noise_is_told_as_such(desk):
    walks = [walk(desk, wandering(4000, seed=seed), folds=5) for seed in range(20, 28)]
    told = [any("probability" in said or "made nothing" in said for said in walked.findings) for walked in walks]
    assert sum(told) >= 7
    walked = walks[0]
    assert "walked forward over 5 rolling windows" in repr(walked)
    assert walked.plot().data
    assert "<table" in walked._repr_html_()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"folds": 0}, Invalid, "folds: expected a whole number from 1"),
        ({"train": 0}, Invalid, "train: expected a length above zero"),
        ({"train": "long"}, Invalid, "train: expected a number"),
        ({"folds": 2.5}, Invalid, "folds: expected a whole number from 1, found 2.5"),
        ({"folds": 300}, Invalid, "bars: expected at least 604 days for 300 test windows, found 125 days"),
        ({"by": "sharp"}, NotFound, "Did you mean 'sharpe'"),
        ({"by": 3}, NotFound, "There is no figure '3'"),
        ({"workers": 1.5}, Invalid, "workers: expected a whole number from 1, found 1.5"),
        ({"held_out": None}, Invalid, "held_out: expected a number, found nothing"),
        ({"fee_bps": [0, 10]}, Invalid, "fee_bps: expected parameters and rules to choose from; costs are what they are"),
        ({"fast": []}, Invalid, "fast: expected at least one value"),
        ({"where": lambda fast: fast > 99}, Refused, "no combination meets `where`"),
    ],
)
def test_a_walk_that_cannot_be_is_refused_and_stores_nothing(desk, bars, options, error, sentence):
    with pytest.raises(error, match=sentence):
        walk(desk, bars, **options)
    with desk.store.read() as connection:
        assert list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h")) == []


# --- cross-validation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "tested", "purge", "embargo"), [(4, 1, 0, 0), (6, 2, 3, 2), (5, 3, 1, 0)])
def test_no_day_next_to_a_tested_group_is_trained_on(groups, tested, purge, embargo):
    splits = split_days(100, groups, tested, purge, embargo)
    assert splits.tested.tolist() == [list(chosen) for chosen in combinations(range(groups), tested)]
    for train, test in zip(splits.train, splits.test, strict=True):
        for day in np.flatnonzero(train):
            near = test[max(day - purge - embargo, 0) : day + purge + 1]
            assert not near.any()
        # And no more is left out than that.
        kept = [not test[max(d - purge - embargo, 0) : d + purge + 1].any() for d in range(100)]
        assert train.tolist() == kept


def test_the_paths_of_combinatorial_cross_validation_are_as_many_as_the_book_says():
    """Lopez de Prado (2018), section 12.3: six groups of which two are tested give 15 splits and 5 paths."""
    splits = split_days(60, 6, 2)
    assert (len(splits.tested), splits.paths) == (15, 5)
    assert [split_days(60, n, k).paths for n, k in ((4, 2), (10, 2), (6, 3), (6, 1))] == [3, 9, 10, 1]


def test_each_split_chooses_the_best_of_its_training_days_and_is_judged_on_the_others(desk, bars):
    found = validate(desk, bars, groups=5, tested=2, purge=2, embargo=0.02)
    assert found.paths.height == 4
    lines = {}
    for fast in AXES["fast"]:
        for slow in AXES["slow"]:
            result = wb.backtest("sma_cross", bars, parameters={"fast": fast, "slow": slow}, fee_bps=10)
            lines[fast, slow] = result.run.daily_returns()
    for i, row in enumerate(found.frame.iter_rows(named=True)):
        train, test = found.splits.train[i], found.splits.test[i]
        ratios = {key: float(sharpe(line[train])) for key, line in lines.items()}
        assert (row["fast"], row["slow"]) == max(ratios, key=ratios.__getitem__)
        assert row["sharpe_train"] == pytest.approx(max(ratios.values()))
        judged = sorted(float(sharpe(line[test])) for line in lines.values())
        own = float(sharpe(lines[row["fast"], row["slow"]][test]))
        assert row["sharpe_test"] == pytest.approx(own)
        assert row["rank"] == pytest.approx(min(range(9), key=lambda j: abs(judged[j] - own)) / 8)
    # Each path is made of tested stretches only, each of another split.
    for low, high in zip(found.splits.edges, found.splits.edges[1:], strict=False):
        for line in found.path_lines:
            assert any(
                np.array_equal(line[low:high], found.lines[i][low:high]) and found.splits.test[i][low]
                for i in range(len(found.lines))
            )


def test_cross_validation_counts_its_trials_as_a_sweep_of_the_same_would(desk, bars):
    validate(desk, bars)
    swept = wb.sweep("sma_cross", bars, fee_bps=10, desk=desk, progress=False, **AXES)
    assert swept.stored == 9
    assert swept.luck.trials == 9


def test_choosing_from_noise_ranks_like_luck_and_choosing_a_planted_effect_does_not(desk):
    draw = np.random.default_rng(4)
    noise = validate(desk, wandering(8000, seed=21), groups=8, tested=2, fast=[2, 4, 6, 9], slow=[12, 20, 30, 45])
    # Every twelfth hour begins a run of six rising hours.
    steps = 0.0006 * np.where(np.arange(8000) % 24 < 12, 1.0, -1.0) + draw.normal(0, 0.002, 8000)
    waves = series((1000 * np.cumprod(1 + steps)).round(4).tolist())
    planted = validate(desk, waves, groups=8, tested=2, fast=[2, 4, 6, 9], slow=[12, 20, 30, 45], fee_bps=0)
    assert 0.2 < float(noise.rank.mean()) < 0.8
    assert float(planted.rank.mean()) > 0.9
    assert planted.paths["sharpe"].min() > 2
    assert planted.findings == []
    assert "combinatorial purged cross-validation with 28 splits: 7 paths" in repr(planted)
    assert planted.plot().data
    assert "<table" in noise._repr_html_()


def test_a_masked_sharpe_ratio_is_that_of_the_days_it_keeps():
    draw = np.random.default_rng(1)
    lines, masks = draw.normal(0, 0.01, (5, 80)), draw.random((3, 80)) < 0.5
    wanted = [[float(sharpe(line[mask])) / 365**0.5 for mask in masks] for line in lines]
    assert masked_sharpe(lines, masks) == pytest.approx(np.array(wanted))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"groups": 1}, "groups: expected a whole number from 2"),
        ({"tested": 6}, "tested: expected a whole number from 1 to 5 of 6 groups"),
        ({"groups": 90}, "bars: expected at least 180 days for 90 groups of two"),
        ({"groups": 30, "tested": 9}, "groups: expected at most 5,000 splits"),
        ({"embargo": 1.5}, "embargo: expected a share of the days"),
        ({"purge": 500}, "purge: expected at least two days left to train on"),
        ({"purge": -1}, "purge: expected a whole number from 0 days"),
        ({"embargo": "late"}, "embargo: expected a number, found 'late'"),
        ({"workers": -1}, "workers: expected a whole number from 1, found -1"),
        ({"groups": "many"}, "groups: expected a whole number from 2, found 'many'"),
    ],
)
def test_a_cross_validation_that_cannot_be_is_refused(desk, bars, options, sentence):
    with pytest.raises(Invalid, match=sentence):
        validate(desk, bars, **options)


# --- Monte Carlo ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result(bars):
    return wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 20}, fee_bps=10, size_pct=50)


def test_trades_in_another_order_end_where_they_did_and_fall_deeper_or_less(result):
    found = wb.monte_carlo(result, "trades", runs=400)
    assert found.frame["return_pct"].to_numpy() == pytest.approx(np.full(400, found.own["return_pct"]))
    closed = float(result.run.trips.result.sum()) / 1e8 / float(result.cash) * 100
    assert found.own["return_pct"] == pytest.approx(closed)
    assert found.frame["max_drawdown_pct"].n_unique() > 100
    drawn = wb.monte_carlo(result, "trades", runs=400, replace=True)
    assert drawn.frame["return_pct"].n_unique() > 100
    assert "in another order" in repr(found)
    assert found.plot().data


def test_bars_are_drawn_in_blocks_of_the_mean_length_that_wrap_around():
    places = stationary_places(np.random.default_rng(2), 200_000, 5000, 25)
    breaks = np.count_nonzero((np.diff(places) != 1) & (np.diff(places) != 1 - 5000))
    assert 200_000 / breaks == pytest.approx(25, rel=0.03)
    assert np.bincount(places, minlength=5000).std() < 30
    assert places.min() == 0
    assert places.max() == 4999


def test_drawn_bars_move_as_the_bars_they_were_drawn_from(bars):
    places = 1 + stationary_places(np.random.default_rng(3), len(bars) - 1, len(bars) - 1, 20)
    drawn = drawn_bars(bars, places)
    drawn._check()
    moved = drawn.close[1:] / drawn.close[:-1]
    assert moved == pytest.approx(bars.close[places] / bars.close[places - 1], rel=1e-4)
    same = drawn_bars(bars, np.arange(1, len(bars)))
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(same, name), getattr(bars, name)), name


def test_a_bootstrap_is_the_strategy_on_drawn_bars_and_the_same_for_the_same_seed(result, bars):
    one = wb.monte_carlo(result, "bars", runs=30, seed=7)
    assert one.frame.equals(wb.monte_carlo(result, "bars", runs=30, seed=7, workers=1).frame)
    assert not one.frame.equals(wb.monte_carlo(result, "bars", runs=30, seed=8).frame)
    places = 1 + stationary_places(np.random.default_rng([7, 4]), len(bars) - 1, len(bars) - 1, result.strategy.lookback)
    by_hand = wb.backtest(result.strategy, drawn_bars(bars, places), fee_bps=10, size_pct=50)
    assert one.frame["final_equity"][4] == float(by_hand.final_equity)
    assert one.own["final_equity"] == float(result.final_equity)


def test_parameters_a_little_off_are_trials_and_are_counted(desk, result):
    found = wb.monte_carlo(result, "parameters", runs=12, spread=0.4, desk=desk)
    assert found.frame.height == 12
    assert found.frame["fast"].is_between(3, 7).all()
    assert found.frame["slow"].is_between(12, 28).all()
    row = found.frame.row(3, named=True)
    again = wb.backtest("sma_cross", result.bars[0], parameters={n: row[n] for n in ("fast", "slow")}, fee_bps=10, size_pct=50)
    assert row["final_equity"] == float(again.final_equity)
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", f"{result.bars[0].instrument.key}|1h"))) == 12


@pytest.mark.parametrize(
    ("kind", "options", "error", "sentence"),
    [
        ("bar", {}, NotFound, "Did you mean 'bars'"),
        ("bars", {"runs": 0}, Invalid, "runs: expected a whole number from 1"),
        ("bars", {"block": 0.5}, Invalid, "block: expected a mean length of at least one bar"),
        ("bars", {"block": "long"}, Invalid, "block: expected a number, found 'long'"),
        ("bars", {"workers": -1}, Invalid, "workers: expected a whole number from 1, found -1"),
        ("trades", {"seed": -1}, Invalid, "seed: expected a whole number from 0, found -1"),
        ("parameters", {"spread": None}, Invalid, "spread: expected a number, found nothing"),
        ("parameters", {"spread": 0}, Invalid, "spread: expected a share above 0"),
    ],
)
def test_a_monte_carlo_that_cannot_be_is_refused(desk, result, kind, options, error, sentence):
    with pytest.raises(error, match=sentence):
        wb.monte_carlo(result, kind, desk=desk, **options)


def test_what_is_no_backtest_is_refused():
    for ask in (wb.monte_carlo, wb.significance):
        with pytest.raises(Invalid, match=r"result: expected a backtest, as wb\.backtest returns it, found 'str'"):
            ask("sma_cross")


def test_what_cannot_be_asked_again_is_refused(bars):
    rising = np.diff(bars.close, prepend=bars.close[0]) > 0
    given = wb.from_signals(bars, rising, ~rising)
    with pytest.raises(Refused, match="Arrays of signals belong to their own bars"):
        wb.monte_carlo(given, "bars")
    with pytest.raises(Refused, match="expected at least two closed round trips, found 0"):
        wb.monte_carlo(wb.backtest("buy_and_hold", bars), "trades")


def test_what_the_run_itself_gave_is_what_its_backtest_says(desk, bars):
    options = {"parameters": {"fast": 5, "slow": 20}, "fee_bps": 5, "sizing": "volatility"}
    whole, cut = wb.backtest("sma_cross", bars, **options), wb.backtest("sma_cross", bars, since=int(bars.ts[1500]), **options)
    for result in (whole, cut):
        for kind in ("bars", "parameters"):
            own = wb.monte_carlo(result, kind, runs=5, desk=desk).own
            assert own["return_pct"] == pytest.approx(result.stats["total_return_pct"], abs=1e-9), kind
            assert own["sharpe"] == pytest.approx(result.stats["sharpe"], abs=1e-9)
            assert own["trades"] == result.stats["trades"]
    # Beside trials that are judged on days held out, the run itself is judged on the same ones.
    made = wb.sweep("sma_cross", bars, fast=[5, 6], slow=20, fee_bps=5, sizing="volatility", desk=desk, progress=False)
    assert wb.monte_carlo(whole, "parameters", runs=5, desk=desk).own["sharpe_out"] == made.frame["sharpe_out"][0]


def test_what_did_not_run_with_one_strategy_from_cash_on_is_not_run_again(desk, bars):
    walked = walk(desk, bars, folds=3)
    for kind in ("bars", "parameters"):
        with pytest.raises(Refused, match="begins with cash, found that parameters change on the way"):
            wb.monte_carlo(walked.result, kind, desk=desk)
    assert wb.monte_carlo(walked.result, "trades", runs=50).frame.height == 50


def test_a_figure_that_is_not_there_is_named(desk, bars, result):
    shuffled = wb.monte_carlo(result, "trades", runs=50)
    for ask in (shuffled.below, shuffled.plot, wb.significance(result, runs=5).p_value, wb.significance(result, runs=5).plot):
        with pytest.raises(NotFound, match="no figure 'nope'"):
            ask("nope")
    with pytest.raises(Invalid, match="anchored: expected True or False, found 'no'"):
        walk(desk, bars, anchored="no")
    with pytest.raises(Invalid, match=r"progress: expected True, False, or a function .*, found 'x'"):
        walk(desk, bars, progress="x")
    with pytest.raises(Invalid, match="desk: expected a desk, as open_desk\\(\\) returns it, found 3"):
        walk(3, bars)


def test_what_is_less_the_better_is_chosen_by_its_least(desk, bars):
    walked = walk(desk, bars, by="fees", folds=3)
    for leg in walked.legs:
        part = wb.sweep("sma_cross", bars.between(*leg.fold.train), fee_bps=10, held_out=0, desk=desk, progress=False, **AXES)
        assert leg.chosen.figures.fees <= part.frame["fees"].quantile(0.3)
    for by in ("return_out_pct", "sharpe_out"):
        with pytest.raises(Invalid, match=rf"by: expected a figure of days that were traded, .*, found '{by}'"):
            walk(desk, bars, by=by)
    with desk.store.read() as connection:
        before = len(list(ledger(connection, "sma_cross", walked.study.market)))
    assert walk(desk, bars, by="sharpe_out", held_out=0.3, folds=3).by == "sharpe_out"
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", walked.study.market))) == before, "they are the same trials"


def test_a_walk_forward_before_it_does_not_make_a_sweep_look_like_luck(desk):
    waves = wandering(6000, seed=11)
    grid = {"fast": [3, 5, 8, 13], "slow": [20, 40, 60], "fee_bps": 2}
    alone = wb.sweep("sma_cross", waves, desk=desk, progress=False, **grid)
    wb.walk_forward("sma_cross", waves, folds=8, train=1, desk=desk, progress=False, **grid)
    after = wb.sweep("sma_cross", waves, desk=desk, progress=False, **grid)
    count = after.trials[0].figures.observations
    assert after.luck.trials == alone.luck.trials + 8 * 12
    assert after.luck.variance(count) == pytest.approx(alone.luck.variance(count), rel=3)
    # Of trials that are one idea the mean stands for all.
    lines = np.stack([np.frombuffer(trial.figures.stretches) for trial in alone.trials])
    labels, ratios = trial_clusters(lines), alone.frame["sharpe"].to_numpy() / 365**0.5
    means = [ratios[labels == label].mean() for label in range(labels.max() + 1)]
    assert 1 < len(means) <= len(ratios)
    assert alone.luck.variance(count) == pytest.approx(float(np.var(means, ddof=1)))


# --- significance --------------------------------------------------------------------------------------------------------


def test_round_trips_laid_by_chance_never_overlap_and_keep_their_lengths():
    draw, lengths = np.random.default_rng(5), np.array([1, 4, 9, 2])
    first = set()
    for _ in range(300):
        enter, leave = laid_by_chance(draw, 40, Held(lengths, None))
        begins, ends = np.flatnonzero(enter), np.flatnonzero(leave)
        assert sorted((ends - begins).tolist()) == [1, 2, 4, 9]
        assert (begins[1:] > ends[:-1]).all()
        first.add(int(begins[0]))
    assert len(first) > 10
    tight = laid_by_chance(draw, 21, Held(lengths, None))
    assert np.flatnonzero(tight[0])[0] == 0, "there is one way only to lay them"


def test_random_entries_hold_as_long_as_the_run_itself(result):
    found = wb.significance(result, runs=40)
    assert found.frame["trades"].unique().to_list() == [result.stats["trades"]]
    assert found.frame["exposure_pct"].mean() == pytest.approx(result.stats["exposure_pct"], rel=0.05)


def test_the_round_trip_that_is_open_at_the_end_keeps_its_place_and_the_others_lie_before_it():
    draw, held = np.random.default_rng(5), Held(np.array([3, 5]), 10)
    first = set()
    for _ in range(200):
        enter, leave = laid_by_chance(draw, 40, held)
        begins, ends = np.flatnonzero(enter), np.flatnonzero(leave)
        assert begins[-1] == 40 - 1 - 10 - 1, "it is decided one bar before its fill"
        assert sorted((ends - begins[:-1]).tolist()) == [3, 5]
        assert ends[-1] + 1 <= begins[-1], "the last exit is filled no later than the bar that decides on it"
        first.add(int(begins[0]))
    assert len(first) > 10


def test_holding_to_the_end_is_no_skill():
    hold = wb.significance(wb.backtest("buy_and_hold", wandering(800, seed=1)), runs=30)
    assert hold.p_value() == hold.p_value("return_pct") == 1
    assert hold.findings == ["Its round trips can be laid over the bars in one way only: there is no chance to compare it with."]
    # Walks on which a rule trades at random and stays in at the end: chance does as well about as often as it should.
    ps = []
    for seed in range(60):
        walk = wandering(400, seed=500 + seed)
        draw = np.random.default_rng(seed)
        enter, leave = draw.random(400) < 0.05, draw.random(400) < 0.05
        leave[300:] = False
        enter[340] = True
        made = wb.from_signals(walk, enter, leave)
        assert made.run.open_trips == 1
        ps.append(wb.significance(made, runs=60, seed=seed).p_value("return_pct"))
    assert sum(p <= 0.1 for p in ps) <= 12
    assert 0.35 < np.mean(ps) < 0.65


def test_draws_of_a_stretch_are_sized_by_the_bars_before_it_too(bars):
    since = int(bars.ts[2000])
    options = {"parameters": {"fast": 5, "slow": 20}, "sizing": "volatility", "fee_bps": 5}
    cut = wb.backtest("sma_cross", bars, since=since, **options)
    assert cut.stats["trades"] > 10
    found = wb.significance(cut, runs=30)
    assert found.frame["turnover"].mean() == pytest.approx(cut.stats["turnover"], rel=0.15)
    assert found.frame["exposure_pct"].mean() == pytest.approx(cut.stats["exposure_pct"], rel=0.05)


def test_timing_that_is_there_is_told_from_chance_and_noise_is_not():
    draw = np.random.default_rng(4)
    steps = 0.0006 * np.where(np.arange(6000) % 24 < 12, 1.0, -1.0) + draw.normal(0, 0.002, 6000)
    waves = series((1000 * np.cumprod(1 + steps)).round(4).tolist())
    timed = wb.significance(wb.backtest("sma_cross", waves, parameters={"fast": 2, "slow": 12}), runs=200)
    assert timed.p_value() == pytest.approx(1 / 201)
    assert timed.findings == []
    ps = [
        wb.significance(wb.backtest("sma_cross", wandering(1500, seed=s), parameters={"fast": 5, "slow": 20}), runs=60).p_value()
        for s in range(12)
    ]
    assert 0.25 < np.mean(ps) < 0.75
    assert "random entries with the same exposure" in repr(timed)
    assert timed.plot().data


def test_a_run_without_a_trade_or_of_programs_has_nothing_to_compare(bars):
    with pytest.raises(Refused, match="What programs buy is no timing"):
        wb.significance(wb.backtest("dca", bars, parameters={"amount": 100}))
    with pytest.raises(Refused, match="expected at least one round trip, found none"):
        wb.significance(wb.backtest("manual", bars))


def test_days_are_cut_at_utc_midnight(desk, bars):
    walked = walk(desk, bars, folds=2)
    assert all(leg.fold.test[0] % DAY == 0 and leg.fold.train[0] % DAY == 0 for leg in walked.legs)
    assert bars.step == HOUR
