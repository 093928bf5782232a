"""What may stop an entry, and what would end a position. Exits are never stopped.

Every gate is asked every time, so that a thought shows by how much each was passed or missed; the first that is missed
is the one that stopped it.
"""

from decimal import Decimal

from workbench.domain.config import StrategyConfiguration
from workbench.domain.orders import Reason
from workbench.domain.thoughts import Gate
from workbench.engine.exits import Exit, Holding
from workbench.engine.strategy import Reading

_HOUR = 3_600_000
_NEXT_BAR = Gate("next_bar", 1.0, 1.0, 0.0, True)
_NO_NEXT_BAR = Gate("next_bar", 0.0, 1.0, -1.0, False)
_RUNNING = Gate("running", 1.0, 1.0, 0.0, True)
_PAUSED = Gate("running", 0.0, 1.0, -1.0, False)
_NEVER_LEFT = Gate("cooldown", None, None, None, True)


def entry_gates(
    configuration: StrategyConfiguration,
    reading: Reading,
    *,
    paused: bool,
    last: bool,
    missing: int,
    open_positions: int,
    trades_today: int,
    since_exit: int | None,
    available: Decimal,
) -> tuple[Gate, ...]:
    """Return the gates of an entry, in the order in which they are asked.

    Parameters
    ----------
    missing
        Bars absent right before this one.
    open_positions, trades_today
        With the entries that are already under way.
    since_exit
        Milliseconds since the token was last left; None if it never was.
    available
        Cash that no resting order has spoken for.
    """
    c = configuration
    confidence, asked = reading.confidence, float(c.confidence_threshold)
    at_hand, lookback = reading.bars_at_hand, reading.strategy.lookback
    least, free = float(c.min_trade_size), float(available)
    return (
        Gate("signal", reading.edge, 0.0, reading.edge, reading.enter),
        Gate("warm_up", at_hand, lookback, at_hand - lookback, at_hand >= lookback),
        _PAUSED if paused else _RUNNING,
        _NO_NEXT_BAR if last else _NEXT_BAR,
        Gate("fresh_prices", missing, 0, -missing, not missing)
        if c.on_hole != "mark"
        else Gate("fresh_prices", missing, None, None, True),
        Gate("confidence", confidence, asked, confidence - asked, confidence >= asked),
        _below("open_positions", open_positions, c.max_positions),
        _below("daily_trades", trades_today, c.max_daily_trades),
        _cooldown(since_exit, float(c.cooldown_minutes)),
        Gate("cash", free, least, free - least, available > 0 and available >= c.min_trade_size),
    )


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


def _below(name: str, value: int, limit: int | None) -> Gate:
    if limit is None:
        return Gate(name, value, None, None, True)
    return Gate(name, value, limit, limit - value, value < limit)


def _cooldown(since_exit: int | None, minutes: float) -> Gate:
    if since_exit is None:
        return _NEVER_LEFT
    passed = since_exit / 60_000
    return Gate("cooldown", passed, minutes, passed - minutes, passed >= minutes)
