"""Program runs: a program at work, what it has asked of the market, and what came of it."""

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.domain.money import EXACT, NO_CASH, product, share
from workbench.domain.orders import Side

if TYPE_CHECKING:
    from workbench.domain.events import OrderFilled

NOTHING = Decimal(0)


class RunStatus(StrEnum):
    """Where a program run is in its life; one that is ENDING places nothing more and waits for its last sale."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    ENDING = "ENDING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def is_active(self) -> bool:
        """Whether it goes on, or can."""
        return self in (RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.ENDING)


class Child(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order of a run whose outcome the program has not looked at yet.

    Parameters
    ----------
    order, slot
        The order's number, and what of the program it is for: a slice, or a cell of the grid.
    side, asked
        Which way, and the amount of a buy or the quantity of a sale.
    quantity, notional
        What was traded of it, in units of the token and in the quote currency.
    is_full
        Whether all of it was.
    """

    order: int
    slot: int
    side: Side
    asked: Decimal
    quantity: Decimal = NOTHING
    notional: Decimal = NOTHING
    is_full: bool = False


class ProgramRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program at work in one instrument.

    Parameters
    ----------
    id
        Its number within the session, from 1.
    program, instrument, parameters
        Which program, in what, with which parameters, as JSON carries them.
    started, ended
        Open times of the bars at whose closes it began and ended, milliseconds UTC.
    by_rule
        Whether the session's own rules picked it for an entry; an exit signal then ends it.
    reason, why
        Why it was started; why it waits, was paused or has ended.
    done, steps, due
        Steps done, of how many (0 for as long as it runs), and the open of the bar in which the next is due.
    spent, received, costs
        Paid for what was bought, got for what was sold, and fees, taxes and gas of both.
    bought, sold, taken
        In units of the token; `taken` is what it sold without having bought it.
    arrival
        The price when it began: what it sells without having bought it is reckoned at that.
    fills, failed, misses
        Fills; orders that came to nothing; closes in a row at which nothing could be placed.
    children
        Its orders that the program has not yet looked at again.
    memory
        The program's own state, a frozen struct as JSON.
    """

    id: int
    program: str
    instrument: str
    parameters: dict[str, Any]
    started: int
    by_rule: bool = False
    reason: str = ""
    status: RunStatus = RunStatus.RUNNING
    why: str = ""
    ended: int | None = None
    done: int = 0
    steps: int = 0
    due: int | None = None
    spent: Decimal = NO_CASH
    received: Decimal = NO_CASH
    costs: Decimal = NO_CASH
    bought: Decimal = NOTHING
    sold: Decimal = NOTHING
    taken: Decimal = NOTHING
    arrival: Decimal | None = None
    fills: int = 0
    failed: int = 0
    misses: int = 0
    children: tuple[Child, ...] = ()
    memory: str = ""

    @property
    def held(self) -> Decimal:
        """What it has bought and not sold, in units of the token."""
        return EXACT.subtract(EXACT.add(self.bought, self.taken), self.sold)

    def result(self, price: Decimal) -> Decimal:
        """Return what it has made so far after all costs, with what it holds at a price.

        What it sold without having bought it is set against the price when it began, so a program that only sells is
        measured by what its way of selling has gained or cost (Perold, "The implementation shortfall", 1988).
        """
        value = product(self.held, price, 8) if self.held else NO_CASH
        given = product(self.taken, self.arrival, 8) if self.taken and self.arrival is not None else NO_CASH
        out = EXACT.add(EXACT.add(self.spent, self.costs), given)
        return EXACT.subtract(EXACT.add(self.received, value), out)


def grown(run: ProgramRun, order: int, fill: "OrderFilled") -> ProgramRun:
    """Return a run after a fill of one of its own orders."""
    buys = fill.side is Side.BUY
    add = EXACT.add
    beyond = NOTHING if buys else max(EXACT.subtract(fill.quantity, run.held), NOTHING)
    children = tuple(
        msgspec.structs.replace(
            child, quantity=add(child.quantity, fill.quantity), notional=add(child.notional, fill.notional), is_full=not fill.left
        )
        if child.order == order
        else child
        for child in run.children
    )
    return msgspec.structs.replace(
        run,
        spent=add(run.spent, fill.notional) if buys else run.spent,
        received=run.received if buys else add(run.received, fill.notional),
        costs=add(run.costs, fill.paid),
        bought=add(run.bought, fill.quantity) if buys else run.bought,
        sold=run.sold if buys else add(run.sold, fill.quantity),
        taken=add(run.taken, beyond) if beyond else run.taken,
        fills=run.fills + 1,
        misses=0,
        children=children,
    )


def sold_from(run: ProgramRun, quantity: Decimal, fill: "OrderFilled") -> ProgramRun:
    """Return a run after somebody else's sale took so much of what it held, with its share of what that brought."""
    return msgspec.structs.replace(
        run,
        received=EXACT.add(run.received, share(fill.notional, quantity, fill.quantity)),
        costs=EXACT.add(run.costs, share(fill.paid, quantity, fill.quantity)),
        sold=EXACT.add(run.sold, quantity),
    )
