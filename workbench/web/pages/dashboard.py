"""The dashboard: what the market does, what the account is worth, what the bot does and why."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection
from tsdownsample import MinMaxLTTBDownsampler

from workbench.domain.bars import UNITS
from workbench.store import lines, reads
from workbench.store.rows import EquityRow, Quote, SessionRow, ThoughtRow, TradeRow
from workbench.store.thoughts import newest_thoughts
from workbench.web.blocks import FIGURES, POSITIONS, STATE, FiguresView, PositionsView
from workbench.web.bot import BOT, BotView, look_at_bot
from workbench.web.page import CASH_KINDS, PRICES_CHANGED, ROOT, SESSION_KINDS, Asking, Block, Page, Query, View
from workbench.web.thoughts import GateLine, ThoughtLine, gate_line, thought_lines

RANGES: Final = {"1h": UNITS["h"], "24h": UNITS["d"], "7d": 7 * UNITS["d"], "all": None}
POINTS: Final = 480
"""How many points the equity line keeps: about one for every two pixels of it."""
MARKERS: Final = 40
TAPE: Final = 16
RECENT: Final = 8

_thin: Final[Any] = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]


class DashboardQuery(Query, frozen=True):
    """What an address asks of the dashboard."""

    passing: ClassVar[frozenset[str]] = frozenset({"strategy", "said"})

    range: Literal["1h", "24h", "7d", "all"] = "24h"
    strategy: str = ""
    said: Literal["", "started", "stopped"] = ""


class StripView(msgspec.Struct, frozen=True):
    """Every token's price and how it got there."""

    quotes: tuple[Quote, ...]
    minutes: int
    whose: str = ""


class Marker(msgspec.Struct, frozen=True):
    """A fill on the equity line: when, which way, and what to say of it."""

    time: int
    side: str
    text: str


class ChartData(msgspec.Struct, frozen=True):
    """What the chart's script reads: points of time in seconds and value, and the fills."""

    equity: list[tuple[int, float]]
    hold: list[tuple[int, float]]
    markers: list[Marker]


class Choice(msgspec.Struct, frozen=True):
    """One of a few ways to look at something."""

    label: str
    address: str
    current: bool


class EquityView(msgspec.Struct, frozen=True):
    """The equity line with its yardstick, its markers and its stretches."""

    data: ChartData
    choices: tuple[Choice, ...]
    first: Decimal | None
    newest: Decimal | None
    is_fresh: bool
    whose: str = ""

    @property
    def still(self) -> list[float]:
        """A coarse line for a browser without script."""
        values = [value for _, value in self.data.equity]
        return values[:: max(1, len(values) // 120)]


class ThoughtsView(msgspec.Struct, frozen=True):
    """The tape."""

    lines: tuple[ThoughtLine, ...]
    is_running: bool
    now: int


class TokenNow(msgspec.Struct, frozen=True):
    """What the bot makes of a token at its newest bar, and the gate that stops it."""

    row: ThoughtRow
    gate: GateLine | None


class NowView(msgspec.Struct, frozen=True):
    """The newest evaluation of every token, whether it changed anything or not."""

    tokens: tuple[TokenNow, ...]


class RecentTradesView(msgspec.Struct, frozen=True):
    """The newest fills."""

    rows: tuple[TradeRow, ...]
    is_running: bool
    now: int


class DashboardView(View, frozen=True, kw_only=True):
    """What `dashboard.html` gets."""

    strip: StripView | UnsetType = UNSET
    figures: FiguresView | UnsetType = UNSET
    equity: EquityView | UnsetType = UNSET
    bot: BotView | UnsetType = UNSET
    now: NowView | UnsetType = UNSET
    thoughts: ThoughtsView | UnsetType = UNSET
    positions: PositionsView | UnsetType = UNSET
    trades: RecentTradesView | UnsetType = UNSET


def look_at_strip(connection: Connection, asking: Asking) -> StripView:
    """Return the market."""
    quotes = reads.quotes(connection)
    bars = max((len(quote.spark) for quote in quotes), default=0)
    return StripView(quotes, round(max(0, bars - 1) * 5 / 60), asking.query.whose)


def look_at_equity(connection: Connection, asking: Asking) -> EquityView:
    """Return the equity line of the stretch that is asked for."""
    return equity_view(connection, asking, f"{ROOT}/", _fills(connection, asking.account))


def equity_view(connection: Connection, asking: Asking, path: str, markers: Sequence[Marker]) -> EquityView:
    """Return the equity line of the stretch that a page's query asks for, thinned to what a screen can show.

    Parameters
    ----------
    markers
        What is marked on it, rising in time; what lies before its first point is left out.
    """
    wanted: str = asking.query.range
    newest = _newest_session(connection, asking.account)
    length = RANGES[wanted]
    since = None if length is None else (asking.now if newest is None or newest.cursor is None else newest.cursor) - length
    rows = lines.equity(connection, asking.account, since, limit=2 * POINTS)
    times = [row.ts for row in rows if newest is not None and row.session == newest.id]
    hold = lines.hold_line(connection, newest, tuple(dict.fromkeys(times[:: -(-len(times) // POINTS) or 1]))) if newest else []
    points = _points(rows)
    data = ChartData(points, _points(hold), [marker for marker in markers if points and marker.time >= points[0][0]])
    choices = tuple(
        Choice(label, asking.query.address(path, range=name), name == wanted)
        for name, label in (("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"), ("all", "All"))
    )
    first, last = (rows[0].equity, rows[-1].equity) if rows else (None, None)
    return EquityView(data, choices, first, last, newest is None, asking.query.whose)


def _newest_session(connection: Connection, account: str) -> SessionRow | None:
    going = reads.active_session(connection, account)
    return going if going is not None else next(iter(reads.sessions(connection, account, limit=1)), None)


def _points(rows: list[EquityRow]) -> list[tuple[int, float]]:
    # The chart wants times that rise; of two points at one time the later one holds.
    by_time = {row.ts // 1000: round(float(row.equity), 2) for row in rows}
    points = sorted(by_time.items())
    if len(points) <= POINTS:
        return points
    values = np.array([value for _, value in points])
    kept: Any = _thin.downsample(values, n_out=POINTS)
    return [points[int(i)] for i in kept]


def _fills(connection: Connection, account: str) -> list[Marker]:
    fills = reads.trades(connection, account, limit=MARKERS)
    texts = (f"{fill.instrument.symbol}, {fill.reason.replace('_', ' ')}" for fill in fills)
    return [Marker(fill.ts // 1000, fill.side, text) for fill, text in zip(fills, texts, strict=True)][::-1]


def look_at_thoughts(connection: Connection, asking: Asking) -> ThoughtsView:
    """Return the newest thoughts."""
    going = reads.active_session(connection, asking.account)
    newest = newest_thoughts(connection, asking.account, going.id if going is not None else "", TAPE)
    return ThoughtsView(thought_lines(newest.recorded), going is not None, asking.now)


def look_at_now(connection: Connection, asking: Asking) -> NowView:
    """Return what the running bot makes of each of its tokens, in the session's order."""
    going = reads.active_session(connection, asking.account)
    if going is None:
        return NowView(())
    rows = {row.symbol: row for row in newest_thoughts(connection, asking.account, going.id, TAPE).latest}
    return NowView(tuple(_token_now(rows[symbol]) for symbol in going.symbols if symbol in rows))


def _token_now(row: ThoughtRow) -> TokenNow:
    places = [place for place, gate in enumerate(row.gates) if gate.name == row.stopped_by]
    return TokenNow(row, gate_line(row, places[0]) if places else None)


def look_at_trades(connection: Connection, asking: Asking) -> RecentTradesView:
    """Return the newest fills."""
    # The chart of the same page marks as many, and so they are read once.
    rows = reads.trades(connection, asking.account, limit=MARKERS)[:RECENT]
    return RecentTradesView(tuple(rows), reads.active_session(connection, asking.account) is not None, asking.now)


PAGE: Final = Page(
    name="dashboard",
    title="Dashboard",
    path=f"{ROOT}/",
    icon="M2 9h5V2H2zM9 14h5V7H9zM2 14h5v-3H2zM9 5h5V2H9z",
    view=DashboardView,
    query=DashboardQuery,
    blocks=(
        STATE,
        Block("strip", frozenset({PRICES_CHANGED}), look_at_strip),
        FIGURES,
        Block("equity", SESSION_KINDS | CASH_KINDS | {"OrderFilled", "EquityMarked"}, look_at_equity),
        BOT,
        Block("now", SESSION_KINDS | {"EquityMarked", "ThoughtRecorded"}, look_at_now),
        Block("thoughts", SESSION_KINDS | {"ThoughtRecorded"}, look_at_thoughts),
        POSITIONS,
        Block("trades", SESSION_KINDS | {"OrderFilled"}, look_at_trades),
    ),
    inner=(Block("parameters", frozenset(), look_at_bot, field="bot"),),
)
