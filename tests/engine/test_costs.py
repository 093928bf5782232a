"""What a trade costs, worked out by hand: an exchange, a constant-product pool, and the frictions on top of both."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.make import HOUR, START, bar, reading, state
from tests.make import given as slice_of
from workbench.domain.bars import Bar
from workbench.domain.commands import PlaceOrder
from workbench.domain.costs import BANDS, ExchangeCosts, PaperTradingConfig, PoolCosts, banded, in_words
from workbench.domain.events import OrderFilled, OrderRejected, OrderReverted
from workbench.domain.instruments import Instrument, pair
from workbench.domain.orders import OrderType, Side
from workbench.domain.params import param_fields
from workbench.domain.sessions import Plan
from workbench.domain.terms import Terms, model_name
from workbench.engine.chance import draw, happens
from workbench.engine.costs import after_delay, capacity_of, charges_of, quote, tolerated
from workbench.engine.step import digest_of, step
from workbench.errors import Invalid, LedgerBroken, NotFound

TOKEN = pair("TOKEN/USD")
FREE = {"gas_units": 0, "tolerance_pct": None, "fee_bps": 0}
"""A pool that takes nothing but impact."""


def plan(costs, realism=None, seed=1):
    return Plan((TOKEN,), "1h", Terms().configuration, costs, realism or PaperTradingConfig(), seed)


def one(open=100, high=None, low=None, close=None, volume=1000, liquidity=None, ts=START):
    made = bar(ts, open, high, low, close)
    pool = None if liquidity is None else Decimal(str(liquidity))
    return Bar(made.ts, made.open, made.high, made.low, made.close, Decimal(str(volume)), pool)


def price(costs, side, size, at=100, given_bar=None, **fields):
    return quote(plan(costs), side, Decimal(at), Decimal(str(size)), given_bar or one(), TOKEN, **fields).price


# --- the exchange ---------------------------------------------------------------------------------------------------------


def test_spread_and_slippage_move_the_price_against_the_taker_and_leave_the_maker_alone():
    costs = ExchangeCosts(half_spread_bps=10, slippage_bps=15)
    assert price(costs, Side.BUY, 100) == Decimal("100.25")
    assert price(costs, Side.SELL, 1) == Decimal("99.75")
    assert price(costs, Side.BUY, 100, maker=True) == 100


def test_a_share_of_the_bars_volume_moves_the_price_by_its_share():
    costs = ExchangeCosts(volume_impact_bps=200)
    # 5,000 of a volume of 1,000 tokens at 100: 5 % of 200 bps.
    assert price(costs, Side.BUY, 5_000) == Decimal("100.1")
    assert price(costs, Side.SELL, 50) == Decimal("99.9")
    assert price(costs, Side.BUY, 10**7) == 102
    assert price(costs, Side.BUY, 5_000, given_bar=one(volume=0)) == 102


def test_a_spread_that_eats_the_whole_price_is_loud():
    with pytest.raises(LedgerBroken, match="a price after costs is above zero"):
        quote(
            plan(ExchangeCosts(half_spread_bps=1000), PaperTradingConfig(base_slippage_pct=50)), Side.SELL, Decimal("0.00000001"),
            Decimal(1), one(), TOKEN,
        )  # fmt: skip


# --- the pool -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400_000), st.integers(1, 10_000), st.integers(10_000, 10_000_000))
def test_a_swap_pays_what_x_times_y_equals_k_says(spent, at, held):
    costs = PoolCosts(liquidity=held, **FREE)
    quote_side = Fraction(held, 2)
    tokens = quote_side / at
    bought = tokens - tokens * quote_side / (quote_side + spent)
    assert abs(Fraction(price(costs, Side.BUY, spent, at)) - spent / bought) <= Fraction(1, 2 * 10**8)
    sold = Fraction(spent, at).limit_denominator(10**8)
    quantity = Decimal(sold.numerator) / Decimal(sold.denominator)
    quantity = quantity.quantize(Decimal("1e-8"))
    received = quote_side - tokens * quote_side / (tokens + Fraction(quantity))
    assert abs(Fraction(price(costs, Side.SELL, quantity, at)) - received / Fraction(quantity)) <= Fraction(at, 10**7)


def test_twice_the_size_costs_twice_the_impact_per_unit():
    costs = PoolCosts(liquidity=1_000_000, **FREE)
    assert price(costs, Side.BUY, 5_000) == Decimal(101)
    assert price(costs, Side.BUY, 10_000) == Decimal(102)
    assert price(PoolCosts(liquidity=1_000_000, depth_multiplier=2, **FREE), Side.BUY, 10_000) == Decimal(101)
    assert price(costs, Side.BUY, 10_000, given_bar=one(liquidity=2_000_000)) == Decimal(101)


def traded(costs, amount="1000", realism=None, rules=None, seed=1, prices=(100, 100, 100)):
    """Buy at the second bar's open and sell all at the third's; return the state and the events."""
    start = state(costs=costs, **(rules or {}))
    start = replace(start, plan=replace(start.plan, realism=realism or PaperTradingConfig(), seed=seed))
    events = []
    for i, at in enumerate(prices):
        made = at if isinstance(at, Bar) else one(at, ts=START + i * HOUR)
        stepped = step(start, slice_of(made), [reading()])
        start, events = stepped.state, events + list(stepped.events)
        key = start.plan.instruments[0].key
        held = start.book.quantity(key)
        if i == 0:
            asked = PlaceOrder(key, Side.BUY, amount=amount)
        elif held:
            asked = PlaceOrder(key, Side.SELL, quantity=held)
        else:
            continue
        stepped = step(start, asked)
        start, events = stepped.state, events + list(stepped.events)
        start.book.check()
    return start, events


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_round_trip_on_an_unmoved_pool_loses_exactly_fees_impact_and_gas():
    costs = PoolCosts(fee_bps=30, liquidity=100_000, gas_units=100_000, gas_gwei=1, native_price=2000, tolerance_pct=50)
    after, events = traded(costs)
    bought, sold = of(events, OrderFilled)
    assert bought.price == 102
    assert bought.gas == sold.gas == Decimal("0.2")
    # The fee is taken from what goes in: 1,000 reach the pool of the 1,000 / 0.997 that are sent.
    assert abs(bought.fee - Decimal("3.00902708")) < Decimal("1e-7")
    assert sold.fee == round(sold.notional * 30 / 10_000, 8)
    lost = bought.fee + sold.fee + bought.gas + sold.gas + bought.impact_cost + sold.impact_cost
    assert 10_000 - after.book.cash == lost
    assert bought.impact_cost == bought.notional - round(bought.quantity * 100, 8)


def test_a_tolerance_of_zero_reverts_and_loses_the_gas():
    costs = PoolCosts(fee_bps=0, liquidity=100_000, gas_units=100_000, gas_gwei=1, native_price=2000, tolerance_pct=0)
    after, events = traded(costs)
    (reverted,) = of(events, OrderReverted)
    assert of(events, OrderFilled) == []
    assert (reverted.gas, after.book.cash, after.book.costs) == (Decimal("0.2"), Decimal("9999.8"), Decimal("0.2"))
    assert "102.00000000 is beyond the 100.00000000 that it tolerates" in reverted.why
    assert not reverted.retried
    assert after.book.orders == ()


def test_a_sale_that_comes_back_is_sent_again_at_the_next_open():
    costs = PoolCosts(fee_bps=0, liquidity=10**9, gas_units=100_000, gas_gwei=1, native_price=2000, tolerance_pct=1)
    _, events = traded(costs, prices=(100, 100, 90, 90))
    (reverted,) = of(events, OrderReverted)
    assert (reverted.retried, reverted.gas) == (True, Decimal("0.2"))
    assert [fill.side for fill in of(events, OrderFilled)] == [Side.BUY, Side.SELL]


def test_a_token_takes_its_tax_both_ways():
    after, events = traded(PoolCosts(liquidity=10**12, token_tax_bps=500, **FREE))
    bought, sold = of(events, OrderFilled)
    assert (bought.tax, sold.tax) == (round(bought.notional / 20, 8), round(sold.notional / 20, 8))
    assert after.book.costs == bought.tax + sold.tax


def test_gas_is_counted_in_the_chains_currency_and_multiplied_when_the_chain_is_congested():
    calm = PoolCosts(gas_units=200_000, gas_gwei="0.5", native_price=3000)
    assert charges_of(plan(calm), TOKEN, Side.BUY, START, False).gas == Decimal("0.3")
    assert charges_of(plan(calm), TOKEN, Side.BUY, START, False, native=Decimal(1500)).gas == Decimal("0.15")
    wild = PoolCosts(gas_units=200_000, gas_gwei="0.5", native_price=3000, spike_chance_pct=30, spike_multiplier=7)
    paid = [charges_of(plan(wild), TOKEN, Side.BUY, START + i * HOUR, False).gas for i in range(1000)]
    assert set(paid) == {Decimal("0.3"), Decimal("2.1")}
    assert 250 < paid.count(Decimal("2.1")) < 350


def test_the_session_that_trades_the_chains_currency_pays_gas_at_its_price():
    weth = Instrument(8453, "0x42", "WETH", "USDC")
    costs = PoolCosts(fee_bps=0, liquidity=10**12, gas_units=100_000, gas_gwei=1, native_price=9)
    start = step(state(costs=costs, instruments=[weth]), slice_of(one(2000)), [reading()]).state
    start = step(start, PlaceOrder(weth.key, Side.BUY, amount="100")).state
    (fill,) = of(step(start, slice_of(one(2000, ts=START + HOUR)), [reading()]).events, OrderFilled)
    assert fill.gas == Decimal("0.2")


def test_no_more_than_its_share_of_the_pool_is_swapped_in_a_bar():
    costs = PoolCosts(liquidity=20_000, max_depth_pct=5)
    assert capacity_of(plan(costs), Decimal(100), one(), TOKEN) == 5
    assert capacity_of(plan(PoolCosts()), Decimal(100), one(), TOKEN) is None
    assert capacity_of(plan(ExchangeCosts(max_volume_pct=10)), Decimal(100), one(volume="12.34567891"), TOKEN) == Decimal(
        "1.23456789"
    )


# --- delay, failure, sandwich ---------------------------------------------------------------------------------------------


def test_a_delay_lets_the_price_run_against_the_order_and_never_out_of_the_bar():
    waits = plan(ExchangeCosts(), PaperTradingConfig(execution_delay_ms=120_000))
    wide = one(100, 110, 95, 100)
    # Two minutes are a tenth of the first third of an hour.
    assert after_delay(waits, Side.BUY, Decimal(100), wide, TOKEN) == 101
    assert after_delay(waits, Side.SELL, Decimal(100), wide, TOKEN) == Decimal("99.5")
    forever = Plan((TOKEN,), "5s", Terms().configuration, ExchangeCosts(), PaperTradingConfig(execution_delay_ms=600_000))
    assert after_delay(forever, Side.BUY, Decimal(100), wide, TOKEN) == 110


def test_a_block_takes_its_time_drawn_bar_by_bar():
    waits = plan(PoolCosts(block_ms=60_000))
    prices = [after_delay(waits, Side.BUY, Decimal(100), one(100, 200, 50, 100, ts=START + i * HOUR), TOKEN) for i in range(200)]
    assert len(set(prices)) > 100
    assert all(100 < each <= 105 for each in prices)


def test_a_failed_trade_costs_its_gas_on_a_chain_and_nothing_on_an_exchange():
    always = PaperTradingConfig(failure_rate_pct=100)
    pool = PoolCosts(fee_bps=0, liquidity=10**12, gas_units=100_000, gas_gwei=1, native_price=2000)
    after, events = traded(pool, realism=always)
    assert [e.why for e in of(events, OrderReverted)] == ["the network failed"]
    assert after.book.cash == Decimal("9999.8")
    after, events = traded(ExchangeCosts(gas=5), realism=always)
    assert (len(of(events, OrderReverted)), after.book.cash) == (1, 10_000)


def test_a_sandwiched_swap_pays_the_worst_price_that_it_tolerates():
    pool = PoolCosts(fee_bps=0, liquidity=10**12, gas_units=0, tolerance_pct=2)
    _, events = traded(pool, realism=PaperTradingConfig(sandwich_pct=100))
    bought, sold = of(events, OrderFilled)
    assert (bought.price, sold.price) == (102, 98)
    assert bought.impact_cost == bought.notional - round(bought.quantity * 100, 8)
    assert tolerated(pool, Side.BUY, Decimal(100), 8) == 102
    assert tolerated(PoolCosts(tolerance_pct=None), Side.BUY, Decimal(100), 8) is None


def test_an_order_that_cannot_pay_its_gas_is_refused_and_costs_nothing():
    pool = PoolCosts(fee_bps=0, gas_units=10_000_000, gas_gwei=1000, native_price=3000, tolerance_pct=0)
    after, events = traded(pool)
    assert "does not pay its gas of 30000.00000000" in of(events, OrderRejected)[0].why
    assert after.book.cash == 10_000


def test_chance_is_the_same_everywhere_and_fair():
    drawn = [draw(7, "0:TOKEN/USD", START + i, "gas") for i in range(20_000)]
    assert drawn[:3] == [draw(7, "0:TOKEN/USD", START + i, "gas") for i in range(3)]
    assert abs(sum(drawn) / len(drawn) - 500_000) < 10_000
    assert len({draw(seed, key, START, what) for seed in (1, 2) for key in "ab" for what in ("gas", "mev")}) == 8
    assert draw(1, "8453:0xabc", 1_700_000_000_000, "gas") == 647_899
    assert not any(happens(Decimal(0), 1, "a", i, "x") for i in range(100))
    assert all(happens(Decimal(100), 1, "a", i, "x") for i in range(100))


# --- every field changes what happens -------------------------------------------------------------------------------------

MOVING = [one(100, 104, 97, 101, volume=50)] + [
    one(100 + i % 3, 105, 96, 101, volume=40 + i, ts=START + i * HOUR) for i in range(1, 40)
]
BUSY = PaperTradingConfig(execution_delay_ms=1000, failure_rate_pct=20, sandwich_pct=30)
POOL = PoolCosts(liquidity=50_000, tolerance_pct=3, spike_chance_pct=30, block_ms=1000, max_depth_pct=3)
EXCHANGE = ExchangeCosts(5, 2, 3, "0.1", 1, 20, 20)

EXCHANGE_CHANGES = {
    "fee_bps": 6, "half_spread_bps": 4, "slippage_bps": 4, "gas": "0.2", "maker_fee_bps": 2, "volume_impact_bps": 40,
    "max_volume_pct": 10,
}  # fmt: skip
POOL_CHANGES = {
    "fee_bps": 30, "liquidity": 60_000, "depth_multiplier": 2, "max_depth_pct": 1, "tolerance_pct": 1, "token_tax_bps": 10,
    "gas_units": 160_000, "gas_gwei": "0.06", "native_price": 3100, "spike_chance_pct": 60, "spike_multiplier": 20,
    "block_ms": 2000,
}  # fmt: skip
REALISM_CHANGES = {
    "base_slippage_pct": "0.1", "gas_price_multiplier": 2, "execution_delay_ms": 60_000, "simulate_network_issues": False,
    "failure_rate_pct": 40, "simulate_mev": False, "sandwich_pct": 60,
}  # fmt: skip


def digest(costs, realism):
    """The ledger of many trades, some of them by limit orders, under these assumptions."""
    now = state(costs=costs)
    now = replace(now, plan=replace(now.plan, realism=realism))
    key = now.plan.instruments[0].key
    for i, given_bar in enumerate(MOVING):
        now = step(now, slice_of(given_bar), [reading()]).state
        held = now.book.free_quantity(key)
        limit = {"type": OrderType.LIMIT, "limit_price": "98"} if i % 3 == 1 else {}
        asked = (
            PlaceOrder(key, Side.SELL, quantity=held) if i % 4 == 3 and held else PlaceOrder(key, Side.BUY, amount="150", **limit)
        )
        now = step(now, asked).state
    return digest_of(now)


@pytest.mark.parametrize(
    ("base", "field", "value"),
    [(EXCHANGE, *change) for change in EXCHANGE_CHANGES.items()] + [(POOL, *change) for change in POOL_CHANGES.items()],
)
def test_every_field_of_a_cost_model_changes_the_ledger(base, field, value):
    other = Terms(costs=base).changed({field: value}).costs
    assert other != base
    assert digest(base, BUSY) != digest(other, BUSY)


@pytest.mark.parametrize(("field", "value"), REALISM_CHANGES.items())
def test_every_field_of_the_paper_trading_config_changes_the_ledger(field, value):
    other = Terms(realism=BUSY).changed({field: value}).realism
    assert digest(POOL, BUSY) != digest(POOL, other)


def test_no_field_is_left_out_of_that():
    assert set(EXCHANGE_CHANGES) == set(ExchangeCosts.__struct_fields__)
    assert set(POOL_CHANGES) == set(PoolCosts.__struct_fields__)
    assert set(REALISM_CHANGES) == set(PaperTradingConfig.__struct_fields__)


# --- bands and terms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("assumed", [EXCHANGE, POOL, BUSY])
def test_the_bands_bracket_what_was_assumed_and_stay_within_bounds(assumed):
    worse, base, better = (banded(assumed, band) for band in BANDS)
    assert base == assumed
    assert worse != assumed != better
    for field in param_fields(type(assumed)):
        values = [getattr(banded_one, field.name) for banded_one in (better, assumed, worse)]
        assert values == sorted(values) or values == sorted(values, reverse=True)
    assert banded(PaperTradingConfig(failure_rate_pct=80), "pessimistic").failure_rate_pct == 100


def test_a_resting_order_pays_the_takers_fee_in_the_pessimistic_band():
    assert banded(ExchangeCosts(fee_bps=10, maker_fee_bps=1), "pessimistic").maker_fee_bps == 10


def test_options_go_to_the_struct_that_has_them():
    terms = Terms().changed({"costs": "pool", "tolerance_pct": 2, "size_pct": 5, "failure_rate_pct": 1, "fee_bps": 30})
    assert (terms.costs.tolerance_pct, terms.costs.fee_bps) == (2, 30)
    assert (terms.configuration.size_pct, terms.realism.failure_rate_pct) == (5, 1)
    assert model_name(terms.costs) == "pool"
    assert terms.changed({"costs": "pool"}) == terms
    assert "pool: fee 30 bps" in in_words(terms.costs)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"tolerance_pct": 2}, Invalid, "expected the cost model 'pool' with it, as costs='pool' says, found 'exchange'"),
        ({"costs": "pol"}, Invalid, "Did you mean 'pool'?"),
        ({"costs": "pool", "maker_fee_bps": 1}, Invalid, "expected the cost model 'exchange'"),
        ({"simulate_mev": "yes"}, Invalid, "simulate_mev: expected true or false, found 'yes'"),
        ({"failure_rate": 3}, NotFound, "Did you mean 'failure_rate_pct'?"),
        ({"failure_rate_pct": 101}, Invalid, "from 0 to 100"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_a_sentence(options, error, sentence):
    with pytest.raises(error) as refused:
        Terms().changed(options)
    assert sentence in str(refused.value)
