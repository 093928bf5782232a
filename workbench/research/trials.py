"""Trials: many runs of one study, each in the kernel where it can be, and the figures of each."""

import os
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from math import inf
from typing import Any, Final

import msgspec
import numpy as np

from workbench.analytics.metrics import CASH, Run
from workbench.analytics.returns import Floats, daily, every_day, growth_a_year, moments, sharpe, sharpe_a_day, sortino
from workbench.domain.bars import DAY
from workbench.domain.book import open_book
from workbench.domain.money import CASH_DECIMALS, units
from workbench.domain.sessions import Plan
from workbench.engine.columns import NEVER, Ints, Market, Rules, Sums, Traits
from workbench.engine.kernel import is_plain, is_ready, run_kernel, run_plain
from workbench.engine.lowering import day_ends, market_of, obstacles, places_of, rules_of, signals_of, traits_of
from workbench.engine.measures import measures_of
from workbench.engine.series import BarSeries
from workbench.engine.state import open_state
from workbench.engine.stitched import Blocks, Stitched, lay_out
from workbench.engine.windows import Readings, read_series
from workbench.research.overfitting import BLOCKS, block_sums, pooled
from workbench.research.study import Study, Values
from workbench.research.traces import FoldTrace

CHUNK: Final = 128
"""Trials that are held in memory as whole lines of days; of the others only figures stay."""
AT_ONCE: Final = 4
"""Trials that a thread takes at a time: each handing over costs a fair part of a trial."""
QUICK_SECONDS: Final = 0.05
"""What a trial takes at most where a thread takes several: of slow ones each is told as it is done, and those left are dropped."""
STORE_SECONDS: Final = 1.0
"""How long trials that are done wait for the rest of their chunk, where they are to be stored."""


class Figures(msgspec.Struct, frozen=True):
    """What one trial gave; None where a figure is not defined.

    Shares are 0 to 1, names in `_pct` are in percent, Sharpe and its kin are annualised. `return_in_pct`, `sharpe_in` are of
    the days before those held out, `return_out_pct`, `sharpe_out` of those. `sharpe_a_day`, `skewness`, `kurtosis` and
    `observations` are of daily returns, which is what luck is judged by; `stretches` are returns over at most 64 stretches
    of time, `sums` and `squares` those by block: numbers of 64 bits, which take a fourth of what a list does.
    """

    return_pct: float
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown_pct: float
    trades: int
    win_rate: float | None
    profit_factor: float | None
    exposure_pct: float
    turnover: float | None
    fees: float
    cost_share: float | None
    best_trade_share: float | None
    return_in_pct: float
    return_out_pct: float
    sharpe_in: float | None
    sharpe_out: float | None
    ambiguous_bars: int
    final_equity: float
    sharpe_a_day: float | None
    skewness: float
    kurtosis: float
    observations: int
    stretches: bytes
    sums: bytes
    squares: bytes


class Trial(msgspec.Struct, frozen=True):
    """The values that were tried, and what they gave."""

    values: dict[str, Any]
    figures: Figures


class Tally(msgspec.Struct, frozen=True):
    """A run in sums: equity at day ends and at the end in 10**-8, bars held and ambiguous, the deepest fall, and its fills.

    Day ends are floats where `step()` made them: what the kernel leaves to it may not fit into whole numbers.
    """

    ends: Ints | Floats
    final: int
    held: int
    ambiguous: int
    drawdown: float
    sums: Sums


class Bench(msgspec.Struct):
    """What the trials of a study share, made once: bars laid out for the strategy, markets, rules."""

    study: Study
    laid: list[Stitched | Blocks]
    traded: tuple[BarSeries, ...]
    rows: tuple[tuple[int, int], ...] | None
    plans: dict[tuple[Any, ...], tuple[Plan, Rules, list[str]]] = {}
    markets: dict[Any, Market] = {}
    traits: Traits | None = None
    days: Ints | None = None


Laid = list[Stitched | Blocks]


def bench_of(study: Study, laid: Laid | None = None) -> Bench:
    """Return what the trials of a study share; the bars as they were laid out before, where they were."""
    return Bench(study, laid or [lay_out(series, study.strategy) for series in study.many], study.traded, study.rows)


def workers_for(trials: int) -> int:
    """Return how many threads so many trials are worth."""
    return max(1, min(os.cpu_count() or 1, trials))


def run_trials(
    study: Study, trials: Sequence[Values], workers: int | None = None, laid: Laid | None = None
) -> Generator[list[Trial]]:
    """Yield the trials in their order, in chunks; however many there are, no more than a chunk of lines is in memory.

    Of trials that take long what is done comes every second or so, for what is lost or cancelled then is little.

    Parameters
    ----------
    workers
        Threads; as many as there are cores where None. The kernel runs without the GIL.
    laid
        The study's bars as they were laid out before.
    """
    with closing(run_tallies(bench_of(study, laid), trials, workers, STORE_SECONDS)) as made:
        for part, tallies in made:
            yield [Trial(dict(values), figures) for values, figures in zip(part, figures_of(study, tallies), strict=True)]


def run_tallies(
    bench: Bench, trials: Sequence[Values], workers: int | None = None, seconds: float = inf
) -> Generator[tuple[Sequence[Values], list[Tally]]]:
    """Yield the trials as sums, in chunks, with their values; what has not begun once it is closed is dropped.

    While the kernel compiles for the first time they run in `step()`, one after the other: it wants a core for itself.

    Parameters
    ----------
    workers
        As for `run_trials`.
    seconds
        How long trials that are done wait for the rest of their chunk.
    """
    count = workers or workers_for(len(trials))
    threads = ThreadPoolExecutor(count, thread_name_prefix="trial")
    coming: deque[tuple[int, Future[tuple[list[Tally], float]]]] = deque()
    asked, at_once = 0, 1

    def ask(end: int) -> None:
        nonlocal asked
        while asked < min(end, len(trials)):
            # No part lies in two chunks.
            high = min(asked + at_once, (asked // CHUNK + 1) * CHUNK, len(trials))
            coming.append((high, threads.submit(_tallies_of, bench, trials[asked:high])))
            asked = high

    try:
        low, tallies, since = 0, list[Tally](), time.monotonic()
        # How long a trial takes is not known yet.
        ask(count if is_ready() else 1)
        while coming:
            done, future = coming.popleft()
            some, took = future.result()
            tallies += some
            at_once = AT_ONCE if took <= QUICK_SECONDS * len(some) else 1
            # While one chunk is judged and stored, the next one runs.
            ask(done + (CHUNK if is_ready() else 1))
            if done % CHUNK == 0 or done == len(trials) or time.monotonic() - since >= seconds:
                yield trials[low:done], tallies
                low, tallies, since = done, [], time.monotonic()
    finally:
        threads.shutdown(cancel_futures=True)


def _tallies_of(bench: Bench, trials: Sequence[Values]) -> tuple[list[Tally], float]:
    """Return trials in sums, and the seconds that they took."""
    began = time.perf_counter()
    return [tally_of(bench, values) for values in trials], time.perf_counter() - began


def tally_of(bench: Bench, values: Values) -> Tally:
    """Return one trial in sums: by the kernel where it can run it, by `step()` where not."""
    study = bench.study
    strategy = study.strategy_with(values)
    plan, rules, hindered = _plan(bench, values)
    wanted = measures_of(plan.configuration, plan.timeframe)
    readings = [read_series(strategy, series, wanted, laid) for series, laid in zip(study.many, bench.laid, strict=True)]
    if bench.rows is not None:
        readings = [said.between(low, high) for said, (low, high) in zip(readings, bench.rows, strict=True)]
    if not hindered and is_ready():
        market = _market(bench, plan)
        if bench.traits is None or bench.days is None:
            bench.traits, bench.days = traits_of(plan.instruments), day_ends(market.ts)
        found = _compiled_tally(plan, rules, bench.traded, readings, market, bench.traits, bench.days)
        if found is not None:
            return found
    return folded_tally(plan, study.cash, bench.traded, readings)


def _plan(bench: Bench, values: Values) -> tuple[Plan, Rules, list[str]]:
    study = bench.study
    key = tuple((name, value) for name, value in values.items() if name not in study.strategy.__struct_fields__)
    found = bench.plans.get(key)
    if found is None:
        plan = study.plan_with(values)
        hindered = obstacles(plan, bench.traded, study.cash)
        found = bench.plans[key] = (plan, rules_of(plan, study.cash), hindered)
    return found


def _market(bench: Bench, plan: Plan) -> Market:
    key = (plan.costs, plan.configuration.max_liquidity_pct is None)
    found = bench.markets.get(key)
    if found is None:
        if len(bench.markets) > 8:
            bench.markets.clear()
        found = bench.markets[key] = market_of(bench.traded, plan)
    return found


def tally_run(plan: Plan, cash: Decimal, many: Sequence[BarSeries], readings: Sequence[Readings]) -> Tally:
    """Return one run over readings in sums: by the kernel where it can run it, by `step()` where not."""
    if not obstacles(plan, many, cash) and is_ready():
        market = market_of(many, plan)
        traits, ends = traits_of(plan.instruments), day_ends(market.ts)
        found = _compiled_tally(plan, rules_of(plan, cash), many, readings, market, traits, ends)
        if found is not None:
            return found
    return folded_tally(plan, cash, many, readings)


def _compiled_tally(
    plan: Plan, rules: Rules, many: Sequence[BarSeries], readings: Sequence[Readings], market: Market, traits: Traits, ends: Ints
) -> Tally | None:
    """Return one run in sums as the kernel makes them; None where a number did not fit."""
    if is_plain(rules, len(many)):
        outcome = run_plain(market, traits, rules, *places_of(many[0], readings[0], plan), ends)
    else:
        outcome = run_kernel(market, traits, rules, *signals_of(market, many, readings, plan), ends, False)
    _, final, held, ambiguous, too_large = outcome.totals.tolist()
    if too_large:
        return None
    return Tally(outcome.day_ends, final, held, ambiguous, float(outcome.drawdown), Sums._make(outcome.sums.tolist()))


def folded_tally(plan: Plan, cash: Decimal, many: Sequence[BarSeries], readings: Sequence[Readings]) -> Tally:
    """Return one run over readings in sums, as `step()` makes them."""
    opened = open_state(plan, open_book(cash))
    first = min(int(series.ts[0]) for series in many if len(series))
    return tally_from(FoldTrace(msgspec.structs.replace(opened, ts=first - many[0].step), many, readings, None), cash)


def tally_from(trace: FoldTrace | Run, cash: Decimal) -> Tally:
    """Return a finished run in sums."""
    ends = np.rint(trace.equity * CASH)[day_ends(trace.ts)]
    equity = np.concatenate([[float(cash)], trace.equity])
    peaks = np.maximum.accumulate(equity)
    results, paid = trace.trips.result, trace.paid
    sums = Sums(
        paid.fills, len(results), int((results > 0).sum()), int(results[results > 0].sum()), -int(results[results < 0].sum()),
        int(results.max()) if len(results) else NEVER, paid.notional, paid.fee, paid.gas, paid.tax, paid.spread, paid.slippage,
        paid.impact,
    )  # fmt: skip
    return Tally(ends, units(trace.final, CASH_DECIMALS), trace.held_bars, trace.ambiguous, float(np.min(equity / peaks - 1)), sums)


def times_of(many: Sequence[BarSeries]) -> Ints:
    """Return the open times of all slices."""
    return many[0].ts if len(many) == 1 else np.unique(np.concatenate([series.ts for series in many]))


def ends_of(times: Ints, tallies: Sequence[Tally]) -> Floats:
    """Return equity at the end of every day, shape (tallies, days)."""
    return every_day((times // DAY)[day_ends(times)], np.stack([tally.ends for tally in tallies]).astype(np.float64) / CASH)


def figures_of(study: Study, tallies: Sequence[Tally]) -> list[Figures]:
    """Return the figures of the trials of a study."""
    return judged(times_of(study.traded), float(study.cash), study.held_out, tallies)


def judged(times: Ints, opening: float, held_out: float, tallies: Sequence[Tally]) -> list[Figures]:
    """Return the figures of runs over the same bars, worked out for all of them at once.

    Parameters
    ----------
    times
        Open times of the slices.
    opening
        Equity before the first.
    held_out
        The last part of the days, as a share, by which each is judged again.
    """
    slices = len(times)
    ends = ends_of(times, tallies)
    returns = daily(opening, ends)
    count = returns.shape[1]
    kept = count - round(held_out * count)
    final = np.array([tally.final for tally in tallies], np.float64) / CASH
    growth = growth_a_year(opening, final, float(times[-1] - times[0]) / DAY)
    drawdown = np.array([100 * tally.drawdown for tally in tallies])
    calmar = np.where(drawdown < 0, -100 * growth / np.where(drawdown < 0, drawdown, 1.0), np.nan)
    skewness, kurtosis = moments(returns)
    inside, outside = returns[:, :kept], returns[:, kept:]
    blocks = block_sums(returns, BLOCKS)
    columns = {
        "sharpe": sharpe(returns), "sortino": sortino(returns), "calmar": calmar, "sharpe_in": sharpe(inside),
        "sharpe_out": sharpe(outside), "sharpe_a_day": sharpe_a_day(returns),
    }  # fmt: skip
    gains = {"return_in_pct": _compound(inside), "return_out_pct": _compound(outside)}
    mean = ends.mean(axis=1)
    plain = {name: _plain(column) for name, column in columns.items()}
    stretches, sums, squares = (np.ascontiguousarray(lines, np.float64) for lines in (pooled(returns), blocks.sums, blocks.squares))
    found = []
    for i, tally in enumerate(tallies):
        s = tally.sums
        paid = s.fee + s.gas + s.tax + s.spread + s.slippage + s.impact
        before, result = tally.final - round(opening * CASH) + paid, s.won - s.lost
        found.append(
            Figures(
                return_pct=100 * (float(final[i]) / opening - 1),
                sharpe=plain["sharpe"][i],
                sortino=plain["sortino"][i],
                calmar=plain["calmar"][i],
                max_drawdown_pct=float(drawdown[i]),
                trades=s.trips,
                win_rate=s.wins / s.trips if s.trips else None,
                profit_factor=s.won / s.lost if s.lost else None,
                exposure_pct=100 * tally.held / slices,
                turnover=s.notional / CASH / float(mean[i]) if mean[i] > 0 else None,
                fees=(s.fee + s.gas + s.tax) / CASH,
                cost_share=paid / before if before > 0 else None,
                best_trade_share=s.best / result if result > 0 and s.trips else None,
                return_in_pct=float(gains["return_in_pct"][i]),
                return_out_pct=float(gains["return_out_pct"][i]),
                sharpe_in=plain["sharpe_in"][i],
                sharpe_out=plain["sharpe_out"][i],
                ambiguous_bars=tally.ambiguous,
                final_equity=float(final[i]),
                sharpe_a_day=plain["sharpe_a_day"][i],
                skewness=float(skewness[i]),
                kurtosis=float(kurtosis[i]),
                observations=count,
                stretches=stretches[i].tobytes(),
                sums=sums[i].tobytes(),
                squares=squares[i].tobytes(),
            )
        )
    return found


def _compound(returns: Floats) -> Floats:
    gained: Floats = 100 * (np.prod(1 + returns, axis=1) - 1)
    return gained


def _plain(column: Floats) -> list[float | None]:
    return [value if value == value and abs(value) != np.inf else None for value in column.tolist()]
