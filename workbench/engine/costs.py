"""What a trade costs: spread, slippage, impact and delay in its price; fee, tax and gas in cash on top."""

from decimal import Decimal
from typing import Final

import msgspec

from workbench.domain.bars import Bar, parse_timeframe
from workbench.domain.costs import ExchangeCosts, PoolCosts
from workbench.domain.instruments import Instrument
from workbench.domain.money import (
    CASH_QUANTUM,
    EXACT,
    LEDGER,
    NO_CASH,
    exact_product,
    floor_quotient,
    product,
    quantum,
    rounded,
    share,
)
from workbench.domain.orders import Side
from workbench.domain.sessions import Plan
from workbench.engine.chance import PARTS, draw, happens
from workbench.errors import LedgerBroken

_WHOLE: Final = Decimal(10_000)
_LEAST_TOLERANCE: Final = Decimal("0.5")
_NONE: Final = Decimal(0)
_GWEI_DECIMALS: Final = 9


class Charges(msgspec.Struct, frozen=True):
    """What a fill pays in cash on top of its value.

    Parameters
    ----------
    fee_bps, tax_bps
        Of the value.
    gas
        For the fill as a whole, 8 decimals.
    from_input
        Whether the fee is a share of what goes in, fee included, as a pool takes it from a buyer.
    """

    fee_bps: Decimal
    gas: Decimal = NO_CASH
    tax_bps: Decimal = _NONE
    from_input: bool = False

    def fee(self, notional: Decimal) -> Decimal:
        """Return the fee on a traded value, 8 decimals, rounded half-even."""
        if self.from_input and self.fee_bps:
            return share(notional, self.fee_bps, _WHOLE - self.fee_bps)
        return in_bps(notional, self.fee_bps)

    def tax(self, notional: Decimal) -> Decimal:
        """Return the token's own tax on a traded value, 8 decimals, rounded half-even."""
        return in_bps(notional, self.tax_bps)

    def on(self, notional: Decimal) -> Decimal:
        """Return all cash costs of a fill of that value."""
        return self.fee(notional) + self.tax(notional) + self.gas


class Quote(msgspec.Struct, frozen=True):
    """The price of a fill of some size, and what lies in it.

    Parameters
    ----------
    price
        What is really paid or received for one, in the instrument's price decimals.
    spread_bps, slippage_bps
        Against the trader, of the market's price.
    """

    price: Decimal
    spread_bps: Decimal = _NONE
    slippage_bps: Decimal = _NONE


def charges_of(plan: Plan, instrument: Instrument, side: Side, ts: int, maker: bool, native: Decimal | None = None) -> Charges:
    """Return what a fill in the bar at `ts` pays in cash.

    Parameters
    ----------
    plan
        With the cost model, how real the simulation is, and the seed.
    maker
        Whether the order rested and was met.
    native
        The price of the chain's currency, where the session trades it.
    """
    costs, gas_multiplier = plan.costs, plan.realism.gas_price_multiplier
    if isinstance(costs, ExchangeCosts):
        fee = costs.maker_fee_bps if maker and costs.maker_fee_bps is not None else costs.fee_bps
        return Charges(fee, rounded(exact_product(costs.gas, gas_multiplier), 8))
    gas = exact_product(exact_product(costs.gas_gwei, Decimal(costs.gas_units)), gas_multiplier)
    if happens(costs.spike_chance_pct, plan.seed, instrument.key, ts, "congestion"):
        gas = exact_product(gas, costs.spike_multiplier)
    paid = product(gas.scaleb(-_GWEI_DECIMALS, context=EXACT), native or costs.native_price, 8)
    return Charges(costs.fee_bps, paid, costs.token_tax_bps, side is Side.BUY)


def quote(plan: Plan, side: Side, at: Decimal, size: Decimal, bar: Bar, instrument: Instrument, maker: bool = False) -> Quote:
    """Return the price of a fill: half the spread, the slippage and the order's own impact against it, rounded once.

    Parameters
    ----------
    at
        The market's price.
    size
        What a buy spends, in the quote currency, or a sale sells, in the instrument's own units.
    bar
        With the volume or the pool's liquidity.
    maker
        A resting order on an exchange pays neither spread nor slippage nor impact.

    Raises
    ------
    LedgerBroken
        If nothing would be left of the price.
    """
    costs, decimals = plan.costs, instrument.price_decimals
    extra = plan.realism.base_slippage_pct * 100
    if isinstance(costs, PoolCosts):
        slippage = _NONE if maker else extra
        reserve = pool_reserve(costs, bar)
        if side is Side.BUY:
            part, whole = exact_product(reserve + size, _WHOLE + slippage), exact_product(reserve, _WHOLE)
        else:
            part = exact_product(reserve, _WHOLE - slippage)
            whole = exact_product(reserve + product(size, at, 8), _WHOLE)
        # A pool that holds nothing pays nothing: such a swap comes back.
        return Quote(max(share(at, part, whole, decimals), _NONE), _NONE, slippage)
    if maker:
        return Quote(at)
    slippage = costs.slippage_bps + extra + _volume_impact(costs, side, at, size, bar)
    against = costs.half_spread_bps + slippage
    if not against:
        return Quote(at)
    factor = _WHOLE + against if side is Side.BUY else _WHOLE - against
    price = rounded(exact_product(at, factor).scaleb(-4, context=EXACT), decimals)
    return Quote(_positive(price), costs.half_spread_bps, costs.slippage_bps + extra)


def _positive(price: Decimal) -> Decimal:
    if price <= 0:
        raise LedgerBroken("a price after costs is above zero", "> 0", price)
    return price


def _volume_impact(costs: ExchangeCosts, side: Side, at: Decimal, size: Decimal, bar: Bar) -> Decimal:
    """Return what the order's share of the bar's volume does to its price; no volume at all counts as one share."""
    if not costs.volume_impact_bps:
        return _NONE
    value = size if side is Side.BUY else product(size, at, 8)
    volume = rounded(exact_product(rounded(bar.volume, 8), at), 8) if bar.volume else NO_CASH
    taken = min(value, volume) if volume else value
    return share(costs.volume_impact_bps, taken, volume or value, 4) if taken else _NONE


def pool_reserve(costs: PoolCosts, bar: Bar) -> Decimal:
    """Return what a pool holds of the quote currency, deepened as the model says, in whole cents."""
    held = costs.liquidity if bar.liquidity is None else bar.liquidity
    return max(product(rounded(held, 2) / 2, costs.depth_multiplier, 2), Decimal("0.01"))


def market_price_for(
    plan: Plan, costs: PoolCosts, side: Side, limit: Decimal, size: Decimal, bar: Bar, instrument: Instrument
) -> Decimal | None:
    """Return the price that a pool must have for a swap of this size to be done at a limit; None where none would do.

    It is the price at which what is really paid, impact included, just stays within the limit.
    """
    reserve, decimals = pool_reserve(costs, bar), instrument.price_decimals
    step = quantum(decimals)
    if side is Side.BUY:
        at = share(limit, reserve, reserve + size, decimals)
    else:
        left = reserve - product(size, limit, 8)
        if left <= 0:
            return None
        at, step = share(limit, reserve, left, decimals), -step
    for _ in range(3):
        price = quote(plan, side, at, size, bar, instrument, maker=True).price if at > 0 else NO_CASH
        if price > 0 and (price <= limit if side is Side.BUY else price >= limit):
            return at
        at -= step
    return None


def capacity_of(plan: Plan, at: Decimal, bar: Bar, instrument: Instrument) -> Decimal | None:
    """Return how much can be filled in a bar at all, in the instrument's own units; None for no limit."""
    costs, decimals = plan.costs, instrument.size_decimals
    if isinstance(costs, ExchangeCosts):
        if costs.max_volume_pct is None:
            return None
        return floor_quotient(exact_product(rounded(bar.volume, 8), costs.max_volume_pct), Decimal(100), decimals)
    if costs.max_depth_pct is None:
        return None
    return floor_quotient(exact_product(pool_reserve(costs, bar), costs.max_depth_pct).scaleb(-2, context=EXACT), at, decimals)


def after_delay(plan: Plan, side: Side, at: Decimal, bar: Bar, instrument: Instrument) -> Decimal:
    """Return the market's price once the delay is over.

    The price is taken to run against the trader first: within the first third of the bar from `at` to the bar's worst
    price. So it never leaves the bar.
    """
    waits = plan.realism.execution_delay_ms
    if isinstance(plan.costs, PoolCosts) and plan.costs.block_ms:
        waits += plan.costs.block_ms * (draw(plan.seed, instrument.key, bar.ts, "block") + 1) // PARTS
    if not waits:
        return at
    worst = bar.high if side is Side.BUY else bar.low
    length = parse_timeframe(plan.timeframe)
    return at + share(worst - at, Decimal(min(3 * waits, length)), Decimal(length), instrument.price_decimals)


def tolerated(costs: PoolCosts, side: Side, reference: Decimal, decimals: int, reverts: int = 0) -> Decimal | None:
    """Return the worst price that a swap accepts; None where it accepts any.

    A swap that came back is sent again with twice the tolerance, half a percent doubled where it had less: an exit from a
    pool that has become too small for it gets out at last, at the price that this costs.
    """
    if costs.tolerance_pct is None:
        return None
    percent = costs.tolerance_pct
    if reverts:
        percent = min(max(percent, _LEAST_TOLERANCE) * 2 ** min(reverts, 10), Decimal(100))
    factor = 100 + percent if side is Side.BUY else 100 - percent
    return rounded(exact_product(reference, factor).scaleb(-2, context=EXACT), decimals)


def in_bps(amount: Decimal, bps: Decimal) -> Decimal:
    """Return so many basis points of an amount, 8 decimals, rounded half-even."""
    if not bps:
        return NO_CASH
    return exact_product(amount, bps).scaleb(-4, context=EXACT).quantize(CASH_QUANTUM, context=LEDGER)
