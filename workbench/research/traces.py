"""Traces: what a run left behind, the same whether `step()` made it or the columns."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

import numpy as np

from workbench.analytics.metrics import Paid
from workbench.domain.book import open_book
from workbench.domain.commands import Command
from workbench.domain.events import EquityMarked, OrderFilled, ProgramEnded, ThoughtRecorded
from workbench.domain.money import CASH_DECIMALS, LEDGER, units
from workbench.domain.programs import ProgramRun, RunStatus
from workbench.domain.sessions import Plan
from workbench.domain.thoughts import Thought
from workbench.domain.trips import Trip, round_trips
from workbench.engine import columns
from workbench.engine.columns import Ints, Market, Outcome, Trips
from workbench.engine.fold import slices
from workbench.engine.kernel import run_kernel
from workbench.engine.ledger import Ledger
from workbench.engine.lowering import day_ends, market_of, rules_of, signals_of, traits_of
from workbench.engine.series import BarSeries, Floats
from workbench.engine.state import State
from workbench.engine.step import complete, digest_of, step
from workbench.engine.windows import Readings
from workbench.errors import Refused

Engine = Literal["kernel", "step"]
Progress = Callable[[int, int], None]
_EVERY: Final = 2048


class FoldTrace:
    """What a fold of `step()` left behind.

    Attributes
    ----------
    state
        After the last bar.
    ts, equity
        Open time of every slice and equity at its close.
    fills, thoughts, runs
        In order; thoughts are those that were recorded, runs the programs as they ended.
    held_bars
        Slices at whose close something was held.
    """

    engine: Engine = "step"

    def __init__(
        self,
        state: State,
        many: Sequence[BarSeries],
        readings: Sequence[Readings],
        progress: Progress | None,
        changes: Mapping[int, Command] | None = None,
    ) -> None:
        self.fills: list[OrderFilled] = []
        self.thoughts: list[Thought] = []
        self.runs: list[ProgramRun] = []
        self.held_bars = 0
        marks: list[EquityMarked] = []
        total = max(len(series) for series in many)
        for given, said in slices(many, readings):
            if changes and given.ts in changes:
                state = step(state, changes[given.ts]).state
            stepped = step(state, given, said)
            state = stepped.state
            self.held_bars += bool(state.book.positions)
            for event in stepped.events:
                match event:
                    case EquityMarked():
                        marks.append(event)
                    case OrderFilled():
                        self.fills.append(event)
                    case ThoughtRecorded(thought):
                        self.thoughts.append(thought)
                    case ProgramEnded(run):
                        if run.status is RunStatus.FAILED and not run.memory:
                            raise Refused(run.why)
                        self.runs.append(run)
            if progress is not None and len(marks) % _EVERY == 0:
                progress(len(marks), total)
        last = complete(state, "the data ended")
        self.state = last.state
        self.runs += [event.run for event in last.events if isinstance(event, ProgramEnded)]
        if progress is not None:
            progress(len(marks), len(marks))
        self.ts: Ints = np.array([mark.ts for mark in marks], np.int64)
        self.equity: Floats = np.array([float(mark.equity) for mark in marks])
        self.missing, self.ambiguous, self.final = self.state.missing, self.state.ambiguous, self.state.equity

    @property
    def digest(self) -> str:
        """The closed ledger digest."""
        return digest_of(self.state)

    @cached_property
    def _round_trips(self) -> tuple[list[Trip], list[Trip]]:
        return round_trips(self.fills)

    @property
    def open_trips(self) -> int:
        """Round trips that were not closed."""
        return len(self._round_trips[1])

    @cached_property
    def trips(self) -> Trips:
        """The closed round trips."""
        closed = self._round_trips[0]
        return Trips(
            np.array([trip.opened for trip in closed], np.int64),
            np.array([trip.closed for trip in closed], np.int64),
            _counted([trip.result for trip in closed]),
            _counted([trip.invested for trip in closed]),
        )

    @cached_property
    def paid(self) -> Paid:
        """What all fills cost, and what they traded."""
        names = ("notional", "fee", "gas", "tax", "spread_cost", "slippage_cost", "impact_cost")
        sums = [sum(units(getattr(fill, name), CASH_DECIMALS) for fill in self.fills) for name in names]
        return Paid._make([*sums, len(self.fills)])


def _counted(amounts: Sequence[Decimal]) -> Ints:
    """Return amounts in 10**-8; where they are too large for 64 bits, as whole numbers of Python."""
    counted = [units(amount, CASH_DECIMALS) for amount in amounts]
    fits = all(abs(amount) < 2**62 for amount in counted)
    return np.array(counted, np.int64 if fits else object)


def _summed(column: Ints) -> int:
    """Return the sum of amounts that each fit into 64 bits, though it may not."""
    return int(column.sum()) if np.abs(column.astype(np.float64)).sum() < 2.0**62 else sum(column.tolist())


class KernelTrace:
    """What the kernel left behind; it has the attributes of a `FoldTrace` but for the state, the thoughts and the programs."""

    engine: Engine = "kernel"

    def __init__(self, plan: Plan, cash: Decimal, many: Sequence[BarSeries], market: Market, outcome: Outcome) -> None:
        self.ledger = Ledger(outcome.records, market.ts, plan.instruments)
        self.ts, self.equity = market.ts, outcome.equity / 10**CASH_DECIMALS
        _, equity, self.held_bars, self.ambiguous, _ = outcome.totals.tolist()
        self.final = Decimal(equity).scaleb(-CASH_DECIMALS, context=LEDGER)
        self.missing = sum(series.missing for series in many)
        self._cash = cash

    @property
    def fills(self) -> tuple[OrderFilled, ...]:
        """In order."""
        return self.ledger.fills

    @cached_property
    def digest(self) -> str:
        """The closed ledger digest."""
        return self.ledger.digest(open_book(self._cash), self.final)

    @property
    def open_trips(self) -> int:
        """Round trips that were not closed."""
        sides = self.ledger.filled[:, columns.SIDE]
        return int((sides == columns.BUY).sum() - (sides == columns.SELL).sum())

    @property
    def trips(self) -> Trips:
        """The closed round trips."""
        return self.ledger.trips

    @cached_property
    def paid(self) -> Paid:
        """What all fills cost, and what they traded."""
        rows = self.ledger.filled
        wanted = (columns.NOTIONAL, columns.FEE, columns.GAS, columns.TAX, columns.SPREAD, columns.SLIPPAGE, columns.IMPACT)
        return Paid._make([*(_summed(rows[:, column]) for column in wanted), len(rows)])


def kernel_trace(plan: Plan, cash: Decimal, many: Sequence[BarSeries], readings: Sequence[Readings]) -> KernelTrace | None:
    """Run a plan in the kernel; None where a number did not fit, so that `step()` has to."""
    market = market_of(many, plan)
    rules = rules_of(plan, cash)
    allowed, wants_out, shares = signals_of(market, many, readings, plan)
    outcome = run_kernel(market, traits_of(plan.instruments), rules, allowed, wants_out, shares, day_ends(market.ts), True)
    return None if outcome.totals[4] else KernelTrace(plan, cash, many, market, outcome)
