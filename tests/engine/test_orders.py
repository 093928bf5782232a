"""Orders inside a bar: each kind in small hand-made bars, with the fill worked out by hand."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.make import HOUR, START, bar, reading, state
from tests.make import given as slice_of
from workbench.domain.bars import Bar
from workbench.domain.commands import AmendOrder, CancelOrder, ForceExit, Pause, PlaceOco, PlaceOrder, Resume, Stop, Withdraw
from workbench.domain.costs import ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.events import (
    BreakerTripped,
    CommandRefused,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderReverted,
    OrderTriggered,
    StopMoved,
)
from workbench.domain.instruments import pair
from workbench.domain.orders import OrderType, Reason, Side, TimeInForce
from workbench.engine.step import step

D = Decimal
BTC = pair("BTC/USDT").key
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
TRAIL, TARGET = OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT


def buy(amount="1000", **fields):
    return PlaceOrder(BTC, Side.BUY, amount=amount, **fields)


def sell(quantity="10", **fields):
    return PlaceOrder(BTC, Side.SELL, quantity=quantity, **fields)


class Tape:
    """A session driven by hand: bars an hour apart, and orders between them."""

    def __init__(self, start=None, *, held=True, **rules):
        self.state = start or state(**rules)
        self.events, self.ts = [], START - HOUR
        if held:
            self.ask(buy())
            self.bar(100)
            self.events.clear()
        elif start is None:
            self.bar(100)
            self.events.clear()

    def ask(self, command):
        stepped = step(self.state, command)
        self.state = stepped.state
        self.events += stepped.events
        return self

    def bar(self, open, high=None, low=None, close=None, volume=1):
        self.ts += HOUR
        one = bar(self.ts, open, high, low, close)
        one = Bar(one.ts, one.open, one.high, one.low, one.close, D(volume))
        stepped = step(self.state, slice_of(one), [reading()])
        self.state = stepped.state
        self.state.book.check()
        self.events += stepped.events
        return self

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def fills(self):
        return [(f.side.value, f.price, f.quantity) for f in self.of(OrderFilled)]

    @property
    def resting(self):
        return self.state.book.orders


def test_the_tape_begins_with_ten_held_at_a_hundred():
    assert Tape().state.book.quantity(BTC) == 10


# --- one order, one bar ---------------------------------------------------------------------------------------------------

# The order, the bar (open, high, low, close), and the price at which it fills in it; None where it goes on resting.
SALES = [
    ("a market order trades at the open", sell(), (102, 105, 99, 101), 102),
    ("a limit is met on the way up", sell(type=LIMIT, limit_price="110"), (100, 111, 99, 105), 110),
    ("a limit that is only touched waits in its queue", sell(type=LIMIT, limit_price="110"), (100, 110, 99, 105), None),
    ("a limit below the price trades at the open, as a taker", sell(type=LIMIT, limit_price="90"), (100, 101, 99, 100), 100),
    ("a stop is touched", sell(type=STOP, stop_price="95"), (100, 101, 95, 99), 95),
    ("a stop that is not reached", sell(type=STOP, stop_price="95"), (100, 101, "95.01", 99), None),
    ("a gap through a stop trades at the open", sell(type=STOP, stop_price="95"), (93, 97, 92, 96), 93),
    ("a target is touched", sell(type=TARGET, stop_price="110"), (100, 110, 99, 105), 110),
    ("a gap through a target trades at the open", sell(type=TARGET, stop_price="110"), (112, 113, 111, 112), 112),
    ("a stop-limit is met where it is triggered", sell(type=STOP_LIMIT, stop_price="95", limit_price="94"), (100, 101, 93, 94), 95),
    (
        "a stop-limit above its stop needs the close",
        sell(type=STOP_LIMIT, stop_price="95", limit_price="97"),
        (100, 101, 93, 98),
        97,
    ),
    (
        "a stop-limit whose limit may lie before its trigger waits",
        sell(type=STOP_LIMIT, stop_price="95", limit_price="97"),
        (100, 101, 93, 96),
        None,
    ),
    (
        "a stop-limit that gaps below its limit is met later in the bar",
        sell(type=STOP_LIMIT, stop_price="95", limit_price="94"),
        (90, 96, 89, 93),
        94,
    ),
    (
        "a stop-limit that gaps below its limit and stays there waits",
        sell(type=STOP_LIMIT, stop_price="95", limit_price="94"),
        (90, 94, 89, 93),
        None,
    ),
    ("a trailing stop in percent", sell(type=TRAIL, trail_pct="5"), (100, 103, 95, 99), 95),
    ("a trailing stop in money", sell(type=TRAIL, trail_amount="4"), (100, 103, 96, 99), 96),
]
BUYS = [
    ("a market order trades at the open", buy(), (102, 105, 99, 101), 102),
    ("a limit is met on the way down", buy(type=LIMIT, limit_price="90"), (100, 101, 89, 95), 90),
    ("a limit that is only touched waits in its queue", buy(type=LIMIT, limit_price="90"), (100, 101, 90, 95), None),
    ("a limit above the price trades at the open, as a taker", buy(type=LIMIT, limit_price="110"), (100, 101, 99, 100), 100),
    ("a stop is touched", buy(type=STOP, stop_price="105"), (100, 105, 99, 101), 105),
    ("a gap through a stop trades at the open", buy(type=STOP, stop_price="105"), (107, 108, 106, 107), 107),
    ("a target to buy below", buy(type=TARGET, stop_price="95"), (100, 101, 95, 99), 95),
    (
        "a stop-limit is met where it is triggered",
        buy(type=STOP_LIMIT, stop_price="105", limit_price="106"),
        (100, 109, 99, 108),
        105,
    ),
    (
        "a stop-limit below its stop needs the close",
        buy(type=STOP_LIMIT, stop_price="105", limit_price="103"),
        (100, 109, 99, 102),
        103,
    ),
    (
        "a stop-limit whose limit may lie before its trigger waits",
        buy(type=STOP_LIMIT, stop_price="105", limit_price="103"),
        (100, 109, 99, 104),
        None,
    ),
    ("a trailing stop to buy", buy(type=TRAIL, trail_pct="5"), (100, 105, 99, 103), 105),
]


@pytest.mark.parametrize(("order", "one", "price"), [case[1:] for case in SALES + BUYS], ids=[case[0] for case in SALES + BUYS])
def test_one_order_in_one_bar(order, one, price):
    tape = Tape(held=order.side is Side.SELL).ask(order).bar(*one)
    assert [found[1] for found in tape.fills] == ([] if price is None else [D(price)])
    assert bool(tape.resting) == (price is None)


def test_a_limit_that_rested_trades_at_its_own_price_though_the_bar_opens_better():
    tape = Tape(held=False).ask(buy(type=LIMIT, limit_price="90")).bar(100).bar(85, 92, 84, 88)
    assert tape.fills == [("buy", D(90), D("11.11111111"))]


def test_a_limit_that_a_whole_bar_lies_beyond_trades_where_the_bar_was_at_its_worst():
    tape = Tape(held=False).ask(buy(type=LIMIT, limit_price="90")).bar(100).bar(85, 87, 84, 86)
    assert tape.fills == [("buy", D(87), D("11.49425287"))]
    tape = Tape().ask(sell(type=LIMIT, limit_price="110")).bar(100).bar(115, 118, 113, 114)
    assert tape.fills == [("sell", D(113), D(10))]


def test_a_limit_never_trades_beyond_its_price_costs_in_the_price_included():
    costs = ExchangeCosts(half_spread_bps=10)
    at_once = {"type": LIMIT, "time_in_force": TimeInForce.IOC}
    tape = Tape(state(costs=costs), held=False).bar(100).ask(buy(**at_once, limit_price="100.05")).bar(100)
    assert (tape.fills, tape.resting) == ([], ())
    assert tape.ask(buy(**at_once, limit_price="100.1")).bar(100).fills == [("buy", D("100.1"), D("9.99000999"))]


def test_a_maker_pays_the_makers_fee_and_a_taker_the_takers_with_spread_and_slippage():
    costs = ExchangeCosts(fee_bps=10, maker_fee_bps=2, half_spread_bps=5, slippage_bps=5)
    tape = Tape(state(costs=costs), held=False).bar(100)
    tape.ask(buy(type=LIMIT, limit_price="90")).bar(95, low=89).ask(buy()).bar(100)
    made, took = tape.of(OrderFilled)
    assert (made.price, made.fee, made.maker) == (D(90), D("0.2"), True)
    assert (took.price, took.maker) == (D("100.1"), False)
    assert took.fee == round(took.notional / 1000, 8)
    assert (made.spread_cost, made.slippage_cost, took.spread_cost) == (0, 0, round(took.quantity * 100 * 5 / 10_000, 8))


def test_a_triggered_stop_limit_says_so_and_rests_as_a_limit_from_then_on():
    tape = Tape().ask(sell(type=STOP_LIMIT, stop_price="95", limit_price="97")).bar(100, 101, 93, 96)
    assert [(e.price, e.ts) for e in tape.of(OrderTriggered)] == [(D(95), START + HOUR)]
    assert tape.state.ambiguous == 1
    assert tape.bar(96, 98, 95, 96).fills == [("sell", D(97), D(10))]


def test_a_trailing_stop_ratchets_on_the_highs_of_earlier_bars_and_never_back():
    tape = Tape().ask(sell(type=TRAIL, trail_pct="5")).bar(100, 120, 100, 119)
    assert [(e.stop_price, e.extreme) for e in tape.of(StopMoved)] == [(D(114), D(120))]
    tape.bar(118, 119, 115, 116)
    assert len(tape.of(StopMoved)) == 1
    assert tape.bar(116, 140, 114, 139).fills == [("sell", D(114), D(10))]


def test_a_trailing_stop_to_buy_follows_the_lows_down():
    tape = Tape(held=False).ask(buy(type=TRAIL, trail_amount="5")).bar(100, 101, 80, 82)
    assert [(e.stop_price, e.extreme) for e in tape.of(StopMoved)] == [(D(85), D(80))]
    assert tape.bar(82, 86, 81, 84).fills == [("buy", D(85), D("11.76470588"))]


# --- several orders in one bar --------------------------------------------------------------------------------------------


def test_of_a_stop_and_a_target_in_one_bar_the_stop_is_taken_and_the_bar_counted():
    oco = PlaceOco(sell(type=TARGET, stop_price="110"), sell(type=STOP, stop_price="95"))
    tape = Tape().ask(oco).bar(100, 111, 94, 100)
    assert tape.fills == [("sell", D(95), D(10))]
    assert tape.state.ambiguous == 1
    assert tape.resting == ()
    assert [e.why for e in tape.of(OrderCancelled)] == ["the position was sold"]


def test_a_gap_to_the_target_is_not_ambiguous():
    oco = PlaceOco(sell(type=TARGET, stop_price="110"), sell(type=STOP, stop_price="95"))
    tape = Tape().ask(oco).bar(111, 112, 94, 100)
    assert (tape.fills, tape.state.ambiguous) == ([("sell", D(111), D(10))], 0)


def test_one_of_a_pair_cancels_the_other_also_where_a_part_of_the_position_stays():
    oco = PlaceOco(sell("4", type=LIMIT, limit_price="110"), sell("4", type=STOP, stop_price="95"))
    tape = Tape().ask(oco).bar(100, 111, 99, 100)
    assert tape.fills == [("sell", D(110), D(4))]
    assert tape.resting == ()


def test_cancelling_one_of_a_pair_cancels_both():
    oco = PlaceOco(sell("4", type=LIMIT, limit_price="110"), sell("4", type=STOP, stop_price="95"))
    tape = Tape().ask(oco)
    assert tape.ask(CancelOrder(tape.resting[0].id)).resting == ()


def test_a_bracket_brings_its_stop_and_its_target_and_they_act_from_the_bar_of_entry_on():
    tape = Tape(held=False).ask(buy(stop_loss="95", take_profit="110")).bar(100, 111, 96, 108)
    assert tape.fills == [("buy", D(100), D(10)), ("sell", D(110), D(10))]
    assert [e.order.reason for e in tape.of(OrderPlaced)][1:] == [Reason.STOP_LOSS, Reason.TAKE_PROFIT]
    assert tape.resting == ()


def test_a_bracket_whose_bar_holds_both_is_stopped_and_counted():
    tape = Tape(held=False).ask(buy(stop_loss="95", take_profit="110")).bar(100, 111, 94, 108)
    assert (tape.fills[1:], tape.state.ambiguous) == ([("sell", D(95), D(10))], 1)


def test_what_a_limit_bought_on_the_way_down_is_stopped_in_the_same_bar_but_not_paid_by_a_high_that_may_lie_before():
    bracket = buy(type=LIMIT, limit_price="95", stop_loss="94", take_profit="97")
    stopped = Tape(held=False).ask(bracket).bar(100, 101, 93, 96)
    assert [found[:2] for found in stopped.fills] == [("buy", D(95)), ("sell", D(94))]
    waits = Tape(held=False).ask(bracket).bar(100, 101, "94.5", 96)
    assert [found[:2] for found in waits.fills] == [("buy", D(95))]
    paid = Tape(held=False).ask(bracket).bar(100, 101, "94.5", 98)
    assert [found[:2] for found in paid.fills] == [("buy", D(95)), ("sell", D(97))]


def test_what_a_stop_bought_on_the_way_up_meets_the_high_for_sure():
    bracket = buy(type=STOP, stop_price="105", stop_loss="103", take_profit="107")
    paid = Tape(held=False).ask(bracket).bar(104, 108, 104, 106)
    assert [found[:2] for found in paid.fills] == [("buy", D(105)), ("sell", D(107))]
    unclear = Tape(held=False).ask(bracket).bar(104, 108, 102, 106)
    assert [found[:2] for found in unclear.fills] == [("buy", D(105)), ("sell", D(103))]
    assert unclear.state.ambiguous == 1


def test_the_rules_own_stop_acts_on_what_a_limit_bought_in_the_same_bar():
    tape = Tape(held=False, stop_loss_pct=2).ask(buy(type=LIMIT, limit_price="95")).bar(100, 101, 93, 96)
    assert [found[:2] for found in tape.fills] == [("buy", D(95)), ("sell", D("93.1"))]


def test_the_highest_stop_goes_first_and_takes_the_others_with_it():
    tape = Tape(stop_loss_pct=4).ask(sell("4", type=STOP, stop_price="97")).bar(100, 101, 94, 95)
    assert [found[1:] for found in tape.fills] == [(D(97), D(4)), (D(96), D(6))]


def test_a_position_that_is_sold_takes_its_resting_sales_with_it():
    tape = Tape(stop_loss_pct=4).ask(sell("4", type=LIMIT, limit_price="120")).bar(100, 101, 94, 95)
    assert (tape.fills, tape.resting) == ([("sell", D(96), D(10))], ())


# --- time in force, size, reservation -------------------------------------------------------------------------------------


def test_an_order_until_a_time_expires_before_the_bar_that_opens_then():
    order = buy(type=LIMIT, limit_price="90", time_in_force=TimeInForce.GTD, expires=START + 3 * HOUR)
    tape = Tape(held=False).ask(order).bar(100).bar(100)
    assert len(tape.resting) == 1
    tape.bar(100, low=80)
    assert [(e.ts,) for e in tape.of(OrderExpired)] == [(START + 3 * HOUR,)]
    assert (tape.fills, tape.resting) == ([], ())


def limited(volume_pct=10, **fields):
    return Tape(state(costs=ExchangeCosts(max_volume_pct=volume_pct, **fields)), held=False).bar(100)


def test_a_fill_takes_no_more_than_its_share_of_the_bars_volume_and_the_rest_waits():
    tape = limited().ask(buy()).bar(100, volume=30).bar(110, volume=50)
    assert tape.fills == [("buy", D(100), D(3)), ("buy", D(110), D(5))]
    assert tape.of(OrderFilled)[0].left == 700
    assert tape.resting[0].amount == 150
    assert tape.bar(100, volume=1000).fills[-1] == ("buy", D(100), D("1.5"))
    assert tape.resting == ()


def test_orders_of_one_bar_share_its_volume():
    tape = limited().ask(buy("500")).ask(buy("500")).bar(100, volume=70)
    assert [found[2] for found in tape.fills] == [D(5), D(2)]


def test_immediate_or_cancel_takes_what_there_is_and_is_gone():
    tape = limited().ask(buy(time_in_force=TimeInForce.IOC)).bar(100, volume=30)
    assert tape.fills == [("buy", D(100), D(3))]
    assert tape.resting == ()
    assert tape.of(OrderCancelled)


def test_fill_or_kill_takes_all_or_nothing():
    tape = limited().ask(buy(time_in_force=TimeInForce.FOK)).bar(100, volume=99)
    assert (tape.fills, tape.resting) == ([], ())
    assert limited().ask(buy(time_in_force=TimeInForce.FOK)).bar(100, volume=100).fills == [("buy", D(100), D(10))]


def test_an_exit_that_the_volume_cuts_short_goes_on_at_the_next_open():
    start = state(costs=ExchangeCosts(max_volume_pct=10), stop_loss_pct=5)
    tape = Tape(start, held=False).bar(100).ask(buy()).bar(100, volume=100)
    tape.bar(100, low=94, volume=40).bar(93, volume=100)
    assert tape.fills[1:] == [("sell", D(95), D(4)), ("sell", D(93), D(6))]
    assert tape.state.book.positions == {}


def test_a_bracket_grows_with_the_parts_of_its_entry():
    tape = limited().ask(buy(stop_loss="90")).bar(100, volume=30).bar(100, volume=50)
    assert [order.quantity for order in tape.resting if order.side is Side.SELL] == [D(8)]


def test_resting_buys_reserve_their_cash_and_resting_sales_their_tokens():
    tape = Tape().ask(buy("8000", type=LIMIT, limit_price="50"))
    for refused in (buy("1000.01"), Withdraw("1001")):
        tape.ask(refused)
    assert "at most the 1000.00000000 cash" in tape.of(CommandRefused)[0].why
    assert "at most the 1000.00000000 cash" in tape.of(CommandRefused)[1].why
    tape.ask(sell("7", type=LIMIT, limit_price="200")).ask(sell("3.5", type=STOP, stop_price="50"))
    assert "at most the 3.00000000 held" in tape.of(CommandRefused)[2].why
    tape.ask(sell("9", type=STOP, stop_price="50", reduce_only=True))
    assert len(tape.of(CommandRefused)) == 3


def test_a_reduce_only_sale_shrinks_with_the_position():
    tape = Tape().ask(sell("10", type=STOP, stop_price="90", reduce_only=True)).ask(sell("6")).bar(100).bar(100, low=90)
    assert [found[2] for found in tape.fills] == [D(6), D(4)]


def test_an_order_is_amended_in_its_place_and_cancelled():
    tape = Tape(held=False).ask(buy(type=LIMIT, limit_price="90"))
    number = tape.resting[0].id
    tape.ask(AmendOrder(number, amount="2000", limit_price="80"))
    assert [(e.order.id, e.order.amount, e.order.limit_price) for e in tape.of(OrderAmended)] == [(number, D(2000), D(80))]
    assert tape.bar(100, low=79).fills == [("buy", D(80), D(25))]
    assert "No order 1 rests" in tape.ask(AmendOrder(number, amount="1")).of(CommandRefused)[0].why


# --- what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (buy("10001"), "at most the 9000.00000000 cash at hand, found 10001"),
        (buy("4"), "at least 5, the smallest trade, found 4"),
        (PlaceOrder("0:DOGE", Side.BUY, amount="10"), "does not trade 0:DOGE"),
        (sell("10.5"), "at most the 10.00000000 held, found 10.5"),
        (buy(type=STOP, stop_price="99"), "above the price of 100.00000000, found 99, 1.00000000 on the wrong side"),
        (sell(type=STOP, stop_price="101"), "below the price of 100.00000000, found 101, 1.00000000 on the wrong side"),
        (sell(type=TARGET, stop_price="99"), "above the price of 100.00000000"),
        (buy(type=TARGET, stop_price="101"), "below the price of 100.00000000"),
        (buy(type=LIMIT), "A limit order needs a limit price, found none"),
        (buy(limit_price="90"), "A market order takes no limit price, found 90"),
        (buy(type=STOP_LIMIT, stop_price="105"), "A stop-limit order needs a limit price"),
        (sell(type=TRAIL), "takes one of trail_pct and trail_amount, found 0"),
        (sell(type=TRAIL, trail_pct="1", trail_amount="1"), "takes one of trail_pct and trail_amount, found 2"),
        (sell(type=TRAIL, trail_amount="100"), "a trail below the price of 100.00000000, found 100"),
        (buy(type=LIMIT, limit_price="90", time_in_force=TimeInForce.GTD), "takes a time at which it expires, found none"),
        (buy(expires=START + 9 * HOUR), "takes no time at which it expires"),
        (
            buy(type=LIMIT, limit_price="90", time_in_force=TimeInForce.GTD, expires=START + HOUR),
            "after the next bar's open at 2023-11-15T01:00:00Z, found 2023-11-15T01:00:00Z",
        ),
        (buy(type=STOP, stop_price="105", time_in_force=TimeInForce.IOC), "Only a market or a limit order can be IOC"),
        (buy(quantity="1"), "A buy names its amount, found a quantity of 1"),
        (sell(amount="1"), "A sell names its quantity, found an amount of 1"),
        (buy(reduce_only=True), "Only a sale reduces a position"),
        (sell(stop_loss="90"), "Only a buy brings a stop loss"),
        (buy(stop_loss="100"), "a stop loss below the entry at 100.00000000, found 100"),
        (buy(take_profit="99"), "a take profit above the entry at 100.00000000, found 99"),
        (buy(type=LIMIT, limit_price="90.000000001"), "a limit price with at most 8 decimals"),
        (buy(type=LIMIT, limit_price="0"), "a limit price above zero, found 0"),
        (PlaceOco(sell(type=LIMIT, limit_price="110"), sell("5", type=STOP, stop_price="90")), "sell the same quantity"),
        (PlaceOco(sell(type=LIMIT, limit_price="110"), sell()), "both rest, found a market order"),
        (PlaceOco(sell(type=LIMIT, limit_price="110"), buy()), "both sales of one instrument"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_bound_and_changes_nothing(order, sentence):
    tape = Tape(min_trade_size=5)
    before = tape.state
    (refused,) = tape.ask(order).events
    assert isinstance(refused, CommandRefused)
    assert sentence in refused.why
    assert tape.state == before


# --- whatever the orders --------------------------------------------------------------------------------------------------

prices = st.integers(80, 120).map(str)
kinds = st.sampled_from(
    [
        {},
        {"type": LIMIT, "limit_price": 0},
        {"type": STOP, "stop_price": 0},
        {"type": STOP_LIMIT, "stop_price": 0, "limit_price": 0},
        {"type": TARGET, "stop_price": 0},
        {"type": TRAIL, "trail_pct": "3"},
        {"type": TRAIL, "trail_amount": "2"},
    ]
)
lives = st.sampled_from([{}, {"time_in_force": TimeInForce.IOC}, {"time_in_force": TimeInForce.FOK}])


@st.composite
def orders(draw):
    fields = {name: draw(prices) if value == 0 else value for name, value in draw(kinds).items()} | draw(lives)
    if draw(st.booleans()):
        brackets = draw(st.sampled_from([{}, {"stop_loss": draw(prices)}, {"stop_loss": "90", "take_profit": "112"}]))
        return buy(draw(st.sampled_from(["10", "333.33", "2500"])), **fields, **brackets)
    return sell(draw(st.sampled_from(["0.5", "3.3333", "10"])), reduce_only=draw(st.booleans()), **fields)


@st.composite
def commands(draw):
    match draw(st.integers(0, 6)):
        case 0:
            return CancelOrder(draw(st.integers(1, 20)))
        case 1:
            return AmendOrder(draw(st.integers(1, 20)), limit_price=draw(prices))
        case 2:
            first, second = draw(orders()), draw(orders())
            return PlaceOco(first, second)
        case _:
            return draw(orders())


bars = st.tuples(
    st.integers(80, 120), st.integers(0, 9), st.integers(0, 9), st.integers(80, 120), st.sampled_from([0, 5, 40, 1000])
)
costs = st.sampled_from(
    [
        ExchangeCosts(), ExchangeCosts(10, 5, 5, "0.5", 2, 30, 10), ExchangeCosts(500, 100, 50, "7", 0, 500, 1),
        PoolCosts(liquidity=20_000, max_depth_pct=10), PoolCosts(fee_bps=100, liquidity=5_000, tolerance_pct=3, token_tax_bps=100),
    ]
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.one_of(bars, commands(), commands()), max_size=50), costs, st.sampled_from([None, 4]))
def test_random_orders_keep_the_identity_and_fill_inside_the_bar_plus_costs(inputs, charged, stop):
    tape = Tape(state(costs=charged, stop_loss_pct=stop), held=False).bar(100)
    for one in inputs:
        if not isinstance(one, tuple):
            tape.ask(one)
            continue
        tape.events.clear()
        open_, up, below, close, volume = one
        high, low = max(open_, close) + up, min(open_, close) - below
        tape.bar(open_, high, low, close, volume)
        assert tape.state.book.cash >= 0
        for fill in tape.of(OrderFilled):
            if fill.side is Side.BUY:
                assert fill.price >= low
                in_price = fill.spread_cost + fill.slippage_cost + fill.impact_cost
                assert fill.notional - in_price <= fill.quantity * high + D("2e-6")
            else:
                assert fill.price <= high
                in_price = fill.spread_cost + fill.slippage_cost + fill.impact_cost
                assert fill.notional + in_price >= fill.quantity * low - D("2e-6")
        for event in tape.of(OrderReverted) + tape.of(OrderRejected):
            assert event.why


def test_a_limit_rests_in_a_pool_until_its_price_with_the_impact_in_it_is_met():
    # Half of 200 is on either side: buying for 100 doubles the price, so 50 must be reached to pay 100, and gone through.
    pool = PoolCosts(fee_bps=0, liquidity=200, gas_units=0)
    tape = Tape(state(costs=pool), held=False).bar(120).ask(buy("100", type=LIMIT, limit_price=100))
    assert tape.bar(120, low=50).fills == []
    tape.bar(120, low=49)
    assert tape.fills == [("buy", 100, D(1))]
    assert tape.of(OrderFilled)[0].impact_cost == 50
    # There are 100 of the quote currency in it, so nothing takes 100 out; 45 come out at 163.64, for 90 a piece.
    tape.ask(sell("1", type=LIMIT, limit_price=150)).bar(120, high=100_000)
    assert len(tape.fills) == 1
    tape.ask(CancelOrder(2)).ask(sell("0.5", type=LIMIT, limit_price=130)).bar(120, high=371)
    assert len(tape.fills) == 1
    assert tape.bar(120, high=372).fills[1:] == [("sell", 130, D("0.5"))]


@pytest.mark.parametrize(("tolerance", "sent"), [("1", 4), ("0", 5)])
def test_an_exit_from_a_pool_too_small_for_it_gets_out_at_last(tolerance, sent):
    # 1,000 of either side: what was bought in small parts is 8 % of the pool when it is sold at once.
    pool = PoolCosts(fee_bps=0, liquidity=2000, gas_units=1000, gas_gwei=1, tolerance_pct=None)
    tape = Tape(state(costs=pool), held=False).bar(100).ask(buy("86")).bar(100)
    plan = msgspec.structs.replace(
        tape.state.plan, costs=PoolCosts(fee_bps=0, liquidity=2000, gas_units=1000, tolerance_pct=tolerance)
    )
    tape.state = msgspec.structs.replace(tape.state, plan=plan)
    tape.ask(ForceExit())
    for _ in range(8):
        tape.bar(100)
    assert len(tape.of(OrderReverted)) == sent - 1
    assert tape.state.book.positions == {}
    assert tape.of(OrderFilled)[-1].price < 93


# --- what was found by attacking it ----------------------------------------------------------------------------------------


def with_realism(start, **realism):
    """A state in which so much of a network's friction is simulated."""
    return msgspec.structs.replace(start, plan=msgspec.structs.replace(start.plan, realism=PaperTradingConfig(**realism)))


def untraded(**options):
    """A tape that has not seen a price yet."""
    tape = Tape.__new__(Tape)
    tape.state, tape.events, tape.ts = state(**options), [], START - HOUR
    return tape


POOL = {"tolerance_pct": None, "gas_units": 0, "fee_bps": 0}


def test_the_exits_that_a_buy_brings_meet_the_open_that_it_was_filled_at():
    stopped = Tape(held=False).ask(buy(stop_loss="95")).bar(90, 91, 89, 90)
    assert [price for _, price, _ in stopped.fills] == [90, 90]
    sold = Tape(held=False).ask(buy(take_profit="110")).bar(115, 116, 114, 115)
    assert [price for _, price, _ in sold.fills] == [115, 115]


def test_before_the_first_price_exits_on_the_wrong_side_make_no_money():
    tape = untraded().ask(buy(stop_loss="200")).bar(100, 101, 99, 100)
    assert [price for _, price, _ in tape.fills] == [100, 100]
    assert tape.state.book.cash == 10_000
    refused = untraded().ask(buy(stop_loss="200", take_profit="50")).of(CommandRefused)
    assert refused[0].why == "Expected a stop loss below the take profit of 50, found 200."
    limited = untraded().ask(buy(type=LIMIT, limit_price="90", stop_loss="95")).of(CommandRefused)
    assert limited[0].why == "Expected a stop loss below the entry at 90, found 95."


def test_an_order_that_is_amended_through_the_market_takes_the_markets_price():
    costs = ExchangeCosts(fee_bps=50, maker_fee_bps=0)
    tape = Tape(state(costs=costs), held=False).bar(100).ask(buy(type=LIMIT, limit_price="90")).bar(100)
    tape.ask(AmendOrder(tape.resting[0].id, limit_price="110")).bar(100, 101, 99, 100)
    (filled,) = tape.of(OrderFilled)
    assert (filled.price, filled.maker, filled.fee) == (100, False, D("5.00000000"))


def test_a_sandwich_takes_what_the_model_tolerates_and_no_more_however_often_a_sale_came_back():
    start = with_realism(state(costs=PoolCosts(tolerance_pct=1, gas_units=0, fee_bps=0)), sandwich_pct=100, failure_rate_pct=50)
    for seed in range(40):
        seeded = msgspec.structs.replace(start, plan=msgspec.structs.replace(start.plan, seed=seed))
        tape = Tape(seeded, held=False).bar(100).ask(buy())
        for _ in range(30):
            tape.bar(100)
            held = tape.state.book.quantity(BTC)
            if held and not tape.resting and len(tape.fills) == 1:
                tape.ask(sell(str(held)))
        prices = [price for side, price, _ in tape.fills if side == "sell"]
        assert all(price == 99 for price in prices)
    wide = with_realism(state(costs=PoolCosts(tolerance_pct=100, gas_units=0)), sandwich_pct=100)
    tape = Tape(wide, held=False).bar(100).ask(buy()).bar(100)
    assert tape.ask(sell(str(tape.state.book.quantity(BTC)))).bar(100).fills[-1][1] > 0


def test_a_network_that_failed_makes_no_sale_more_tolerant():
    start = with_realism(state(costs=PoolCosts(tolerance_pct=1, gas_units=0)), failure_rate_pct=100)
    held = msgspec.structs.replace(Tape().state, plan=start.plan)
    tape = Tape(held, held=False)
    tape.ts = held.ts
    tape.ask(sell()).bar(100).bar(100).bar(100)
    assert [event.ran for event in tape.of(OrderReverted)] == [False] * 3
    assert tape.resting[0].reverts == 0


@pytest.mark.parametrize("amount", ["1000", "2000", "9000"])
def test_a_part_that_trades_moves_the_pool_by_itself_and_not_by_its_whole_order(amount):
    costs = PoolCosts(liquidity=20_000, max_depth_pct=1, **POOL)
    tape = Tape(state(costs=costs), held=False).bar(100).ask(buy(amount)).bar(100)
    assert tape.fills == [("buy", D(101), D(1))]
    exchange = ExchangeCosts(volume_impact_bps=1000, max_volume_pct=10)
    tape = Tape(state(costs=exchange), held=False).bar(100, volume=10).ask(buy(amount)).bar(100, volume=10)
    assert tape.fills == [("buy", D(101), D(1))]


def test_a_part_within_the_tolerance_is_not_sent_back_for_the_size_of_its_order():
    costs = PoolCosts(liquidity=20_000, max_depth_pct=1, tolerance_pct=3, gas_units=0, fee_bps=0)
    tape = Tape(state(costs=costs), held=False).bar(100).ask(buy("5000")).bar(100)
    assert tape.of(OrderReverted) == []
    assert tape.fills[0][2] == 1


def test_a_session_that_is_stopped_sells_everything_whatever_the_volume():
    tape = Tape(state(costs=ExchangeCosts(max_volume_pct=100)), held=False).bar(100).ask(buy()).bar(100, volume=1000)
    tape.ask(Stop(close_positions=True))
    assert tape.state.book.positions == {}


def test_an_empty_pool_sends_a_sale_back_and_breaks_nothing():
    token = pair("BTC/USDT", 12, 8)
    tape = untraded(instruments=(token,), costs=PoolCosts(tolerance_pct=1, gas_units=0))

    def slip(liquidity):
        tape.ts += HOUR
        price = D("0.000000001")
        one = Bar(tape.ts, price, price, price, price, D(1), D(liquidity))
        stepped = step(tape.state, slice_of(one), [reading()])
        tape.state, tape.events = stepped.state, [*tape.events, *stepped.events]

    slip(10**9)
    tape.ask(buy())
    slip(10**9)
    tape.ask(sell(str(tape.state.book.quantity(BTC))))
    slip(0)
    (back,) = tape.of(OrderReverted)
    assert (back.why, back.retried) == ("the pool would pay nothing for it", True)
    slip(10**12)
    assert tape.state.book.positions == {}


def test_the_legs_of_a_pair_and_of_a_bracket_can_be_amended():
    pair_of = Tape().ask(PlaceOco(sell(type=STOP, stop_price="90"), sell(type=TARGET, stop_price="120")))
    pair_of.ask(AmendOrder(pair_of.resting[0].id, stop_price="92"))
    assert pair_of.resting[0].stop_price == 92
    bracket = Tape(held=False).ask(buy(stop_loss="90", take_profit="120")).bar(100)
    bracket.ask(AmendOrder(bracket.resting[0].id, stop_price="92"))
    assert bracket.resting[0].stop_price == 92


def test_a_stop_limit_in_a_pool_is_met_by_what_comes_after_its_trigger_only():
    tape = Tape(state(costs=PoolCosts(liquidity=100_000, **POOL)), held=False).bar(100).ask(buy()).bar(100)
    tape.ask(sell(str(tape.state.book.quantity(BTC)), type=STOP_LIMIT, stop_price="95", limit_price="97"))
    tape.bar(100, 101, 93, "97.05")
    assert len(tape.fills) == 1
    assert tape.resting[0].triggered


def test_what_would_not_trade_is_not_sent_and_cannot_fail():
    start = with_realism(state(costs=PoolCosts(tolerance_pct=None)), failure_rate_pct=100)
    tape = Tape(start, held=False).bar(100).ask(buy(type=LIMIT, limit_price="99")).bar(100, 101, 90, 95)
    assert len(tape.of(OrderReverted)) == 1


def test_a_days_loss_begins_where_the_day_before_ended():
    tape = Tape(daily_loss_pct=5, held=False).ask(buy("9000")).bar(100)
    tape.ts = START + 23 * HOUR
    tape.bar(90)
    assert [event.breaker.name for event in tape.of(BreakerTripped)] == ["daily_loss"]


def test_while_no_entries_are_made_resting_buys_wait_and_new_ones_are_refused():
    tape = Tape(held=False).ask(buy(type=LIMIT, limit_price="90")).bar(100).ask(Pause()).bar(100, 101, 80, 85)
    assert (tape.fills, len(tape.resting)) == ([], 1)
    assert tape.ask(buy()).of(CommandRefused)[0].why.startswith("The session makes no entries now")
    assert tape.ask(Resume()).bar(85, 86, 80, 85).fills[0][1] == 86


def test_a_token_that_may_not_be_traded_is_not_bought_by_hand_either():
    tape = Tape(held=False, blocked_tokens="BTC/USDT").ask(buy())
    assert tape.of(CommandRefused)[0].why == "BTC/USDT is not one of the tokens that may be traded."


def test_all_or_nothing_is_nothing_where_costs_leave_too_little():
    tape = Tape(state(costs=ExchangeCosts(fee_bps=100)), held=False).bar(100)
    tape.ask(buy("10000", time_in_force=TimeInForce.FOK)).bar(100)
    assert (tape.fills, tape.resting) == ([], ())


def test_a_trail_that_would_leave_nothing_is_refused():
    token = pair("BTC/USDT", 8, 8)
    tape = untraded(instruments=(token,)).bar("0.00000001").ask(buy("1")).bar("0.00000001")
    tape.ask(sell("1000", type=TRAIL, trail_pct="60"))
    assert tape.of(CommandRefused)[0].why.startswith("Expected a trail that leaves a price above zero")
