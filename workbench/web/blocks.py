"""Blocks that several pages share: the state line, the six figures, the open positions."""

from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.store import reads
from workbench.store.rows import Figures, PositionRow, SessionRow
from workbench.web.page import CASH_KINDS, PRICES_CHANGED, SESSION_KINDS, Asking, Block

OLD_AFTER: Final = 20_000
"""Prices older than this, in milliseconds, are called old: four bars of the strip."""


class StateView(msgspec.Struct, frozen=True):
    """Whether something runs, and how fresh the prices are.

    Parameters
    ----------
    session
        The session on its way, if there is one.
    prices
        When the newest bar of the strip closed; None before the first.
    """

    session: SessionRow | None
    prices: int | None
    now: int

    @property
    def is_old(self) -> bool:
        """Whether the prices are old."""
        return self.prices is None or self.now - self.prices > OLD_AFTER

    @property
    def word(self) -> str:
        """Live, replay or stopped."""
        return "stopped" if self.session is None else self.session.mode


class FiguresView(msgspec.Struct, frozen=True):
    """The six figures, and the share of cash in the value."""

    figures: Figures

    @property
    def cash_share(self) -> float:
        """Cash as a share of the value."""
        return float(self.figures.cash / self.figures.value) if self.figures.value else 0.0


class PositionsView(msgspec.Struct, frozen=True):
    """Open positions, the largest first."""

    rows: tuple[PositionRow, ...]
    now: int


def look_at_state(connection: Connection, asking: Asking) -> StateView:
    """Return whether something runs, and how fresh the prices are."""
    return StateView(reads.active_session(connection, asking.account), reads.newest_close(connection), asking.now)


def look_at_figures(connection: Connection, asking: Asking) -> FiguresView:
    """Return the figures of the account."""
    return FiguresView(reads.figures(connection, asking.account, asking.now))


def look_at_positions(connection: Connection, asking: Asking) -> PositionsView:
    """Return what is held."""
    held = reads.positions(connection, asking.account, open_only=True)
    return PositionsView(tuple(sorted(held, key=lambda row: -row.value)), asking.now)


STATE: Final = Block("state", SESSION_KINDS | {PRICES_CHANGED, "EquityMarked"}, look_at_state, "base.html")
FIGURES: Final = Block("figures", SESSION_KINDS | CASH_KINDS | {"OrderFilled", "EquityMarked"}, look_at_figures)
POSITIONS: Final = Block("positions", SESSION_KINDS | CASH_KINDS | {"OrderFilled", "EquityMarked"}, look_at_positions)
