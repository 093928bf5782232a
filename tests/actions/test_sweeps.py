"""Sweeps: rows that equal backtests, trials that are kept and counted, and luck that is told."""

import tracemalloc
from decimal import Decimal
from itertools import count
from typing import Annotated

import numpy as np
import polars as pl
import pytest
import talib

import workbench as wb
from tests.make import HOUR, START, series, wandering
from workbench.actions.run_sweep import run_sweep
from workbench.domain.instruments import pair
from workbench.domain.params import Param
from workbench.engine.strategy import Signals, SignalStrategy, candles
from workbench.engine.windows import read_last
from workbench.errors import Invalid, NotFound, Refused
from workbench.research import trials as trials_module
from workbench.research import tried
from workbench.research.study import on_span, study_of
from workbench.store.trials import count_trials, ledger, list_sweeps, stored_trials

LEAST = 0.0


class Above(SignalStrategy, frozen=True):
    """In where a bar rises by more than a value that stands beside the class."""

    lookback = 1

    def signals(self, bars):
        risen = bars.close / bars.open - 1 > LEAST / 100
        return Signals(risen, ~risen, np.full(len(bars), 50.0), bars.close - bars.open, {})

    def because(self, factors):
        return "it rose"


class Nested(SignalStrategy, frozen=True):
    """Asks for an indicator inside another one."""

    count: Annotated[int, Param(2, 50)] = 3
    lookback = 60

    def signals(self, bars):
        def twice(close, n):
            return talib.SMA(bars.indicator(talib.SMA, bars.close, n), n)

        smooth = bars.indicator(twice, bars.close, self.count)
        risen = bars.close > smooth
        return Signals(risen, ~risen, np.full(len(bars), 50.0), np.nan_to_num(bars.close - smooth), {})

    def because(self, factors):
        return "it is above its mean"


AXES = {"fast": [3, 5, 8], "slow": [15, 25, 40, 60]}
SHARED = ("return_pct", "sharpe", "sortino", "calmar", "max_drawdown_pct", "trades", "win_rate", "profit_factor", "exposure_pct",
          "turnover", "ambiguous_bars", "final_equity")  # fmt: skip


@pytest.fixture(scope="module")
def bars():
    return wandering(4000, seed=3)


def sweep(desk, bars, **options):
    return run_sweep("sma_cross", bars, desk=desk, progress=False, **{**AXES, **options})


def stat(result, name):
    return result.stats["total_return_pct" if name == "return_pct" else name]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fee_bps": 10, "half_spread_bps": 3, "slippage_bps": 4, "gas": "0.1"},
        {"stop_loss_pct": 2, "take_profit_pct": 5, "trailing_stop_pct": 3, "max_hold_hours": 50},
        {"costs": "pool", "tolerance_pct": "0.2", "failure_rate_pct": 10, "size_pct": 90},
        {"drawdown_pct": 30, "fee_bps": 5},
        {"max_hold_hours": 20, "held_out": 0},
    ],
)
def test_every_row_is_the_backtest_of_its_values(desk, bars, options):
    swept = sweep(desk, bars, **options)
    assert swept.frame.height == 12
    for i, row in enumerate(swept.frame.iter_rows(named=True)):
        folded = swept.backtest(i, engine="step")
        assert (folded.strategy.fast, folded.strategy.slow) == (row["fast"], row["slow"])
        for name in SHARED:
            found = stat(folded, name)
            assert row[name] == (None if found is None else pytest.approx(found, rel=1e-12)), name
        assert row["fees"] == pytest.approx(sum(folded.stats[name] for name in ("fees_paid", "gas_paid", "taxes_paid")))
        compiled = swept.backtest(i)
        assert compiled.digest == folded.digest
        assert compiled.engine == ("step" if "drawdown_pct" in options else "kernel")


@pytest.mark.parametrize("held_out", [0.3, 0.5, 0])
def test_figures_in_and_out_of_sample_count_the_first_day_and_compound_to_the_headline(desk, held_out):
    # All of the profit is made on the first day, of the 41 that there are.
    closes = [*np.linspace(100, 150, 20), *(150 * np.exp(0.001 * np.sin(np.arange(41 * 24 - 20))))]
    swept = run_sweep(
        "buy_and_hold", series(np.round(closes, 4).tolist()), size_pct=[50, 100], held_out=held_out, desk=desk, progress=False
    )
    for i, row in enumerate(swept.frame.iter_rows(named=True)):
        result = swept.backtest(i, engine="step")
        days = result.equity.group_by_dynamic("ts", every="1d").agg(pl.col("equity").last())["equity"].to_numpy()
        returns = np.diff(days, prepend=10_000) / np.append(10_000, days[:-1])
        assert len(returns) == swept.trials[i].figures.observations == 41
        kept = 41 - round(held_out * 41)
        for name, part in (("in", returns[:kept]), ("out", returns[kept:])):
            assert row[f"return_{name}_pct"] == pytest.approx(100 * (np.prod(1 + part) - 1))
            ratio = np.mean(part) / np.std(part, ddof=1) * 365**0.5 if len(part) else None
            assert row[f"sharpe_{name}"] == (None if ratio is None else pytest.approx(ratio))
        both = (1 + row["return_in_pct"] / 100) * (1 + row["return_out_pct"] / 100)
        assert both == pytest.approx(1 + row["return_pct"] / 100) == pytest.approx(1 + result.stats["total_return_pct"] / 100)
        assert row["sharpe"] == pytest.approx(result.stats["sharpe"])
        assert row["return_in_pct"] > 15, "the first day is in the sample"


def test_rules_and_costs_can_be_tried_like_parameters(desk, bars):
    swept = run_sweep(
        wb.strategies.RsiReversion, bars, period=[5, 9], stop_loss_pct=[1, 2, 4], fee_bps=[0, 20], desk=desk, progress=False
    )
    assert swept.frame.height == 12
    for i in (0, 7, 11):
        row = swept.frame.row(i, named=True)
        options = {name: row[name] for name in ("stop_loss_pct", "fee_bps")}
        assert wb.backtest(wb.strategies.RsiReversion(period=row["period"]), bars, **options).stats["sharpe"] == row["sharpe"]


def test_only_combinations_that_meet_a_condition_are_tried(desk, bars):
    swept = sweep(desk, bars, where=lambda slow, fast: slow >= 5 * fast)
    assert swept.frame.filter(pl.col("slow") < 5 * pl.col("fast")).height == 0
    assert swept.frame.height == 9
    narrow = run_sweep("sma_cross", bars, fast=[5, 50], slow=[20, 60], desk=desk, progress=False)
    assert narrow.frame.height == 3, "the strategy refuses fast=50, slow=20 by itself"


def test_threads_change_nothing(desk, bars):
    with wb.open_desk(":memory:") as other:
        alone = run_sweep("sma_cross", bars, **AXES, desk=other, progress=False, workers=1)
    assert sweep(desk, bars, workers=4).frame.equals(alone.frame)


def test_while_the_kernel_compiles_the_trials_run_in_step_and_a_row_is_the_same(desk, bars, monkeypatch):
    compiled = sweep(desk, bars).frame
    # It is ready once a few trials are done.
    asked, folded, fold = count(), [], trials_module.folded_tally
    monkeypatch.setattr(trials_module, "is_ready", lambda: next(asked) >= 12)
    monkeypatch.setattr(trials_module, "folded_tally", lambda *given: folded.append(given) or fold(*given))
    with wb.open_desk(":memory:") as other:
        assert sweep(other, bars).frame.equals(compiled)
    assert 0 < len(folded) < compiled.height


def test_where_its_chunks_end_changes_nothing(desk, bars, monkeypatch):
    whole = sweep(desk, bars)
    monkeypatch.setattr(trials_module, "STORE_SECONDS", 0.0)
    with wb.open_desk(":memory:") as other:
        told = []
        each = run_sweep("sma_cross", bars, **AXES, desk=other, progress=lambda done, total: told.append(done))
    assert len(told) > 3
    assert each.frame.equals(whole.frame)


def test_an_interrupted_sweep_goes_on_where_it_stopped(desk, bars, monkeypatch):
    monkeypatch.setattr(trials_module, "CHUNK", 5)

    class Stopped(Exception):
        """Somebody pulled the plug."""

    def stop(done, total):
        if done == 5:
            raise Stopped

    with pytest.raises(Stopped):
        run_sweep("sma_cross", bars, **AXES, desk=desk, progress=stop)
    with desk.store.read() as connection:
        (row,) = list_sweeps(connection)
        assert (row.status, row.trials) == ("RUNNING", 5)
        assert len(stored_trials(connection, row.id)) == 5
    told = []
    swept = run_sweep("sma_cross", bars, **AXES, desk=desk, progress=lambda done, total: told.append((done, total)))
    assert (swept.stored, told) == (5, [(0, 12), (5, 12), (10, 12), (12, 12)])
    with wb.open_desk(":memory:") as other:
        whole = run_sweep("sma_cross", bars, **AXES, desk=other, progress=False)
    assert swept.frame.equals(whole.frame)
    again = run_sweep("sma_cross", bars, **AXES, desk=desk, progress=False)
    assert again.stored == 12
    assert again.frame.equals(whole.frame)


def test_every_trial_on_a_market_is_counted_whatever_sweep_it_was_in(desk, bars):
    first = sweep(desk, bars)
    assert first.luck.trials == 12
    other = sweep(desk, bars, fee_bps=10)
    assert other.luck.trials == 24
    assert other.luck.effective >= first.luck.effective
    longer = sweep(desk, wandering(4500, seed=3))
    assert longer.luck.trials == 36, "a longer stretch of the same market is no fresh luck"
    assert sweep(desk, bars).luck.trials == 36, "what is read again is not counted again"
    elsewhere = run_sweep("sma_cross", wandering(4000, seed=3, symbol="ETH/USDT"), **AXES, desk=desk, progress=False)
    assert elsewhere.luck.trials == 12
    assert run_sweep("rsi_reversion", bars, period=[5, 9], desk=desk, progress=False).luck.trials == 2
    with desk.store.read() as connection:
        assert len(list(ledger(connection, "sma_cross", first.study.market))) == 36


def test_more_trials_deflate_the_same_result(desk, bars):
    alone = sweep(desk, bars).frame["dsr"]
    run_sweep("sma_cross", bars, fast=range(2, 14), slow=range(15, 70, 3), desk=desk, progress=False)
    after = sweep(desk, bars).frame["dsr"]
    assert (after <= alone + 1e-12).all()
    assert after.sum() < alone.sum()


def test_a_sweep_on_noise_is_refused_by_its_own_figures(desk):
    # A ratio of 0.95 promises to be wrong in one case of twenty.
    chances, best = [], []
    axes = {"fast": range(3, 15, 2), "slow": range(20, 120, 12), "size_pct": 100}
    for seed in range(1020, 1030):
        swept = run_sweep("sma_cross", wandering(6000, seed, f"N{seed}/USD"), **axes, desk=desk, progress=False)
        chances.append(swept.overfitting.probability)
        best.append(swept.best()["dsr"])
        assert any("may be luck" in sentence for sentence in swept.findings) == (best[-1] < 0.95)
    assert np.mean(chances) == pytest.approx(0.5, abs=0.2)
    assert sum(ratio >= 0.95 for ratio in best) <= 1
    assert np.median(best) < 0.8


def planted(count=12_000, seed=5):
    """A market that falls below its level and comes back: what goes down comes up."""
    chance, level, price, closes = np.random.default_rng(seed), 100.0, 100.0, []
    for _ in range(count):
        price += 0.25 * (level - price) + chance.normal(0, 0.8)
        closes.append(round(price, 4))
    return series(closes, "PLANTED/USD")


def test_a_planted_effect_is_found(desk):
    swept = run_sweep(
        "bollinger_reversion",
        planted(),
        period=[10, 20, 30, 40],
        width=[0.8, 1.2, 1.6, 2.0],
        desk=desk,
        progress=False,
        size_pct=100,
    )
    best = swept.best()
    assert best["dsr"] > 0.99
    assert swept.overfitting.probability < 0.1
    assert best["sharpe_out"] > 1
    assert not any("may be luck" in sentence for sentence in swept.findings)


def test_a_sweep_shows_itself(desk, bars):
    swept = sweep(desk, bars)
    assert "12 trials of sma_cross" in repr(swept)
    html = swept._repr_html_()
    assert "<li" in html
    assert "sharpe" in html
    figure = swept.plot()
    assert figure.data[0].type == "heatmap"
    assert len(figure.data[0].z) == 3
    line = run_sweep("rsi_reversion", bars, period=[5, 9, 14], desk=desk, progress=False).plot("return_pct")
    assert line.data[0].type == "scatter"


def test_what_lies_beside_a_row_follows_from_its_neighbours(desk, bars):
    frame = sweep(desk, bars).frame
    ratio = {(row["fast"], row["slow"]): row["sharpe"] for row in frame.iter_rows(named=True)}
    for row in frame.iter_rows(named=True):
        f, s = AXES["fast"].index(row["fast"]), AXES["slow"].index(row["slow"])
        near = [ratio[AXES["fast"][f + i], AXES["slow"][s + j]] for i, j in ((1, 0), (-1, 0), (0, 1), (0, -1))
                if 0 <= f + i < 3 and 0 <= s + j < 4]  # fmt: skip
        assert row["at_edge"] == (f in (0, 2) or s in (0, 3))
        if row["sharpe"] > 0:
            assert row["plateau"] == pytest.approx(sum(near) / len(near) / row["sharpe"])
        else:
            assert row["plateau"] is None
        if row["sharpe_in"] is not None and row["sharpe_in"] > 0:
            assert row["decay"] == pytest.approx(1 - row["sharpe_out"] / row["sharpe_in"])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"fsat": [1, 2]}, NotFound, "Did you mean 'fast'"),
        ({"fast": []}, Invalid, "at least one value"),
        ({"fast": [5, 1000]}, Invalid, "fast: expected a whole number from 2 to 100"),
        ({"fast": [60], "slow": [20, 30]}, Refused, "none is left to try: the strategy refuses"),
        ({"where": lambda fast: fast > 100}, Refused, "no combination meets"),
        ({"where": lambda speed: True}, NotFound, "axis that `where` may ask about"),
        ({"where": 3}, Invalid, "where: expected a function that names what it asks about"),
        ({"where": max}, Invalid, "where: expected a function that names what it asks about"),
        ({"where": lambda *any: True}, Invalid, r"found one that takes \*any without a name"),
        ({"where": lambda fast: {}[fast]}, Invalid, "where: expected yes or no for fast=3, found KeyError: 3"),
        ({"where": lambda fast: np.array([1, 2])}, Invalid, "where: expected yes or no for fast=3, found ValueError"),
        ({"held_out": 1}, Invalid, "held_out"),
        ({"held_out": "x"}, Invalid, "held_out: expected a number, found 'x'"),
        ({"workers": -1}, Invalid, "workers: expected a whole number from 1, found -1"),
        ({"workers": "two"}, Invalid, "workers: expected a whole number from 1, found 'two'"),
        ({"seed": "x"}, Invalid, "seed: expected a whole number, found 'x'"),
        ({"seed": [1, 2]}, Invalid, r"seed: expected a whole number, found \[1, 2\]"),
        ({"timeframe": "7q"}, Invalid, "timeframe: expected a whole number and one of s, m, h, d, w"),
        ({"timeframe": "4h"}, Invalid, "timeframe: expected '1h', as the bars are, found '4h'"),
        ({"costs": {}}, Invalid, "costs: expected 'exchange', 'pool', or a cost model"),
        ({"fast": [[3], [5]]}, Invalid, r"fast: expected numbers or texts to try, one after the other, found \[3\]"),
        ({"fast": np.array([[3, 5], [6, 7]])}, Invalid, "fast: expected numbers or texts to try, one after the other, found array"),
        ({"fast": [5, None]}, Invalid, "fast: expected numbers or texts to try, one after the other, found nothing"),
        ({"size_pct": [5.00001, 5.00002]}, Invalid, "found 5.00001 and 5.00002, which are both 5"),
        ({"allowed_tokens": ["A", "B"]}, Invalid, "allowed_tokens: expected one text of symbols such as 'WETH,AERO'"),
        ({"fast": 5, "slow": 30}, Refused, "nothing to try"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_stored(desk, bars, options, error, said):
    with pytest.raises(error, match=said):
        sweep(desk, bars, **options)
    with desk.store.read() as connection:
        assert list_sweeps(connection) == []


def test_bars_too_few_for_the_parameters_are_refused(desk):
    with pytest.raises(Invalid, match=r"more than the 61 that SmaCross\(.*slow=60\) looks back, found 50"):
        sweep(desk, wandering(50))


def test_a_shorter_history_than_a_split_has_no_probability_of_overfitting(desk):
    bars = wandering(200, start=START // HOUR * HOUR)
    assert sweep(desk, bars).overfitting is None


@pytest.mark.parametrize("ask", [wb.sweep, wb.search, wb.walk_forward, wb.cross_validate])
def test_a_grid_of_a_thousand_million_values_is_refused_before_it_is_built(desk, bars, ask):
    for values, said in ((range(5, 10**9), "999,999,995 of them"), (count(5), "more of them")):
        with pytest.raises(Invalid, match=f"fast: expected at most 1,000,000 values to try, found '?{said}"):
            ask("sma_cross", bars, fast=values, desk=desk, progress=False)


def test_a_grid_of_too_many_combinations_is_refused_by_their_number(desk, bars):
    share = np.round(np.arange(1, 11, 0.01), 2)
    with pytest.raises(Refused, match="A grid of 1,000,000,000 trials is too large: expected at most 250,000"):
        run_sweep("sma_cross", bars, size_pct=share, stop_loss_pct=share, take_profit_pct=share, desk=desk, progress=False)


@pytest.mark.parametrize("seed", ["x", None, 1.5, True, [1]])
def test_a_seed_that_is_no_whole_number_is_refused_wherever_it_is_asked_for(bars, seed):
    rising = np.diff(bars.close, prepend=bars.close[0]) > 0
    result = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 20})
    for ask in (
        lambda: wb.backtest("sma_cross", bars, seed=seed),
        lambda: wb.from_signals(bars, rising, seed=seed),
        lambda: wb.monte_carlo(result, "trades", seed=seed),
        lambda: wb.monte_carlo(result, "bars", seed=seed),
        lambda: wb.significance(result, seed=seed),
    ):
        with pytest.raises(Invalid, match="seed: expected a whole number"):
            ask()


def test_a_seed_of_numpy_is_the_same_whole_number_in_both_engines(desk, bars):
    options = {"costs": "pool", "failure_rate_pct": 30, "size_pct": 50}
    for engine in ("kernel", "step"):
        plain, numpy = (wb.backtest("rsi_reversion", bars, seed=seed, engine=engine, **options) for seed in (7, np.int64(7)))
        assert (type(numpy.plan.seed), numpy.digest) == (int, plain.digest)
    swept = run_sweep("rsi_reversion", bars, period=[5, 9], seed=7, desk=desk, progress=False, **options)
    again = run_sweep("rsi_reversion", bars, period=[5, 9], seed=np.int64(7), desk=desk, progress=False, **options)
    assert (again.stored, again.study.id) == (2, swept.study.id)


class Shifted(SignalStrategy, frozen=True):
    """Looks so many bars ahead: none, by default."""

    ahead: Annotated[int, Param(0, 5)] = 0

    @property
    def lookback(self) -> int:
        return 2

    def signals(self, bars):
        moved = np.diff(bars.close, prepend=bars.close[:1])
        seen = np.concatenate([moved, np.zeros(5)])[self.ahead : self.ahead + len(bars)]
        return Signals(seen > 0, seen < 0, np.full(len(bars), 80.0), seen, {"moved": seen})

    def because(self, factors):
        return "it moves"


class Scribbler(Shifted, frozen=True):
    """Writes into what it is given."""

    def signals(self, bars):
        volume = bars.volume
        volume /= 2
        return super().signals(bars)


def test_a_look_ahead_at_any_corner_of_what_is_tried_is_refused_and_nothing_stored(desk, bars):
    for tries in ({"ahead": [0, 1, 2]}, {"ahead": [2, 0]}, {"ahead": [0, 3, 0]}):
        with pytest.raises(Refused, match="Shifted looks ahead"):
            run_sweep(Shifted, bars, desk=desk, progress=False, **tries)
    with pytest.raises(Refused, match="Shifted looks ahead"):
        wb.search(Shifted, bars, desk=desk, progress=False, trials=5)
    with desk.store.read() as connection:
        assert list_sweeps(connection) == []


def test_a_strategy_cannot_write_into_the_bars_that_it_is_given(desk, bars):
    before = bars.volume.copy()
    for ask in (wb.backtest, lambda *given: run_sweep(*given, ahead=[0, 1], desk=desk, progress=False), wb.check):
        with pytest.raises(Invalid, match=r"Scribbler.signals: expected arrays of its own to write into"):
            ask(Scribbler, bars)
    assert np.array_equal(bars.volume, before)


class Widening(Shifted, frozen=True):
    """Writes into an indicator, which other trials are given too; `how` says where."""

    how: Annotated[int, Param(0, 4, 1)] = 0

    def signals(self, bars):
        said = super().signals(bars)
        if self.how == 0:
            upper = bars.indicator(talib.SMA, bars.close, 3)
            upper *= 1.01
        elif self.how == 1:
            bars.indicator(talib.BBANDS, bars.close, 5)[1].sort()
        elif self.how == 2:
            slow = bars.every(4)
            slow.close[:] = 1.0
        elif self.how == 3:
            bars.every(4).indicator(talib.SMA, bars.every(4).close, 3)[0] = 1.0
        else:
            upper = bars.indicator(talib.SMA, bars.close, 3)
            return Signals(said.enter, said.exit, said.confidence, lambda: np.multiply(upper, 2.0, out=upper), {})
        return said


@pytest.mark.parametrize("how", range(5))
def test_a_strategy_cannot_write_into_an_indicator_that_others_are_given_too(desk, bars, how):
    refused = pytest.raises(Invalid, match=r"Widening.signals: expected arrays of its own to write into, .* an indicator")
    made, after = Widening(how=how), bars[:300]
    with refused:
        wb.check(made, after)
    with refused:
        wb.backtest(made, after, engine="step")
    with refused:
        read_last(made, candles(after))
    if how == 4:
        return  # a sweep never asks for this column
    with refused:
        wb.backtest(made, after)
    for workers in (1, 2):
        with refused:
            run_sweep(made, after, stop_loss_pct=[1, 2, 3], desk=desk, progress=False, workers=workers)
    with desk.store.read() as connection:
        assert list_sweeps(connection) == []


class WideningAtOnce(Widening, frozen=True):
    """The same, read at once for a whole series."""

    lag = 0


def test_nor_where_a_whole_series_is_read_at_once(desk, bars):
    for workers in (1, 2):
        with pytest.raises(Invalid, match=r"WideningAtOnce.signals: expected arrays of its own"):
            run_sweep(WideningAtOnce(), bars, stop_loss_pct=[1, 2, 3], desk=desk, progress=False, workers=workers)


class Remembering(Shifted, frozen=True):
    """Looks back further than what it is given."""

    back: Annotated[int, Param(1, 5000, 1)] = 10

    @property
    def lookback(self):
        return self.back


def test_a_strategy_that_looks_back_further_than_its_memory_is_refused(desk, bars):
    sentence = r"Remembering.lookback: expected at most its memory, which is 2,048 bars: no more are at hand, found 2049"
    with pytest.raises(Invalid, match=sentence):
        Remembering(back=2049)
    # As any combination that a strategy refuses it is left out; where nothing else is left, that is said.
    assert run_sweep(Remembering, bars, back=[10, 2049], desk=desk, progress=False).frame["back"].to_list() == [10]
    with pytest.raises(Refused, match="at most its memory"):
        run_sweep(Remembering, bars, back=[2049, 3000], desk=desk, progress=False)
    assert Remembering(back=2048).lookback == 2048


def test_the_edge_of_an_axis_is_its_least_and_its_greatest_value_in_whatever_order_they_were_given(desk, bars):
    swept = run_sweep("sma_cross", bars, fast=[10, 5, 20, 15], slow=[40], desk=desk, progress=False)
    assert dict(zip(swept.frame["fast"], swept.frame["at_edge"], strict=True)) == {10: False, 5: True, 20: True, 15: False}
    with wb.open_desk(":memory:") as other:
        sorted_ = run_sweep("sma_cross", bars, fast=[5, 10, 15, 20], slow=[40], desk=other, progress=False)
    assert swept.frame.sort("fast").equals(sorted_.frame)


def test_instruments_that_differ_in_decimals_share_no_trials(desk):
    closes = wandering(600).floats("close").round(2).tolist()
    frame = series(closes).frame
    fine, coarse = (wb.BarSeries.from_frame(frame, pair("A/USD", 8, size), "1h") for size in (8, 2))
    run_sweep("sma_cross", fine, fast=[3, 5], slow=[20], desk=desk, progress=False, cash=1000)
    again = run_sweep("sma_cross", coarse, fast=[3, 5], slow=[20], desk=desk, progress=False, cash=1000)
    assert again.stored == 0
    assert again.frame["final_equity"].to_list() == [float(again.backtest(i).final_equity) for i in range(2)]


def test_rows_of_amounts_that_do_not_fit_are_those_of_step(desk):
    closes = [1.0] * 100 + np.linspace(1, 1000, 20).round(4).tolist() + [1000.0] * 30 + [1.0] * 300
    bars = series(closes)
    swept = run_sweep("buy_and_hold", bars, size_pct=[99, 100], cash=10**9, desk=desk, progress=False)
    for i in range(2):
        folded, row = swept.backtest(i, engine="step"), swept.frame.row(i, named=True)
        for name in ("sharpe", "sortino", "max_drawdown_pct", "turnover"):
            assert row[name] == pytest.approx(folded.stats[name]), name


def test_a_share_of_costs_in_no_profit_is_none(desk):
    swept = run_sweep("rsi_reversion", series([100.0, 101.0] * 400), period=[2, 3], fee_bps=10, desk=desk, progress=False)
    for i, row in enumerate(swept.frame.iter_rows(named=True)):
        shown = swept.backtest(i).stats["cost_share_pct"]
        assert row["cost_share"] == (None if shown is None else pytest.approx(shown / 100))


def test_a_trial_is_counted_once_whatever_else_was_tried_or_held_out_beside_it(desk, bars, monkeypatch):
    def counted():
        return run_sweep("sma_cross", bars, fast=[3, 5, 8], slow=50, desk=desk, progress=False).luck.trials

    assert counted() == 3
    run_sweep("sma_cross", bars, fast=[3, 5, 8], slow=[40, 50], desk=desk, progress=False)
    assert counted() == 6
    run_sweep("sma_cross", bars, fast=[3, 5], slow=50, held_out=0.5, desk=desk, progress=False)
    run_sweep("sma_cross", bars, fast=5, slow=[50], size_pct=[10], desk=desk, progress=False)
    assert counted() == 6, "ten percent is what size_pct is anyway"
    run_sweep("sma_cross", bars, fast=5, slow=50, size_pct=[20], desk=desk, progress=False)
    run_sweep("sma_cross", bars[100:], fast=[3], slow=50, desk=desk, progress=False)
    assert counted() == 8
    # Another version of the workbench runs them anew, and they are the same trials.
    monkeypatch.setattr("workbench.research.study.source_version", lambda parts: "another")
    again = run_sweep("sma_cross", bars, fast=[3, 5, 8], slow=50, desk=desk, progress=False)
    assert (again.stored, again.luck.trials) == (0, 8)
    with desk.store.read() as connection:
        assert count_trials(connection) == (8, 1)


def test_trying_by_hand_is_trying(desk, bars):
    for fast in (3, 5, 8, 3):
        result = wb.backtest("sma_cross", bars, parameters={"fast": fast, "slow": 50}, fee_bps=5)
    wb.backtest("dca", bars, parameters={"amount": 100})
    wb.backtest("manual", bars)
    swept = run_sweep("sma_cross", bars, fast=[8, 9], slow=50, fee_bps=5, desk=desk, progress=False)
    assert swept.luck.trials == 4, "3, 5 and 8 by hand, of which 8 is the sweep's too, and 9"
    swept.backtest(0)
    swept.backtest({"fast": 9})
    panel = wb.tune("sma_cross", bars, fee_bps=5)
    panel.sliders["slow"].value = 60
    again = run_sweep("sma_cross", bars, fast=[8, 9], slow=50, fee_bps=5, desk=desk, progress=False)
    assert again.luck.trials == 6, "and the two that the panel showed"
    whole = run_sweep("sma_cross", bars, fast=[3, 5, 8, 9], slow=50, fee_bps=5, desk=desk, progress=False)
    assert whole.luck.trials == 6
    ratio = whole.frame.filter(fast=3)["sharpe"][0]
    assert result.stats["sharpe"] == pytest.approx(ratio)
    with desk.store.read() as connection:
        assert list_sweeps(connection)[0].trials == 4


def test_of_backtests_that_wait_only_what_luck_asks_of_them_stays(desk, bars, monkeypatch):
    monkeypatch.setattr(tried, "MOST_BARS", 2 * len(bars))
    for fast in range(3, 9):
        wb.backtest("sma_cross", bars, parameters={"fast": fast, "slow": 50})
    assert (len(tried._whole), len(tried._summed)) == (2, 4)
    with tried.taken() as found:
        assert [each.study.strategy.fast for each in found] == list(range(3, 9))
    with tried.taken() as rest:
        assert rest == []
    swept = run_sweep("sma_cross", bars, fast=range(3, 9), slow=50, desk=desk, progress=False)
    for each, trial in zip(found, swept.trials, strict=True):
        assert each.drawn.sharpe_a_day == trial.figures.sharpe_a_day
        assert each.drawn.stretches == trial.figures.stretches
        assert each.study.trial_key({}) == swept.study.trial_key(trial.values)


def test_a_trial_takes_two_kilobytes_and_not_more(desk):
    walk = wandering(500, seed=2)
    run_sweep("sma_cross", walk, fast=[2], slow=[50], desk=desk, progress=False)
    tracemalloc.start()
    try:
        swept = run_sweep("sma_cross", walk, fast=range(2, 52), slow=range(60, 100), desk=desk, progress=False)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(swept) == 2000
    assert kept / len(swept) < 3_000


def test_the_best_by_what_is_less_the_better_is_the_least(desk, bars):
    swept = sweep(desk, bars, fee_bps=5)
    assert swept.best("fees")["fees"] == swept.frame["fees"].min()
    assert swept.best("max_drawdown_pct")["max_drawdown_pct"] == swept.frame["max_drawdown_pct"].max()
    with pytest.raises(Invalid, match="none are held out"):
        sweep(desk, bars, held_out=0).best("return_out_pct")
    with pytest.raises(Invalid, match="aim: expected a figure of days that were traded"):
        wb.search("sma_cross", bars, aim="sharpe_out", held_out=0, trials=3, desk=desk, progress=False)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.best(3), "no figure '3'"),
        (lambda s: s.best("sharp"), "Did you mean 'sharpe'"),
        (lambda s: s.backtest(99), "which: expected a whole number from 0 to 11, found 99"),
        (lambda s: s.backtest(1.5), "which: expected a whole number"),
        (lambda s: s.backtest({"fast": 3}), "which: expected a value for each of fast, slow, found none for slow"),
        (lambda s: s.backtest({"fast": 3, "slow": 15, "nope": 1}), "no axis 'nope'"),
        (lambda s: s.plot("nope"), "no figure 'nope'"),
        (lambda s: s.plot("fast"), "no figure 'fast'"),
    ],
)
def test_what_a_finished_sweep_does_not_have_is_named(desk, bars, ask, words):
    with pytest.raises((NotFound, Invalid), match=words):
        ask(sweep(desk, bars))


def test_a_row_is_named_by_a_number_of_numpys_too(desk, bars):
    swept = sweep(desk, bars)
    assert swept.backtest(np.int64(3)).digest == swept.backtest(3).digest == swept.backtest({"fast": 3, "slow": 60}).digest


@pytest.mark.parametrize(
    "axes",
    [
        {"sizing": ["percent", "volatility"], "fast": [3, 5]},
        {"sizing": ["volatility", "percent"]},
        {"simulate_mev": [True, False], "fast": [3, 5]},
        {"simulate_mev": [True, False]},
    ],
)
def test_axes_of_names_and_of_truths_are_drawn_too(desk, bars, axes):
    figure = run_sweep("sma_cross", bars, desk=desk, progress=False, **axes).plot()
    (trace,) = figure.data
    assert len(trace.x) == 2
    assert all(isinstance(value, str | int) and not isinstance(value, bool) for value in trace.x)


def test_a_number_is_one_value_however_it_is_written(desk, bars):
    for told in (2, 2.0, "2.00", Decimal("2.0")):
        swept = run_sweep("sma_cross", bars, fast=[5, 8], slow=50, stop_loss_pct=told, desk=desk, progress=False)
        assert swept.luck.trials == 2
    assert swept.stored == 2
    for told in ("0", "0.0", 0):
        wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 50}, stop_loss_pct=2, base_slippage_pct=told)
    again = run_sweep("sma_cross", bars, fast=[5, 8], slow=50, stop_loss_pct=2, desk=desk, progress=False)
    assert again.luck.trials == 2, "the one by hand is the sweep's"


def test_a_strategy_that_was_edited_between_two_backtests_by_hand_is_two(desk, bars):
    for least in (0.1, 0.2, 0.3):
        globals()["LEAST"] = least
        wb.backtest(Above(), bars)
    with tried.taken() as found:
        assert len({each.study.trial_key({}) for each in found}) == 3


def test_what_was_tried_by_hand_waits_until_it_is_written_down(desk, bars):
    wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 50})
    with pytest.raises(OSError, match="no disk"), tried.taken():
        raise OSError("no disk")
    with tried.taken() as found:
        assert len(found) == 1


def test_a_stretch_tried_by_hand_is_the_window_that_trades_the_same_bars(desk, bars):
    first, last = int(bars.ts[0]), int(bars.ts[-1])
    study = study_of("sma_cross", bars, fast=[5, 8], slow=50)
    windows = [on_span(study, span) for span in ((first - 5 * HOUR, first + 900 * HOUR), (first, first + 900 * HOUR))]
    assert windows[0].trial_key({"fast": 5}) == windows[1].trial_key({"fast": 5})
    assert on_span(study, (first, last + HOUR)).trial_key({"fast": 5}) == study.trial_key({"fast": 5})


def test_costs_that_round_to_nothing_in_the_price_are_told_alike_by_a_row_and_its_backtest(desk):
    walk = np.clip(np.cumsum(np.random.default_rng(3).integers(-9, 10, 2_000)) + 900, 300, 3_000) / 10**12
    small = {"sizing": "fixed", "size_amount": 1, "half_spread_bps": 2, "fee_bps": 5}
    swept = run_sweep("sma_cross", series(walk.tolist()), fast=[5, 10], slow=40, **small, desk=desk, progress=False)
    for row, share in enumerate(swept.frame["cost_share"]):
        told = swept.backtest(row).stats["cost_share_pct"]
        assert (share is None) == (told is None)
        assert share is None or 100 * share == pytest.approx(told)
    assert swept.backtest(0).stats["spread_paid"] > 0


def test_an_indicator_may_ask_for_another(desk, bars):
    swept = run_sweep(Nested, bars, count=[3, 4], desk=desk, progress=False)
    assert swept.frame["trades"].min() > 0
    assert wb.backtest(Nested(count=3), bars).stats["trades"] == swept.frame["trades"][0]


def test_a_sharpe_ratio_that_is_lost_more_than_whole_is_told_as_the_number_that_it_is(desk, monkeypatch):
    swept = wb.sweep("sma_cross", wandering(900), fast=[3, 5], slow=[20, 40], desk=desk, progress=False)
    row = {**swept.best(), "sharpe": 1.5, "decay": 1.66, "sharpe_in": 1.8, "sharpe_out": -1.2}
    monkeypatch.setattr(type(swept), "best", lambda *_: row)
    assert "Out of sample its Sharpe ratio is negative: -1.20, after 1.80 before." in swept.findings
    assert not any("is gone" in sentence for sentence in swept.findings)
