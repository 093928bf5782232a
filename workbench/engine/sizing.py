"""How much: what an entry spends, and what quantity that buys."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from workbench.domain.config import StrategyConfiguration
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
    text,
    units,
)
from workbench.domain.thoughts import Size
from workbench.engine.costs import Charges
from workbench.engine.intel import Profile


class Room(NamedTuple):
    """What an entry's size depends on, at the deciding close.

    Parameters
    ----------
    equity, available
        The book at the newest marks, and the cash that no resting order has spoken for.
    in_token, in_all
        What is held of the token, and of all tokens, at the newest marks, with the buys that are under way.
    liquidity
        What the token's pool holds; None where there is none.
    measures
        Shares of equity that volatility and Kelly allow, in millionths.
    is_probe
        Whether a half-open breaker lets it through, at half its size.
    """

    equity: Decimal
    available: Decimal
    in_token: Decimal = NO_CASH
    in_all: Decimal = NO_CASH
    liquidity: Decimal | None = None
    measures: Mapping[str, int | None] = {}
    is_probe: bool = False


class Sizing(NamedTuple):
    """What an entry spends, the smallest of its steps before cash, and the steps."""

    amount: Decimal
    room: Decimal
    steps: tuple[Size, ...]


def entry_size(configuration: StrategyConfiguration, profile: Profile | None, room: Room) -> Sizing:
    """Return what an entry spends before costs, 8 decimals: the wish, cut by every cap.

    Parameters
    ----------
    configuration
        Says how it is sized and what caps it.
    profile
        Of the intel level; its size takes the place of the percentage, and caps the other ways of sizing.
    """
    c, equity = configuration, room.equity
    steps = [_wish(c, profile, room)]
    if room.is_probe:
        steps.append(("half, while a breaker is half open", product(steps[0][1], Decimal("0.5"), 8)))
    if profile is not None and c.sizing != "percent":
        steps.append((f"level {profile.level}", percent_of(equity, profile.size_pct)))
    if c.max_trade_size is not None:
        steps.append(("largest trade", rounded(c.max_trade_size, 8)))
    if c.max_position_pct is not None:
        steps.append(("token exposure", percent_of(equity, c.max_position_pct) - room.in_token))
    if c.max_exposure_pct is not None:
        steps.append(("total exposure", percent_of(equity, c.max_exposure_pct) - room.in_all))
    if c.max_liquidity_pct is not None and room.liquidity is not None:
        steps.append(("pool share", percent_of(rounded(room.liquidity, 8), c.max_liquidity_pct)))
    allowed = max(min(amount for _, amount in steps), NO_CASH)
    steps.append(("cash", room.available))
    amount = min(allowed, room.available)
    return Sizing(amount, allowed, tuple(Size(name, text(value)) for name, value in steps))


def _wish(c: StrategyConfiguration, profile: Profile | None, room: Room) -> tuple[str, Decimal]:
    match c.sizing:
        case "fixed":
            return "fixed", rounded(c.size_amount, 8)
        case "percent":
            percent = c.size_pct if profile is None else profile.size_pct
            return f"{text(percent)} % of equity", percent_of(room.equity, percent)
        case _:
            parts = room.measures.get(f"{c.sizing}_size")
            if parts is None:
                return f"{c.sizing} not known yet", NO_CASH
            share = Decimal(parts).scaleb(-6, context=EXACT)
            return f"{c.sizing}: {text(share)} of equity", product(room.equity, share, 8)


def percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    """Return so many percent of an amount, 8 decimals, rounded half-even."""
    return exact_product(amount, percent).scaleb(-2, context=EXACT).quantize(CASH_QUANTUM, context=LEDGER)


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
