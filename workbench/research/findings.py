"""Findings: what to know before a backtest is believed, in plain sentences.

Each rule reads a finished run and says a sentence, or nothing. Adding one is adding a function to `RULES`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from workbench.analytics.metrics import CASH
from workbench.analytics.returns import daily, every_day
from workbench.domain.bars import DAY, show_time
from workbench.engine.lowering import day_ends
from workbench.research.backtest import Backtest
from workbench.strategies import parameters_of

FEW_TRADES: Final = 30
TRADES_A_PARAMETER: Final = 10
THIN_EDGE_BPS: Final = 5.0
_SAME: Final = 0.95
_MANY_AMBIGUOUS: Final = 0.05


def one_trade(result: Backtest) -> str:
    """Return a sentence where one round trip makes more than half of the profit."""
    results = result.run.trips.result
    total = int(results.sum()) if len(results) else 0
    if len(results) < 2 or total <= 0 or 2 * int(results.max()) <= total:
        return ""
    when = show_time(int(result.run.trips.closed[int(np.argmax(results))]))
    return f"One round trip, closed {when}, makes {int(results.max()) / total:.0%} of the profit."


def few_trades(result: Backtest) -> str:
    """Return a sentence where there are too few round trips to tell anything."""
    count = len(result.run.trips.result)
    if count >= FEW_TRADES or (result.strategy.is_silent and result.runs):
        return ""
    closed = f"Only {count} round trips were" if count else "No round trip was"
    return f"{closed} closed: {FEW_TRADES} are the least to tell anything."


def too_many_parameters(result: Backtest) -> str:
    """Return a sentence where the parameters are more than the round trips can carry."""
    count, parameters = len(result.run.trips.result), len(parameters_of(result.strategy))
    if count < FEW_TRADES or count >= TRADES_A_PARAMETER * parameters:
        return ""
    return f"{parameters} parameters are more than {count} round trips can carry: {TRADES_A_PARAMETER} for each are the least."


def like_buy_and_hold(result: Backtest) -> str:
    """Return a sentence where the run does what buying and holding does."""
    run = result.run
    if len(run.ts) < 3 or not len(run.trips.result) + run.open_trips:
        return ""
    share = run.held_bars / len(run.ts)
    held = result.hold.filter(result.hold["ts"].is_in(result.equity["ts"].implode()))["equity"].to_numpy()
    if share < 0.9 or len(held) != len(run.ts):
        return ""
    last = day_ends(run.ts)
    days = run.ts[last] // DAY
    own, market = (daily(float(run.opening), every_day(days, line[last])) for line in (run.equity, held))
    if len(own) < 3 or own.std() == 0 or market.std() == 0:
        return ""
    alike = float(np.corrcoef(own, market)[0, 1])
    if alike < _SAME:
        return ""
    return (
        f"It holds in {share:.0%} of the bars and moves with buy and hold (correlation {alike:.2f}): the market makes the result."
    )


def thin_edge(result: Backtest) -> str:
    """Return a sentence where a little more cost takes the whole profit."""
    profit = float(result.final_equity - result.cash)
    traded = result.run.paid.notional / CASH
    if profit <= 0 or traded <= 0:
        return ""
    bps = profit / traded * 10_000
    return f"About {bps:.1f} bps more a fill take the whole profit." if bps < THIN_EDGE_BPS else ""


def hole_in_trade(result: Backtest) -> str:
    """Return a sentence where bars are missing inside a round trip."""
    trips = result.run.trips
    found = [
        hole
        for series in result.bars
        for hole in series.holes
        if bool(((trips.opened < hole.ts) & (hole.ts <= trips.closed)).any())
    ]
    if not found:
        return ""
    bars = sum(hole.missing for hole in found)
    return f"Bars are missing inside round trips: {bars:,} in {len(found):,} places, the first at {show_time(found[0].ts)}."


def ambiguous_bars(result: Backtest) -> str:
    """Return a sentence where bars cannot tell the stop from the target."""
    unclear, count = result.run.ambiguous, len(result.run.trips.result)
    if not unclear or unclear < _MANY_AMBIGUOUS * count:
        return ""
    return f"{unclear:,} bars reached stop and target both; the stop was taken. Bars of a shorter timeframe would tell."


RULES: Final[tuple[Callable[[Backtest], str], ...]] = (
    one_trade, few_trades, too_many_parameters, like_buy_and_hold, thin_edge, hole_in_trade, ambiguous_bars,
)  # fmt: skip


def findings_of(result: Backtest) -> list[str]:
    """Return every finding of a result, in the order of the rules."""
    return [sentence for rule in RULES if (sentence := rule(result))]
