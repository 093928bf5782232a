"""How much: what an entry spends, and what quantity that buys."""

from decimal import Decimal

from workbench.domain.config import StrategyConfiguration
from workbench.domain.money import CASH_QUANTUM, EXACT, LEDGER, exact_product, floor_quotient, product, quantum, rounded, units
from workbench.engine.costs import Charges


def entry_amount(configuration: StrategyConfiguration, equity: Decimal) -> Decimal:
    """Return what an entry spends before costs, 8 decimals.

    Parameters
    ----------
    configuration
        Says whether it is a percentage of equity or a fixed amount.
    equity
        Marked at the deciding close.
    """
    if configuration.sizing == "fixed":
        return rounded(configuration.size_amount, 8)
    return exact_product(equity, configuration.size_pct).scaleb(-2, context=EXACT).quantize(CASH_QUANTUM, context=LEDGER)


def quantity_for(amount: Decimal, cash: Decimal, price: Decimal, charges: Charges, decimals: int) -> Decimal:
    """Return what an amount buys: amount / price rounded down; or, if cash falls short, the most that cash covers.

    Parameters
    ----------
    amount
        What the order spends before costs.
    cash
        All there is, for the value and its costs.
    price
        With spread, slippage and impact in it.
    charges
        What is paid in cash on top.
    decimals
        Of the quantity.

    Examples
    --------
    >>> quantity_for(Decimal(100), Decimal(1000), Decimal(3), Charges(Decimal(0)), 2)
    Decimal('33.33')
    >>> quantity_for(Decimal(100), Decimal(50), Decimal(2), Charges(Decimal(10)), 2)
    Decimal('24.97')
    """
    wanted = floor_quotient(amount, price, decimals)
    if wanted <= 0 or cash_for(wanted, price, charges) <= cash:
        return max(wanted, Decimal(0).quantize(quantum(decimals)))
    return _most_covered(units(wanted, decimals), cash, price, charges, decimals)


def _most_covered(too_much: int, cash: Decimal, price: Decimal, charges: Charges, decimals: int) -> Decimal:
    """Return the largest quantity below `too_much` steps whose value and costs are within cash.

    What a quantity takes never falls as it grows, so halving finds it; a guess by division makes that a short way.
    """

    def covered(steps: int) -> bool:
        return cash_for(Decimal(steps).scaleb(-decimals), price, charges) <= cash

    if not covered(0):
        return Decimal(0).quantize(quantum(decimals))
    low, high = 0, too_much
    per_step = float(price) * (1 + float(charges.fee_bps + charges.tax_bps) / 10_000) * 10.0**-decimals
    guess = int(float(cash - charges.gas) / per_step)
    slack = int(1e-7 / per_step) + guess // 2**48 + 2
    if low < guess - slack < high and covered(guess - slack):
        low = guess - slack
    if low < guess + slack < high and not covered(guess + slack):
        high = guess + slack
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if covered(middle) else (low, middle)
    return Decimal(low).scaleb(-decimals)


def cash_for(quantity: Decimal, price: Decimal, charges: Charges) -> Decimal:
    """Return all the cash that buying a quantity takes: its value, and the costs on top."""
    notional = product(quantity, price, 8)
    return notional + charges.on(notional)
