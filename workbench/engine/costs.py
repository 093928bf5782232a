"""What a trade costs: spread and slippage in its price, fee and gas in cash."""

from decimal import Decimal

from workbench.domain.config import CostModel
from workbench.domain.money import CASH_QUANTUM, EXACT, LEDGER, NO_CASH, exact_product, product, rounded
from workbench.domain.orders import Side
from workbench.errors import LedgerBroken

_WHOLE = Decimal(10_000)


def costed_price(price: Decimal, side: Side, costs: CostModel, decimals: int) -> Decimal:
    """Return the price that is really paid or received: half the spread and the slippage against you, rounded half-even.

    Raises
    ------
    LedgerBroken
        If nothing would be left of the price.
    """
    against = costs.half_spread_bps + costs.slippage_bps
    if not against:
        return price
    factor = _WHOLE + against if side is Side.BUY else _WHOLE - against
    paid = rounded(exact_product(price, factor).scaleb(-4, context=EXACT), decimals)
    if paid <= 0:
        raise LedgerBroken("a price after costs is above zero", "> 0", paid)
    return paid


def fee_of(notional: Decimal, costs: CostModel) -> Decimal:
    """Return the fee on a traded value, 8 decimals, rounded half-even."""
    return in_bps(notional, costs.fee_bps)


def in_bps(amount: Decimal, bps: Decimal) -> Decimal:
    """Return so many basis points of an amount, 8 decimals, rounded half-even."""
    if not bps:
        return NO_CASH
    return exact_product(amount, bps).scaleb(-4, context=EXACT).quantize(CASH_QUANTUM, context=LEDGER)


def gas_of(costs: CostModel) -> Decimal:
    """Return the gas of one fill, 8 decimals."""
    return rounded(costs.gas, 8)


def cash_for(quantity: Decimal, price: Decimal, costs: CostModel) -> Decimal:
    """Return all the cash that buying a quantity takes: its value, the fee on it, and gas."""
    notional = product(quantity, price, 8)
    return notional + fee_of(notional, costs) + gas_of(costs)
