"""What the programs that trade by the clock share: so much of it at each of several times."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec

from workbench.domain.bars import show_time
from workbench.domain.commands import PlaceOrder
from workbench.domain.money import EXACT, product, quantum, rounded, share, text
from workbench.domain.orders import Side
from workbench.domain.params import Param
from workbench.engine.program import Doing, Moment, ProgramStrategy, Wish
from workbench.errors import Invalid

Amount = Annotated[Decimal, Param(0.01, 1e9, 10, "Amount", "To spend in all, in the quote currency.", decimals=8)]
Quantity = Annotated[Decimal, Param(1e-8, 1e15, 1, "Quantity", "To sell in all, in units of the token.", decimals=8)]


class Progress(msgspec.Struct, frozen=True):
    """How far a schedule has come; when its slices are due, and how large they are, follows from its start.

    Parameters
    ----------
    start
        Open time of the bar in which its first order could trade.
    sent
        How many slices were sent at least once.
    left
        What is left to trade of those among them that are not done.
    """

    start: int
    sent: int = 0
    left: dict[int, Decimal] = {}


class Timetable(NamedTuple):
    """When each slice is due, as the open time of the bar in which it may first trade, and how large it is."""

    due: tuple[int, ...]
    parts: tuple[Decimal, ...]


class Scheduled(ProgramStrategy, frozen=True):
    """Trades slices at set times with market orders.

    A slice that came to nothing is sent again at the next close; a part that was traded is not sent again.
    """

    Memory: ClassVar[type[msgspec.Struct]] = Progress

    @classmethod
    def suggested(cls, price: Decimal, cash: Decimal, length: int) -> dict[str, Any]:
        hours = {"window_hours": 24, "interval_hours": 12}
        known = {name: hours_of(bars, length) for name, bars in hours.items() if name in cls.__struct_fields__}
        return {"amount": rounded(cash / 5, 2), **known}

    @property
    def size(self) -> tuple[Side, Decimal]:
        """Which way it trades, and how much in all."""
        raise NotImplementedError

    @property
    def most_spent(self) -> Decimal:
        """All of it, where it buys."""
        side, whole = self.size
        return whole if side is Side.BUY else Decimal(0)

    def times(self, start: int, length: int) -> list[int]:
        """Return when the slices are due, rising, if the first can trade at `start` and a bar has this length."""
        raise NotImplementedError

    def weighed(self, start: int, length: int) -> list[tuple[int, int]]:
        """Return when the slices are due, and how the whole is spread over them; evenly unless a subclass knows better."""
        return [(ts, 1) for ts in self.times(start, length)]

    def obstacle(self, at: Moment) -> str:
        against = self.bounds(at.length)
        if against:
            return against
        side, whole = self.size
        free, of = (at.free_cash, "cash at hand") if side is Side.BUY else (at.free_quantity, f"{at.instrument.symbol} held")
        if whole > free:
            return f"Expected at most the {text(free)} {of}, found {text(whole)}, {text(EXACT.subtract(whole, free))} too much."
        decimals = at.instrument.size_decimals
        if side is Side.SELL and whole != rounded(whole, decimals):
            return f"Expected a quantity with at most {decimals} decimals, found {text(whole)}."
        least = min(self._timetable(at.next_open, at).parts)
        smallest = at.smallest if side is Side.BUY else Decimal(0)
        if least < smallest or least == 0:
            of = "the smallest trade" if smallest else "the smallest step"
            return f"Expected slices of at least {text(smallest)}, {of}, found one of {text(least)}."
        return ""

    def begin(self, at: Moment) -> Progress:
        return Progress(at.next_open)

    def steps(self, memory: Progress, at: Moment) -> int:
        return len(self._timetable(memory.start, at).due)

    def advance(self, memory: Progress, at: Moment) -> Doing:
        due, parts = self._timetable(memory.start, at)
        left, sent = dict(memory.left), memory.sent
        for child in at.ended:
            traded = child.notional if child.side is Side.BUY else child.quantity
            rest = Decimal(0) if child.is_full else EXACT.subtract(left[child.slot], traded)
            # What is left of a part that traded may be too little for an order of its own.
            left[child.slot] = rest if not traded or rest >= self._least(at) else Decimal(0)
        while sent < len(due) and due[sent] <= at.next_open:
            left[sent] = parts[sent]
            sent += 1
        left = {slot: amount for slot, amount in left.items() if amount}
        under_way = {child.slot for child in at.run.children if child not in at.ended}
        now = [slot for slot in left if slot not in under_way]
        after, done = Progress(memory.start, sent, left), sent - len(left)
        if done == len(due):
            told = f"all {done} slices were traded" if done > 1 else "all of it was traded"
            return Doing(after, done=done, completed=told)
        side, _ = self.size
        later = due[sent] if sent < len(due) else None
        if now and side is Side.BUY and not at.may_buy:
            return Doing(after, done=done, due=due[now[0]], why="it waits until entries are made again")
        wishes = tuple(Wish(slot, self._order(side, left[slot], at)) for slot in now)
        why = f"the next slice is due at {show_time(later)}" if later is not None else "its last slices are on their way"
        return Doing(after, wishes, done=done, due=later, why=why)

    def _timetable(self, start: int, at: Moment) -> Timetable:
        decimals = 8 if self.size[0] is Side.BUY else at.instrument.size_decimals
        return _timetable(self, start, at.length, decimals)

    def _least(self, at: Moment) -> Decimal:
        step = quantum(at.instrument.size_decimals)
        return max(at.smallest, product(at.price, step, 8)) if self.size[0] is Side.BUY else step

    def _order(self, side: Side, left: Decimal, at: Moment) -> PlaceOrder:
        if side is Side.BUY:
            return PlaceOrder(at.instrument.key, side, amount=left)
        return PlaceOrder(at.instrument.key, side, quantity=left)


@lru_cache(256)
def _timetable(program: Scheduled, start: int, length: int, decimals: int) -> Timetable:
    weighed = program.weighed(start, length)
    parts = spread(program.size[1], [weight for _, weight in weighed], decimals)
    return Timetable(tuple(ts for ts, _ in weighed), parts)


def spread(whole: Decimal, weights: Sequence[int], decimals: int) -> tuple[Decimal, ...]:
    """Return a whole in parts by weight: what is traded by the end of each is rounded half-even, so that nothing is lost.

    Examples
    --------
    >>> spread(Decimal(10), [1, 1, 1], 2)
    (Decimal('3.33'), Decimal('3.34'), Decimal('3.33'))
    >>> [int(part) for part in spread(Decimal(14), [1] * 10, 0)]
    [1, 2, 1, 2, 1, 1, 2, 1, 2, 1]
    """
    total = sum(weights)
    ends = [share(whole, Decimal(sofar), Decimal(total), decimals) for sofar in accumulate(weights)]
    return tuple(EXACT.subtract(end, before) for before, end in pairwise([rounded(Decimal(0), decimals), *ends]))


def bars_in(hours: Decimal, length: int) -> int:
    """Return how many whole bars a stretch of hours holds."""
    return int(hours * 3_600_000) // length


def even_times(start: int, length: int, hours: Decimal, slices: int) -> list[int]:
    """Return when slices are due that lie evenly over the bars of a window, from its start on."""
    bars = bars_in(hours, length)
    return [start + (bars * place // slices) * length for place in range(slices)]


def hours_of(bars: int, length: int) -> Decimal:
    """Return how long so many bars are, in hours, rounded up to four decimals so that they fit in."""
    return Decimal(-(-bars * length // 360)).scaleb(-4)


def too_many_slices(length: int, hours: Decimal, slices: int) -> str:
    """Return why a window does not hold so many slices, or nothing where it does."""
    bars = bars_in(hours, length)
    if slices <= bars:
        return ""
    return (
        f"Expected at most {bars} slices, one for each bar of {length / 60_000:g} minutes in a window of {hours:f} hours, "
        f"found {slices}, {slices - bars} too many."
    )


def one_of(amount: Decimal | None, quantity: Decimal | None) -> tuple[Side, Decimal]:
    """Return which way and how much, from an amount to spend or a quantity to sell.

    Raises
    ------
    Invalid
        If both are set, or neither.
    """
    if amount is not None and quantity is None:
        return Side.BUY, amount
    if quantity is not None and amount is None:
        return Side.SELL, quantity
    raise Invalid("amount", "an amount to spend or else a quantity to sell", "both" if amount is not None else "neither")
