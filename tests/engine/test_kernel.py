"""The kernel against `step()`: every fill, mark, figure and digest is the same."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.engine.cases import Noise, random_case
from tests.make import series, wandering
from workbench.engine import chance, lowering
from workbench.engine.columns import Rules, Sums
from workbench.engine.crossing import owned, places
from workbench.engine.kernel import _run, drawn, is_plain, is_ready, run_kernel, run_plain
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.strategy import crossings, frozen
from workbench.engine.windows import plain_flags, read_series
from workbench.errors import NotFound, Refused
from workbench.research.backtest import Backtest, backtest
from workbench.research.from_signals import given_readings

CASES = 600
FILES = (
    "btcusdt-1h-2017-2023.parquet", "ethusdt-1h-2017-2023.parquet", "uniswap-pool-1h-2021-2022.parquet",
    "btc-perp-1m-2022-01.csv.gz",
)  # fmt: skip


def both(strategy, bars, **options) -> tuple[Backtest, Backtest]:
    """The same run in `step()` and in the kernel."""
    return backtest(strategy, bars, engine="step", **options), backtest(strategy, bars, engine="kernel", **options)


def differences(folded: Backtest, compiled: Backtest) -> list[str]:
    """What two runs differ in."""
    found = [] if folded.digest == compiled.digest else ["digest"]
    found += [] if folded.filled == compiled.filled else ["fills"]
    found += [] if np.array_equal(folded.run.equity, compiled.run.equity) else ["equity"]
    found += [] if folded.final_equity == compiled.final_equity else ["final equity"]
    return found + [name for name, value in folded.stats.items() if compiled.stats[name] != value]


def in_sums(compiled: Backtest, case) -> list[str]:
    """What the kernel adds up where no lines are kept, beside the same from the lines."""
    plan, many = compiled.plan, case.many
    readings = [read_series(case.strategy, one, measures_of(plan.configuration, plan.timeframe)) for one in many]
    market = lowering.market_of(many, plan)
    days = lowering.day_ends(market.ts)
    given = (market, lowering.traits_of(plan.instruments), lowering.rules_of(plan, compiled.cash))
    added = run_kernel(*given, *lowering.signals_of(market, many, readings, plan), days, False)
    run, sums = compiled.run, Sums._make(added.sums.tolist())
    results = run.trips.result
    line = np.concatenate([[float(compiled.cash)], run.equity])
    expected = {
        "day ends": np.array_equal(added.day_ends / 1e8, run.equity[days]),
        "held": added.totals[2] == run.held_bars,
        "ambiguous": added.totals[3] == run.ambiguous,
        "drawdown": added.drawdown == np.min(line / np.maximum.accumulate(line) - 1),
        "trips": (sums.trips, sums.wins) == (len(results), int((results > 0).sum())),
        "results": (sums.won, sums.lost) == (int(results[results > 0].sum()), -int(results[results < 0].sum())),
        "paid": (sums.notional, sums.fee, sums.gas, sums.tax, sums.spread, sums.slippage, sums.impact, sums.fills) == run.paid,
    }
    return [name for name, same in expected.items() if not same]


def test_hundreds_of_random_runs_are_the_same_to_the_last_digit(capsys):
    fills = reverts = unclear = left_to_step = 0
    for number in range(CASES):
        case = random_case(number)
        options = {"configuration": case.configuration, "costs": case.costs, "realism": case.realism, "cash": case.cash}
        folded = backtest(case.strategy, case.many, engine="step", seed=case.seed, **options)
        try:
            compiled = backtest(case.strategy, case.many, engine="kernel", seed=case.seed, **options)
        except Refused:
            left_to_step += 1
            continue
        assert differences(folded, compiled) == [], f"case {number}"
        assert in_sums(compiled, case) == [], f"case {number}"
        fills += len(folded.filled)
        unclear += folded.run.ambiguous
        reverts += len(compiled._trace.ledger.records) - len(compiled.filled)
    with capsys.disabled():
        print(f"\nkernel and step(): {CASES - left_to_step} runs, {fills:,} fills, {reverts:,} reverts, 0 differences")
    assert fills > 10_000
    assert reverts > 500
    assert unclear > 100
    assert left_to_step < CASES // 50


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("costs", ["exchange", "pool"])
def test_real_candles_give_one_digest_in_both(market, file, costs):
    bars = wb.read_bars(market / file, symbol="T/USD")
    exits = {"stop_loss_pct": 3, "take_profit_pct": 8, "trailing_stop_pct": 4, "max_hold_hours": 200, "cooldown_minutes": 120}
    folded, compiled = both("sma_cross", bars, costs=costs, **exits)
    assert differences(folded, compiled) == []
    assert folded.stats["trades"] > 5


def test_two_real_markets_share_one_cash_in_both(market):
    files = ["btcusdt-1h-2017-2023.parquet", "ethusdt-1h-2017-2023.parquet"]
    many = [wb.read_bars(market / file, symbol=file[:7])[-20_000:] for file in files]
    folded, compiled = both("donchian_breakout", many, fee_bps=10, size_pct=60, max_positions=1, trailing_stop_pct=5)
    assert differences(folded, compiled) == []
    assert folded.stats["trades"] > 100


def test_what_the_kernel_cannot_do_runs_in_step_and_says_why():
    bars = wandering(400)
    for options, said in [
        ({"drawdown_pct": 5}, "a breaker is set"),
        ({"enable_dca": True}, "programs may pick an entry"),
        ({"max_volume_pct": 10}, "max_volume_pct"),
        ({"costs": "pool", "max_depth_pct": 1}, "max_depth_pct"),
        ({"cash": 10**11}, "too large for 64 bits"),
    ]:
        result = backtest("sma_cross", bars, **options)
        assert result.engine == "step"
        assert said in result.because
        with pytest.raises(Refused, match="step"):
            backtest("sma_cross", bars, engine="kernel", **options)


def test_a_number_that_does_not_fit_leaves_the_run_to_step():
    bars = wandering(300)
    prices = {name: getattr(bars, name) * 10**6 for name in ("open", "high", "low", "close")}
    dear = type(bars)(bars.instrument, bars.timeframe, bars.ts, prices, bars.volume)
    result = backtest(Noise(), dear, costs="pool", base_slippage_pct="0.0337", cash=9_999_999_999, size_pct=100)
    assert (result.engine, result.because) == ("step", "a number does not fit into 64 bits")


def test_thoughts_and_state_of_a_compiled_run_are_those_of_step():
    folded, compiled = both("rsi_reversion", wandering(600), stop_loss_pct=2)
    assert compiled.engine == "kernel"
    assert compiled.thoughts == folded.thoughts
    assert compiled.state.book == folded.state.book
    assert compiled.trades.equals(folded.trades)
    assert compiled.fills.equals(folded.fills)


def test_draws_are_those_of_step():
    for number in range(500):
        key, ts, order, seed = f"1:0x{number}", 1_700_000_000_000 + number, number % 7, (-3) ** (number % 30)
        word = lowering._signed(chance.number_of("network"))
        assert drawn(seed, np.uint64(chance.number_of(key)), ts, word, order) == chance.draw(seed, key, ts, "network", order)


def test_every_rule_of_the_kernel_comes_from_a_plan():
    case = random_case(3)
    plan = backtest(case.strategy, case.many, configuration=case.configuration, engine="step").plan
    rules = lowering.rules_of(plan, Decimal(1000))
    assert all(isinstance(value, (int, float)) for value in rules)
    assert set(Rules._fields) == set(rules._asdict())


def test_rules_that_wait_for_a_mark_of_the_chains_own_currency_are_the_same():
    bars = wandering(500, symbol="WETH")
    folded, compiled = both(Noise(), [wandering(500, 9, "T1"), bars], costs="pool", gas_gwei=30, spike_chance_pct=30)
    assert differences(folded, compiled) == []
    assert folded.stats["gas_paid"] > 0


def boom(top: float) -> BarSeries:
    """A price that multiplies and comes back."""
    return series([1.0] * 10 + np.linspace(1, top, 20).round(4).tolist() + [top] * 30 + [1.0] * 50)


@pytest.mark.parametrize(("cash", "top"), [(10**9, 1000), (10**7, 1000), (10**4, 10**6), (10**6, 30)])
@pytest.mark.parametrize("rules", [{}, {"trailing_stop_pct": 99}, {"max_hold_hours": 60}])
def test_an_amount_that_does_not_fit_is_left_to_step_and_never_waited_for(cash, top, rules):
    bars = boom(top)
    enter, leave = np.zeros(len(bars), bool), np.zeros(len(bars), bool)
    enter[2] = leave[-10] = True
    options = {"size_pct": 100, "cash": cash, **rules}
    is_ready(300)
    result, folded = (wb.from_signals(bars, enter, leave, engine=engine, **options) for engine in ("auto", "step"))
    assert result.digest == folded.digest
    assert result.stats == folded.stats
    assert result.equity["equity"].to_list() == folded.equity["equity"].to_list()


def test_what_many_large_fills_come_to_does_not_overflow():
    bars = wandering(4000)
    enter = np.arange(4000) % 2 == 0
    options = {"size_pct": 100, "cash": 10**8, "fee_bps": 1}
    is_ready(300)
    result, folded = (wb.from_signals(bars, enter, ~enter, engine=engine, **options) for engine in ("auto", "step"))
    assert result.engine == "kernel"
    assert result.digest == folded.digest
    # Beyond 2**53 units of cash a float is a unit off.
    for name, value in folded.stats.items():
        assert result.stats[name] == (None if value is None else pytest.approx(value, rel=1e-12)), name
    assert result.stats["turnover"] > 1000


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(NotFound, match=r"There is no engine 'krnel'\. Did you mean 'kernel'"):
        wb.backtest("sma_cross", wandering(300), engine="krnel")


def test_a_plain_run_that_goes_from_signal_to_signal_gives_what_the_whole_kernel_gives(capsys):
    fills = refused = halted = 0
    for number in range(400):
        draw = np.random.default_rng(number)
        count = int(draw.integers(5, 700))
        # Among them prices of a few hundred steps, at which a spread of a few bps rounds to nothing.
        scale = float(draw.choice([1e-9, 1e-6, 0.01, 1.0, 300.0, 50_000.0]))
        walk = scale * np.exp(np.cumsum(draw.normal(0, draw.choice([0.001, 0.05, 0.4]), count)))
        bars = series(np.clip(walk, 1e-8 if scale > 1e-8 else 2e-10, 1e6).round(8 if scale > 1e-8 else 12).tolist())
        often = draw.choice([0.01, 0.2, 0.9])
        enter, leave = draw.random(count) < often, draw.random(count) < draw.choice([0.01, 0.3, 0.9])
        costs = {
            "fee_bps": int(draw.choice([0, 10, 900])), "half_spread_bps": int(draw.choice([0, 3, 200])),
            "slippage_bps": int(draw.choice([0, 5])), "gas": str(draw.choice(["0", "0.3", "40"])),
        }  # fmt: skip
        sizes = {"sizing": "fixed", "size_amount": int(draw.choice([1, 500, 20_000]))}
        sizes = sizes if draw.random() < 0.3 else {"size_pct": int(draw.choice([1, 10, 97, 100]))}
        made = wb.from_signals(bars, enter, leave, cash=int(draw.choice([50, 10_000])), **costs, **sizes)
        plan = made.plan
        market, rules = lowering.market_of([bars], plan), lowering.rules_of(plan, made.cash)
        assert is_plain(rules, 1)
        readings = [given_readings(bars, enter, leave, np.full(count, 100.0), {})]
        allowed, wants_out, shares = lowering.signals_of(market, [bars], readings, plan)
        days, traits = lowering.day_ends(market.ts), lowering.traits_of(plan.instruments)
        places = np.flatnonzero(allowed[0]), np.flatnonzero(wants_out[0])
        whole = _run(market, traits, rules, allowed, wants_out, shares, days, False, *places)
        plain = run_plain(market, traits, rules, *lowering.places_of(bars, readings[0], plan), days)
        assert len(plain.records) == 0
        if plain.totals[4]:
            halted += 1
            continue
        if not whole.totals[4]:
            for name in ("day_ends", "totals", "sums", "drawdown"):
                assert np.array_equal(getattr(whole, name), getattr(plain, name)), f"case {number}: {name}"
        assert plain.totals[1] == made.final_equity * 10**8
        assert plain.sums[0] == len(made.filled)
        fills += int(plain.sums[0])
        refused += int(plain.sums[0] == 0)
    with capsys.disabled():
        print(f"\nplain runs and the whole kernel: 400 runs, {fills:,} fills, {refused} without any, {halted} left to step()")
    assert fills > 10_000


@given(st.integers(0, 70), st.integers(0, 2**70 - 1), st.integers(0, 7))
def test_where_flags_are_set_is_found_as_numpy_finds_it(count, bits, begin):
    whole = np.array([bits >> place & 1 for place in range(count)], np.bool_)
    for flags in (whole, whole[begin:]):
        assert places(np.ascontiguousarray(flags)).tolist() == np.flatnonzero(flags).tolist()
        if len(flags) > 3:
            rows = frozen(np.array([[0, 2], [3, len(flags)]], np.int64))
            own = np.concatenate([flags[0:2], flags[3:]])
            gate = frozen(np.arange(len(own)) % 3 > 0)
            found = places(np.ascontiguousarray(flags))
            assert owned(found, rows, frozen(np.zeros(0, np.bool_))).tolist() == np.flatnonzero(own).tolist()
            assert owned(found, rows, gate).tolist() == np.flatnonzero(own & gate).tolist()


def test_flags_whose_bytes_are_not_one_are_truths_all_the_same():
    bars = wandering(3_000)
    draw = np.random.default_rng(5)
    enter, leave = draw.random(3_000) < 0.1, draw.random(3_000) < 0.1
    other = (np.where(leave, 128, 0).astype(np.uint8)).view(np.bool_)
    assert np.array_equal(other, leave)
    plain = wb.from_signals(bars, enter, leave, engine="kernel")
    odd = wb.from_signals(bars, (np.where(enter, 2, 0).astype(np.uint8)).view(np.bool_), other, engine="kernel")
    assert odd.digest == plain.digest
    assert plain_flags(other).tobytes() == leave.tobytes()
    assert plain_flags(leave) is leave


@pytest.mark.parametrize("other", [np.zeros(19_990), np.zeros(1)])
def test_lines_of_unequal_length_never_meet_in_compiled_code(other):
    is_ready(600)
    line = np.ones(20_000)
    with pytest.raises(ValueError, match="broadcast"):
        crossings(line, other)
