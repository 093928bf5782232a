"""Round trips: from flat to flat in one instrument. They are what a win rate counts."""

from collections.abc import Iterable
from decimal import Decimal, localcontext

import msgspec

from workbench.domain.events import OrderFilled
from workbench.domain.money import EXACT, NO_CASH, per_unit
from workbench.domain.orders import Side


class Trip(msgspec.Struct, frozen=True):
    """One round trip.

    Parameters
    ----------
    instrument
        Its key.
    opened, closed
        Open times of the bars of the first and the last fill, milliseconds UTC; `closed` is None while it is open.
    quantity
        All that was bought.
    invested, returned
        Value bought and value sold, before cash costs.
    gross
        Realised result before cash costs.
    costs
        Fees and gas of all its fills.
    entry_reason, exit_reason
        Of its first and of its last fill.
    fills
        How many there were.
    """

    instrument: str
    opened: int
    closed: int | None
    quantity: Decimal
    sold: Decimal
    invested: Decimal
    returned: Decimal
    gross: Decimal
    costs: Decimal
    entry_reason: str
    exit_reason: str
    fills: int

    @property
    def result(self) -> Decimal:
        """What it made after all its costs; above zero is a win."""
        with localcontext(EXACT):
            return self.gross - self.costs

    @property
    def return_share(self) -> float:
        """The result as a share of what was invested."""
        return float(self.result / self.invested) if self.invested else 0.0

    def entry_price(self, decimals: int) -> Decimal:
        """The mean price paid."""
        return per_unit(self.invested, self.quantity, decimals)

    def exit_price(self, decimals: int) -> Decimal | None:
        """The mean price received; None while nothing was sold."""
        return per_unit(self.returned, self.sold, decimals) if self.sold else None


def grown(trip: Trip | None, fill: OrderFilled) -> Trip:
    """Return a trip with one more fill in it; `closed` is set once all that was bought is sold."""
    if trip is None:
        none = NO_CASH
        trip = Trip(fill.instrument, fill.ts, None, Decimal(0), Decimal(0), none, none, none, none, fill.reason.value, "", 0)
    with localcontext(EXACT):
        bought = fill.side is Side.BUY
        quantity = trip.quantity + (fill.quantity if bought else 0)
        sold = trip.sold + (0 if bought else fill.quantity)
        return msgspec.structs.replace(
            trip,
            closed=fill.ts if sold == quantity else None,
            quantity=quantity,
            sold=sold,
            invested=trip.invested + (fill.notional if bought else 0),
            returned=trip.returned + (0 if bought else fill.notional),
            gross=trip.gross + fill.realised,
            costs=trip.costs + fill.paid,
            exit_reason="" if bought else fill.reason.value,
            fills=trip.fills + 1,
        )


def round_trips(fills: Iterable[OrderFilled]) -> tuple[list[Trip], list[Trip]]:
    """Return the closed trips in order of closing, and the open ones.

    Fills of lots that were held before the first of `fills` are left out: their trip began elsewhere.
    """
    going: dict[str, Trip] = {}
    closed = []
    for fill in fills:
        if fill.side is Side.SELL and fill.instrument not in going:
            continue
        trip = grown(going.get(fill.instrument), fill)
        if trip.closed is None:
            going[fill.instrument] = trip
        else:
            closed.append(trip)
            going.pop(fill.instrument)
    return closed, list(going.values())
