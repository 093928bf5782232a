"""Deciding at the close: leave, hold, enter or wait, and why."""

from workbench.domain.bars import Bar, parse_timeframe
from workbench.domain.events import ThoughtRecorded
from workbench.domain.instruments import Instrument
from workbench.domain.orders import OrderType, Reason, Side
from workbench.domain.thoughts import Decision, Gate, Thought
from workbench.engine.exits import held_too_long
from workbench.engine.explain import explain
from workbench.engine.gates import entry_gates, holding_gates, stopped_by
from workbench.engine.matching import ForcedExit, under_way
from workbench.engine.sizing import entry_amount
from workbench.engine.strategy import Reading
from workbench.engine.turn import Turn

_FORCED = {
    Reason.STOP_LOSS: Decision.STOP_LOSS,
    Reason.TAKE_PROFIT: Decision.TAKE_PROFIT,
    Reason.TRAILING_STOP: Decision.TRAILING_STOP,
}


def decide(turn: Turn, instrument: Instrument, bar: Bar, reading: Reading, gap: int, last: bool, forced: ForcedExit | None) -> None:
    """Decide at the close, and say why."""
    key = instrument.key
    if forced is not None:
        leaving, was = forced.exit, forced.holding
        gates = holding_gates(was, reading, float(leaving.price), bar.ts - was.entered, turn.config, leaving)
        _think(turn, instrument, reading, _FORCED[leaving.reason], gates, leaving.reason.value, forced.order)
        if not reading.enter:
            return
    holding = turn.holdings.get(key)
    going = {order.side for order in turn.book.orders if order.instrument == key and under_way(order)}
    if holding is not None:
        close_ts = bar.ts + parse_timeframe(turn.plan.timeframe)
        too_long = held_too_long(holding, close_ts, turn.config)
        gates = holding_gates(holding, reading, float(bar.close), close_ts - holding.entered, turn.config, too_long=too_long)
        wants_out = reading.exit or too_long
        if wants_out and Side.SELL not in going and not last:
            reason = Reason.EXIT_SIGNAL if reading.exit else Reason.MAX_HOLD
            order = turn.place(instrument, Side.SELL, OrderType.MARKET, reason, quantity=turn.book.quantity(key))
            _think(turn, instrument, reading, Decision.SELL, gates, stopped_by(gates), order.id)
        else:
            _think(turn, instrument, reading, Decision.HOLD, gates, stopped_by(gates) if wants_out else "")
    elif going:
        _think(turn, instrument, reading, Decision.HOLD, (), "")
    else:
        _consider_entry(turn, instrument, bar, reading, gap, last)


def _consider_entry(turn: Turn, instrument: Instrument, bar: Bar, reading: Reading, gap: int, last: bool) -> None:
    orders = turn.book.orders
    buys = [order for order in orders if order.side is Side.BUY] if orders else []
    available = turn.book.free_cash()
    left = turn.left.get(instrument.key)
    gates = entry_gates(
        turn.config,
        reading,
        paused=turn.paused,
        last=last,
        missing=gap,
        open_positions=len(turn.book.positions) + len({order.instrument for order in buys} - turn.book.positions.keys()),
        trades_today=turn.trades_today + sum(under_way(order) for order in orders),
        since_exit=None if left is None else bar.ts - left,
        available=available,
    )
    stopping = stopped_by(gates)
    if stopping:
        decision = Decision.WAIT if stopping == "signal" else Decision.SKIP
        _think(turn, instrument, reading, decision, gates, stopping)
        return
    amount = min(entry_amount(turn.config, turn.equity), available)
    order = turn.place(instrument, Side.BUY, OrderType.MARKET, Reason.ENTRY_SIGNAL, amount=amount)
    _think(turn, instrument, reading, Decision.BUY, gates, "", order.id)


def _think(
    turn: Turn,
    instrument: Instrument,
    reading: Reading,
    decision: Decision,
    gates: tuple[Gate, ...],
    stopping: str,
    order: int | None = None,
) -> None:
    """Keep the evaluation; record it, with its sentence, if something changed."""
    key = instrument.key
    said = f"{decision}|{stopping}|{order or ''}"
    changed = turn.said.get(key) != said
    thought = Thought(
        turn.ts,
        key,
        instrument.symbol,
        turn.config.strategy,
        decision,
        stopping,
        reading.confidence,
        gates,
        dict(zip(reading.names, reading.values, strict=True)),
        order,
        explain(decision, gates, stopping, reading, reading.confidence) if changed else "",
    )
    turn.thoughts.append(thought)
    if changed:
        turn.said = {**turn.said, key: said}
        turn.events.append(ThoughtRecorded(thought))
