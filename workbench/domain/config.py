"""How a strategy is to be traded: `StrategyConfiguration`.

Every field carries its bounds and its words, from which the form, the sliders and the checks are made.
"""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from workbench.domain.costs import PoolCosts
from workbench.domain.params import Param, check_fields
from workbench.errors import Invalid

Percent = Decimal
Number = int | float


class StrategyConfiguration(msgspec.Struct, frozen=True):
    """A strategy, its parameters, and the rules around it: how much, when not to enter, when to leave."""

    name: str = "Default"
    strategy: str = "sma_cross"
    parameters: dict[str, Number] = {}

    sizing: Literal["percent", "fixed"] = "percent"
    size_pct: Annotated[Decimal, Param(0.01, 100, 0.5, "Size", "Of equity, for every entry.", "%")] = Decimal(10)
    size_amount: Annotated[
        Decimal, Param(0, 1e9, 10, "Fixed size", "In the quote currency, for every entry when sizing is fixed.", decimals=8)
    ] = Decimal(100)
    min_trade_size: Annotated[
        Decimal, Param(0, 1e9, 1, "Smallest trade", "An entry with less cash at hand is not made.", decimals=8)
    ] = Decimal(0)

    stop_loss_pct: Annotated[Decimal, Param(0.01, 99.9, 0.1, "Stop loss", "Below the entry price.", "%")] | None = None
    take_profit_pct: Annotated[Decimal, Param(0.01, 10_000, 0.1, "Take profit", "Above the entry price.", "%")] | None = None
    trailing_stop_pct: (
        Annotated[Decimal, Param(0.01, 99.9, 0.1, "Trailing stop", "Below the highest price since entry.", "%")] | None
    ) = None
    max_hold_hours: (
        Annotated[Decimal, Param(0.001, 87_600, 1, "Longest hold", "A position older than this is sold.", "h")] | None
    ) = None

    confidence_threshold: Annotated[Decimal, Param(0, 100, 1, "Confidence", "An entry needs at least this.", "%")] = Decimal(0)
    max_positions: Annotated[int, Param(1, 100, 1, "Open positions", "No entry while this many are open.")] | None = None
    max_daily_trades: (
        Annotated[int, Param(1, 10_000, 1, "Trades a day", "No entry after this many fills in a UTC day of bar time.")] | None
    ) = None
    cooldown_minutes: Annotated[
        Decimal, Param(0, 525_600, 1, "Cooldown", "No entry in a token for this long after leaving it.", "min")
    ] = Decimal(0)
    on_hole: Literal["raise", "skip", "mark"] = "mark"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise Invalid("name", "a name", self.name)
        check_fields(self)


DEFAULT_CONFIGURATION = StrategyConfiguration(
    name="Default",
    strategy="sma_cross",
    size_pct=Decimal(10),
    min_trade_size=Decimal(10),
    stop_loss_pct=Decimal(5),
    take_profit_pct=Decimal(10),
    max_hold_hours=Decimal(72),
    max_positions=5,
    max_daily_trades=200,
    on_hole="skip",
)
"""What a bare start trades by."""

DEFAULT_COSTS = PoolCosts(fee_bps=Decimal(5), tolerance_pct=Decimal(1), block_ms=2000)
"""What a trade costs on the simulated market: a 5 bps pool on a rollup chain with blocks of two seconds."""
