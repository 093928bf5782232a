"""The rules around a strategy: sizes and caps, gates, breakers, intel levels; and that every field of them does something."""

from decimal import Decimal
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.make import HOUR, START, Scripted, bar, state, wandering
from tests.make import given as slice_of
from workbench.domain.bars import Bar
from workbench.domain.breakers import TradingState
from workbench.domain.commands import CancelOrder, Deposit, Halt, Pause, PlaceOrder, ResetBreaker, Resume, Withdraw
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts, PaperTradingConfig
from workbench.domain.events import (
    BreakerClosed,
    BreakerHalfOpened,
    BreakerTripped,
    CommandRefused,
    OrderCancelled,
    OrderFilled,
    OrderPlaced,
    ThoughtRecorded,
)
from workbench.domain.instruments import pair
from workbench.domain.orders import OrderType, Reason, Side
from workbench.domain.thoughts import Decision
from workbench.engine.intel import PROFILES
from workbench.engine.measures import UNKNOWN, measure, measures_of
from workbench.engine.step import step
from workbench.engine.strategy import Candles, Reading
from workbench.engine.windows import read_last, read_series

BTC = pair("BTC/USDT").key


def said(enter=False, exit=False, confidence=99.0, **measures):
    return Reading(enter, exit, confidence, 1.0 if enter else -1.0, 10, (), (), Scripted(), measures)


class Run:
    """Bars an hour apart; a letter a bar says what the strategy wants: e(nter), x (exit)."""

    def __init__(self, start=None, measures=None, **rules):
        self.state, self.events, self.thoughts, self.i = start or state(**rules), [], [], 0
        self.measures = measures or {}

    def bars(self, *prices, signals="", liquidity=None):
        for place, price in enumerate(prices):
            sign = signals[place : place + 1]
            one = bar(START + self.i * HOUR, *(price if isinstance(price, tuple) else (price,)))
            one = msgspec.structs.replace(one, liquidity=None if liquidity is None else Decimal(liquidity))
            self.take(step(self.state, slice_of(one), [said(sign == "e", sign == "x", **self.measures)]))
            self.i += 1
        return self

    def ask(self, command):
        return self.take(step(self.state, command))

    def take(self, stepped):
        self.state = stepped.state
        self.state.book.check()
        self.events += stepped.events
        self.thoughts += stepped.thoughts
        return self

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def spent(self):
        return [event.order.amount for event in self.of(OrderPlaced) if event.order.side is Side.BUY]

    def lose(self, times=1):
        """Buy at 100, sell at 90, so often."""
        for _ in range(times):
            self.bars(100, 100, 90, 90, signals="e x ")
        return self

    def win(self):
        return self.bars(100, 100, 110, 110, signals="e x ")


# --- how much -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "amount", "names"),
    [
        ({"size_pct": 30}, 3000, ["30 % of equity", "cash"]),
        ({"sizing": "fixed", "size_amount": "123.45"}, "123.45", ["fixed", "cash"]),
        ({"size_pct": 30, "max_trade_size": 700}, 700, ["30 % of equity", "largest trade", "cash"]),
        ({"size_pct": 30, "max_position_pct": 12}, 1200, ["30 % of equity", "token exposure", "cash"]),
        ({"size_pct": 30, "max_exposure_pct": 11}, 1100, ["30 % of equity", "total exposure", "cash"]),
        ({"size_pct": 30, "max_liquidity_pct": 1}, 500, ["30 % of equity", "pool share", "cash"]),
        ({"sizing": "volatility"}, 2500, ["volatility: 0.250000 of equity", "cash"]),
        ({"sizing": "kelly"}, 400, ["kelly: 0.040000 of equity", "cash"]),
        ({"sizing": "kelly", "intel_level": 1}, 200, ["kelly: 0.040000 of equity", "level 1", "cash"]),
        ({"intel_level": 7}, 1500, ["15 % of equity", "cash"]),
    ],
)
def test_a_size_is_the_smallest_of_its_steps_and_the_thought_keeps_them(rules, amount, names):
    measures = {"volatility_size": 250_000, "kelly_size": 40_000, "trend": 5, "volatility": 100}
    # A level considers entries at some bars only: begin at one that every level considers.
    run = Run(measures=measures, **rules)
    run.i = -(START // HOUR) % 12
    run.bars(100, signals="e", liquidity=50_000 if "max_liquidity_pct" in rules else 10**9)
    assert run.spent == [Decimal(amount)]
    assert [size.name for size in run.thoughts[-1].sizing] == names


def test_total_exposure_counts_what_is_held_and_what_is_under_way():
    other = pair("ETH/USDT")
    start = state(instruments=[pair("BTC/USDT"), other], size_pct=30, max_exposure_pct=50)
    first = step(start, slice_of(bar(), bar(START, 10)), [said(enter=True), said(enter=True)])
    orders = [event.order.amount for event in first.events if isinstance(event, OrderPlaced)]
    assert orders == [3000, 2000]


def test_a_size_that_is_not_known_yet_or_too_small_is_no_entry():
    run = Run(measures={"volatility_size": None}, sizing="volatility").bars(100, signals="e")
    assert (run.spent, run.thoughts[-1].stopped_by) == ([], "size")
    run = Run(size_pct=30, max_trade_size=5, min_trade_size=10).bars(100, signals="e")
    assert (run.spent, run.thoughts[-1].stopped_by) == ([], "size")
    assert "the caps leave 5, and the smallest trade is 10" in run.thoughts[-1].reason


def test_measures_are_whole_numbers_and_the_same_live_as_in_a_backtest():
    series = wandering(400)
    for rules in ({"sizing": "volatility"}, {"sizing": "kelly"}, {"intel_level": 3}):
        wanted = measures_of(StrategyConfiguration(sizing_lookback=30, **rules), "1h")
        whole = read_series(Scripted(), series, wanted)
        assert all(isinstance(value, int) for value in whole[399].measures.values())
        for i in (0, 10, 31, 200, 399):
            window = Candles(
                series.ts[: i + 1], *(series.floats(n)[: i + 1] for n in ("open", "high", "low", "close")), series.volume[: i + 1],
                step=series.step,
            )  # fmt: skip
            assert read_last(Scripted(), window, wanted).measures == whole[i].measures
    assert whole[10].measures["trend"] is None


def test_volatility_and_kelly_sizes_are_the_formulas():
    closes = 100 * np.cumprod(1 + np.where(np.arange(300) % 2, 0.02, -0.01))
    bars = Candles(np.arange(300), closes, closes, closes, closes, closes, 1)
    returns = closes[1:] / closes[:-1] - 1
    wanted = {"volatility_size": (50, 0.001), "kelly_size": (50, 0.25, 1.0), "volatility": (50,)}
    found = measure(bars, wanted)
    deviation = returns[-50:].std()
    assert found["volatility"][-1] == round(1e6 * deviation)
    assert found["volatility_size"][-1] == round(1e6 * 0.001 / deviation)
    assert found["kelly_size"][-1] == min(round(1e6 * 0.25 * returns[-50:].mean() / deviation**2), 1_000_000)
    assert found["volatility"][10] == UNKNOWN


# --- when not to enter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "liquidity", "gate", "words"),
    [
        ({"blocked_tokens": "btc/usdt"}, None, "allowed_token", "not one of those that may be traded"),
        ({"allowed_tokens": ["WETH"]}, None, "allowed_token", "not one of those"),
        ({"min_liquidity": 1000}, 400, "liquidity", "the pool holds 400, 600 less than the 1,000 that is asked"),
        ({"max_slippage_pct": "0.5"}, None, "slippage", "would lie 60 bps from the market's, and 50 are allowed"),
        ({"intel_level": 1}, 10**9, "confidence", "confidence 80 is 15 below the 95"),
    ],
)
def test_a_gate_that_is_set_stops_an_entry_and_says_why(rules, liquidity, gate, words):
    run = Run(state(costs=ExchangeCosts(half_spread_bps=60), **rules), {"trend": 5, "volatility": 10})
    run.i = -(START // HOUR) % 12
    one = msgspec.structs.replace(bar(START + run.i * HOUR), liquidity=None if liquidity is None else Decimal(liquidity))
    run.take(step(run.state, slice_of(one), [said(enter=True, confidence=80.0, **run.measures)]))
    thought = run.thoughts[-1]
    assert (thought.decision, thought.stopped_by) == (Decision.SKIP, gate)
    assert words in thought.reason


def test_a_token_that_was_stopped_out_waits_longer():
    rules = {"stop_loss_pct": 5, "cooldown_minutes": 60, "cooldown_after_stop_minutes": 300}
    run = Run(**rules).bars(100, (100, 100, 94, 94), 94, 94, signals="eeee")
    assert run.thoughts[-1].stopped_by == "cooldown"
    assert Run(**rules).bars(100, 100, 100, 100, 100, signals="e xee").thoughts[-1].stopped_by == ""


def test_a_halt_takes_back_what_would_enter_and_exits_go_on():
    run = Run(stop_loss_pct=5).bars(100, 100, signals="e")
    run.ask(PlaceOrder(BTC, Side.BUY, amount="100", type=OrderType.LIMIT, limit_price="50")).ask(Halt())
    assert run.state.trading is TradingState.HALTED
    assert [event.why for event in run.of(OrderCancelled)] == ["the session was halted"]
    run.ask(PlaceOrder(BTC, Side.BUY, amount="100")).ask(Halt()).ask(Pause())
    assert [event.why for event in run.of(CommandRefused)] == [
        "The session is HALTED: only sales can be placed.", "The session is already HALTED.", "The session is already HALTED.",
    ]  # fmt: skip
    run.bars((100, 100, 94, 94), 94, signals=" e")
    assert run.of(OrderFilled)[-1].reason is Reason.STOP_LOSS
    assert run.thoughts[-1].stopped_by == "running"
    assert run.ask(Resume()).bars(94, signals="e").thoughts[-1].decision is Decision.BUY


# --- breakers -------------------------------------------------------------------------------------------------------------

TRIPS = [
    ("daily_loss", {"daily_loss_pct": 2, "size_pct": 30}, lambda run: run.lose()),
    ("drawdown", {"drawdown_pct": 3, "size_pct": 50}, lambda run: run.lose()),
    ("losing_streak", {"losing_streak": 2}, lambda run: run.lose(2)),
    ("volatility", {"volatility_pct": 8}, lambda run: run.bars((100, 105, 96, 100))),
    ("stale_feed", {"stale_bars": 3}, lambda run: _skip(run.bars(100), 3).bars(100)),
    ("error_rate", {"error_rate_pct": 50}, lambda run: _fail(run)),
    ("stoploss_guard", {"stoploss_guard": 1, "stop_loss_pct": 5}, lambda run: run.bars(100, (100, 100, 94, 94), signals="e")),
    ("low_profit:" + BTC, {"low_profit_trades": 2, "low_profit_pct": 1}, lambda run: run.lose(2)),
]


def _skip(run, bars):
    run.i += bars
    return run


def _fail(run):
    plan = msgspec.structs.replace(run.state.plan, realism=PaperTradingConfig(failure_rate_pct=100))
    run.state = msgspec.structs.replace(run.state, plan=plan)
    run.bars(*[100] * 7, signals="eeeeeee")
    plan = msgspec.structs.replace(run.state.plan, realism=PaperTradingConfig())
    run.state = msgspec.structs.replace(run.state, plan=plan, book=msgspec.structs.replace(run.state.book, orders=()))
    return run


@pytest.mark.parametrize(("name", "rules", "act"), TRIPS, ids=[case[0].partition(":")[0] for case in TRIPS])
def test_a_breaker_trips_stops_entries_and_is_reset_by_a_person(name, rules, act):
    run = act(Run(breaker_minutes=None, **rules))
    (tripped,) = run.of(BreakerTripped)
    assert tripped.breaker.name == name
    run.bars(100, signals="e")
    assert run.thoughts[-1].stopped_by == "breaker_" + name.partition(":")[0]
    assert any("breaker has tripped at" in event.thought.reason for event in run.of(ThoughtRecorded))
    run.ask(ResetBreaker("nonsense"))
    assert f"of {name}, found nonsense" in run.of(CommandRefused)[0].why
    run.ask(ResetBreaker(name))
    assert [event.name for event in run.of(BreakerClosed)] == [name]
    assert run.bars(100, signals="e").thoughts[-1].decision is Decision.BUY
    assert len(run.of(BreakerTripped)) == 1


def test_a_breaker_never_stops_an_exit():
    run = Run(volatility_pct=5, breaker_minutes=None, stop_loss_pct=20).bars(100, 100, (100, 110, 90, 100), 100, signals="e  x")
    assert run.state.breakers
    assert run.bars(100).of(OrderFilled)[-1].reason is Reason.EXIT_SIGNAL


def test_a_breaker_half_opens_lets_one_entry_through_at_half_its_size_and_a_win_closes_it():
    run = Run(losing_streak=1, breaker_minutes=120, size_pct=10).lose()
    assert run.bars(100, signals="e").thoughts[-1].stopped_by == "breaker_losing_streak"
    run.bars(100)
    assert len(run.of(BreakerHalfOpened)) == 1
    equity = run.state.equity
    run.bars(100, signals="e")
    assert run.spent[-1] == round(round(equity / 10, 8) / 2, 8)
    assert run.bars(100, 110, signals=" x").state.breakers["losing_streak"].tried == BTC
    run.bars(110)
    assert run.state.breakers == {}
    assert [event.why for event in run.of(BreakerClosed)] == ["a win"]
    assert run.win().spent[-1] > 900


def test_a_probe_that_never_comes_to_be_lets_another_be_tried():
    run = Run(losing_streak=1, breaker_minutes=60, size_pct=50).lose()
    run.bars(90, 90)
    assert run.state.breakers["losing_streak"].half_open
    run.bars(90, signals="e")
    assert run.state.breakers["losing_streak"].tried == BTC
    run.ask(CancelOrder(run.of(OrderPlaced)[-1].order.id)).bars(90)
    assert run.state.breakers["losing_streak"].tried == ""
    run.bars(90, 90, 95, 95, signals="e x ")
    assert run.state.breakers == {}


def test_a_position_from_before_does_not_decide_for_the_probe():
    other = pair("ETH/USDT")
    start = state(instruments=[pair("BTC/USDT"), other], losing_streak=1, breaker_minutes=60, size_pct=10)
    now, i = start, 0
    closed = []
    for btc, eth, wishes in (
        (100, 10, "ee"),
        (100, 10, "  "),
        (90, 10, "x "),
        (90, 10, "  "),
        (90, 10, "  "),
        (90, 10, "e "),
        (90, 11, " x"),
        (90, 11, "  "),
    ):
        said_of = [said(w == "e", w == "x") for w in wishes]
        stepped = step(now, slice_of(bar(START + i * HOUR, btc), bar(START + i * HOUR, eth)), said_of)
        now, i, closed = stepped.state, i + 1, closed + [e for e in stepped.events if isinstance(e, BreakerClosed)]
    assert other.key not in now.book.positions
    assert closed == []
    assert now.breakers["losing_streak"].tried == BTC


def test_a_probe_that_loses_trips_the_breaker_again():
    run = Run(losing_streak=1, breaker_minutes=60, size_pct=10).lose().bars(100)
    run.bars(100, 100, 90, 90, signals="e x ")
    assert len(run.of(BreakerTripped)) == 2
    assert not run.state.breakers["losing_streak"].half_open


def test_a_lock_on_one_token_leaves_the_others_alone():
    both = [pair("BTC/USDT"), pair("ETH/USDT")]
    now = state(instruments=both, low_profit_trades=1, low_profit_pct=0, breaker_minutes=None)
    for i, (price, enter, leave) in enumerate([(100, True, False), (100, False, True), (90, False, False), (90, True, False)]):
        bars = (bar(START + i * HOUR, price), bar(START + i * HOUR, 50))
        stepped = step(now, slice_of(*bars), [said(enter, leave), said(i == 3)])
        now = stepped.state
    assert [thought.decision for thought in stepped.thoughts] == [Decision.SKIP, Decision.BUY]


def test_cash_that_comes_or_goes_trips_nothing():
    run = Run(daily_loss_pct=5, drawdown_pct=5).bars(100).ask(Deposit("90000")).bars(100)
    run.ask(Withdraw("95000")).bars(100)
    assert run.of(BreakerTripped) == []


# --- intel levels ---------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 9), st.floats(0, 100), st.integers(-50_000, 50_000), st.integers(0, 200_000), st.integers(0, 10_000_000),
    st.integers(0, 200), st.integers(0, 600), st.sampled_from(["percent", "volatility", "kelly"]), st.integers(0, 1_000_000),
)  # fmt: skip
def test_a_higher_level_accepts_whatever_a_lower_one_does_at_no_smaller_share(
    level, confidence, trend, wild, liquidity, hour, spread, sizing, share
):
    amounts = []
    for one in (level, level + 1):
        start = state(costs=ExchangeCosts(half_spread_bps=spread), intel_level=one, sizing=sizing)
        given_bar = Bar(START + hour * HOUR, *[Decimal(100)] * 4, Decimal(1), Decimal(liquidity))
        measures = {"trend": trend, "volatility": wild, "volatility_size": share, "kelly_size": share}
        stepped = step(start, slice_of(given_bar), [said(True, confidence=confidence, **measures)])
        placed = [event.order.amount for event in stepped.events if isinstance(event, OrderPlaced)]
        amounts.append(placed[0] if placed else Decimal(0))
    assert amounts[1] >= amounts[0]


def test_the_ten_levels_are_monotone_in_every_part():
    levels = [PROFILES[level] for level in range(1, 11)]
    for lower, higher in pairwise(levels):
        assert lower.every % higher.every == 0
        assert set(higher.factors) <= set(lower.factors)
        assert (higher.size_pct, higher.cost_bps, higher.volatility_ppm) >= (lower.size_pct, lower.cost_bps, lower.volatility_ppm)
        assert (higher.confidence, higher.liquidity) <= (lower.confidence, lower.liquidity)
        assert higher.stop_pct >= lower.stop_pct


def test_a_level_brings_its_exits_where_the_configuration_sets_none():
    run = Run(measures={"trend": 1, "volatility": 1}, intel_level=10)
    run.bars(100, 100, (100, 100, 84, 84), signals="e", liquidity=10**9)
    assert run.of(OrderFilled)[-1].price == 85
    run = Run(measures={"trend": 1, "volatility": 1}, intel_level=10, stop_loss_pct=3)
    run.bars(100, 100, (100, 100, 84, 84), signals="e", liquidity=10**9)
    assert run.of(OrderFilled)[-1].price == 97


# --- every field does something -------------------------------------------------------------------------------------------

BASE = {
    "parameters": {"fast": 5, "slow": 15}, "size_pct": 40, "stop_loss_pct": 4, "take_profit_pct": 9, "max_hold_hours": 100,
    "costs": ExchangeCosts(fee_bps=10, volume_impact_bps=50, max_volume_pct=50), "failure_rate_pct": 10,
}  # fmt: skip
VOLATILITY, KELLY = {"sizing": "volatility", "sizing_lookback": 20}, {"sizing": "kelly", "sizing_lookback": 20}
GRID = {"enable_grid": True, "grid_num_levels": 20, "parameters": {"fast": 5, "slow": 30}}
LARGE = {"size_pct": 60, "large_trade_size": 1_000, "twap_window_hours": 8}
GUARD, PROFIT = {"stoploss_guard": 2}, {"low_profit_trades": 2}
CHANGES = {
    "intel_level": ({}, 10),
    "sizing": ({}, "fixed"),
    "size_pct": ({}, 30),
    "size_amount": ({"sizing": "fixed"}, 150),
    "volatility_target_pct": (VOLATILITY, 10),
    "kelly_fraction": ({**KELLY, "kelly_cap_pct": 100}, "0.01"),
    "kelly_cap_pct": (KELLY, 5),
    "sizing_lookback": (VOLATILITY, 40),
    "min_trade_size": ({}, 9_999),
    "max_trade_size": ({}, 500),
    "max_position_pct": ({}, 20),
    "max_exposure_pct": ({}, 25),
    "max_liquidity_pct": ({}, 1),
    "stop_loss_pct": ({}, 2),
    "take_profit_pct": ({}, 5),
    "trailing_stop_pct": ({}, 2),
    "max_hold_hours": ({}, 10),
    "confidence_threshold": ({}, 80),
    "max_positions": ({}, 1),
    "max_daily_trades": ({}, 1),
    "cooldown_minutes": ({}, 1_000),
    "cooldown_after_stop_minutes": ({}, 2_000),
    "min_liquidity": ({}, 100_000),
    "max_slippage_pct": ({}, "0.1"),
    "allowed_tokens": ({}, "ETH/USDT"),
    "blocked_tokens": ({}, "BTC/USDT"),
    "on_hole": ({}, "skip"),
    "daily_loss_pct": ({}, 1),
    "drawdown_pct": ({}, 3),
    "losing_streak": ({}, 2),
    "volatility_pct": ({}, "0.8"),
    "stale_bars": ({}, 1),
    "error_rate_pct": ({}, 15),
    "stoploss_guard": ({}, 1),
    "stoploss_guard_minutes": (GUARD, 10_000),
    "low_profit_trades": ({}, 2),
    "low_profit_pct": (PROFIT, 5),
    "breaker_minutes": ({"losing_streak": 1}, 6_000),
    "enable_dca": ({}, True),
    "enable_grid": ({}, True),
    "enable_twap": (LARGE, True),
    "enable_vwap": (LARGE, True),
    "large_trade_size": ({**LARGE, "enable_twap": True}, 9_000),
    "dca_num_intervals": ({"enable_dca": True}, 2),
    "dca_interval_hours": ({"enable_dca": True}, 1),
    "grid_num_levels": (GRID, 3),
    "grid_profit_target_pct": (GRID, "0.1"),
    "twap_num_slices": ({**LARGE, "enable_twap": True}, 3),
    "twap_window_hours": ({**LARGE, "enable_vwap": True}, 12),
}


def market():
    """Two series with holes and pools, the second of which is poor."""
    made = []
    for seed, symbol, pool in ((7, "BTC/USDT", 20_000.0), (8, "ETH/USDT", 200_000.0)):
        series = wandering(900, seed, symbol)
        kept = np.arange(900) % 97 != 50
        series.liquidity, series.volume = np.full(900, pool), np.full(900, 60.0)
        made.append(series[kept])
    return made


def ledger(options):
    return wb.backtest("sma_cross", market(), **options).digest


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_of_the_configuration_changes_the_ledger(field):
    base, value = CHANGES[field]
    assert ledger({**BASE, **base}) != ledger({**BASE, **base, field: value})


def test_no_field_of_the_configuration_is_left_out_of_that():
    named = set(StrategyConfiguration.__struct_fields__) - {"name", "strategy", "parameters"}
    assert set(CHANGES) == named
