"""Leaving a position: stop loss, take profit and trailing stop inside the bar; signal and longest hold at its close."""

from decimal import Decimal

import msgspec

from workbench.domain.bars import Bar
from workbench.domain.config import StrategyConfiguration
from workbench.domain.money import EXACT, exact_product, rounded
from workbench.domain.orders import Reason
from workbench.engine.intel import profile_of

_HOUR = Decimal(3_600_000)


class Holding(msgspec.Struct, frozen=True, gc=False):
    """What the exits need to know of an open position.

    Parameters
    ----------
    entered
        Open time of the bar of entry, milliseconds UTC.
    price
        What was paid for one; the mean, where it was bought in several fills.
    high
        The highest price since: the entry price, and the highs of earlier bars.
    stop, target, trail
        The prices at which it is left; None for an exit that is not set.
    """

    entered: int
    price: Decimal
    high: Decimal
    stop: Decimal | None
    target: Decimal | None
    trail: Decimal | None


class Exit(msgspec.Struct, frozen=True):
    """An exit inside a bar: why, at what price before costs, and whether the bar could not tell stop from target."""

    reason: Reason
    price: Decimal
    ambiguous: bool = False


def hold(entered: int, price: Decimal, high: Decimal, configuration: StrategyConfiguration, decimals: int) -> Holding:
    """Return a holding with its exit prices, each rounded half-even to the instrument's price decimals."""

    def away(anchor: Decimal, percent: Decimal | None, sign: int) -> Decimal | None:
        if percent is None:
            return None
        return rounded(exact_product(anchor, 100 + sign * percent).scaleb(-2, context=EXACT), decimals)

    stop, target, trail = exits_of(configuration)
    return Holding(entered, price, high, away(price, stop, -1), away(price, target, 1), away(high, trail, -1))


def exits_of(configuration: StrategyConfiguration) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return stop, target and trail in percent: the configuration's own, or those of its intel level where it sets none."""
    c, profile = configuration, profile_of(configuration.intel_level)
    if profile is None:
        return c.stop_loss_pct, c.take_profit_pct, c.trailing_stop_pct
    return c.stop_loss_pct or profile.stop_pct, c.take_profit_pct or profile.target_pct, c.trailing_stop_pct or profile.trail_pct


def after_bar(holding: Holding, bar: Bar, configuration: StrategyConfiguration, decimals: int) -> Holding:
    """Return the holding once a bar has closed: the trail moves on the highs of earlier bars only."""
    if holding.trail is None or bar.high <= holding.high:
        return holding
    return hold(holding.entered, holding.price, bar.high, configuration, decimals)


def exit_in_bar(holding: Holding, bar: Bar) -> Exit | None:
    """Return the exit that this bar forces, or None.

    A gap fills at the open. If both stop and target lie within the bar, the stop is taken and the bar is ambiguous.
    """
    stop, reason = holding.stop, Reason.STOP_LOSS
    if holding.trail is not None and (stop is None or holding.trail > stop):
        stop, reason = holding.trail, Reason.TRAILING_STOP
    target = holding.target
    if stop is not None and bar.open <= stop:
        return Exit(reason, bar.open)
    if target is not None and bar.open >= target:
        return Exit(Reason.TAKE_PROFIT, bar.open)
    if stop is not None and bar.low <= stop:
        return Exit(reason, stop, ambiguous=target is not None and bar.high >= target)
    if target is not None and bar.high >= target:
        return Exit(Reason.TAKE_PROFIT, target)
    return None


def held_too_long(holding: Holding, close_ts: int, configuration: StrategyConfiguration) -> bool:
    """Tell whether the position is as old at this close as the configuration lets it become."""
    limit = configuration.max_hold_hours
    return limit is not None and close_ts - holding.entered >= limit * _HOUR
