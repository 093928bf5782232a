"""Lowering: a plan, its bars and its signals as the whole numbers that the kernel reads, and what keeps it from reading them.

Gates that depend on the data alone (warm-up, confidence, liquidity, cadence, trend, volatility, holes, token lists, the last
bar) are worked out here for all bars at once; those that depend on the book are the kernel's own.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from workbench.domain.bars import DAY, parse_timeframe
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts, PoolCosts
from workbench.domain.instruments import Instrument
from workbench.domain.money import CASH_DECIMALS, EXACT, exact_product, product, rounded, units
from workbench.domain.sessions import Plan
from workbench.engine.chance import number_of
from workbench.engine.columns import FIXED, PERCENT, SHARE, UNSET, Bools, Ints, Market, Rules, Traits
from workbench.engine.exits import exits_of
from workbench.engine.intel import Profile, profile_of
from workbench.engine.series import BarSeries, Floats, to_steps
from workbench.engine.turn import NATIVE
from workbench.engine.windows import Readings

CAPABILITIES: Final = (
    "market orders of entries and of exits by signal, stop loss, take profit, trailing stop and longest hold",
    "sizing by percent, fixed amount, volatility and Kelly, under every cap",
    "all gates, token lists and the ten intel levels",
    "both cost models with impact, gas, spikes, tax, tolerance, reverts, delay, failures and sandwiches",
    "several instruments over shared cash, with holes",
)
"""What the kernel can do. Everything else runs in `step()`: `obstacles` names it."""

_PERCENT_DECIMALS: Final = 4
_EMPTY: Final = np.zeros((0, 0), np.int64)
_MOST_CASH: Final = 10**10


def obstacles(plan: Plan, many: Sequence[BarSeries], cash: Decimal) -> list[str]:
    """Return why a plan over these bars cannot run in the kernel, in clauses; none where it can."""
    c, costs, found = plan.configuration, plan.costs, []
    if c.has_programs:
        found.append("programs may pick an entry")
    if c.has_breakers:
        found.append("a breaker is set")
    if isinstance(costs, ExchangeCosts) and costs.max_volume_pct is not None:
        found.append("fills are limited by volume (max_volume_pct)")
    if isinstance(costs, PoolCosts) and costs.max_depth_pct is not None:
        found.append("fills are limited by the pool's depth (max_depth_pct)")
    if c.on_hole == "raise" and any(series.missing for series in many):
        found.append("a hole raises an error (on_hole)")
    if any(i.price_decimals + i.size_decimals < CASH_DECIMALS for i in plan.instruments):
        found.append("an instrument has fewer decimals than cash")
    if not -(2**63) <= plan.seed < 2**63:
        found.append("the seed has more than 64 bits")
    if cash > _MOST_CASH or (_asks_volume(plan) and any(_peak(series.volume) > _MOST_CASH for series in many)):
        found.append("amounts or volumes are too large for 64 bits")
    elif any(series.liquidity is not None and _peak(series.liquidity) > _MOST_CASH for series in many):
        found.append("a pool is too large for 64 bits")
    if len({series.instrument.key for series in many}) != len(many):
        found.append("an instrument comes twice")
    return found


def rules_of(plan: Plan, cash: Decimal) -> Rules:
    """Return a plan as numbers."""
    c, costs, realism, profile = plan.configuration, plan.costs, plan.realism, profile_of(plan.configuration.intel_level)
    stop, target, trail = exits_of(c)
    limits = [_percent(c.max_slippage_pct) * 100] if c.max_slippage_pct is not None else []
    limits += [_bps(profile.cost_bps)] if profile is not None else []
    percent = c.size_pct if profile is None else profile.size_pct
    is_pool = isinstance(costs, PoolCosts)
    capped = (c.max_trade_size, c.max_position_pct, c.max_exposure_pct, c.max_liquidity_pct, c.max_slippage_pct)
    gas, spiked, scale = _gas_factors(plan)
    native = [place for place, instrument in enumerate(plan.instruments) if instrument.symbol in NATIVE]
    paid, paid_spiked = _gas(plan)
    return Rules(
        cash=units(cash, CASH_DECIMALS),
        length=parse_timeframe(plan.timeframe),
        sizing={"percent": PERCENT, "fixed": FIXED}.get(c.sizing, SHARE),
        size=_cash(c.size_amount) if c.sizing == "fixed" else _percent(percent),
        largest=_optional(c.max_trade_size, _cash),
        smallest=_cash(c.min_trade_size),
        token_cap=_optional(c.max_position_pct, _percent),
        total_cap=_optional(c.max_exposure_pct, _percent),
        pool_cap=_optional(c.max_liquidity_pct, _percent),
        level_cap=_percent(profile.size_pct) if profile is not None and c.sizing != "percent" else UNSET,
        slippage_cap=min(limits) if limits else UNSET,
        is_capped=int(profile is not None or c.sizing in ("volatility", "kelly") or any(limit is not None for limit in capped)),
        most_positions=UNSET if c.max_positions is None else c.max_positions,
        most_trades=UNSET if c.max_daily_trades is None else c.max_daily_trades,
        cooldown=float(c.cooldown_minutes),
        cooldown_after_stop=float(c.cooldown_after_stop_minutes),
        stop=_optional(stop, _percent),
        target=_optional(target, _percent),
        trail=_optional(trail, _percent),
        hold=UNSET if c.max_hold_hours is None else -int(-(c.max_hold_hours * 3_600_000) // 1),
        is_pool=int(is_pool),
        fee=_bps(costs.fee_bps),
        half_spread=0 if isinstance(costs, PoolCosts) else _bps(costs.half_spread_bps),
        slippage=0 if isinstance(costs, PoolCosts) else _bps(costs.slippage_bps),
        extra=_percent(realism.base_slippage_pct) * 100,
        impact=0 if isinstance(costs, PoolCosts) else _bps(costs.volume_impact_bps),
        tax=_bps(costs.token_tax_bps) if isinstance(costs, PoolCosts) else 0,
        gas=paid,
        gas_spiked=paid_spiked,
        spike_chance=_percent(costs.spike_chance_pct) if isinstance(costs, PoolCosts) else 0,
        native=native[0] if native and is_pool else UNSET,
        gas_factor=gas,
        spiked_factor=spiked,
        gas_scale=scale + plan.instruments[native[0]].price_decimals if native else 0,
        tolerance=_optional(costs.tolerance_pct, _percent) if isinstance(costs, PoolCosts) else UNSET,
        block=costs.block_ms if isinstance(costs, PoolCosts) else 0,
        delay=realism.execution_delay_ms,
        failures=_percent(realism.failure_rate_pct) if realism.simulate_network_issues else 0,
        sandwiches=_percent(realism.sandwich_pct) if realism.simulate_mev else 0,
        seed=plan.seed,
        word_congestion=_signed(number_of("congestion")),
        word_block=_signed(number_of("block")),
        word_network=_signed(number_of("network")),
        word_sandwich=_signed(number_of("sandwich")),
    )


def _percent(value: Decimal) -> int:
    return units(value, _PERCENT_DECIMALS)


_bps = _percent


def _cash(value: Decimal) -> int:
    return units(rounded(value, CASH_DECIMALS), CASH_DECIMALS)


def _optional(value: Decimal | None, counted: Callable[[Decimal], int]) -> int:
    return UNSET if value is None else counted(value)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _burnt(plan: Plan) -> Decimal:
    """Return the gas of a swap in the chain's currency, in billionths."""
    assert isinstance(plan.costs, PoolCosts)
    gas = exact_product(plan.costs.gas_gwei, Decimal(plan.costs.gas_units))
    return exact_product(gas, plan.realism.gas_price_multiplier)


def _gas(plan: Plan) -> tuple[int, int]:
    """Return the gas of a fill in cash, and that in a congested bar, where the chain's currency has its fixed price."""
    costs = plan.costs
    if isinstance(costs, ExchangeCosts):
        return units(rounded(exact_product(costs.gas, plan.realism.gas_price_multiplier), CASH_DECIMALS), CASH_DECIMALS), 0
    calm = _burnt(plan)
    both = (calm, exact_product(calm, costs.spike_multiplier))
    paid = [units(product(gas.scaleb(-9, context=EXACT), costs.native_price, 8), CASH_DECIMALS) for gas in both]
    return paid[0], paid[1]


def _gas_factors(plan: Plan) -> tuple[int, int, int]:
    """Return the same two in the chain's currency as whole numbers, and the decimals by which they exceed those of cash."""
    if isinstance(plan.costs, ExchangeCosts):
        return 0, 0, 0
    calm = _burnt(plan)
    both = (calm, exact_product(calm, plan.costs.spike_multiplier))
    decimals = max(-int(gas.normalize().as_tuple().exponent) for gas in both)
    decimals = max(decimals, 0)
    return units(both[0], decimals), units(both[1], decimals), decimals + 9 - CASH_DECIMALS


def traits_of(instruments: Sequence[Instrument]) -> Traits:
    """Return what the kernel knows of each instrument."""
    return Traits(
        np.array([10 ** (i.price_decimals + i.size_decimals - CASH_DECIMALS) for i in instruments], np.int64),
        np.array([10**i.price_decimals for i in instruments], np.int64),
        np.array([number_of(i.key) for i in instruments], np.uint64),
    )


def market_of(many: Sequence[BarSeries], plan: Plan) -> Market:
    """Return the bars of one or several series by slice, with what of volume and liquidity the plan asks for."""
    costs = plan.costs
    ts = many[0].ts if len(many) == 1 else np.unique(np.concatenate([series.ts for series in many]))
    rows = [None if len(series) == len(ts) else np.searchsorted(ts, series.ts) for series in many]

    def spread(columns: Sequence[Ints], fill: int = 0) -> Ints:
        if len(columns) == 1:
            return columns[0].reshape(1, -1)
        out = np.full((len(columns), len(ts)), fill, np.int64)
        for place, (column, where) in enumerate(zip(columns, rows, strict=True)):
            out[place, slice(None) if where is None else where] = column
        return out

    prices = [spread([getattr(series, name) for series in many]) for name in ("open", "high", "low", "close")]
    volume = spread([to_steps(series.volume, 8) for series in many]) if _asks_volume(plan) else _EMPTY
    reserve = spread([_reserves(series, costs) for series in many]) if isinstance(costs, PoolCosts) else _EMPTY
    wants_liquidity = plan.configuration.max_liquidity_pct is not None
    liquidity = spread([_liquidity(series) for series in many], UNSET) if wants_liquidity else _EMPTY
    return Market(ts, prices[0], prices[1], prices[2], prices[3], volume, reserve, liquidity)


def _asks_volume(plan: Plan) -> bool:
    return isinstance(plan.costs, ExchangeCosts) and bool(plan.costs.volume_impact_bps)


def _peak(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(known.max()) if len(known) else 0.0


def _reserves(series: BarSeries, costs: PoolCosts) -> Ints:
    """Return what a pool holds of the quote currency at each bar, in cents, as `costs.pool_reserve` does."""
    assumed = units(rounded(costs.liquidity, 2), 2)
    held = np.full(len(series), assumed, np.int64)
    if series.liquidity is not None:
        known = ~np.isnan(series.liquidity)
        held[known] = to_steps(series.liquidity[known], 2)
    depth = units(costs.depth_multiplier, _PERCENT_DECIMALS)
    # Half of it, times the depth, rounded half-even to whole cents: held * depth / 20,000.
    if len(held) and int(held.max()) > 2**61 // max(depth, 1):
        exact = [_half_even(int(value) * depth, 20_000) for value in held]
        return np.array([max(value, 1) for value in exact], np.int64)
    whole, rest = np.divmod(held * depth, 20_000)
    whole += (rest > 10_000) | ((rest == 10_000) & (whole % 2 == 1))
    return np.maximum(whole, 1)


def _half_even(top: int, bottom: int) -> int:
    whole, rest = divmod(top, bottom)
    return whole + (2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1))


def _liquidity(series: BarSeries) -> Ints:
    out = np.full(len(series), UNSET, np.int64)
    if series.liquidity is not None:
        known = ~np.isnan(series.liquidity)
        out[known] = to_steps(series.liquidity[known], 8)
    return out


def day_ends(ts: Ints) -> Ints:
    """Return the places of the last slice of every UTC day that has one."""
    return np.append(np.flatnonzero(np.diff(ts // DAY)), len(ts) - 1).astype(np.int64)


def signals_of(market: Market, many: Sequence[BarSeries], readings: Sequence[Readings], plan: Plan) -> tuple[Bools, Bools, Ints]:
    """Return where an entry passes every gate that depends on the data alone, where the strategy wants out, and its shares."""
    c, total = plan.configuration, len(market.ts)
    name = f"{c.sizing}_size"
    if len(many) == 1:
        series, said = many[0], readings[0]
        allowed = _allowed(c, series, said)
        allowed[-1] = False
        shares = said.measured[name].reshape(1, -1) if name in said.measured else _EMPTY
        return allowed.reshape(1, -1), said.column("exit").reshape(1, -1), shares
    entries, exits = np.zeros((len(many), total), np.bool_), np.zeros((len(many), total), np.bool_)
    sizes = np.zeros((len(many), total), np.int64) if name in readings[0].measured else _EMPTY
    for place, (series, said) in enumerate(zip(many, readings, strict=True)):
        where = np.searchsorted(market.ts, series.ts)
        entries[place, where] = _allowed(c, series, said)
        exits[place, where] = said.column("exit")
        if sizes.size:
            sizes[place, where] = said.measured[name]
    entries[:, -1] = False
    return entries, exits, sizes


def places_of(series: BarSeries, said: Readings, plan: Plan) -> tuple[Ints, Ints]:
    """Return the places at which `signals_of` says that an entry passes, and those at which the strategy wants out."""
    return said.places("enter", _gates(plan.configuration, series, said, len(series) - 1)), said.places("exit")


def _allowed(c: StrategyConfiguration, series: BarSeries, said: Readings) -> Bools:
    """Return where an entry in a series passes the gates that depend on the data alone, as `gates.entry_gates` asks them."""
    passed: Bools = said.column("enter") & _gates(c, series, said, len(series))
    return passed


def _gates(c: StrategyConfiguration, series: BarSeries, said: Readings, end: int) -> Bools:
    """Return where those gates are open, whatever the strategy wants, up to a place.

    Where no gate asks what the strategy says, they are the same for all that look back as far.
    """
    profile, symbol = profile_of(c.intel_level), series.instrument.symbol.upper()
    listed = symbol not in c.blocked_tokens and (not c.allowed_tokens or symbol in c.allowed_tokens)
    if profile is not None or c.confidence_threshold:
        return _opened(c, series, said, profile, listed, end)
    key = ("gates", said.strategy.lookback, listed, c.on_hole, c.min_liquidity, end)
    found: Bools = said.kept(key, lambda: _opened(c, series, said, profile, listed, end))
    return found


def _opened(c: StrategyConfiguration, series: BarSeries, said: Readings, profile: Profile | None, listed: bool, end: int) -> Bools:
    if not listed:
        return np.zeros(len(series), np.bool_)
    passed: Bools = said.covered()
    passed[end:] = False
    asked = float(c.confidence_threshold if profile is None else profile.confidence)
    if asked:
        passed &= said.column("confidence") >= asked
    if c.on_hole != "mark":
        passed[1:] &= np.diff(series.ts) == series.step
    least = float(max(c.min_liquidity, _asked_liquidity(c, profile)))
    if least and series.liquidity is not None:
        passed &= ~(series.liquidity - least < 0)
    if profile is not None:
        passed &= series.ts // series.step % profile.every == 0
        if "trend" in profile.factors:
            passed &= said.measured["trend"] > 0
        if "volatility" in profile.factors:
            wild = said.measured["volatility"]
            passed &= (wild >= 0) & (wild <= profile.volatility_ppm)
    return passed


def _asked_liquidity(c: StrategyConfiguration, profile: Profile | None) -> Decimal:
    return profile.liquidity if profile is not None and "liquidity" in profile.factors else c.min_liquidity
