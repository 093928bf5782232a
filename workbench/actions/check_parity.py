"""Parity: does a session refold to what its log says, and does a backtest trade what the session did; if not, where and why."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from workbench.actions.fingerprint import code_version, edited_opening
from workbench.actions.verify_session import Seen, seen_by, verify_session
from workbench.desk import Desk, desk_or_own
from workbench.domain.bars import show_time
from workbench.domain.book import open_book
from workbench.domain.commands import StartProgram
from workbench.domain.costs import CostModel, PaperTradingConfig
from workbench.domain.params import with_fields
from workbench.domain.presets import changes_between
from workbench.domain.programs import ProgramRun
from workbench.engine.program import ProgramStrategy
from workbench.engine.programs import make_program
from workbench.engine.series import PRICES, BarSeries
from workbench.engine.state import open_state
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Broken, Invalid
from workbench.research.backtest import Backtest, Opening, backtest
from workbench.research.parity import Verdict, compare_fills
from workbench.strategies import make_strategy, parameters_of, shelf


def check_parity(session: str, result: Backtest | None = None, *, desk: Desk | None = None) -> Verdict:
    """Refold a session and compare every event; or lay a backtest beside it and compare every fill.

    Parameters
    ----------
    session
        Its id, or the beginning of it.
    result
        A backtest of one's own, to learn why it does not trade what the session did.
    desk
        Where the session is; the platform's own place for data where None.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has not begun.
    LogBroken
        If the log itself is not what was written.
    Broken
        If the state that its worker kept is gone or cannot be read.
    Invalid
        If it is no id, or no backtest.
    """
    if not isinstance(session, str):
        raise Invalid("session", "a session's id, or the beginning of it", session)
    if result is not None and not isinstance(result, Backtest):
        raise Invalid("result", "a backtest, as wb.backtest returns it", result)
    with desk_or_own(desk) as chosen:
        if result is None:
            return verify_session(chosen, session)
        seen = seen_by(chosen, session)
        return compare_fills(seen.row.id, seen.fills, result.filled, lambda when: cause_between(seen, result, when))


def backtest_like(session: str, *, desk: Desk | None = None) -> Backtest:
    """Return the backtest on exactly the bars that a session saw, with its book, rules, costs, seed and the programs it began with.

    Commands that the session was given are not part of it: what a person did by hand is not repeated. Nor are programs that began
    in some of its instruments only, for a backtest runs each in all of them. The first of its `findings` then says so.

    Raises
    ------
    NotFound
        If there is no such session.
    Conflict
        If it has taken no bar yet.
    LogBroken
        If the log itself is not what was written.
    Broken
        If the bars that the session saw are no longer there as it saw them, or the state that its worker kept is gone.
    """
    with desk_or_own(desk) as chosen:
        seen = seen_by(chosen, session)
    result = backtest(strategy_of(seen), seen.series, **options_of(seen))
    if untold := left_out(seen):
        result.findings = [untold, *result.findings]
    return result


def strategy_of(seen: Seen) -> SignalStrategy:
    """Return the strategy that a session began with."""
    configuration = seen.started.plan.configuration
    return make_strategy(configuration.strategy, configuration.parameters, seen.folder)


def options_of(seen: Seen) -> dict[str, Any]:
    """Return the options by which `backtest` does what a session did.

    Raises
    ------
    Broken
        If the bars that the session saw are no longer there as it saw them.
    """
    if seen.revised:
        raise Broken(
            f"The bars that session {seen.row.id} saw cannot be had: expected those that it took in, found others or none."
        )
    plan, (since, until) = seen.started.plan, span_of(seen)
    return {
        "cash": seen.started.book.cash, "configuration": plan.configuration, "costs": plan.costs, "realism": plan.realism,
        "seed": plan.seed, "since": since, "until": until, "opening": opening_of(seen),
        "programs": programs_of(seen),
    }  # fmt: skip


def programs_of(seen: Seen) -> tuple[ProgramStrategy, ...]:
    """Return the programs that a session began with; none where one began in some instruments only, as no backtest's does."""
    keys = [instrument.key for instrument in seen.started.plan.instruments]
    firsts = seen.begun[:: len(keys)]
    every = tuple(StartProgram(first.program, key, first.parameters) for first in firsts for key in keys)
    return tuple(make_program(first.program, first.parameters) for first in firsts) if every == seen.begun else ()


def left_out(seen: Seen) -> str:
    """Return the sentence that says what a session was given and its backtest is not; empty where there is nothing."""
    symbols = {instrument.key: instrument.symbol for instrument in seen.started.plan.instruments}
    alone = [] if programs_of(seen) else [f"{each.program} in {symbols[each.instrument]} alone" for each in seen.begun]
    given = [*alone, *(type(command).__name__ for _, command in seen.commands)]
    return f"The session was given what this does not repeat: {', '.join(dict.fromkeys(given))}." if given else ""


def span_of(seen: Seen) -> tuple[int, int]:
    """Return the open times from which and before which a session traded."""
    return seen.marks[0].ts, seen.marks[-1].ts + seen.series[0].step


def opening_of(seen: Seen) -> Opening | None:
    """Return what a session began with; None where that was cash alone."""
    started = seen.started
    if started.book == open_book(started.book.cash) and started.carried is None:
        return None
    return Opening(started.book, started.marks, started.carried)


def cause_between(seen: Seen, result: Backtest, when: int) -> str:
    """Return the class of cause why a backtest parts from a session at a bar time."""
    started, plan = seen.started, result.plan
    symbols = [", ".join(sorted(i.symbol for i in each.instruments)) for each in (started.plan, plan)]
    if {i.key for i in started.plan.instruments} != {i.key for i in plan.instruments}:
        return f"parameters (the session traded {symbols[0]}, the backtest {symbols[1]})"
    theirs = started.plan.configuration
    full = parameters_of(make_strategy(theirs.strategy, theirs.parameters, seen.folder))
    ours = plan.configuration
    if (ours.strategy, dict(ours.parameters)) != (theirs.strategy, full):
        return f"parameters (the session went by {theirs.strategy} {full}, the backtest by {ours.strategy} {dict(ours.parameters)})"
    same = {name: getattr(theirs, name) for name in ("name", "strategy", "parameters")}
    rules = changes_between(theirs, with_fields(ours, same))
    if rules:
        return f"parameters ({'; '.join(str(change) for change in rules)}: from the session to the backtest)"
    costs = _costs_between(started.plan.costs, plan.costs, started.plan.realism, plan.realism)
    if costs:
        return f"cost model ({costs}: from the session to the backtest)"
    if started.plan.seed != plan.seed:
        return f"cost model (draws by seed {started.plan.seed} in the session, {plan.seed} in the backtest)"
    begun = open_state(started.plan, started.book, started.marks, started.carried).equity
    if begun != result.cash:
        return f"parameters (the session began with {begun:f}, the backtest with {result.cash:f})"
    programs = [sorted(map(_program_text, runs)) for runs in (seen.programs, result.runs)]
    if programs[0] != programs[1]:
        named = [", ".join(run.program for run in runs) or "no program" for runs in (seen.programs, result.runs)]
        had, has = named if named[0] != named[1] else [", ".join(each) for each in programs]
        return f"parameters (the session had {had}, the backtest {has})"
    if seen.revised:
        return "data revision (the bars that are stored are not those that the session saw)"
    return _span_cause(seen, result, when) or _data_cause(seen, result, when) or _given_cause(seen, when) or _code_cause(seen, when)


def _span_cause(seen: Seen, result: Backtest, when: int) -> str:
    """Return that the two part where one of them ends; up to there they agree."""
    ours, theirs = int(max(series.ts[-1] for series in result.bars)), seen.marks[-1].ts
    ends = f"the backtest ends at {show_time(ours)}, the session at {show_time(theirs)}"
    return f"data revision (they agree as far as both go: {ends})" if when > min(ours, theirs) else ""


def _data_cause(seen: Seen, result: Backtest, when: int) -> str:
    begun = span_of(seen)[0]
    for series in seen.series:
        symbol = series.instrument.symbol
        other = next(each for each in result.whole if each.instrument.key == series.instrument.key)
        if not same_bars(series, other, begun, when + 1):
            return f"data revision (bars of {symbol} up to there differ)"
        if not same_market(series, other, begun, when + 1):
            return f"data revision (volume or liquidity of {symbol} up to there differs)"
        first = next(each for each in result.bars if each.instrument.key == series.instrument.key)
        if int(first.ts[0]) != max(begun, int(series.ts[0])):
            return "warm-up (the backtest trades from another bar on)"
        if int(other.ts[0]) > int(series.ts[0]):
            return "warm-up (the backtest has less history before its first bar)"
        if not (same_bars(series, other, int(series.ts[0]), begun) and same_market(series, other, int(series.ts[0]), begun)):
            return f"warm-up (the history of {symbol} before the session differs)"
    return ""


def _given_cause(seen: Seen, when: int) -> str:
    before = sum(came <= when for came, _ in seen.commands)
    told = f"{before} command{'' if before == 1 else 's'}"
    return f"parameters (the session was given {told} up to there that a backtest does not know)" if before else ""


def _code_cause(seen: Seen, when: int) -> str:
    own = seen.started.plan.configuration.strategy
    if seen.started.fingerprint.get("strategy_source", "") != shelf.source_digest(own, seen.folder):
        return f"code (the file of {own} is not what it was when the session began)"
    if seen.started.fingerprint.get("code") != code_version():
        return f"code (the session ran on {seen.started.fingerprint.get('code')}, this is {code_version()})"
    if edited := edited_opening(seen.started):
        return edited
    if any(mark.late and mark.ts == when for mark in seen.marks):
        return "lateness (the slice came after a missed stretch)"
    return "platform (same code and data, another result: processor or library)"


def same_bars(one: BarSeries, other: BarSeries, begin: int, end: int) -> bool:
    """Return whether two series have the same bars from one open time on and before another."""
    a, b = one.between(begin, end), other.between(begin, end)
    scale = 10 ** abs(a.instrument.price_decimals - b.instrument.price_decimals)
    fine, coarse = (a, b) if a.instrument.price_decimals >= b.instrument.price_decimals else (b, a)
    return np.array_equal(a.ts, b.ts) and all(np.array_equal(getattr(fine, name), getattr(coarse, name) * scale) for name in PRICES)


def same_market(one: BarSeries, other: BarSeries, begin: int, end: int) -> bool:
    """Return whether two series have the same volume and liquidity from one open time on and before another."""
    a, b = one.between(begin, end), other.between(begin, end)
    pool, pools = (series.liquidity if series.liquidity is not None else np.full(len(series), np.nan) for series in (a, b))
    return np.array_equal(a.volume, b.volume) and np.array_equal(pool, pools, equal_nan=True)


def _program_text(run: ProgramRun) -> str:
    return f"{run.program} in {run.instrument} by {msgspec.json.encode(run.parameters, order='sorted').decode()}"


def _costs_between(one: CostModel, other: CostModel, real: PaperTradingConfig, other_real: PaperTradingConfig) -> str:
    if type(one) is not type(other):
        return f"{type(one).__name__} → {type(other).__name__}"
    found: Sequence[str] = [
        f"{name} {getattr(a, name)} → {getattr(b, name)}"
        for a, b in ((one, other), (real, other_real))
        for name in a.__struct_fields__
        if getattr(a, name) != getattr(b, name) and name != "name"
    ]
    return "; ".join(found)
