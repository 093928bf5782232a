"""The port of a program: a small state machine that places ordinary orders by a plan of its own.

A strategy says at each close whether it wants in or out. A program has a plan over many bars: buy in ten slices, keep a
grid of limits. It is a frozen struct of parameters; what it remembers between two closes is a frozen struct too, kept in
the run (`workbench.domain.programs.ProgramRun`) and so in the log.
"""

from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import msgspec

from workbench.domain.commands import PlaceOrder
from workbench.domain.instruments import Instrument
from workbench.domain.orders import Order
from workbench.domain.params import check_fields
from workbench.domain.programs import Child, ProgramRun


class Moment(NamedTuple):
    """What a program sees at a close.

    Parameters
    ----------
    next_open, length
        Open time of the next bar, in which an order placed now can trade; the length of a bar; both in milliseconds.
    price
        The newest close.
    instrument
        What it trades.
    run
        Itself: what it has spent, holds and waits for.
    ended
        Its orders that rest no more, each with what was traded of it; they are told once.
    resting
        Its orders that still rest.
    free_cash, free_quantity
        What no order has spoken for.
    smallest
        The smallest trade that the session's configuration makes.
    may_buy
        Whether buys may be placed now: not while the session is paused or a breaker has tripped.
    """

    next_open: int
    length: int
    price: Decimal
    instrument: Instrument
    run: ProgramRun
    ended: tuple[Child, ...]
    resting: tuple[Order, ...]
    free_cash: Decimal
    free_quantity: Decimal
    smallest: Decimal
    may_buy: bool


class Wish(NamedTuple):
    """An order that a program wants placed, and what of the program it is for."""

    slot: int
    order: PlaceOrder


class Doing(NamedTuple):
    """What a program does at a close.

    Parameters
    ----------
    memory
        What it remembers from here on.
    place, cancel
        Orders to place, and numbers of its own orders to take back.
    done, due
        Steps done so far, and when the next one is due.
    why
        What it waits for.
    completed, failed, paused
        Why it is over, or waits for a person; empty where it goes on.
    """

    memory: msgspec.Struct
    place: tuple[Wish, ...] = ()
    cancel: tuple[int, ...] = ()
    done: int = 0
    due: int | None = None
    why: str = ""
    completed: str = ""
    failed: str = ""
    paused: str = ""


class ProgramStrategy(msgspec.Struct, frozen=True):
    """A program whose fields are its parameters.

    A subclass is one file in `engine/programs/`. It is a pure function of what it remembers and of the moment, so a
    backtest, a replay and a killed and resumed session place the same orders.

    Attributes
    ----------
    title, summary
        What a person calls it, and what it does in a sentence.
    Memory
        The struct of what it remembers.
    """

    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    Memory: ClassVar[type[msgspec.Struct]] = msgspec.Struct

    def __post_init__(self) -> None:
        check_fields(self)
        self.check()

    @classmethod
    def suggested(cls, price: Decimal, cash: Decimal, length: int) -> dict[str, Any]:
        """Return parameters to begin with at a price, with so much cash and bars of so many milliseconds."""
        return {}

    def check(self) -> None:
        """Refuse parameters that do not go together; a subclass says which.

        Raises
        ------
        Invalid
            Naming the parameter.
        """

    def bounds(self, length: int) -> str:
        """Return which of its own bounds stands against bars of this length, and by how much; nothing where none does."""
        return ""

    @property
    def most_spent(self) -> Decimal:
        """The most that it ever has in the market, in the quote currency; caps on exposure count it from its start."""
        raise NotImplementedError

    def obstacle(self, at: Moment) -> str:
        """Return which bound stands against a start at this moment, and by how much; nothing where none does."""
        raise NotImplementedError

    def begin(self, at: Moment) -> Any:
        """Return what it remembers when it starts."""
        raise NotImplementedError

    def steps(self, memory: Any, at: Moment) -> int:
        """Return how many steps it takes; 0 for as long as it runs."""
        raise NotImplementedError

    def advance(self, memory: Any, at: Moment) -> Doing:
        """Return what it does at a close."""
        raise NotImplementedError
