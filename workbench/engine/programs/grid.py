"""Buying low and selling one line higher, again and again, within a range."""

from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import msgspec

from workbench.domain.commands import PlaceOrder
from workbench.domain.money import EXACT, LEDGER, product, quantum, rounded, share, text
from workbench.domain.orders import OrderType, Side
from workbench.domain.params import Param
from workbench.engine.program import Doing, Moment, ProgramStrategy, Wish
from workbench.errors import Invalid

_OUT = -1
"""The slot of the sale that ends it."""
NOTHING = Decimal(0)


class Cells(msgspec.Struct, frozen=True):
    """What each cell holds, the lowest first; the round trips made; and why the grid is being wound up, if it is."""

    held: tuple[Decimal, ...]
    cycles: int = 0
    closing: str = ""


class Grid(ProgramStrategy, frozen=True):
    """Cuts a range into cells of equal height; each buys at its lower line and sells at its upper one, again and again.

    A cell waits until the price lies above its lower line, so nothing is bought at once. What was bought inside a bar is
    offered from the next bar on.
    """

    title: ClassVar[str] = "Grid"
    summary: ClassVar[str] = "Keeps limit orders in a range: buys at every line on the way down, sells one line higher."
    Memory: ClassVar[type[msgspec.Struct]] = Cells

    lower: Annotated[Decimal, Param(1e-12, 1e12, 1, "Lower price", "Where the range begins.", decimals=12)] = Decimal(0)
    upper: Annotated[Decimal, Param(1e-12, 1e12, 1, "Upper price", "Where it ends.", decimals=12)] = Decimal(0)
    levels: Annotated[int, Param(2, 100, 1, "Levels", "How many cells.")] = 7
    amount_per_level: Annotated[
        Decimal, Param(0.01, 1e9, 10, "Amount a level", "What each cell spends on a buy, in the quote currency.", decimals=8)
    ] = Decimal(100)
    max_cycles: Annotated[int, Param(1, 100_000, 1, "Most cycles", "Ends after so many round trips; empty for no end.")] | None = (
        None
    )
    profit_target: (
        Annotated[Decimal, Param(0.01, 1e9, 1, "Profit target", "Ends with everything sold once it has made so much.", decimals=8)]
        | None
    ) = None
    stop_on_breakout: bool = True

    @classmethod
    def suggested(cls, price: Decimal, cash: Decimal, length: int) -> dict[str, Any]:
        low, high = LEDGER.multiply(price, Decimal("0.9")), LEDGER.multiply(price, Decimal("1.1"))
        digits = 4 - price.adjusted()
        amount = rounded(LEDGER.divide(cash, Decimal(20)), 2)
        return {"lower": round(low, digits), "upper": round(high, digits), "amount_per_level": amount}

    def check(self) -> None:
        if self.lower >= self.upper:
            over = text(EXACT.subtract(self.lower, self.upper))
            raise Invalid(
                "lower", f"a price below the upper one, {text(self.upper)}", f"{text(self.lower)}: the range is empty by {over}"
            )

    def lines(self, decimals: int) -> list[Decimal]:
        """Return the lines of the grid, one more than it has cells, rounded half-even to the price decimals."""
        return list(_lines(self.lower, self.upper, self.levels, decimals))

    def obstacle(self, at: Moment) -> str:
        lines = self.lines(at.instrument.price_decimals)
        step = quantum(at.instrument.price_decimals)
        if any(high - low < step for low, high in pairwise(lines)):
            narrow = text(EXACT.subtract(self.upper, self.lower))
            return f"Expected a range of at least {self.levels} price steps of {text(step)}, found one of {narrow}."
        if lines[0] <= 0:
            return f"Expected a lower price above zero, found {text(self.lower)}."
        if self.stop_on_breakout and not self.lower <= at.price <= self.upper:
            off = self.lower - at.price if at.price < self.lower else at.price - self.upper
            within = f"{text(self.lower)} to {text(self.upper)}"
            return f"Expected the price of {text(at.price)} within {within}, found it {text(off)} outside."
        whole = product(self.amount_per_level, Decimal(self.levels), 8)
        if whole > at.free_cash:
            short = text(EXACT.subtract(whole, at.free_cash))
            return f"Expected at most the {text(at.free_cash)} cash at hand for all levels, found {text(whole)}, {short} too much."
        least = max(at.smallest, product(lines[-1], quantum(at.instrument.size_decimals), 8))
        if self.amount_per_level < least:
            return f"Expected an amount of at least {text(least)} a level, the smallest trade, found {text(self.amount_per_level)}."
        return ""

    def begin(self, at: Moment) -> Cells:
        return Cells((NOTHING,) * self.levels)

    @property
    def most_spent(self) -> Decimal:
        return product(self.amount_per_level, Decimal(self.levels), 8)

    def steps(self, memory: Cells, at: Moment) -> int:
        return self.max_cycles or 0

    def advance(self, memory: Cells, at: Moment) -> Doing:
        cells, cycles, too_much = _after_fills(memory, at)
        closing = memory.closing or self._why_over(cycles, at)
        after = Cells(cells, cycles, closing)
        mine = tuple(order.id for order in at.resting)
        if closing:
            return self._wind_up(after, at)
        if self.stop_on_breakout and not self.lower <= at.price <= self.upper:
            side = "below" if at.price < self.lower else "above"
            told = f"the price of {text(at.price)} broke out {side} the range of {text(self.lower)} to {text(self.upper)}"
            return Doing(after, cancel=mine, done=cycles, paused=told)
        under_way = {child.slot for child in at.run.children if child not in at.ended}
        wishes = []
        lines = self.lines(at.instrument.price_decimals)
        for slot, ((low, high), held) in enumerate(zip(pairwise(lines), cells, strict=True)):
            if slot in under_way:
                continue
            if held:
                order = PlaceOrder(at.instrument.key, Side.SELL, quantity=held, type=OrderType.LIMIT, limit_price=high)
                wishes.append(Wish(slot, order))
            elif at.price > low and at.may_buy:
                order = PlaceOrder(at.instrument.key, Side.BUY, amount=self.amount_per_level, type=OrderType.LIMIT, limit_price=low)
                wishes.append(Wish(slot, order))
        # On its way the price meets the nearest line first, and of orders in one bar the first placed goes first.
        wishes.sort(key=lambda wish: abs(at.price - (wish.order.limit_price or at.price)))
        holding = sum(1 for held in cells if held)
        why = f"{holding} of {len(cells)} cells hold, {cycles} round trips made"
        return Doing(
            after, tuple(wishes), too_much, done=cycles, why=why if at.may_buy else f"{why}; it waits until entries are made again"
        )

    def _why_over(self, cycles: int, at: Moment) -> str:
        if self.max_cycles is not None and cycles >= self.max_cycles:
            return f"it made its {cycles} round trips"
        if self.profit_target is not None:
            made = at.run.result(at.price)
            if made >= self.profit_target:
                return f"it made {text(made)}, and {text(self.profit_target)} was its target"
        return ""

    def _wind_up(self, after: Cells, at: Moment) -> Doing:
        """Take back what rests and sell what is held; it is over once nothing is."""
        selling = any(child.slot == _OUT and child not in at.ended for child in at.run.children)
        held = min(at.run.held, at.free_quantity)
        if not selling and not at.resting and held <= 0:
            return Doing(after, done=after.cycles, completed=after.closing)
        cancel = tuple(order.id for order in at.resting if not selling)
        if selling or cancel or held <= 0:
            return Doing(after, cancel=cancel, done=after.cycles, why=after.closing)
        sale = PlaceOrder(at.instrument.key, Side.SELL, quantity=held)
        return Doing(after, (Wish(_OUT, sale),), done=after.cycles, why=after.closing)


@lru_cache(256)
def _lines(lower: Decimal, upper: Decimal, levels: int, decimals: int) -> tuple[Decimal, ...]:
    height = EXACT.subtract(upper, lower)
    return tuple(
        rounded(EXACT.add(lower, share(height, Decimal(place), Decimal(levels), 14)), decimals) for place in range(levels + 1)
    )


def _after_fills(memory: Cells, at: Moment) -> tuple[tuple[Decimal, ...], int, tuple[int, ...]]:
    """Return what each cell holds after what its orders brought, the round trips made, and orders that sell too much now."""
    cells, cycles, too_much = list(memory.held), memory.cycles, []
    for child in at.ended:
        if child.slot == _OUT:
            continue
        bought = child.quantity if child.side is Side.BUY else -child.quantity
        cells[child.slot] = max(EXACT.add(cells[child.slot], bought), NOTHING)
        cycles += child.side is Side.SELL and child.is_full
    under_way = [child for child in at.run.children if child not in at.ended]
    bought_since = sum((child.quantity for child in under_way if child.side is Side.BUY), NOTHING)
    sales = {child.slot: child for child in under_way if child.side is Side.SELL}
    # What an exit has sold from under the grid, its cells hold no more.
    left = EXACT.subtract(at.run.held, bought_since)
    for slot, held in enumerate(cells):
        sale = sales.get(slot)
        sold = NOTHING if sale is None else sale.quantity
        mine = EXACT.subtract(held, sold)
        if mine > left:
            mine = max(left, NOTHING)
            cells[slot] = EXACT.add(mine, sold)
            if sale is not None:
                too_much.append(sale.order)
        left = EXACT.subtract(left, mine)
    return tuple(cells), cycles, tuple(too_much)
