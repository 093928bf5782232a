"""Intel levels: ten profiles, from ultra cautious to autonomous.

A level changes size, thresholds, cadence, which factors are read, how much cost is tolerated, and the exits. A higher level
accepts whatever a lower one accepts, at no smaller share of equity; a test holds every pair of levels to it.
"""

from decimal import Decimal
from typing import Final

import msgspec

FACTORS: Final = ("trend", "volatility", "liquidity")
"""What a cautious level reads beside the strategy: each is one more gate."""


class Profile(msgspec.Struct, frozen=True):
    """What a level stands for.

    Parameters
    ----------
    level, name
        From 1 to 10, and what it is called.
    size_pct
        Of equity, for an entry; the most, where sizing works by volatility or Kelly.
    confidence
        An entry needs at least this.
    every
        An entry is considered at every so many bars, counted from the epoch; each divides the one of the level below.
    factors
        Which factors must agree: the trend up, a bar's volatility below `volatility_ppm`, a pool of at least `liquidity`.
    volatility_ppm
        A bar's volatility that is too much, in millionths of the price.
    liquidity
        What a pool must hold, where the bars tell.
    cost_bps
        How far the entry's own price may lie from the market's.
    stop_pct, target_pct, trail_pct
        Exits where the configuration sets none; None for none.
    """

    level: int
    name: str
    size_pct: Decimal
    confidence: Decimal
    every: int
    factors: tuple[str, ...]
    volatility_ppm: int
    liquidity: Decimal
    cost_bps: Decimal
    stop_pct: Decimal
    target_pct: Decimal
    trail_pct: Decimal | None


def _profile(
    level: int, name: str, size: int, confidence: int, every: int, factors: int, volatility: int, liquidity: int, cost: int,
    stop: str, target: str, trail: str | None,
) -> Profile:  # fmt: skip
    return Profile(
        level, name, Decimal(size), Decimal(confidence), every, FACTORS[:factors], volatility, Decimal(liquidity), Decimal(cost),
        Decimal(stop), Decimal(target), None if trail is None else Decimal(trail),
    )  # fmt: skip


PROFILES: Final[dict[int, Profile]] = {
    profile.level: profile
    for profile in (
        _profile(1, "Ultra Cautious", 2, 95, 12, 3, 4_000, 5_000_000, 15, "2", "4", "2"),
        _profile(2, "Very Cautious", 3, 90, 12, 3, 6_000, 2_000_000, 20, "2.5", "5", "2.5"),
        _profile(3, "Cautious", 5, 85, 6, 3, 8_000, 1_000_000, 30, "3", "6", "3"),
        _profile(4, "Moderately Cautious", 7, 75, 6, 2, 12_000, 500_000, 40, "4", "8", "4"),
        _profile(5, "Balanced", 10, 70, 3, 2, 16_000, 250_000, 50, "5", "10", None),
        _profile(6, "Moderately Aggressive", 12, 65, 3, 1, 25_000, 100_000, 75, "6", "14", None),
        _profile(7, "Aggressive", 15, 60, 1, 1, 40_000, 50_000, 100, "8", "18", None),
        _profile(8, "Very Aggressive", 18, 55, 1, 0, 60_000, 25_000, 150, "10", "25", None),
        _profile(9, "Ultra Aggressive", 20, 50, 1, 0, 100_000, 10_000, 250, "12", "35", None),
        _profile(10, "Autonomous AI", 25, 45, 1, 0, 1_000_000, 0, 500, "15", "50", None),
    )
}


def profile_of(level: int | None) -> Profile | None:
    """Return the profile of a level; None where no level is set."""
    return None if level is None else PROFILES[level]
