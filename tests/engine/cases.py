"""One generator of random runs: bars, a plan and signals, for whoever compares two ways of trading them."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from tests.make import HOUR, START
from workbench.domain.bars import DAY
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.instruments import Instrument
from workbench.domain.params import Param
from workbench.engine.series import BarSeries
from workbench.engine.strategy import Candles, Signals, SignalStrategy


class Noise(SignalStrategy, frozen=True):
    """Wants in and out by a hash of the time, so that it does often, and the same wherever its window begins."""

    memory: ClassVar[int] = 16

    seed: Annotated[int, Param(0, 1_000_000)] = 1
    entries: Annotated[int, Param(1, 100)] = 30
    exits: Annotated[int, Param(0, 100)] = 20

    @property
    def lookback(self) -> int:
        return 3

    def signals(self, bars: Candles) -> Signals:
        mixed = (bars.ts.astype(np.uint64) // np.uint64(HOUR) + np.uint64(self.seed)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        first, second = (mixed >> np.uint64(40)) % np.uint64(100), (mixed >> np.uint64(20)) % np.uint64(100)
        confidence = first.astype(np.float64)
        return Signals(second < self.entries, first < self.exits, confidence, confidence, {"noise": confidence})

    def because(self, factors: Mapping[str, float | None]) -> str:
        return "the noise says so"


class Case(NamedTuple):
    """A run to be made."""

    many: list[BarSeries]
    configuration: StrategyConfiguration
    costs: CostModel
    realism: PaperTradingConfig
    strategy: Noise
    cash: Decimal
    seed: int


def random_case(number: int) -> Case:
    """Return the case with a number; every field that the kernel knows is set in some of them."""
    chance = Random(number)

    def maybe(share: float, value: object) -> object:
        return value if chance.random() < share else None

    def percent(low: float, high: float) -> Decimal:
        return max(Decimal(str(round(chance.uniform(low, high), chance.choice((1, 2, 4))))), Decimal(str(low)))

    count, bars = chance.choice((1, 1, 1, 2, 3, 4)), chance.choice((60, 200, 400))
    many = [_series(chance, place, bars) for place in range(count)]
    limits = {
        "max_trade_size": maybe(0.2, percent(1, 5000)), "max_position_pct": maybe(0.2, percent(1, 99)),
        "max_exposure_pct": maybe(0.2, percent(1, 99)), "max_liquidity_pct": maybe(0.2, percent(0.01, 2)),
        "stop_loss_pct": maybe(0.4, percent(0.1, 5)), "take_profit_pct": maybe(0.4, percent(0.1, 8)),
        "trailing_stop_pct": maybe(0.4, percent(0.1, 5)), "max_hold_hours": maybe(0.3, percent(1, 40)),
        "max_positions": maybe(0.3, chance.randint(1, 3)), "max_daily_trades": maybe(0.2, chance.randint(1, 6)),
        "max_slippage_pct": maybe(0.2, percent(0.01, 1)), "intel_level": maybe(0.3, chance.randint(1, 10)),
    }  # fmt: skip
    rules = StrategyConfiguration(
        sizing=chance.choice(("percent", "percent", "fixed", "volatility", "kelly")),
        size_pct=chance.choice((percent(0.5, 100), Decimal(100), Decimal(10))),
        size_amount=percent(0.1, 20_000),
        sizing_lookback=chance.randint(5, 40),
        min_trade_size=percent(0, 40) if chance.random() < 0.4 else Decimal(0),
        cooldown_minutes=percent(0, 600) if chance.random() < 0.3 else Decimal(0),
        cooldown_after_stop_minutes=percent(0, 2000) if chance.random() < 0.3 else Decimal(0),
        confidence_threshold=percent(0, 80) if chance.random() < 0.3 else Decimal(0),
        min_liquidity=percent(0, 500_000) if chance.random() < 0.2 else Decimal(0),
        blocked_tokens=("T1",) if chance.random() < 0.1 else (),
        allowed_tokens=("T0", "WETH", "T2") if chance.random() < 0.1 else (),
        on_hole=chance.choice(("mark", "skip")),
        **{name: value for name, value in limits.items() if value is not None},
    )  # fmt: skip
    noise = Noise(chance.randint(0, 10**6), chance.choice((5, 30, 90)), chance.choice((0, 5, 30)))
    return Case(
        many, rules, _costs(chance), _realism(chance), noise,
        Decimal(str(round(chance.choice((50, 1000, 10_000, 3_000_000)) * chance.uniform(0.5, 1.5), 8))),
        chance.choice((1, 7, -5, 2**40)),
    )  # fmt: skip


def _series(chance: Random, place: int, bars: int) -> BarSeries:
    walk = np.random.default_rng(chance.getrandbits(32))
    scales = ((8, 8, 100), (8, 8, 60_000), (12, 8, 0.0004), (6, 6, 3), (12, 2, 3e-7))
    price_decimals, size_decimals, level = chance.choice(scales)
    symbol = "WETH" if chance.random() < 0.15 and place == 0 else f"T{place}"
    unit, width = 10**price_decimals, chance.choice((0.002, 0.01, 0.04))
    close = level * np.exp(np.cumsum(walk.normal(0, width, bars)))
    opened = np.concatenate([close[:1], close[:-1]]) * (1 + walk.normal(0, width / 4, bars) * (walk.random(bars) < 0.3))
    high = np.maximum(opened, close) * (1 + np.abs(walk.normal(0, width / 2, bars)))
    low = np.minimum(opened, close) * (1 - np.minimum(np.abs(walk.normal(0, width / 2, bars)), 0.5))
    both = (("open", opened), ("close", close))
    steps = {name: np.maximum(np.rint(values * unit), 1).astype(np.int64) for name, values in both}
    steps["high"] = np.maximum(np.maximum(steps["open"], steps["close"]), np.rint(high * unit).astype(np.int64))
    steps["low"] = np.maximum(np.minimum(np.minimum(steps["open"], steps["close"]), np.rint(low * unit).astype(np.int64)), 1)
    volume = np.where(walk.random(bars) < 0.1, 0.0, np.round(walk.exponential(min(5_000 / level, 5e8), bars), 6))
    pool = np.round(walk.uniform(20_000, 900_000, bars), 3) if chance.random() < 0.5 else None
    if pool is not None:
        pool[walk.random(bars) < 0.1] = np.nan
    start = START // DAY * DAY + 17 * HOUR
    ts = start + np.arange(bars, dtype=np.int64) * HOUR
    keep = walk.random(bars) > chance.choice((0.0, 0.0, 0.05, 0.3))
    keep[0] = True
    instrument = Instrument(0, "", symbol, "USD", price_decimals, size_decimals)
    whole = BarSeries(instrument, "1h", ts, steps, volume, pool)
    return whole[keep]


def _costs(chance: Random) -> CostModel:
    def bps(high: float) -> Decimal:
        return Decimal(str(round(chance.uniform(0, high), chance.choice((0, 1, 3))))) if chance.random() < 0.6 else Decimal(0)

    if chance.random() < 0.5:
        return ExchangeCosts(
            fee_bps=bps(60),
            half_spread_bps=bps(20),
            slippage_bps=bps(20),
            gas=bps(3),
            maker_fee_bps=None,
            volume_impact_bps=bps(500),
        )
    return PoolCosts(
        fee_bps=bps(100), liquidity=Decimal(chance.choice((5_000, 200_000, 80_000_000))),
        depth_multiplier=chance.choice((Decimal(1), Decimal("0.37"), Decimal(40))),
        tolerance_pct=chance.choice((None, Decimal("0.05"), Decimal("0.5"), Decimal(1), Decimal(30))), token_tax_bps=bps(200),
        gas_units=chance.choice((0, 150_000)), gas_gwei=chance.choice((Decimal("0.05"), Decimal("31.000001"))),
        native_price=chance.choice((Decimal(3000), Decimal("0.37"))), spike_chance_pct=chance.choice((Decimal(0), Decimal(20))),
        spike_multiplier=Decimal("7.25"), block_ms=chance.choice((0, 2000, 60_000)),
    )  # fmt: skip


def _realism(chance: Random) -> PaperTradingConfig:
    return PaperTradingConfig(
        base_slippage_pct=chance.choice((Decimal(0), Decimal(0), Decimal("0.1"), Decimal("0.0337"))),
        gas_price_multiplier=chance.choice((Decimal(1), Decimal("1.5"), Decimal(0))),
        execution_delay_ms=chance.choice((0, 0, 500, 600_000)),
        failure_rate_pct=chance.choice((Decimal(0), Decimal(0), Decimal(15))),
        sandwich_pct=chance.choice((Decimal(0), Decimal(0), Decimal(40))), simulate_mev=chance.random() < 0.8,
    )  # fmt: skip
