"""The state of a session between two inputs: everything that the next step depends on."""

from decimal import Decimal, localcontext

import msgspec

from workbench.domain.book import Book
from workbench.domain.breakers import Breaker, Outcome, TradingState
from workbench.domain.events import open_ledger_digest
from workbench.domain.money import EXACT, NO_CASH, per_unit, share
from workbench.domain.programs import ProgramRun
from workbench.domain.sessions import Carried, Plan
from workbench.engine.exits import Holding, hold
from workbench.errors import Refused


class State(msgspec.Struct):
    """Where a session is. Nobody changes one that they were given: a step makes the next from a copy.

    Parameters
    ----------
    plan
        What it goes by.
    book
        The account's book.
    marks
        The newest price by instrument key.
    seen
        Open time of each instrument's newest bar.
    holdings
        Exit prices of the open positions in the plan's instruments.
    left
        Open time of the bar in which each instrument was last left.
    stopped_out
        Which of them were last left by a stop.
    said
        What was last recorded of each instrument, so that a thought is kept only when something changed.
    ts, steps
        The newest slice and how many there were.
    equity
        The book at the newest marks.
    day, trades_today
        The UTC day of bar time and the fills in it.
    next_order
        The number of the next order.
    ambiguous, missing
        Bars in which stop and target could not be told apart; bars absent between those seen.
    digest
        The ledger digest so far, not yet closed.
    trading, stopped
        Whether it may enter; whether it has ended.
    breakers
        Those that have tripped, by name.
    day_equity, peak
        Equity at the end of the day before, and the highest so far.
    flows
        Cash that went into each open position and came out of it, costs included.
    outcomes
        How the newest round trips ended, oldest first.
    streak
        Losing round trips in a row.
    sent
        A letter for each of the last orders that were sent: `o` where it traded, `x` where it failed.
    runs, next_run
        The program runs that go on, by number; and the number of the next.
    volumes
        What was traded in each hour of the UTC day, by instrument key, in millionths; kept where VWAP may be picked.
    """

    plan: Plan
    book: Book
    marks: dict[str, Decimal] = {}
    seen: dict[str, int] = {}
    holdings: dict[str, Holding] = {}
    left: dict[str, int] = {}
    stopped_out: frozenset[str] = frozenset()
    said: dict[str, str] = {}
    ts: int = -1
    steps: int = 0
    equity: Decimal = NO_CASH
    day: int = -1
    trades_today: int = 0
    next_order: int = 1
    ambiguous: int = 0
    missing: int = 0
    digest: str = ""
    trading: TradingState = TradingState.ACTIVE
    stopped: bool = False
    breakers: dict[str, Breaker] = {}
    day_equity: Decimal = NO_CASH
    peak: Decimal = NO_CASH
    flows: dict[str, Decimal] = {}
    outcomes: tuple[Outcome, ...] = ()
    streak: int = 0
    sent: str = ""
    runs: dict[int, ProgramRun] = {}
    next_run: int = 1
    volumes: dict[str, tuple[int, ...]] = {}

    @property
    def paused(self) -> bool:
        """Whether entries are off."""
        return self.trading is not TradingState.ACTIVE


def open_state(plan: Plan, book: Book, marks: dict[str, Decimal] | None = None, carried: Carried | None = None) -> State:
    """Return the state before the first slice.

    Parameters
    ----------
    plan
        What the session goes by.
    book
        The book that it finds.
    marks
        The newest known price of each open position, by instrument key; a position's own cost where none is known.
    carried
        What it takes over from its account's last session.

    Raises
    ------
    Refused
        If the plan has no instrument, or one twice.
    """
    keys = [instrument.key for instrument in plan.instruments]
    if not keys or len(set(keys)) != len(keys):
        raise Refused(f"A session trades at least one instrument and each once: expected distinct ones, found {keys or 'none'}.")
    decimals = {instrument.key: instrument.price_decimals for instrument in plan.instruments}
    known = dict(marks or {})
    holdings = {}
    for key, held in book.positions.items():
        mean = mean_price(held.cost, held.quantity, decimals.get(key, 8))
        known.setdefault(key, mean)
        if key in decimals:
            entry = (carried.entries if carried else {}).get(key, (held.lots[0].ts, mean, mean))
            holdings[key] = hold(*entry, plan.configuration, decimals[key])
    clean = msgspec.structs.replace(book, orders=())
    equity = clean.equity(known)
    flows = {key: -held.cost for key, held in book.positions.items()}
    state = State(
        plan, clean, known, holdings=holdings, equity=equity, digest=open_ledger_digest(clean), day_equity=equity, peak=equity,
        flows=flows,
    )  # fmt: skip
    return _taken_over(state, carried) if carried else state


def _taken_over(state: State, carried: Carried) -> State:
    return msgspec.structs.replace(
        state, day=carried.day, trades_today=carried.trades_today, day_equity=carried.day_equity,
        peak=max(carried.peak, state.equity), left=carried.left, stopped_out=frozenset(carried.stopped_out),
        breakers=carried.breakers, outcomes=carried.outcomes, streak=carried.streak, sent=carried.sent,
        flows={key: carried.flows.get(key, flow) for key, flow in state.flows.items()},
    )  # fmt: skip


def carried_from(state: State, put_in: Decimal) -> Carried:
    """Return what the next session of an account takes over from the state in which its last one ended.

    Parameters
    ----------
    put_in
        What came into the account less what went out, by now: cash that was moved meanwhile is no result of the day.
    """
    with localcontext(EXACT):
        moved = put_in - state.book.put_in
        after = state.equity + moved
        peak = share(state.peak, after, state.equity) if state.equity > 0 and after > 0 else max(after, NO_CASH)
        return Carried(
            state.day, state.trades_today, state.day_equity + moved, peak, state.left, tuple(sorted(state.stopped_out)),
            # A probe that never came to be dies with its session.
            {name: tripped if tripped.tried in state.book.positions else msgspec.structs.replace(tripped, tried="")
             for name, tripped in state.breakers.items()},
            state.outcomes, state.streak, state.sent,
            {key: flow for key, flow in state.flows.items() if key in state.book.positions},
            {key: (holding.entered, holding.price, holding.high) for key, holding in state.holdings.items()},
        )  # fmt: skip


def mean_price(cost: Decimal, quantity: Decimal, decimals: int) -> Decimal:
    """Return the mean price of a position, rounded half-even."""
    return per_unit(cost, quantity, decimals)
