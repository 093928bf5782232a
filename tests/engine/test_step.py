import decimal
from decimal import Decimal

import pytest

from tests.make import HOUR, START, bar, given, reading, state
from workbench.domain.commands import (
    CancelOrder,
    ChangeConfiguration,
    Deposit,
    ForceExit,
    Pause,
    PlaceOrder,
    Resume,
    Stop,
    Withdraw,
)
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.events import (
    CommandRefused,
    EquityMarked,
    OrderCancelled,
    OrderFilled,
    OrderPlaced,
    SessionStopped,
    ThoughtRecorded,
)
from workbench.domain.instruments import pair
from workbench.domain.orders import Reason, Side
from workbench.domain.thoughts import Decision
from workbench.engine.step import complete, digest_of, step
from workbench.errors import Broken, HoleInData

BTC = pair("BTC/USDT").key


def run(start, *bars, signals="", last=False):
    """Step over bars an hour apart; `signals` has a letter a bar: e(nter), x (exit), or anything else for neither."""
    events, thoughts = [], []
    for i, one in enumerate(bars):
        sign = signals[i : i + 1]
        placed = bar(START + i * HOUR, *one) if isinstance(one, tuple) else bar(START + i * HOUR, one)
        stepped = step(start, given(placed, last=last and i == len(bars) - 1), [reading(sign == "e", sign == "x")])
        start = stepped.state
        start.book.check()
        events += stepped.events
        thoughts += stepped.thoughts
    return start, events, thoughts


def fills(events):
    return [event for event in events if isinstance(event, OrderFilled)]


def test_a_decision_at_a_close_trades_at_the_next_open():
    _, events, _ = run(state(), (100, 110, 90, 105), (107, 120, 100, 111), signals="e")
    (bought,) = fills(events)
    assert (bought.side, bought.price, bought.ts) == (Side.BUY, Decimal(107), START + HOUR)
    assert bought.notional == Decimal("9.34579439") * 107


def test_a_buy_spends_its_share_of_the_equity_and_pays_its_costs_on_top():
    costs = ExchangeCosts(fee_bps=10, half_spread_bps=5, slippage_bps=15, gas="0.25")
    after, events, _ = run(state(costs=costs), 100, 100, signals="e")
    (bought,) = fills(events)
    assert bought.price == Decimal("100.2")
    assert bought.quantity == Decimal("9.98003992")
    assert bought.fee == round(bought.notional / 1000, 8)
    assert (bought.spread_cost, bought.slippage_cost) == (Decimal("0.49900200"), Decimal("1.49700599"))
    assert after.book.cash == 10_000 - bought.notional - bought.fee - Decimal("0.25")


def test_cash_that_falls_short_buys_the_most_that_it_covers():
    after, events, _ = run(state(size_pct=100, costs=ExchangeCosts(fee_bps=10)), 3, 3, signals="e")
    (bought,) = fills(events)
    assert 0 <= after.book.cash < Decimal("0.00000005")
    assert bought.quantity < Decimal("3333.33333333")


def test_an_exit_signal_sells_everything_at_the_next_open():
    after, events, _ = run(state(), 100, 100, 105, 110, signals="e.x")
    assert [(f.side, f.price, f.reason) for f in fills(events)][1] == (Side.SELL, Decimal(110), Reason.EXIT_SIGNAL)
    assert after.book.positions == {}


@pytest.mark.parametrize(
    ("rules", "after_entry", "price", "reason"),
    [
        ({"stop_loss_pct": 5}, (100, 101, 94, 99), "95", Reason.STOP_LOSS),
        ({"stop_loss_pct": 5}, (93, 99, 92, 98), "93", Reason.STOP_LOSS),
        ({"take_profit_pct": 5}, (100, 107, 99, 101), "105", Reason.TAKE_PROFIT),
        ({"take_profit_pct": 5}, (108, 109, 107, 108), "108", Reason.TAKE_PROFIT),
        ({"trailing_stop_pct": 5}, (100, 100, 94, 99), "95", Reason.TRAILING_STOP),
        ({"stop_loss_pct": 10, "trailing_stop_pct": 5}, (100, 100, 89, 99), "95", Reason.TRAILING_STOP),
        ({"stop_loss_pct": 5, "trailing_stop_pct": 10}, (100, 100, 89, 99), "95", Reason.STOP_LOSS),
    ],
)
def test_an_exit_inside_a_bar_fills_at_its_price_and_a_gap_at_the_open(rules, after_entry, price, reason):
    _, events, thoughts = run(state(**rules), 100, (100, 100, 100, 100), after_entry, signals="e")
    sold = fills(events)[1]
    assert (sold.price, sold.reason) == (Decimal(price), reason)
    assert thoughts[-1].stopped_by == reason.value
    assert price in thoughts[-1].reason


def test_stop_and_target_in_one_bar_take_the_stop_and_count_the_bar_as_ambiguous():
    after, events, _ = run(state(stop_loss_pct=5, take_profit_pct=5), 100, 100, (100, 106, 94, 100), signals="e")
    assert fills(events)[1].reason is Reason.STOP_LOSS
    assert after.ambiguous == 1


def test_exits_act_from_the_bar_of_entry_on():
    _, events, _ = run(state(stop_loss_pct=5), 100, (100, 101, 90, 99), signals="e")
    assert [f.reason for f in fills(events)] == [Reason.ENTRY_SIGNAL, Reason.STOP_LOSS]


def test_the_trail_moves_on_the_highs_of_earlier_bars_only():
    rules = {"trailing_stop_pct": 10}
    _, events, _ = run(state(**rules), 100, 100, (100, 200, 175, 190), (190, 190, 179, 185), signals="e")
    assert [f.price for f in fills(events)] == [Decimal(100), Decimal(180)]


def test_a_position_is_sold_once_it_is_held_too_long():
    _, events, thoughts = run(state(max_hold_hours=2), 100, 100, 100, 100, 100, signals="e")
    assert fills(events)[1].ts == START + 3 * HOUR
    assert any(t.stopped_by == "max_hold" and "longest allowed is 2 h" in t.reason for t in thoughts)


@pytest.mark.parametrize(
    ("rules", "gate"),
    [
        ({"confidence_threshold": 90}, "confidence"),
        ({"min_trade_size": 20_000}, "cash"),
    ],
)
def test_a_gate_stops_an_entry_and_says_by_how_much(rules, gate):
    _, events, thoughts = run(state(**rules), 100, 100, signals="ee")
    assert fills(events) == []
    assert {t.stopped_by for t in thoughts} == {gate}
    stopping = next(g for g in thoughts[0].gates if g.name == gate)
    assert stopping.margin < 0
    assert stopping.margin == stopping.value - stopping.threshold


def test_a_token_is_left_alone_during_its_cooldown():
    _, events, thoughts = run(state(cooldown_minutes=120), 100, 100, 100, 100, 100, 100, 100, signals="exeeee")
    entries = [f.ts for f in fills(events) if f.side is Side.BUY]
    assert entries == [START + HOUR, START + 5 * HOUR]
    assert [t.stopped_by for t in thoughts if t.decision is Decision.SKIP] == ["cooldown", "cooldown"]


def test_a_day_has_its_number_of_trades_and_the_next_day_its_own():
    bars = [100] * 30
    _, events, _ = run(state(max_daily_trades=2), *bars, signals="ex" * 15)
    days = [f.ts // 86_400_000 for f in fills(events)]
    assert [days.count(day) for day in sorted(set(days))] == [2, 2]


def test_the_first_bar_after_a_hole_makes_no_entry_where_holes_are_to_be_skipped():
    start = state(on_hole="skip")
    first = step(start, given(bar(START)), [reading()]).state
    stepped = step(first, given(bar(START + 4 * HOUR)), [reading(enter=True)])
    assert stepped.thoughts[0].stopped_by == "fresh_prices"
    assert stepped.state.missing == 3
    marked = next(e for e in stepped.events if isinstance(e, EquityMarked))
    assert marked.missing == 3
    assert step(stepped.state, given(bar(START + 5 * HOUR)), [reading(enter=True)]).thoughts[0].decision is Decision.BUY


def test_a_hole_is_loud_where_it_is_to_raise():
    first = step(state(on_hole="raise"), given(bar(START)), [reading()]).state
    with pytest.raises(HoleInData, match="3 missing bars before 2023-11-15T04:00:00Z"):
        step(first, given(bar(START + 4 * HOUR)), [reading()])


def test_no_gate_ever_stops_an_exit():
    rules = {"confidence_threshold": 10, "max_positions": 1, "max_daily_trades": 1, "cooldown_minutes": 500, "on_hole": "skip"}
    start, _, _ = run(state(**rules), 100, 100, signals="e")
    paused = step(start, Pause()).state
    hole = step(paused, given(bar(START + 9 * HOUR)), [reading(exit=True, confidence=0)]).state
    sold = step(hole, given(bar(START + 10 * HOUR)), [reading()])
    assert fills(sold.events)[0].reason is Reason.EXIT_SIGNAL


def test_the_last_bar_places_nothing_and_an_open_position_stays_at_the_last_close():
    after, events, thoughts = run(state(), 100, 100, 120, signals="e.x", last=True)
    assert len(fills(events)) == 1
    assert after.book.orders == ()
    assert after.equity == 10_000 + 20 * Decimal(10)
    assert thoughts[-1].decision is Decision.HOLD
    _, _, thoughts = run(state(), 100, signals="e", last=True)
    assert thoughts[-1].stopped_by == "next_bar"


def test_instruments_share_cash_in_the_order_of_the_plan():
    tokens = [pair("A/USD"), pair("B/USD")]
    start = state(1000, instruments=tokens, size_pct=80)
    placed = step(start, given(bar(START), bar(START)), [reading(enter=True)] * 2).state
    events = step(placed, given(bar(START + HOUR), bar(START + HOUR)), [reading()] * 2).events
    assert [(f.instrument, f.notional) for f in fills(events)] == [("0:A/USD", 800), ("0:B/USD", 200)]


def test_a_missing_bar_leaves_its_order_resting_and_its_mark_as_it_was():
    tokens = [pair("A/USD"), pair("B/USD")]
    start = step(state(instruments=tokens), given(bar(START), bar(START)), [reading(), reading(enter=True)]).state
    waiting = step(start, given(bar(START + HOUR), None), [reading(), None])
    assert fills(waiting.events) == []
    assert next(e for e in waiting.events if isinstance(e, EquityMarked)).absent == (1,)
    filled = step(waiting.state, given(bar(START + 2 * HOUR), bar(START + 2 * HOUR)), [reading(), reading()])
    assert len(fills(filled.events)) == 1
    assert filled.state.missing == 1


def test_time_going_backwards_is_loud():
    first = step(state(), given(bar(START)), [reading()]).state
    with pytest.raises(Broken, match="Time must go forward"):
        step(first, given(bar(START)), [reading()])


def test_a_thought_is_recorded_when_something_changed_and_evaluated_every_time():
    _, events, thoughts = run(state(), 100, 100, 100, 100, signals="")
    assert len(thoughts) == 4
    assert len([e for e in events if isinstance(e, ThoughtRecorded)]) == 1


def test_a_gate_tuple_tells_every_gate_in_the_order_in_which_it_is_asked():
    _, _, thoughts = run(state(), 100, signals="e")
    names = "signal warm_up running next_bar fresh_prices confidence open_positions daily_trades cooldown cash"
    assert [g.name for g in thoughts[0].gates] == names.split()
    assert thoughts[0].decision is Decision.BUY


def test_the_warm_up_gate_waits_for_the_strategys_own_lookback():
    stepped = step(state(), given(bar()), [reading(enter=True, at_hand=0)])
    assert stepped.thoughts[0].stopped_by == "warm_up"


# --- commands ------------------------------------------------------------------------------------------------------------


def held(**rules):
    return run(state(**rules), 100, 100, signals="e")[0]


def test_pause_stops_entries_and_resume_lets_them_in_again():
    paused = step(state(), Pause()).state
    stopped = step(paused, given(bar()), [reading(enter=True)])
    assert stopped.thoughts[0].stopped_by == "running"
    resumed = step(stopped.state, Resume()).state
    assert step(resumed, given(bar(START + HOUR)), [reading(enter=True)]).thoughts[0].decision is Decision.BUY


def test_deposits_and_withdrawals_keep_the_identity():
    after = step(step(held(), Deposit("250.5")).state, Withdraw("1000")).state
    after.book.check()
    assert after.book.deposits == Decimal("10250.5")
    assert after.equity == 10_000 + Decimal("250.5") - 1000


def test_a_person_buys_and_sells_at_the_next_open_and_may_take_it_back():
    placed = step(state(), PlaceOrder(BTC, Side.BUY, amount="100"))
    number = next(e for e in placed.events if isinstance(e, OrderPlaced)).order.id
    cancelled = step(placed.state, CancelOrder(number))
    assert any(isinstance(e, OrderCancelled) for e in cancelled.events)
    assert cancelled.state.book.orders == ()
    bought = step(placed.state, given(bar()), [reading()])
    assert fills(bought.events)[0].notional == 100
    sold = step(step(bought.state, PlaceOrder(BTC, Side.SELL, quantity="0.4")).state, given(bar(START + HOUR)), [reading()])
    assert sold.state.book.quantity(BTC) == Decimal("0.6")


def test_a_forced_exit_sells_all_at_the_next_open():
    forced = step(held(), ForceExit()).state
    sold = step(forced, given(bar(START + 2 * HOUR, 103)), [reading()])
    assert (fills(sold.events)[0].reason, sold.state.book.positions) == (Reason.FORCE_EXIT, {})


def test_a_changed_configuration_moves_the_exits_of_what_is_held():
    changed = step(held(), ChangeConfiguration(StrategyConfiguration(stop_loss_pct=1))).state
    sold = step(changed, given(bar(START + 2 * HOUR, 100, low=98)), [reading()])
    assert fills(sold.events)[0].price == Decimal(99)


def test_stop_cancels_what_rests_and_keeps_positions():
    resting = step(held(), PlaceOrder(BTC, Side.BUY, amount="1")).state
    stopped = step(resting, Stop("enough"))
    end = stopped.events[-1]
    assert isinstance(end, SessionStopped)
    assert (end.reason, end.ledger_digest) == ("enough", digest_of(stopped.state))
    assert stopped.state.book.orders == ()
    assert stopped.state.book.quantity(BTC) == 10
    with pytest.raises(Broken, match="takes no more input"):
        step(stopped.state, Pause())


def test_stop_closes_positions_at_the_newest_price_when_asked():
    stopped = step(held(), Stop(close_positions=True))
    assert fills(stopped.events)[0].reason is Reason.SESSION_STOPPED
    assert stopped.state.book.positions == {}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (Resume(), "not paused"),
        (Deposit("0"), "above zero"),
        (Withdraw("10001"), "at most the 10000.00000000 cash"),
        (CancelOrder(7), "No order 7 rests"),
        (ForceExit(BTC), "Nothing is held"),
        (PlaceOrder("0:XYZ", Side.BUY, amount="1"), "does not trade 0:XYZ"),
        (PlaceOrder(BTC, Side.BUY), "needs an amount"),
        (PlaceOrder(BTC, Side.BUY, amount="10001"), "at most the 10000.00000000 cash"),
        (PlaceOrder(BTC, Side.SELL, quantity="1"), "at most the 0 held"),
    ],
)
def test_a_command_that_cannot_be_done_is_refused_and_changes_nothing(command, sentence):
    before = state()
    stepped = step(before, command)
    (refused,) = stepped.events
    assert isinstance(refused, CommandRefused)
    assert sentence in refused.why
    assert stepped.state == before


def test_the_end_of_the_data_closes_the_digest_and_cancels_what_rests():
    resting = step(state(), PlaceOrder(BTC, Side.BUY, amount="1")).state
    ended = complete(resting, "the data ended")
    assert ended.state.book.orders == ()
    assert ended.events[-1].ledger_digest == digest_of(ended.state)


def test_an_order_that_never_fills_is_outside_the_ledger_digest():
    resting = step(state(), PlaceOrder(BTC, Side.BUY, amount="1")).state
    assert digest_of(complete(resting, "").state) == digest_of(state())


def test_the_same_inputs_give_the_same_events_whatever_the_callers_decimal_context():
    slices = [given(bar(START + i * HOUR, price)) for i, price in enumerate((100, 101, 99, 103))]
    readings = [reading(enter=True), reading(), reading(exit=True), reading()]
    start = state(costs=ExchangeCosts(fee_bps=7))

    def events():
        after, happened = start, []
        for one, said in zip(slices, readings, strict=True):
            stepped = step(after, one, [said])
            after, happened = stepped.state, [*happened, *stepped.events]
        return happened

    plain = events()
    with decimal.localcontext() as context:
        context.prec, context.rounding = 6, decimal.ROUND_UP
        assert events() == plain
