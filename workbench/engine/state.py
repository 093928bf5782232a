"""The state of a session between two inputs: everything that the next step depends on."""

from decimal import Decimal

import msgspec

from workbench.domain.book import Book
from workbench.domain.events import open_ledger_digest
from workbench.domain.money import NO_CASH, per_unit
from workbench.domain.sessions import Plan
from workbench.engine.exits import Holding, hold
from workbench.errors import Refused


class State(msgspec.Struct, frozen=True):
    """Where a session is.

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
    paused, stopped
        Whether entries are off; whether it has ended.
    """

    plan: Plan
    book: Book
    marks: dict[str, Decimal] = {}
    seen: dict[str, int] = {}
    holdings: dict[str, Holding] = {}
    left: dict[str, int] = {}
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
    paused: bool = False
    stopped: bool = False


def open_state(plan: Plan, book: Book, marks: dict[str, Decimal] | None = None) -> State:
    """Return the state before the first slice.

    Parameters
    ----------
    plan
        What the session goes by.
    book
        The book that it finds.
    marks
        The newest known price of each open position, by instrument key; a position's own cost where none is known.

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
            holdings[key] = hold(held.lots[0].ts, mean, mean, plan.configuration, decimals[key])
    clean = msgspec.structs.replace(book, orders=())
    return State(plan, clean, known, holdings=holdings, equity=clean.equity(known), digest=open_ledger_digest(clean))


def mean_price(cost: Decimal, quantity: Decimal, decimals: int) -> Decimal:
    """Return the mean price of a position, rounded half-even."""
    return per_unit(cost, quantity, decimals)
