"""The sessions: what each was and made, how up to four of them lie beside each other, and the buttons that steer them."""

from collections.abc import Sequence
from typing import ClassVar, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.commands import Pause, Resume, Stop
from workbench.domain.sessions import Status
from workbench.store import reads
from workbench.store.asked import waiting_commands
from workbench.store.rows import SessionRow
from workbench.strategies import shelf
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.comparing import MOST, Difference, Line, compare
from workbench.web.page import ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View

PATH: Final = f"{ROOT}/sessions/"
FILES: Final = f"{ROOT}/api/sessions/compare/export/"
ROWS: Final = 25
TABLE_POINTS: Final = 12
FRESH: Final = 60_000
_MADE: Final = SESSION_KINDS | {"OrderFilled", "EquityMarked"}
_ASKED: Final = {Pause: "pausing", Resume: "resuming", Stop: "stopping"}

SAID: Final = {
    "stopped": Said("The session stops before its next bar; positions stay."),
    "paused": Said("The session makes no more entries from the next bar on; exits go on."),
    "resumed": Said("The session makes entries again from the next bar on."),
    "deleted": Said("The session is out of the lists; its log stays."),
}


class SessionsQuery(Query, frozen=True):
    """What an address asks of the sessions: which to compare, which are older than one, and what was done on the way here."""

    passing: ClassVar[frozenset[str]] = frozenset({"said", "at"})

    compare: tuple[str, ...] = ()
    before: RowId | None = None
    said: Literal["", "stopped", "paused", "resumed", "deleted"] = ""
    at: RowId = 0


class SessionLine(msgspec.Struct, frozen=True):
    """A session as the page shows it.

    Parameters
    ----------
    word
        Its status, or what it has been asked to become.
    share
        Its result as a share of what it began with; None before it has begun.
    runtime
        How long it has run, or ran, on the clock; None before it has begun.
    is_compared
        Whether it is among those that are laid beside each other.
    is_asked
        Whether something that was asked of it has not happened yet.
    """

    row: SessionRow
    strategy: str
    word: str
    share: float | None
    runtime: int | None
    is_compared: bool
    is_asked: bool

    @property
    def can_stop(self) -> bool:
        """Whether it may be asked to stop."""
        return self.row.is_active and self.row.status is not Status.STOPPING

    @property
    def can_pause(self) -> bool:
        """Whether it may be asked to pause."""
        return self.row.status is Status.RUNNING

    @property
    def can_resume(self) -> bool:
        """Whether it may be asked to go on."""
        return self.row.status is Status.PAUSED


class TableView(msgspec.Struct, frozen=True):
    """A page of sessions, newest first; `older` leads on, `newest` back to the first of them."""

    lines: tuple[SessionLine, ...]
    compared: tuple[str, ...]
    elsewhere: tuple[str, ...]
    newest: str
    older: str
    most: int
    now: int
    account: str
    before: int | None
    said: Said | None = None
    whose: str = ""


class LinesData(msgspec.Struct, frozen=True):
    """What the chart's script reads."""

    lines: list[Line]


class Compared(msgspec.Struct, frozen=True):
    """One of the sessions that lie beside each other; `without` is the address without it."""

    line: SessionLine
    number: int
    drawdown: float | None
    without: str


class PointRow(msgspec.Struct, frozen=True):
    """A row of the lines as a table: a time since the first bar, in milliseconds, and each one's percent by then."""

    elapsed: int
    shares: tuple[float | None, ...]


class ComparisonView(msgspec.Struct, frozen=True):
    """Sessions beside each other; `missing` are ids that no session has, `files` is the address of their tables as files."""

    sessions: tuple[Compared, ...]
    data: LinesData
    points: tuple[PointRow, ...]
    differences: tuple[Difference, ...]
    missing: tuple[str, ...]
    is_too_many: bool
    clear: str
    now: int
    files: str

    @property
    def low(self) -> float:
        """The lowest percent of all lines."""
        return min((value for line in self.data.lines for _, value in line.points), default=0.0)

    @property
    def high(self) -> float:
        """The highest percent of all lines."""
        return max((value for line in self.data.lines for _, value in line.points), default=0.0)

    @property
    def longest(self) -> int:
        """How many seconds the longest line has."""
        return max((line.points[-1][0] for line in self.data.lines if line.points), default=0)

    def still(self, line: Line) -> str:
        """Return a line as the points of a polyline, 900 wide and 240 high, for a browser without script."""
        low, tall, longest = self.low, self.high - self.low, self.longest or 1

        def height(value: float) -> float:
            return 232 - 224 * (value - low) / tall if tall else 120.0

        return " ".join(f"{900 * at / longest:.1f},{height(value):.1f}" for at, value in line.points)


class SessionsView(View, frozen=True, kw_only=True):
    """What `sessions.html` gets."""

    table: TableView | UnsetType = UNSET
    comparison: ComparisonView | UnsetType = UNSET


def look_at_table(connection: Connection, asking: Asking) -> TableView:
    """Return a page of sessions."""
    query: SessionsQuery = asking.query
    is_fresh = 0 <= asking.now - query.at < FRESH
    return table_view(connection, asking, SAID.get(query.said) if is_fresh else None)


def table_view(connection: Connection, asking: Asking, said: Said | None = None) -> TableView:
    """Return a page of sessions, with a sentence for whoever has pressed a button."""
    query: SessionsQuery = asking.query
    rows = reads.sessions(connection, asking.account, limit=ROWS + 1, before=query.before)
    shown = rows[:ROWS]
    going = reads.active_session(connection, asking.account)
    waiting = waiting_commands(connection, going.id) if going is not None else []
    word = next((_ASKED[type(command)] for command in reversed(waiting) if type(command) in _ASKED), "")
    lines = tuple(
        session_line(row, asking.now, query.compare, word if going is not None and row.id == going.id else "") for row in shown
    )
    here = {row.id for row in shown}
    return TableView(
        lines, query.compare, tuple(id_ for id_ in query.compare if id_ not in here),
        query.address(PATH, before=None) if query.before is not None else "",
        query.address(PATH, before=shown[-1].number) if len(rows) > ROWS else "",
        MOST, asking.now, query.account, query.before, said, back_to(query),
    )  # fmt: skip


def back_to(query: SessionsQuery) -> str:
    """Return what a button's address says of the page that it stands on."""
    return urlencode(query.kept(), doseq=True)


def session_line(row: SessionRow, now: int, compared: tuple[str, ...] = (), asked: str = "") -> SessionLine:
    """Return a session ready to be shown.

    Parameters
    ----------
    asked
        What it has been asked to become and is not yet, such as `"pausing"`.
    """
    result, opening = row.result, row.opening_equity
    share = float(result / opening) if result is not None and opening else None
    runtime = None if row.started is None else (row.stopped if row.stopped is not None else now) - row.started
    strategy = shelf.find(row.configuration.strategy)
    title = row.configuration.strategy if strategy is None else strategy.title or row.configuration.strategy
    return SessionLine(row, title, asked or row.status.lower(), share, runtime, row.id in compared, bool(asked))


def look_at_comparison(connection: Connection, asking: Asking) -> ComparisonView:
    """Return the sessions that the address names beside each other."""
    query: SessionsQuery = asking.query
    wanted = tuple(dict.fromkeys(query.compare))
    found = compare(connection, wanted[:MOST])
    compared = tuple(
        Compared(
            session_line(row, asking.now), place + 1, found.drawdowns[place],
            query.address(PATH, compare=tuple(id_ for id_ in wanted if id_ != row.id)),
        )
        for place, row in enumerate(found.rows)
    )  # fmt: skip
    ids = [row.id for row in found.rows]
    return ComparisonView(
        compared, LinesData(list(found.lines)), _as_table(found.lines), found.differences,
        tuple(id_ for id_ in wanted[:MOST] if id_ not in ids), len(wanted) > MOST, query.address(PATH, compare=()), asking.now,
        f"{FILES}?{urlencode({'sessions': ','.join(ids)})}",
    )  # fmt: skip


def _as_table(lines: Sequence[Line]) -> tuple[PointRow, ...]:
    """Return the lines at a few times, for whoever cannot see them."""
    longest = max((line.points[-1][0] for line in lines if line.points), default=0)
    times = sorted({longest * step // TABLE_POINTS for step in range(TABLE_POINTS + 1)})

    def at(line: Line, time: int) -> float | None:
        if not line.points or time > line.points[-1][0]:
            return None
        return next((value for found, value in reversed(line.points) if found <= time), None)

    return tuple(PointRow(1000 * time, tuple(at(line, time) for line in lines)) for time in times) if longest else ()


TABLE: Final = Block("table", _MADE | {"CommandReceived", "CommandRefused"}, look_at_table)
PAGE: Final = Page(
    name="sessions",
    title="Sessions",
    path=PATH,
    icon="M2.5 4.5h11v8h-11zM5 2.5h6M5 7.5h6M5 10h4",
    view=SessionsView,
    query=SessionsQuery,
    blocks=(
        STATE,
        Block("comparison", _MADE, look_at_comparison),
        TABLE,
    ),
)
