"""The portfolio: what is held, how the value is spread, and what the closed round trips made."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.store import reads
from workbench.store.rows import PositionRow
from workbench.web.blocks import FIGURES, STATE, FiguresView, look_at_figures, look_at_positions
from workbench.web.page import CASH_KINDS, ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View

PATH: Final = f"{ROOT}/portfolio/"
ROWS: Final = 25
_MOVED: Final = SESSION_KINDS | CASH_KINDS | {"OrderFilled", "EquityMarked"}


class PortfolioQuery(Query, frozen=True):
    """What an address asks of the portfolio: closed positions older than one of them."""

    before: RowId | None = None


class Part(msgspec.Struct, frozen=True):
    """A part of the value: its share (0 to 1), and where its stretch of the bar begins and how long it is, of 1,000."""

    name: str
    value: Decimal
    share: float
    bar_from: float
    bar_width: float
    tone: int


class AllocationView(msgspec.Struct, frozen=True):
    """How the value is spread; cash is a part of it."""

    parts: tuple[Part, ...]
    value: Decimal


class HeldRow(msgspec.Struct, frozen=True):
    """An open position and its share of the value."""

    row: PositionRow
    share: float


class HeldView(msgspec.Struct, frozen=True):
    """The open positions."""

    rows: tuple[HeldRow, ...]
    result: Decimal
    now: int
    whose: str = ""


class ClosedView(msgspec.Struct, frozen=True):
    """Closed positions, newest first; `older` leads on, `newest` back to the first of them."""

    rows: tuple[PositionRow, ...]
    result: Decimal
    older: str
    newest: str
    now: int


class PortfolioView(View, frozen=True, kw_only=True):
    """What `portfolio.html` gets."""

    figures: FiguresView | UnsetType = UNSET
    allocation: AllocationView | UnsetType = UNSET
    positions: HeldView | UnsetType = UNSET
    closed: ClosedView | UnsetType = UNSET


def look_at_allocation(connection: Connection, asking: Asking) -> AllocationView:
    """Return how the value is spread over cash and positions, the largest position first."""
    figures = look_at_figures(connection, asking).figures
    held = look_at_positions(connection, asking).rows
    amounts = [("Cash", figures.cash), *((row.instrument.symbol, row.value) for row in held)]
    parts, begin = [], 0.0
    for place, (name, value) in enumerate(amounts):
        share = float(value / figures.value) if figures.value else 0.0
        # A hairline of the page between two stretches, unless there is none to spare.
        width = max(0.0, 1000 * share - 3)
        parts.append(Part(name, value, share, round(begin, 1), round(width, 1), place))
        begin += 1000 * share
    return AllocationView(tuple(parts), figures.value)


def look_at_held(connection: Connection, asking: Asking) -> HeldView:
    """Return the open positions with their shares of the value."""
    value = look_at_figures(connection, asking).figures.value
    held = look_at_positions(connection, asking)
    rows = tuple(HeldRow(row, float(row.value / value) if value else 0.0) for row in held.rows)
    return HeldView(rows, sum((row.result for row in held.rows), Decimal(0)), asking.now, asking.query.whose)


def look_at_closed(connection: Connection, asking: Asking) -> ClosedView:
    """Return a page of closed positions."""
    before: int | None = asking.query.before
    rows: list[Any] = reads.closed_positions(connection, asking.account, limit=ROWS + 1, before=before)
    shown = tuple(rows[:ROWS])
    older = asking.query.address(PATH, before=shown[-1].id) if len(rows) > ROWS else ""
    newest = asking.query.address(PATH, before=None) if before is not None else ""
    return ClosedView(shown, sum((row.result for row in shown), Decimal(0)), older, newest, asking.now)


PAGE: Final = Page(
    name="portfolio",
    title="Portfolio",
    path=PATH,
    icon="M2 5h12v8H2zM5 5V3h6v2",
    view=PortfolioView,
    query=PortfolioQuery,
    blocks=(
        STATE,
        FIGURES,
        Block("allocation", _MOVED, look_at_allocation),
        Block("positions", _MOVED, look_at_held),
        Block("closed", SESSION_KINDS | {"OrderFilled"}, look_at_closed),
    ),
)
