"""How a strategy is to be traded: `StrategyConfiguration`.

Every field carries its bounds and its words, from which the form, the sliders and the checks are made.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from workbench.domain.costs import PoolCosts
from workbench.domain.names import is_shown, read_name
from workbench.domain.params import Param, check_fields
from workbench.errors import Invalid

Percent = Decimal
Number = int | float
_MOST_SYMBOLS: Final = 500
_LONGEST_SYMBOL: Final = 60


class StrategyConfiguration(msgspec.Struct, frozen=True):
    """A strategy, its parameters, and the rules around it: how much, when not to enter, when to leave, when to stop.

    `sizing` says how an entry is sized: `percent` of equity, a `fixed` amount, at a `volatility` target, or by fractional
    `kelly`; whatever comes out stays under every cap. A level from 1 to 10 (`intel_level`) puts a whole profile over it.
    """

    name: str = "Default"
    strategy: str = "sma_cross"
    parameters: dict[str, Number] = {}
    intel_level: Annotated[int, Param(1, 10, 1, "Intel level", "From 1, ultra cautious, to 10, autonomous.")] | None = None

    # --- how much ---
    sizing: Literal["percent", "fixed", "volatility", "kelly"] = "percent"
    size_pct: Annotated[Decimal, Param(0.01, 100, 0.5, "Size", "Of equity, for every entry.", "%")] = Decimal(10)
    size_amount: Annotated[
        Decimal, Param(0, 1e9, 10, "Fixed size", "In the quote currency, for every entry when sizing is fixed.", decimals=8)
    ] = Decimal(100)
    volatility_target_pct: Annotated[
        Decimal, Param(0.1, 1000, 1, "Volatility target", "A year's volatility that an entry is sized to bring.", "%")
    ] = Decimal(20)
    kelly_fraction: Annotated[Decimal, Param(0.01, 1, 0.05, "Kelly fraction", "Of the full Kelly bet.")] = Decimal("0.25")
    kelly_cap_pct: Annotated[Decimal, Param(0.1, 100, 1, "Kelly cap", "Of equity, the most that Kelly may bet.", "%")] = Decimal(20)
    sizing_lookback: Annotated[
        int, Param(5, 1000, 5, "Sizing lookback", "Bars in the volatility and in Kelly's mean and variance.", "bars")
    ] = 100
    min_trade_size: Annotated[
        Decimal, Param(0, 1e9, 1, "Smallest trade", "An entry with less cash at hand is not made.", decimals=8)
    ] = Decimal(0)
    max_trade_size: (
        Annotated[Decimal, Param(0.01, 1e9, 10, "Largest trade", "In the quote currency; more is cut off.", decimals=8)] | None
    ) = None
    max_position_pct: Annotated[Decimal, Param(0.01, 100, 1, "Token exposure", "Of equity, the most in one token.", "%")] | None = (
        None
    )
    max_exposure_pct: (
        Annotated[Decimal, Param(0.01, 100, 1, "Total exposure", "Of equity, the most in all tokens.", "%")] | None
    ) = None
    max_liquidity_pct: (
        Annotated[Decimal, Param(0.001, 100, 0.1, "Pool share", "Of a pool's liquidity, the most that an entry takes.", "%")] | None
    ) = None

    # --- when to leave ---
    stop_loss_pct: Annotated[Decimal, Param(0.01, 99.9, 0.1, "Stop loss", "Below the entry price.", "%")] | None = None
    take_profit_pct: Annotated[Decimal, Param(0.01, 10_000, 0.1, "Take profit", "Above the entry price.", "%")] | None = None
    trailing_stop_pct: (
        Annotated[Decimal, Param(0.01, 99.9, 0.1, "Trailing stop", "Below the highest price since entry.", "%")] | None
    ) = None
    max_hold_hours: (
        Annotated[Decimal, Param(0.001, 87_600, 1, "Longest hold", "A position older than this is sold.", "h")] | None
    ) = None

    # --- when not to enter ---
    confidence_threshold: Annotated[Decimal, Param(0, 100, 1, "Confidence", "An entry needs at least this.", "%")] = Decimal(0)
    max_positions: Annotated[int, Param(1, 100, 1, "Open positions", "No entry while this many are open.")] | None = None
    max_daily_trades: (
        Annotated[int, Param(1, 10_000, 1, "Trades a day", "No entry after this many fills in a UTC day of bar time.")] | None
    ) = None
    cooldown_minutes: Annotated[
        Decimal, Param(0, 525_600, 1, "Cooldown", "No entry in a token for this long after leaving it.", "min")
    ] = Decimal(0)
    cooldown_after_stop_minutes: Annotated[
        Decimal, Param(0, 525_600, 1, "Cooldown after a stop", "No entry in a token for this long after a stop loss.", "min")
    ] = Decimal(0)
    min_liquidity: Annotated[
        Decimal, Param(0, 1e12, 1000, "Least liquidity", "No entry in a pool that holds less.", decimals=2)
    ] = Decimal(0)
    max_slippage_pct: (
        Annotated[Decimal, Param(0, 100, 0.1, "Most slippage", "No entry whose price would be further from the market's.", "%")]
        | None
    ) = None
    allowed_tokens: tuple[str, ...] = ()
    blocked_tokens: tuple[str, ...] = ()
    on_hole: Literal["raise", "skip", "mark"] = "mark"

    # --- how an entry is made: by which programs it may be, where the market suits one ---
    enable_dca: bool = False
    enable_grid: bool = False
    enable_twap: bool = False
    enable_vwap: bool = False
    large_trade_size: Annotated[
        Decimal, Param(0, 1e9, 100, "Large trade", "An entry of so much may be spread by TWAP or VWAP.", decimals=8)
    ] = Decimal(5000)
    dca_num_intervals: Annotated[int, Param(2, 20, 1, "DCA parts", "In how many parts DCA buys an entry.")] = 5
    dca_interval_hours: Annotated[Decimal, Param(0.001, 168, 1, "DCA interval", "Between two of them.", "h")] = Decimal(2)
    grid_num_levels: Annotated[int, Param(3, 20, 1, "Grid levels", "Cells of a grid.")] = 7
    grid_profit_target_pct: Annotated[
        Decimal, Param(0.1, 10, 0.1, "Grid target", "Of its amount; then the grid has done its work.", "%")
    ] = Decimal(2)
    twap_num_slices: Annotated[int, Param(3, 24, 1, "TWAP slices", "In how many slices TWAP and VWAP buy.")] = 8
    twap_window_hours: Annotated[Decimal, Param(0.001, 24, 0.5, "TWAP window", "Over how long they do.", "h")] = Decimal(4)

    # --- breakers: when entries stop until it is safe again ---
    daily_loss_pct: (
        Annotated[Decimal, Param(0.01, 100, 0.5, "Daily loss", "Of the day's first equity; then no more entries.", "%")] | None
    ) = None
    drawdown_pct: (
        Annotated[Decimal, Param(0.01, 100, 0.5, "Drawdown", "Below the highest equity; then no more entries.", "%")] | None
    ) = None
    losing_streak: Annotated[int, Param(1, 100, 1, "Losing streak", "Losses in a row; then no more entries.")] | None = None
    volatility_pct: (
        Annotated[Decimal, Param(0.01, 1000, 0.5, "Wild bar", "A bar whose range is wider stops entries.", "%")] | None
    ) = None
    stale_bars: Annotated[int, Param(1, 10_000, 1, "Stale feed", "Bars missing in a row; then no more entries.")] | None = None
    error_rate_pct: (
        Annotated[Decimal, Param(1, 100, 1, "Error rate", "Of the last twenty orders that failed; then no more entries.", "%")]
        | None
    ) = None
    stoploss_guard: (
        Annotated[int, Param(1, 100, 1, "Stoploss guard", "Stops within the guard's time; then no more entries.")] | None
    ) = None
    stoploss_guard_minutes: Annotated[
        Decimal, Param(1, 525_600, 10, "Guard's time", "How far back the stoploss guard looks.", "min")
    ] = Decimal(1440)
    low_profit_trades: (
        Annotated[int, Param(1, 100, 1, "Low profit", "Round trips of a token that must have paid; else it is locked.")] | None
    ) = None
    low_profit_pct: Annotated[
        Decimal, Param(-100, 100, 0.1, "Least profit", "That those trips must have brought on average.", "%")
    ] = Decimal(0)
    breaker_minutes: (
        Annotated[
            Decimal, Param(1, 525_600, 10, "Breaker cooldown", "Until one entry is tried again; empty waits for a person.", "min")
        ]
        | None
    ) = Decimal(60)

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise Invalid("name", "a name", self.name)
        check_fields(self)
        for field in ("allowed_tokens", "blocked_tokens"):
            msgspec.structs.force_setattr(self, field, _symbols(field, getattr(self, field)))
        both = set(self.allowed_tokens) & set(self.blocked_tokens)
        if both:
            raise Invalid("blocked_tokens", "tokens that are not allowed as well", ", ".join(sorted(both)))

    @property
    def has_programs(self) -> bool:
        """Whether an entry may be made by a program."""
        return self.enable_dca or self.enable_grid or self.enable_twap or self.enable_vwap

    @property
    def has_breakers(self) -> bool:
        """Whether any breaker is set at all."""
        return (
            self.daily_loss_pct is not None or self.drawdown_pct is not None or self.losing_streak is not None
            or self.volatility_pct is not None or self.stale_bars is not None or self.error_rate_pct is not None
            or self.stoploss_guard is not None or self.low_profit_trades is not None
        )  # fmt: skip


def check_texts(configuration: StrategyConfiguration) -> None:
    """Refuse texts in a configuration that would fit on no page; asked when it comes in, for what was kept is read as it is.

    Raises
    ------
    Invalid
        If its name or a symbol is too long or cannot be shown, or there are too many symbols.
    """
    read_name(configuration.name)
    for field in ("allowed_tokens", "blocked_tokens"):
        symbols = getattr(configuration, field)
        if len(symbols) > _MOST_SYMBOLS or any(len(symbol) > _LONGEST_SYMBOL or not is_shown(symbol) for symbol in symbols):
            raise Invalid(field, f"at most {_MOST_SYMBOLS} symbols of up to {_LONGEST_SYMBOL} letters", list(symbols))


def _symbols(field: str, given: object) -> tuple[str, ...]:
    """Return symbols in capitals, from a list of them or from one text with commas."""
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, (list, tuple)) or not all(isinstance(symbol, str) for symbol in listed):
        raise Invalid(field, "symbols such as 'WETH, AERO'", given)
    return tuple(dict.fromkeys(symbol.strip().upper() for symbol in listed if symbol.strip()))


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
