"""The book of an account: cash, lots and open orders, grown one change at a time.

After every change, to the last digit:

    cash + open positions at cost + cash costs paid = deposits - withdrawals + realised result

where realised is gross of cash costs (fees, gas), and spread and slippage live in the fill price.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import msgspec

from workbench.domain.money import EXACT, NO_CASH, product, share
from workbench.domain.orders import Order, OrderType, Side
from workbench.errors import LedgerBroken

if TYPE_CHECKING:
    from workbench.domain.events import OrderFilled, OrderReverted


class Lot(msgspec.Struct, frozen=True):
    """What one buy left: how much is still held, and what it cost before cash costs."""

    ts: int
    quantity: Decimal
    cost: Decimal


class Position(msgspec.Struct, frozen=True):
    """The lots of one instrument, oldest first, with their sums."""

    lots: tuple[Lot, ...]
    quantity: Decimal
    cost: Decimal


class Sale(msgspec.Struct, frozen=True):
    """What selling some of a position takes away: the cost of the lots that went, and what stays."""

    cost: Decimal
    left: Position | None


class Book(msgspec.Struct, frozen=True):
    """What an account holds and what became of what was put in.

    Parameters
    ----------
    cash
        Cash at hand, 8 decimals.
    deposits, withdrawals
        What came in and went out, ever.
    realised
        Results of closed lots, before cash costs.
    costs
        Cash costs paid: fees and gas.
    positions
        Open positions by instrument key.
    orders
        Orders that rest.
    """

    cash: Decimal = NO_CASH
    deposits: Decimal = NO_CASH
    withdrawals: Decimal = NO_CASH
    realised: Decimal = NO_CASH
    costs: Decimal = NO_CASH
    positions: dict[str, Position] = {}
    orders: tuple[Order, ...] = ()

    def deposited(self, amount: Decimal) -> "Book":
        """Return the book after cash came in."""
        with localcontext(EXACT):
            return msgspec.structs.replace(self, cash=self.cash + amount, deposits=self.deposits + amount)

    def withdrawn(self, amount: Decimal) -> "Book":
        """Return the book after cash went out."""
        with localcontext(EXACT):
            return msgspec.structs.replace(self, cash=self.cash - amount, withdrawals=self.withdrawals + amount)

    def placed(self, order: Order) -> "Book":
        """Return the book with one more resting order."""
        return msgspec.structs.replace(self, orders=(*self.orders, order))

    def amended(self, order: Order) -> "Book":
        """Return the book with a resting order in the place of the one with its number."""
        return msgspec.structs.replace(self, orders=tuple(order if old.id == order.id else old for old in self.orders))

    def order(self, number: int) -> Order | None:
        """Return the resting order with a number; None where none rests."""
        return next((order for order in self.orders if order.id == number), None)

    def free_cash(self, beside: int = 0) -> Decimal:
        """Return the cash that no resting buy has spoken for, that of order `beside` left out; never below zero."""
        if not self.orders:
            return self.cash
        with localcontext(EXACT):
            spoken = sum((order.left for order in self.orders if order.side is Side.BUY and order.id != beside), NO_CASH)
            return max(self.cash - spoken, NO_CASH)

    def free_quantity(self, instrument: str, beside: int = 0) -> Decimal:
        """Return how much of an instrument no resting sale has spoken for, that of order `beside` left out.

        Orders that cancel each other speak for the larger of them; a reduce-only sale speaks for nothing.
        """
        spoken: dict[int, Decimal] = {}
        of = self.order(beside)
        mine = None if of is None else of.group
        for order in self.orders:
            if mine is not None and order.group == mine:
                continue
            if order.instrument == instrument and order.side is Side.SELL and not order.reduce_only and order.id != beside:
                group = order.group or order.id
                spoken[group] = max(spoken.get(group, order.left), order.left)
        with localcontext(EXACT):
            return max(self.quantity(instrument) - sum(spoken.values(), Decimal(0)), Decimal(0))

    def without_order(self, number: int) -> "Book":
        """Return the book without a resting order."""
        return msgspec.structs.replace(self, orders=tuple(order for order in self.orders if order.id != number))

    def filled(self, fill: "OrderFilled") -> "Book":
        """Return the book after a fill.

        Raises
        ------
        LedgerBroken
            If the fill's own figures do not follow from this book.
        """
        with localcontext(EXACT):
            paid = fill.paid
            if fill.side is Side.BUY:
                left: Position | None = bought(self.positions.get(fill.instrument), Lot(fill.ts, fill.quantity, fill.notional))
                cash, realised = self.cash - fill.notional - paid, NO_CASH
            else:
                sale = self.sell(fill.instrument, fill.quantity)
                left, cash, realised = sale.left, self.cash + fill.notional - paid, fill.notional - sale.cost
            positions = {key: held for key, held in self.positions.items() if key != fill.instrument}
            if left is not None:
                positions[fill.instrument] = left
            if cash != fill.cash or cash < 0:
                raise LedgerBroken("cash after a fill follows from the book and is not negative", cash, fill.cash)
            if realised != fill.realised:
                raise LedgerBroken("realised is proceeds less the cost of the lots sold", realised, fill.realised)
            return msgspec.structs.replace(
                self,
                cash=cash,
                realised=self.realised + realised,
                costs=self.costs + paid,
                positions=positions,
                orders=self._orders_after(fill),
            )

    def _orders_after(self, fill: "OrderFilled") -> tuple[Order, ...]:
        if not fill.left:
            return tuple(order for order in self.orders if order.id != fill.order)
        name = "amount" if fill.side is Side.BUY else "quantity"
        return tuple(
            msgspec.structs.replace(order, **{name: fill.left, "filled": order.filled + fill.quantity})
            if order.id == fill.order
            else order
            for order in self.orders
        )

    def reverted(self, event: "OrderReverted") -> "Book":
        """Return the book after an order that came back: its gas is paid, and it is gone or sent again at the next open.

        Raises
        ------
        LedgerBroken
            If the event's cash does not follow from this book.
        """
        with localcontext(EXACT):
            cash = self.cash - event.gas
            if cash != event.cash or cash < 0:
                raise LedgerBroken("cash after a revert follows from the book and is not negative", cash, event.cash)
            order = self.order(event.order)
            after = msgspec.structs.replace(self, cash=cash, costs=self.costs + event.gas)
            if order is None or not event.retried:
                return after.without_order(event.order)
            armed = order.triggered or order.type not in (OrderType.MARKET, OrderType.LIMIT)
            return after.amended(msgspec.structs.replace(order, triggered=armed, reverts=order.reverts + event.ran))

    def sell(self, instrument: str, quantity: Decimal) -> Sale:
        """Return what selling that much takes away, oldest lots first.

        Part of a lot takes its share of the cost, rounded half-even; the rest keeps what remains, so nothing is lost.

        Raises
        ------
        LedgerBroken
            If more is sold than is held.
        """
        held = self.positions.get(instrument)
        if held is None or quantity > held.quantity:
            raise LedgerBroken("no more is sold than is held", held.quantity if held else 0, quantity)
        with localcontext(EXACT):
            wanted, cost, lots = quantity, NO_CASH, list(held.lots)
            while wanted:
                lot = lots[0]
                taken = min(lot.quantity, wanted)
                part = share(lot.cost, taken, lot.quantity)
                cost, wanted = cost + part, wanted - taken
                if taken == lot.quantity:
                    lots.pop(0)
                else:
                    lots[0] = Lot(lot.ts, lot.quantity - taken, lot.cost - part)
            left = Position(tuple(lots), held.quantity - quantity, held.cost - cost) if lots else None
            return Sale(cost, left)

    def quantity(self, instrument: str) -> Decimal:
        """Return how much of an instrument is held."""
        held = self.positions.get(instrument)
        return held.quantity if held else Decimal(0)

    def equity(self, marks: Mapping[str, Decimal]) -> Decimal:
        """Return cash plus every position at its mark, each rounded half-even to 8 decimals."""
        value = self.cash
        if self.positions:
            with localcontext(EXACT):
                for key, held in self.positions.items():
                    value += product(held.quantity, marks[key], 8)
        return value

    @property
    def put_in(self) -> Decimal:
        """What came in less what went out, ever."""
        with localcontext(EXACT):
            return self.deposits - self.withdrawals

    @property
    def at_cost(self) -> Decimal:
        """What the open positions cost, before cash costs."""
        with localcontext(EXACT):
            return sum((held.cost for held in self.positions.values()), NO_CASH)

    def check(self) -> None:
        """Hold the book to the accounting identity, and each position to its lots.

        Raises
        ------
        LedgerBroken
            Saying which rule does not hold, and by what.
        """
        with localcontext(EXACT):
            left = self.cash + self.at_cost + self.costs
            right = self.deposits - self.withdrawals + self.realised
            if left != right:
                raise LedgerBroken("cash + positions at cost + costs = deposits - withdrawals + realised", right, left)
            for key, held in self.positions.items():
                if sum(lot.quantity for lot in held.lots) != held.quantity or sum(lot.cost for lot in held.lots) != held.cost:
                    raise LedgerBroken(f"the position in {key} is the sum of its lots", held.quantity, held.cost)
                if any(lot.quantity <= 0 or lot.cost < 0 for lot in held.lots):
                    raise LedgerBroken(f"every lot of {key} holds something", "> 0", held.lots)


def bought(held: Position | None, lot: Lot) -> Position:
    """Return a position with one more lot."""
    if held is None:
        return Position((lot,), lot.quantity, lot.cost)
    return Position((*held.lots, lot), held.quantity + lot.quantity, held.cost + lot.cost)


def open_book(cash: Decimal) -> Book:
    """Return the book of a new account with that much cash."""
    return Book().deposited(cash.quantize(NO_CASH, context=EXACT))
