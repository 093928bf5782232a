"""The ledger of a run in columns: what the kernel recorded, as events, round trips and the digest that `step()` gives."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

import numpy as np

from workbench.domain.book import Book
from workbench.domain.events import OrderFilled, chain, close_ledger_digest, open_ledger_digest
from workbench.domain.instruments import Instrument
from workbench.domain.money import CASH_DECIMALS, LEDGER
from workbench.domain.orders import Reason, Side
from workbench.engine import columns
from workbench.engine.columns import Ints, Trips

_SIDES = (Side.BUY, Side.SELL)
_REASONS = (
    Reason.ENTRY_SIGNAL, Reason.STOP_LOSS, Reason.TAKE_PROFIT, Reason.TRAILING_STOP, Reason.EXIT_SIGNAL, Reason.MAX_HOLD,
)  # fmt: skip


class Ledger:
    """What the kernel recorded.

    Parameters
    ----------
    records
        One row a fill or a revert, `columns.COLUMNS` wide.
    ts
        Open times of the slices.
    instruments
        Of the plan, in its order.
    """

    def __init__(self, records: Ints, ts: Ints, instruments: Sequence[Instrument]) -> None:
        self.records, self.ts, self.instruments = records, ts, tuple(instruments)

    @cached_property
    def filled(self) -> Ints:
        """The rows that are fills."""
        fills: Ints = self.records[self.records[:, columns.KIND] == columns.FILLED]
        return fills

    @cached_property
    def fills(self) -> tuple[OrderFilled, ...]:
        """The fills as events, in order."""
        return tuple(self._event(row) for row in self.filled.tolist())

    def _event(self, row: list[int]) -> OrderFilled:
        instrument = self.instruments[row[columns.PLACE]]
        buys = row[columns.SIDE] == columns.BUY

        def cash(column: int) -> Decimal:
            return Decimal(row[column]).scaleb(-CASH_DECIMALS, context=LEDGER)

        price = Decimal(row[columns.PRICE]).scaleb(-instrument.price_decimals, context=LEDGER)
        quantity = Decimal(row[columns.QUANTITY]).scaleb(-instrument.size_decimals, context=LEDGER)
        return OrderFilled(
            row[columns.NUMBER], instrument.key, _SIDES[row[columns.SIDE]], _REASONS[row[columns.REASON]],
            int(self.ts[row[columns.AT]]), price, quantity, cash(columns.NOTIONAL), cash(columns.FEE), cash(columns.GAS),
            cash(columns.SPREAD), cash(columns.SLIPPAGE), cash(columns.REALISED), cash(columns.CASH), cash(columns.IMPACT),
            cash(columns.TAX),
            # A buy has spent its amount, a sale its quantity: nothing is left of either.
            Decimal(0).scaleb(-CASH_DECIMALS) if buys else Decimal(0),
        )  # fmt: skip

    @cached_property
    def trips(self) -> Trips:
        """The closed round trips: here each is one buy and the sale of all that it bought."""
        rows = self.filled
        order = np.lexsort((np.arange(len(rows)), rows[:, columns.PLACE]))
        rows = rows[order]
        sold = np.flatnonzero(rows[:, columns.SIDE] == columns.SELL)
        sold = sold[np.argsort(order[sold], kind="stable")]
        buys, sales = rows[sold - 1], rows[sold]
        paid = [side[:, columns.FEE] + side[:, columns.GAS] + side[:, columns.TAX] for side in (buys, sales)]
        return Trips(
            self.ts[buys[:, columns.AT]], self.ts[sales[:, columns.AT]], sales[:, columns.REALISED] - paid[0] - paid[1],
            buys[:, columns.NOTIONAL],
        )  # fmt: skip

    def digest(self, book: Book, equity: Decimal) -> str:
        """Return the ledger digest of the run, from the book that it began with to its final equity."""
        sealed = open_ledger_digest(book)
        for row in self.records.tolist():
            for line in self._lines(row):
                sealed = chain(sealed, line)
        return close_ledger_digest(sealed, equity)

    def _lines(self, row: list[int]) -> tuple[str, str]:
        instrument = self.instruments[row[columns.PLACE]]
        key, side, ts = instrument.key, _SIDES[row[columns.SIDE]], int(self.ts[row[columns.AT]])
        decimals = CASH_DECIMALS if side is Side.BUY else instrument.size_decimals
        asked = format(Decimal(row[columns.ASKED]).scaleb(-decimals, context=LEDGER), "f")
        order = f"order|{key}|{side}|{row[columns.PLACED]}|{asked}"
        if row[columns.KIND] == columns.REVERTED:
            return order, f"revert|{key}|{ts}|{row[columns.GAS]}|{row[columns.CASH]}"
        numbers = "|".join(str(row[c]) for c in (columns.PRICE, columns.QUANTITY, columns.FEE, columns.GAS, columns.CASH))
        return order, f"fill|{key}|{side}|{ts}|{numbers}"
