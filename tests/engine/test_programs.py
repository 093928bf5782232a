"""Programs: what each does on hand-made bars, what they are refused for, and which of them the rules pick."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.engine.test_orders import BTC, Tape, buy, sell
from tests.engine.test_rules import Run
from tests.make import HOUR, START, bar, reading, state, wandering
from tests.make import given as slice_of
from workbench.domain.commands import (
    CancelOrder,
    CancelProgram,
    ForceExit,
    Halt,
    Pause,
    PauseProgram,
    Resume,
    ResumeProgram,
    StartProgram,
    Stop,
)
from workbench.domain.costs import ExchangeCosts, PoolCosts
from workbench.domain.events import (
    CommandRefused,
    OrderCancelled,
    OrderFilled,
    OrderPlaced,
    ProgramEnded,
    ProgramPaused,
    ProgramStarted,
)
from workbench.domain.instruments import pair
from workbench.domain.orders import Side
from workbench.domain.programs import RunStatus
from workbench.engine.programs import make_program
from workbench.engine.programs._schedule import spread
from workbench.engine.step import step
from workbench.errors import Invalid, Refused

D = Decimal


def start(program, **parameters):
    return StartProgram(program, BTC, parameters)


def spent(tape):
    return [(e.ts, e.notional) for e in tape.of(OrderFilled)]


def ended(tape):
    return [(e.run.status.value, e.run.why) for e in tape.of(ProgramEnded)]


# --- what each does -------------------------------------------------------------------------------------------------------


def test_dca_buys_a_part_at_every_interval_whatever_the_price():
    tape = Tape(held=False).ask(start("dca", amount=300, intervals=3, interval_hours=2))
    for price in (100, 90, 80, 70, 60, 50, 40):
        tape.bar(price)
    assert tape.fills == [("buy", 100, D("1.0")), ("buy", 80, D("1.25")), ("buy", 60, D("1.66666666"))]
    assert ended(tape) == [("COMPLETED", "all 3 slices were traded")]
    run = tape.of(ProgramEnded)[0].run
    assert (run.done, run.fills, run.held) == (3, 3, D("3.91666666"))


def test_parts_are_rounded_so_that_together_they_are_the_whole():
    tape = Tape(held=False).ask(start("dca", amount=100, intervals=3, interval_hours=1))
    tape.bar(100).bar(100).bar(100)
    assert [e.order.amount for e in tape.of(OrderPlaced)] == [D("33.33333333"), D("33.33333334"), D("33.33333333")]


def test_twap_spreads_its_slices_evenly_over_its_window():
    tape = Tape(held=False).ask(start("twap", amount=400, slices=4, window_hours=8))
    for _ in range(9):
        tape.bar(100)
    assert [(ts - START) // HOUR for ts, _ in spent(tape)] == [1, 3, 5, 7]


def test_twap_sells_a_quantity_as_well():
    tape = Tape().ask(start("twap", quantity="6", slices=3, window_hours=3))
    tape.bar(100).bar(110).bar(120)
    assert tape.fills == [("sell", 100, 2), ("sell", 110, 2), ("sell", 120, 2)]
    assert tape.of(ProgramEnded)[0].run.received == 660


def test_vwap_trades_most_where_the_days_volume_is():
    hour = START // HOUR % 24
    curve = [0] * 24
    curve[(hour + 1) % 24], curve[(hour + 2) % 24], curve[(hour + 4) % 24] = 1, 6, 3
    tape = Tape(held=False).ask(start("vwap", amount=1000, slices=4, window_hours=4, curve=curve))
    for _ in range(6):
        tape.bar(100)
    assert [((ts - START) // HOUR, amount) for ts, amount in spent(tape)] == [(1, 100), (2, 600), (4, 300)]


def test_the_volume_curve_is_the_days_volume_by_hour():
    series = wandering(48)
    series.volume = (series.ts // HOUR % 24).astype(float)
    curve = wb.volume_curve(series)
    assert [round(w / curve[1]) for w in curve] == list(range(24))


def test_spot_trades_all_of_it_at_the_next_open():
    tape = Tape(held=False).ask(start("spot", amount=500)).bar(100).bar(100)
    assert tape.fills == [("buy", 100, 5)]
    assert ended(tape) == [("COMPLETED", "all of it was traded")]


def grid(**changes):
    return start("grid", **{"lower": 80, "upper": 120, "levels": 4, "amount_per_level": 90, **changes})


def resting(tape):
    return sorted((o.side.value, o.limit_price) for o in tape.state.book.orders)


def test_a_grid_rests_below_the_price_buys_on_the_way_down_and_sells_one_line_higher():
    tape = Tape(held=False).bar(101).ask(grid())
    assert resting(tape) == [("buy", 80), ("buy", 90), ("buy", 100)]
    tape.bar(101, low=85, close=95)
    assert tape.fills == [("buy", 100, D("0.9")), ("buy", 90, D("1.0"))]
    assert resting(tape) == [("buy", 80), ("sell", 100), ("sell", 110)]
    tape.bar(95, high=111, close=101)
    assert tape.fills[2:] == [("sell", 100, D("1.0")), ("sell", 110, D("0.9"))]
    assert resting(tape) == [("buy", 80), ("buy", 90), ("buy", 100)]
    run = tape.state.runs[1]
    assert (run.done, run.received - run.spent, run.held) == (2, 19, 0)


def test_a_grid_arms_a_cell_once_the_price_lies_above_it():
    tape = Tape(held=False).bar(85).ask(grid())
    assert resting(tape) == [("buy", 80)]
    assert resting(tape.bar(115)) == [("buy", 80), ("buy", 90), ("buy", 100), ("buy", 110)]


def test_a_grid_whose_range_the_price_leaves_is_paused_and_rests_no_more():
    tape = Tape(held=False).bar(101).ask(grid()).bar(121)
    assert resting(tape) == []
    assert tape.of(ProgramPaused)[0].run.why == "the price of 121.00000000 broke out above the range of 80 to 120"
    tape.bar(101)
    assert resting(tape) == []
    assert len(resting(tape.ask(ResumeProgram(1)))) == 3


def test_a_grid_that_has_made_its_target_sells_out_and_is_over():
    tape = Tape(held=False).bar(101).ask(grid(profit_target=9)).bar(101, low=85).bar(101).bar(101, high=105)
    tape.bar(101).bar(101)
    assert tape.state.book.orders == ()
    assert tape.state.book.positions == {}
    assert ended(tape)[0][0] == "COMPLETED"
    assert "and 9 was its target" in ended(tape)[0][1]


def test_a_grid_ends_after_its_cycles():
    tape = Tape(held=False).bar(101).ask(grid(max_cycles=1)).bar(101, low=95).bar(101, high=111).bar(101)
    assert ended(tape) == [("COMPLETED", "it made its 1 round trips")]


def test_what_a_stop_sold_from_under_a_grid_is_bought_again():
    tape = Tape(held=False, stop_loss_pct=8).bar(101).ask(grid()).bar(101, low=95, close=96)
    assert resting(tape) == [("buy", 80), ("buy", 90), ("sell", 110)]
    tape.bar(95, low=91, close=101)
    assert tape.fills == [("buy", 100, D("0.9")), ("sell", 92, D("0.9"))]
    run = tape.state.runs[1]
    assert (run.held, run.received) == (0, D("82.8"))
    assert resting(tape) == [("buy", 80), ("buy", 90), ("buy", 100)]


# --- pause, resume, cancel -------------------------------------------------------------------------------------------------


def test_a_slice_that_came_due_while_paused_is_made_up_for():
    tape = Tape(held=False).ask(start("dca", amount=300, intervals=3, interval_hours=1)).bar(100)
    tape.ask(PauseProgram(1)).bar(100).bar(100)
    assert len(tape.fills) == 1
    tape.ask(ResumeProgram(1)).bar(100)
    assert [amount for _, amount in spent(tape)] == [100, 100, 100]


def test_a_paused_slice_that_was_half_traded_trades_its_other_half_only():
    tape = Tape(state(costs=limited()), held=False).bar(100, volume=20).ask(start("spot", amount=400))
    tape.bar(100, volume=20).ask(PauseProgram(1)).bar(100, volume=20)
    assert tape.fills == [("buy", 100, 2)]
    tape.ask(ResumeProgram(1)).bar(100, volume=20).bar(100, volume=20)
    assert sum(quantity for _, _, quantity in tape.fills) == 4
    assert ended(tape) == [("COMPLETED", "all of it was traded")]


def limited():
    from workbench.domain.costs import ExchangeCosts

    return ExchangeCosts(max_volume_pct=10)


def test_while_the_session_makes_no_entries_a_program_buys_nothing_and_sells_on():
    for command in (Pause(), Halt()):
        tape = (
            Tape()
            .ask(start("dca", amount=300, intervals=3, interval_hours=1))
            .ask(start("twap", quantity="4", slices=2, window_hours=2))
        )
        tape.ask(command).bar(100).bar(100).bar(100)
        assert {side for side, _, _ in tape.fills[1:]} == {"sell"}
        assert "until entries are made again" in tape.state.runs[1].why
        tape.ask(Resume()).bar(100).bar(100)
        assert [side for side, _, _ in tape.fills].count("buy") == 3


def test_a_tripped_breaker_stops_a_programs_buys_too():
    tape = Tape(held=False, volatility_pct=5, breaker_minutes=None).ask(start("dca", amount=300, intervals=3, interval_hours=1))
    tape.bar(100, 110, 100).bar(100).bar(100)
    assert len(tape.fills) == 1


def test_a_cancelled_run_sells_what_it_bought_and_leaves_what_others_did():
    tape = Tape().ask(start("spot", amount=500)).ask(start("dca", amount=200, intervals=2, interval_hours=1))
    tape.bar(100).ask(CancelProgram(2, sell=True)).bar(100).bar(100)
    assert tape.fills[-1] == ("sell", 100, 1)
    assert tape.state.book.quantity(BTC) == 15
    assert ended(tape)[-1] == ("CANCELLED", "it was cancelled by hand")
    assert tape.of(ProgramEnded)[-1].run.held == 0


def test_a_session_that_ends_ends_its_runs_and_keeps_their_results():
    tape = Tape(held=False).ask(start("dca", amount=300, intervals=3, interval_hours=1)).bar(100).ask(Stop())
    assert ended(tape) == [("CANCELLED", "the session stopped")]
    assert tape.of(ProgramEnded)[0].run.spent == 100
    assert tape.state.runs == {}


def test_what_somebody_else_sells_comes_first_from_what_no_run_holds():
    tape = Tape().ask(start("spot", amount=500)).bar(100)
    tape.ask(start("dca", amount=500, intervals=2, interval_hours=9)).bar(100)
    assert tape.state.runs[2].held == D("2.5")
    tape.ask(sell("16")).bar(100)
    assert tape.state.runs[2].held == D("1.5")
    tape.ask(ForceExit()).bar(90)
    run = tape.state.runs[2]
    assert (run.held, run.received) == (0, 235)


def test_a_program_that_only_sells_takes_what_no_run_holds_and_then_from_the_others():
    tape = Tape().ask(start("spot", amount=500)).bar(100)
    tape.ask(start("dca", amount=500, intervals=2, interval_hours=9)).bar(100)
    tape.ask(start("twap", quantity=17, slices=2, window_hours=2)).bar(90).bar(110)
    selling = tape.of(ProgramEnded)[-1].run
    assert (selling.sold, selling.taken, selling.held) == (17, 17, 0)
    assert tape.state.runs[2].held == tape.state.book.quantity(BTC) == D("0.5")
    assert tape.state.runs[2].received == 220
    # Half at 90 and half at 110, against 100 when it began: nothing gained, nothing lost.
    assert selling.result(D(55)) == 0


def test_a_cell_whose_tokens_others_have_sold_takes_its_own_sale_back():
    tape = Tape(held=False).bar(101).ask(grid(stop_on_breakout=False)).bar(101, low=85, close=95)
    assert resting(tape) == [("buy", 80), ("sell", 100), ("sell", 110)]
    tape.ask(start("spot", quantity="0.5")) if tape.state.book.free_quantity(BTC) else tape.ask(ForceExit())
    tape.bar(95).bar(95)
    assert resting(tape) == [("buy", 80), ("buy", 90)]
    assert tape.state.runs[1].held == 0


def test_an_order_of_a_run_is_minded_by_its_run():
    tape = Tape(held=False).bar(101).ask(grid())
    tape.ask(CancelOrder(tape.state.book.orders[0].id))
    assert "belongs to program run 1; pause or cancel the run instead" in tape.of(CommandRefused)[0].why


def test_a_slice_that_reverts_is_sent_again_and_a_run_that_gets_nowhere_fails():
    costs = PoolCosts(liquidity=D(1_000), tolerance_pct=D("0.1"))
    start_state = state(costs=costs)
    tape = Tape(start_state, held=False).bar(100).ask(start("spot", amount=900))
    for _ in range(25):
        tape.bar(100)
    assert tape.fills == []
    assert ended(tape)[0][0] == "FAILED"
    assert "nothing could be placed at 20 closes in a row" in ended(tape)[0][1]


# --- refused ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (grid(lower=120, upper=100), "lower: expected a price below the upper one, 100, found 120: the range is empty by 20."),
        (grid(lower=100, upper=100), "the range is empty by 0."),
        (grid(lower=150, upper=190), "Expected the price of 100.00000000 within 150 to 190, found it 50.00000000 outside."),
        (grid(amount_per_level=3000), "cash at hand for all levels, found 12000.00000000, 2000.00000000 too much."),
        (
            start("twap", amount=100, slices=9, window_hours=4),
            "Expected at most 4 slices, one for each bar of 60 minutes in a window of 4 hours, found 9, 5 too many.",
        ),
        (start("twap", amount=20_000, slices=2), "Expected at most the 10000.00000000 cash at hand, found 20000, 10000.00000000"),
        (start("twap", quantity=1, slices=2, window_hours=4), "Expected at most the 0 BTC/USDT held, found 1, 1 too much."),
        (start("twap", slices=2), "amount: expected an amount to spend or else a quantity to sell, found 'neither'."),
        (start("vwap", amount=100, slices=2), "expected a curve of 24 weights, found none."),
        (start("vwap", amount=100, slices=2, curve=[1, 2]), "not all of them zero, found 2 that add up to 3."),
        (start("dca", amount=100, interval_hours="0.5"), "Expected an interval of at least one bar, 1 hours, found 0.5."),
        (start("dca", amount=100, intervals=1), "intervals: expected a whole number from 2 to 1000, found 1."),
        (start("dcaa"), "There is no program 'dcaa'. Did you mean 'dca'?"),
        (start("dca", ammount=1), "There is no parameter of dca 'ammount'. Did you mean 'amount'?"),
        (StartProgram("dca", "1:0xabc"), "This session does not trade 1:0xabc."),
        (PauseProgram(3), "Expected a program run that goes on, of none, found 3."),
    ],
)  # fmt: skip
def test_a_program_that_cannot_be_is_refused_with_the_bound_and_by_how_much(command, sentence):
    tape = Tape(held=False).ask(command)
    assert sentence in tape.of(CommandRefused)[0].why
    assert tape.state.runs == {}


def test_a_slice_below_the_smallest_trade_is_refused():
    tape = Tape(held=False, min_trade_size=50).ask(start("dca", amount=100, intervals=5, interval_hours=1))
    assert "Expected slices of at least 50, the smallest trade, found one of 20.00000000." in tape.of(CommandRefused)[0].why


def test_a_program_does_not_start_in_a_token_that_may_not_be_traded():
    tape = Tape(held=False, blocked_tokens="BTC/USDT").ask(start("dca", amount=100))
    assert tape.of(CommandRefused)[0].why == "BTC/USDT is not one of the tokens that may be traded."


def test_before_the_first_bar_a_program_waits_for_it_and_fails_if_it_cannot_begin():
    stepped = step(state(), start("grid", lower=500, upper=600))
    assert isinstance(stepped.events[-1], ProgramStarted)
    stepped = step(stepped.state, slice_of(bar()), [reading()])
    run = next(e.run for e in stepped.events if isinstance(e, ProgramEnded))
    assert run.status is RunStatus.FAILED
    assert "found it 400.00000000 outside" in run.why
    with pytest.raises(Refused, match="found it 399"):
        wb.backtest(wb.programs.Grid(lower=500, upper=600), wandering(50))


def test_a_backtest_of_something_else_is_refused():
    with pytest.raises(Invalid, match="programs such as Dca"):
        wb.backtest("manual", wandering(50), programs=["dca"])


def test_a_program_goes_by_its_name_its_class_or_itself():
    parameters = {"amount": 500, "intervals": 5, "interval_hours": 2}
    named = wb.backtest("dca", wandering(50), parameters=parameters)
    assert named.digest == wb.backtest(wb.programs.Dca, wandering(50), parameters=parameters).digest
    assert named.digest == wb.backtest(wb.programs.Dca(**parameters), wandering(50)).digest
    assert named.programs["status"].to_list() == ["COMPLETED"]
    assert repr(named).startswith("DCA on BTC/USDT 1h")


# --- which of them the rules pick ------------------------------------------------------------------------------------------

TWAP = {"enable_twap": True, "size_pct": 60, "twap_window_hours": 8}
FLAT, WILD = {"trend": 5_000, "volatility": 12_000}, {"trend": 5_000, "volatility": 60_000}


@pytest.mark.parametrize(
    ("rules", "measures", "picked", "because"),
    [
        ({}, FLAT, None, "not by DCA, for confidence 60 is below 70"),
        ({}, {**FLAT, "trend": -1}, None, "not by DCA, for the trend of -0.00 % is not up"),
        ({}, {**FLAT, "confidence": 80}, "dca", "by DCA, for the trend of 0.50 % is up and confidence is 80"),
        ({"enable_grid": True}, FLAT, "grid", "by grid, for the trend of 0.50 % is flat and a day moves 5.88 %"),
        ({"enable_grid": True}, {**FLAT, "liquidity": 90_000}, None, "not by grid, for its pool of 90000 is too thin"),
        ({"enable_grid": True}, {**FLAT, "trend": 30_000}, None, "not by grid, for the trend of 3.00 % is not flat"),
        (TWAP, {**FLAT, "confidence": 80}, "twap", "by TWAP, for it is large, its pool is not known and a day moves 5.88 %"),
        ({**TWAP, "twap_window_hours": 4}, {**FLAT, "confidence": 80}, "dca", "by DCA"),
        ({**TWAP, "twap_window_hours": 4, "enable_dca": False}, {**FLAT, "confidence": 80}, None, "for expected at most 4 slices"),
        ({"enable_twap": True}, {**FLAT, "confidence": 80}, "dca", "by DCA"),
        ({"enable_twap": True, "size_pct": 60}, {**WILD, "confidence": 80}, "dca", "by DCA"),
        (TWAP, {**FLAT, "liquidity": 600_000}, None, "not by TWAP, for its pool of 600000 is not shallow"),
        ({"enable_vwap": True, "size_pct": 60}, FLAT, None, "not by VWAP, for not every hour of a day was seen yet"),
    ],
)  # fmt: skip
def test_the_rules_pick_a_program_for_an_entry_and_say_why(rules, measures, picked, because):
    measures = dict(measures)
    confidence, liquidity = measures.pop("confidence", 60), measures.pop("liquidity", None)
    run = Run(measures={**measures}, **{"enable_dca": True, **rules})
    one = bar(START)
    one = msgspec.structs.replace(one, liquidity=None if liquidity is None else D(liquidity))
    from tests.engine.test_rules import said

    run.take(step(run.state, slice_of(one), [said(enter=True, confidence=confidence, **measures)]))
    thought = run.thoughts[-1]
    assert because in thought.execution
    assert because in thought.reason
    started = run.of(ProgramStarted)
    assert [event.run.program for event in started] == ([picked] if picked else [])
    assert (thought.run, thought.order) == ((1, None) if picked else (None, 1))


def test_vwap_is_picked_once_every_hour_was_seen():
    run = Run(measures=FLAT, enable_vwap=True, size_pct=60, twap_window_hours=8)
    run.bars(*[100] * 24, signals=" " * 23 + "e")
    assert [event.run.program for event in run.of(ProgramStarted)] == ["vwap"]
    assert run.of(ProgramStarted)[0].run.parameters["curve"] == [1_000_000] * 24


def test_while_a_program_is_at_work_nothing_else_trades_in_its_token():
    run = Run(measures=FLAT).bars(100)
    run.ask(start("dca", amount=500, intervals=5, interval_hours=1)).bars(100, 100, 100, signals="ex ")
    assert len(run.of(OrderPlaced)) == 4
    assert run.thoughts[-2].stopped_by == "program"
    assert "program run 1 is at work here" in run.thoughts[-2].reason


def test_an_exit_signal_ends_the_run_that_the_rules_had_picked_and_sells():
    run = Run(measures={**FLAT, "trend": 9_000}, enable_dca=True, dca_interval_hours=1).bars(
        100, 100, 100, 110, 110, signals="e x  "
    )
    ended_run = run.of(ProgramEnded)[0].run
    assert (ended_run.status, ended_run.why, ended_run.held) == (RunStatus.CANCELLED, "the strategy wants out", 0)
    assert ended_run.received - ended_run.spent == 40
    assert run.state.book.positions == {}
    assert run.state.runs == {}


def test_a_stop_loss_ends_the_run_that_the_rules_had_picked():
    run = Run(measures=FLAT, enable_dca=True, dca_interval_hours=1, stop_loss_pct=5).bars(100, 100, 90, 90, signals="e")
    assert [event.run.why for event in run.of(ProgramEnded)] == ["its position was left"]
    assert run.state.book.positions == {}
    assert [event.why for event in run.of(OrderCancelled)] == ["program run 1 ends"]


# --- anything at all -------------------------------------------------------------------------------------------------------

prices = st.integers(60, 140)
programs = st.one_of(
    st.builds(lambda a, n: start("dca", amount=a, intervals=n, interval_hours=1), st.integers(20, 4000), st.integers(2, 6)),
    st.builds(lambda a, n: start("twap", amount=a, slices=n, window_hours=6), st.integers(20, 4000), st.integers(2, 6)),
    st.builds(lambda q, n: start("twap", quantity=q, slices=n, window_hours=6), st.integers(1, 20), st.integers(2, 6)),
    st.builds(
        lambda low, n: grid(lower=low, upper=low + 30, levels=n, stop_on_breakout=False), st.integers(70, 100), st.integers(2, 6)
    ),
    st.builds(lambda a: start("spot", amount=a), st.integers(20, 4000)),
)
others = st.one_of(
    st.integers(1, 4).map(PauseProgram), st.integers(1, 4).map(ResumeProgram),
    st.builds(CancelProgram, st.integers(1, 4), st.booleans()), st.just(ForceExit()), st.just(Pause()), st.just(Resume()),
    st.just(Halt()), st.integers(1, 9).map(lambda q: sell(str(q))), st.integers(50, 900).map(lambda a: buy(str(a))),
)  # fmt: skip
bars = st.tuples(prices, prices, prices, prices).map(lambda p: (p[0], max(p), min(p), p[3]))


@settings(max_examples=300)
@given(
    st.lists(st.one_of(bars, bars, programs, others), max_size=40),
    st.sampled_from([None, PoolCosts(liquidity=D(100_000), fee_bps=D(30), tolerance_pct=D("0.5"), token_tax_bps=D(20)), limited()]),
    st.sampled_from([{}, {"stop_loss_pct": 6, "take_profit_pct": 8}, {"volatility_pct": 30}]),
)
def test_whatever_programs_do_their_books_and_the_accounts_add_up(inputs, costs, rules):
    tape = Tape(state(costs=costs, **rules), held=False).bar(100)
    for given_one in inputs:
        if isinstance(given_one, tuple):
            tape.bar(*given_one, volume=30)
        else:
            tape.ask(given_one)
        now = tape.state
        assert now.book.cash >= 0
        for key in now.book.positions:
            held = sum((run.held for run in now.runs.values() if run.instrument == key), D(0))
            assert 0 <= held <= now.book.quantity(key)
        assert all(run.held == 0 for run in now.runs.values() if run.instrument not in now.book.positions)
        for order in now.book.orders:
            if order.run is not None:
                assert now.runs[order.run].status is not RunStatus.PAUSED
    owner = {event.order.id: event.order.run for event in tape.of(OrderPlaced)}
    for run in [*tape.state.runs.values(), *(event.run for event in tape.of(ProgramEnded))]:
        own = [fill for fill in tape.of(OrderFilled) if owner.get(fill.order) == run.id]
        assert run.spent == sum((fill.notional for fill in own if fill.side is Side.BUY), D(0))
        assert run.bought == sum((fill.quantity for fill in own if fill.side is Side.BUY), D(0))
        assert run.sold >= sum((fill.quantity for fill in own if fill.side is Side.SELL), D(0))
    before = tape.state
    again = msgspec.json.decode(msgspec.json.encode(before), type=type(before))
    assert again == before


def test_a_program_knows_its_parameters_by_type():
    assert make_program("grid", {"lower": "80", "upper": 120.5}).upper == D("120.5")
    assert make_program("vwap", {"amount": 5, "curve": list(range(24))}).curve == tuple(range(24))


# --- what was found by attacking them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["dca", "twap"])
def test_all_the_cash_is_spread_although_its_fees_take_a_part_of_the_last_slice(program):
    window = {"intervals": 5, "interval_hours": 1} if program == "dca" else {"slices": 5, "window_hours": 5}
    tape = Tape(state(1000, costs=ExchangeCosts(fee_bps=10)), held=False).bar(100).ask(start(program, amount=1000, **window))
    for _ in range(7):
        tape.bar(100)
    assert ended(tape)[0][0] == "COMPLETED"
    assert tape.state.book.cash < D("0.01")


def test_a_program_that_a_rule_picked_counts_towards_the_caps_with_all_that_it_is_to_spend():
    two = (pair("BTC/USDT"), pair("ETH/USDT"))
    rules = {"max_exposure_pct": 50, "size_pct": 40, "enable_twap": True, "large_trade_size": 100, "twap_num_slices": 4}
    now = state(instruments=two, **rules)
    for i in range(12):
        both = [bar(START + i * HOUR, 100), bar(START + i * HOUR, 100)]
        said = [msgspec.structs.replace(reading(enter=i == 1), measures=FLAT)] * 2
        now = step(now, slice_of(*both), said).state
    assert now.book.at_cost <= 5000


def test_a_program_that_a_rule_picked_ends_at_an_exit_signal_though_nothing_was_bought_yet():
    run = Run(measures={**FLAT, "volatility": 60_000}, enable_grid=True).bars(100, 100, 100, signals="e..")
    run.bars(100, 100, 80, signals="x..")
    assert run.state.runs == {}
    assert run.state.book.positions == {}


@pytest.mark.parametrize(("cash", "size"), [(400, "0.01"), (10**11, 40)])
def test_an_entry_that_does_not_fit_a_programs_bounds_is_made_without_it(cash, size):
    begun = state(cash, enable_grid=True, enable_twap=True, size_pct=size, large_trade_size=0)
    run = Run(begun, measures=FLAT).bars(100, 100, signals="e.")
    assert run.state.runs == {}
    assert run.state.book.positions


def test_an_exit_signal_sells_what_no_program_of_a_persons_holds():
    tape = Tape().ask(start("dca", amount=500, intervals=5, interval_hours=1)).bar(100)
    held = tape.state.runs[1].held
    assert held > 0
    wants_out = reading(exit=True)
    for _ in range(2):
        tape.ts += HOUR
        stepped = step(tape.state, slice_of(bar(tape.ts, 100)), [wants_out])
        tape.state, tape.events = stepped.state, [*tape.events, *stepped.events]
    sold = [f for f in tape.of(OrderFilled) if f.side is Side.SELL]
    assert [f.quantity for f in sold] == [D(10)]


def test_a_slice_of_a_vwap_weighs_all_the_hours_that_it_covers():
    curve = [10] * 24
    curve[(START // HOUR + 6) % 24] = 10_000
    tape = Tape(held=False).ask(start("vwap", amount=1000, slices=8, window_hours=24, curve=curve))
    for _ in range(26):
        tape.bar(100)
    amounts = [e.order.amount for e in tape.of(OrderPlaced)]
    assert len(amounts) == 8
    assert max(amounts) > 900


def test_a_dca_keeps_the_nearest_whole_number_of_bars_between_its_parts():
    tape = Tape(held=False).ask(start("dca", amount=300, intervals=3, interval_hours="1.99"))
    for _ in range(6):
        tape.bar(100)
    assert [(ts - START) // HOUR for ts, _ in spent(tape)] == [1, 3, 5]


def test_whole_tokens_are_spread_evenly_and_too_fine_a_quantity_is_refused():
    assert [int(part) for part in spread(D(14), [1] * 10, 0)] == [1, 2, 1, 2, 1, 1, 2, 1, 2, 1]
    coarse = pair("BTC/USDT", 8, 2)
    tape = Tape(state(instruments=(coarse,)), held=False).bar(100).ask(buy()).bar(100)
    tape.ask(start("twap", quantity="1.005", slices=2, window_hours=2))
    assert tape.of(CommandRefused)[0].why == "Expected a quantity with at most 2 decimals, found 1.005."
