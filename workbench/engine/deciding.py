"""Deciding at the close: leave, hold, enter or wait, and why."""

from decimal import Decimal

from workbench.domain.bars import Bar, parse_timeframe
from workbench.domain.config import StrategyConfiguration
from workbench.domain.events import ThoughtRecorded
from workbench.domain.instruments import Instrument
from workbench.domain.money import NO_CASH, product, share
from workbench.domain.orders import OrderType, Reason, Side
from workbench.domain.programs import ProgramRun
from workbench.domain.thoughts import Decision, Gate, Size, Thought
from workbench.engine.breakers import blocking, probe_sent, probing
from workbench.engine.costs import quote
from workbench.engine.exits import held_too_long
from workbench.engine.explain import explain
from workbench.engine.gates import entry_gates, holding_gates, size_gates, stopped_by
from workbench.engine.intel import Profile, profile_of
from workbench.engine.matching import ForcedExit
from workbench.engine.resting import sum_up
from workbench.engine.running import leave_entry, start, still_to_spend
from workbench.engine.selecting import AT_ONCE, pick
from workbench.engine.sizing import Room, entry_size
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
    runs = turn.runs_in(key) if turn.now.runs else []
    if forced is not None:
        leave_entry(turn, runs, "its position was left")
        leaving, was = forced.exit, forced.holding
        gates = holding_gates(was, reading, float(leaving.price), bar.ts - was.entered, turn.config, leaving)
        _think(turn, instrument, reading, _FORCED[leaving.reason], gates, leaving.reason.value, forced.order)
        if not reading.enter:
            return
    holding = turn.now.holdings.get(key)
    going = sum_up(turn.now.book.orders).going.get(key, ())
    if holding is not None:
        close_ts = bar.ts + parse_timeframe(turn.now.plan.timeframe)
        too_long = held_too_long(holding, close_ts, turn.config)
        gates = holding_gates(holding, reading, float(bar.close), close_ts - holding.entered, turn.config, too_long=too_long)
        wants_out = reading.exit or too_long
        others = [run for run in runs if not run.by_rule]
        # What a program that a person started holds is its own; the rest of a position is left as ever.
        own = turn.now.book.quantity(key) - sum((run.held for run in others), Decimal(0)) if others else None
        if wants_out and own is not None and own <= 0:
            _think(turn, instrument, reading, Decision.HOLD, (*gates, _at_work(others[0])), "program")
        elif wants_out and Side.SELL not in going and not last:
            reason = Reason.EXIT_SIGNAL if reading.exit else Reason.MAX_HOLD
            leave_entry(turn, runs, "the strategy wants out" if reading.exit else "it was held for as long as is allowed")
            quantity = turn.now.book.quantity(key) if own is None else own
            order = turn.place(instrument, Side.SELL, OrderType.MARKET, reason, quantity=quantity)
            _think(turn, instrument, reading, Decision.SELL, gates, stopped_by(gates), order.id)
        else:
            _think(turn, instrument, reading, Decision.HOLD, gates, stopped_by(gates) if wants_out else "")
    elif runs:
        if reading.exit:
            leave_entry(turn, runs, "the strategy wants out")
        _think(turn, instrument, reading, Decision.HOLD, (_at_work(runs[0]),), "program")
    elif going:
        _think(turn, instrument, reading, Decision.HOLD, (), "")
    else:
        _consider_entry(turn, instrument, bar, reading, gap, last)


def _at_work(run: ProgramRun) -> Gate:
    """Return the gate that a program run keeps shut: while it is at work, nothing else trades in its instrument."""
    return Gate("program", run.id, None, None, False)


def _consider_entry(turn: Turn, instrument: Instrument, bar: Bar, reading: Reading, gap: int, last: bool) -> None:
    c, key, book = turn.config, instrument.key, turn.now.book
    resting = sum_up(book.orders)
    available = max(book.cash - resting.reserved, NO_CASH) if resting.reserved else book.cash
    profile = profile_of(c.intel_level)
    left = turn.now.left.get(key)
    gates = entry_gates(
        c,
        reading,
        trading=turn.now.trading,
        breaker=blocking(turn, key) if turn.now.breakers else None,
        symbol=instrument.symbol,
        profile=profile,
        considered=profile is None or bar.ts // parse_timeframe(turn.now.plan.timeframe) % profile.every == 0,
        liquidity=bar.liquidity,
        last=last,
        missing=gap,
        open_positions=len(book.positions) + (len(resting.buying - book.positions.keys()) if resting.buying else 0),
        trades_today=turn.now.trades_today + resting.under_way,
        since_exit=None if left is None else bar.ts - left,
        stopped_out=left is not None and key in turn.now.stopped_out,
        available=available,
    )
    stopping = stopped_by(gates)
    if stopping:
        decision = Decision.WAIT if stopping == "signal" else Decision.SKIP
        _think(turn, instrument, reading, decision, gates, stopping)
        return
    sizing = entry_size(c, profile, _room(turn, key, bar, reading, available))
    if _is_capped(c, profile) or not sizing.amount:
        priced = quote(turn.now.plan, Side.BUY, bar.close, sizing.amount, bar, instrument)
        slippage = share(priced.price - bar.close, Decimal(10_000), bar.close, 4)
        gates += size_gates(c, profile, sizing.amount, sizing.room, slippage)
        stopping = stopped_by(gates)
        if stopping:
            _think(turn, instrument, reading, Decision.SKIP, gates, stopping, sizing=sizing.steps)
            return
    chosen = pick(turn, instrument, bar, reading, sizing.amount) if c.has_programs else AT_ONCE
    if chosen.program is not None:
        run = start(turn, chosen.program, key, by_rule=True, reason=chosen.reason)
        if turn.now.breakers:
            probe_sent(turn, key)
        _think(turn, instrument, reading, Decision.BUY, gates, "", None, sizing.steps, run.id, chosen.reason)
        return
    order = turn.place(instrument, Side.BUY, OrderType.MARKET, Reason.ENTRY_SIGNAL, amount=sizing.amount)
    if turn.now.breakers:
        probe_sent(turn, key)
    _think(turn, instrument, reading, Decision.BUY, gates, "", order.id, sizing.steps, None, chosen.reason)


def _is_capped(c: StrategyConfiguration, profile: Profile | None) -> bool:
    """Tell whether anything but the cash at hand and the wish itself speaks about an entry's size or price."""
    return profile is not None or c.sizing in ("volatility", "kelly") or any(
        limit is not None
        for limit in (c.max_trade_size, c.max_position_pct, c.max_exposure_pct, c.max_liquidity_pct, c.max_slippage_pct)
    )  # fmt: skip


def _room(turn: Turn, key: str, bar: Bar, reading: Reading, available: Decimal) -> Room:
    """Return what an entry's size depends on."""
    c, in_token, in_all = turn.config, NO_CASH, NO_CASH
    if c.max_position_pct is not None or c.max_exposure_pct is not None:
        for held_key, held in turn.now.book.positions.items():
            value = product(held.quantity, turn.now.marks[held_key], 8)
            in_all += value
            in_token += value if held_key == key else NO_CASH
        for order in turn.now.book.orders:
            if order.side is Side.BUY and order.run is None:
                in_all += order.left
                in_token += order.left if order.instrument == key else NO_CASH
        for run in turn.now.runs.values():
            meant = still_to_spend(run)
            in_all += meant
            in_token += meant if run.instrument == key else NO_CASH
    is_probe = bool(turn.now.breakers) and probing(turn, key)
    return Room(turn.now.equity, available, in_token, in_all, bar.liquidity, reading.measures, is_probe)


def _think(
    turn: Turn,
    instrument: Instrument,
    reading: Reading,
    decision: Decision,
    gates: tuple[Gate, ...],
    stopping: str,
    order: int | None = None,
    sizing: tuple[Size, ...] = (),
    run: int | None = None,
    execution: str = "",
) -> None:
    """Keep the evaluation; record it, with its sentence, if something changed."""
    key = instrument.key
    said = f"{decision}|{stopping}|{order or run or ''}"
    changed = turn.now.said.get(key) != said
    thought = Thought(
        turn.now.ts,
        key,
        instrument.symbol,
        turn.config.strategy,
        decision,
        stopping,
        reading.confidence,
        gates,
        dict(zip(reading.names, reading.values, strict=True)),
        order,
        explain(decision, gates, stopping, reading, reading.confidence, execution) if changed else "",
        sizing,
        run,
        execution,
    )
    turn.thoughts.append(thought)
    if changed:
        turn.now.said = {**turn.now.said, key: said}
        turn.events.append(ThoughtRecorded(thought))
