"""What may stop an entry, and what would end a position. Exits are never stopped.

Every gate is asked every time, so that a thought shows by how much each was passed or missed; the first that is missed
is the one that stopped it.
"""

from decimal import Decimal

from workbench.domain.breakers import Breaker, TradingState
from workbench.domain.config import StrategyConfiguration
from workbench.domain.orders import Reason
from workbench.domain.thoughts import Gate
from workbench.engine.exits import Exit, Holding
from workbench.engine.intel import Profile
from workbench.engine.strategy import Reading

_HOUR = 3_600_000
_NEXT_BAR = Gate("next_bar", 1.0, 1.0, 0.0, True)
_NO_NEXT_BAR = Gate("next_bar", 0.0, 1.0, -1.0, False)
_RUNNING = Gate("running", 1.0, 1.0, 0.0, True)
_PAUSED = Gate("running", 0.0, 1.0, -1.0, False)
_FRESH = Gate("fresh_prices", 0, 0, 0, True)
_PARTS = 1_000_000
_NEVER_LEFT = Gate("cooldown", None, None, None, True)


def entry_gates(
    configuration: StrategyConfiguration,
    reading: Reading,
    *,
    trading: TradingState,
    breaker: Breaker | None,
    symbol: str,
    profile: Profile | None,
    considered: bool,
    liquidity: Decimal | None,
    last: bool,
    missing: int,
    open_positions: int,
    trades_today: int,
    since_exit: int | None,
    stopped_out: bool,
    available: Decimal,
) -> tuple[Gate, ...]:
    """Return the gates of an entry, in the order in which they are asked.

    A gate that the configuration does not set, and that no level brings, is not asked.

    Parameters
    ----------
    trading, breaker
        Whether the session may enter at all, and the breaker that says no.
    symbol
        The token's.
    profile, considered
        Of the intel level, and whether this bar is one at which it considers entries.
    liquidity
        What the token's pool holds; None where there is none.
    missing
        Bars absent right before this one.
    open_positions, trades_today
        With the entries that are already under way.
    since_exit
        Milliseconds since the token was last left; None if it never was.
    stopped_out
        Whether it was left by a stop.
    available
        Cash that no resting order has spoken for.
    """
    c = configuration
    confidence, asked = reading.confidence, float(c.confidence_threshold if profile is None else profile.confidence)
    at_hand, lookback = reading.bars_at_hand, reading.strategy.lookback
    least, free = float(c.min_trade_size), float(available)
    minutes = float(max(c.cooldown_minutes, c.cooldown_after_stop_minutes) if stopped_out else c.cooldown_minutes)
    return (
        Gate("signal", reading.edge, 0.0, reading.edge, reading.enter),
        Gate("warm_up", at_hand, lookback, at_hand - lookback, at_hand >= lookback),
        _RUNNING if trading is TradingState.ACTIVE else _PAUSED,
        *(_extra_gates(c, reading, breaker, symbol, profile, considered, liquidity) if _has_extras(c, profile, breaker) else ()),
        _NO_NEXT_BAR if last else _NEXT_BAR,
        _FRESH if not missing else Gate("fresh_prices", missing, 0, -missing, c.on_hole == "mark"),
        Gate("confidence", confidence, asked, confidence - asked, confidence >= asked),
        _below("open_positions", open_positions, c.max_positions),
        _below("daily_trades", trades_today, c.max_daily_trades),
        _cooldown(since_exit, minutes),
        Gate("cash", free, least, free - least, available > 0 and available >= c.min_trade_size),
    )


def _has_extras(c: StrategyConfiguration, profile: Profile | None, breaker: Breaker | None) -> bool:
    return (
        profile is not None or breaker is not None or bool(c.allowed_tokens) or bool(c.blocked_tokens) or bool(c.min_liquidity)
    )  # fmt: skip


def _extra_gates(
    c: StrategyConfiguration, reading: Reading, breaker: Breaker | None, symbol: str, profile: Profile | None, considered: bool,
    liquidity: Decimal | None,
) -> list[Gate]:  # fmt: skip
    """Return the gates that only some configurations set."""
    gates = []
    if breaker is not None:
        value, limit = float(breaker.value), float(breaker.limit)
        gates.append(Gate(f"breaker_{breaker.name.partition(':')[0]}", value, limit, limit - value, False))
    if c.allowed_tokens or c.blocked_tokens:
        tradable = symbol.upper() not in c.blocked_tokens and (not c.allowed_tokens or symbol.upper() in c.allowed_tokens)
        gates.append(Gate("allowed_token", 1.0 if tradable else 0.0, 1.0, 0.0 if tradable else -1.0, tradable))
    least = max(c.min_liquidity, profile.liquidity if profile is not None and "liquidity" in profile.factors else c.min_liquidity)
    if least:
        held = None if liquidity is None else float(liquidity)
        margin = None if held is None else held - float(least)
        gates.append(Gate("liquidity", held, float(least), margin, margin is None or margin >= 0))
    if profile is not None:
        gates.append(Gate("cadence", profile.every, None, None, considered))
        if "trend" in profile.factors:
            trend = reading.measures.get("trend")
            up = trend is not None and trend > 0
            gates.append(Gate("trend", _share(trend), 0.0, _share(trend), up))
        if "volatility" in profile.factors:
            wild = reading.measures.get("volatility")
            limit = profile.volatility_ppm
            margin = None if wild is None else (limit - wild) / _PARTS
            gates.append(Gate("volatility", _share(wild), limit / _PARTS, margin, wild is not None and wild <= limit))
    return gates


def size_gates(
    configuration: StrategyConfiguration, profile: Profile | None, amount: Decimal, room: Decimal, slippage: Decimal
) -> tuple[Gate, ...]:
    """Return the gates that ask about an entry's size and what its price would be.

    Parameters
    ----------
    amount
        What it would spend.
    room
        What the caps leave of its wish; the entry is not made below the smallest trade.
    slippage
        How far its price would lie from the market's, in basis points.
    """
    c = configuration
    least = max(c.min_trade_size, Decimal("0.00000001"))
    gates = [Gate("size", float(room), float(least), float(amount - least), amount >= least)]
    limits = [c.max_slippage_pct * 100] if c.max_slippage_pct is not None else []
    if profile is not None:
        limits.append(profile.cost_bps)
    if limits:
        limit = min(limits)
        gates.append(Gate("slippage", float(slippage), float(limit), float(limit - slippage), slippage <= limit))
    return tuple(gates)


def holding_gates(
    holding: Holding,
    reading: Reading | None,
    price: float,
    age: int,
    configuration: StrategyConfiguration,
    forced: Exit | None = None,
    too_long: bool = False,
) -> tuple[Gate, ...]:
    """Return what would end a position and how far away each is; the one that did has not passed.

    Parameters
    ----------
    price
        The close, or the price that forced an exit inside the bar.
    age
        Milliseconds since the open of the bar of entry.
    """
    reason = forced.reason if forced else None
    gates = []
    if reading is not None:
        gates.append(Gate("exit_signal", reading.edge, None, None, forced is not None or not reading.exit))
    if holding.stop is not None:
        stop = float(holding.stop)
        gates.append(Gate("stop_loss", price, stop, price - stop, reason is not Reason.STOP_LOSS))
    if holding.trail is not None:
        trail = float(holding.trail)
        gates.append(Gate("trailing_stop", price, trail, price - trail, reason is not Reason.TRAILING_STOP))
    if holding.target is not None:
        target = float(holding.target)
        gates.append(Gate("take_profit", price, target, target - price, reason is not Reason.TAKE_PROFIT))
    if configuration.max_hold_hours is not None:
        limit, held = float(configuration.max_hold_hours), age / _HOUR
        gates.append(Gate("max_hold", held, limit, limit - held, not too_long))
    return tuple(gates)


def stopped_by(gates: tuple[Gate, ...]) -> str:
    """Return the name of the first gate that did not pass; empty where all did."""
    for gate in gates:
        if not gate.passed:
            return gate.name
    return ""


def _share(millionths: int | None) -> float | None:
    return None if millionths is None else millionths / _PARTS


def _below(name: str, value: int, limit: int | None) -> Gate:
    if limit is None:
        return Gate(name, value, None, None, True)
    return Gate(name, value, limit, limit - value, value < limit)


def _cooldown(since_exit: int | None, minutes: float) -> Gate:
    if since_exit is None:
        return _NEVER_LEFT
    passed = since_exit / 60_000
    return Gate("cooldown", passed, minutes, passed - minutes, passed >= minutes)
