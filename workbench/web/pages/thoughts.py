"""The thoughts: every change of mind that was recorded, searched and filtered, and why at a time; all of it is in the address."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.thoughts import Decision
from workbench.store import reads
from workbench.store.rows import SessionRow
from workbench.store.thoughts import Held, Wanted, held_thought, search_thoughts
from workbench.web.blocks import STATE
from workbench.web.candles import market_address
from workbench.web.filters import short, words
from workbench.web.page import ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View
from workbench.web.thoughts import GATES, ThoughtLine, gate_label, thought_lines
from workbench.web.times import field_time, typed_moment, typed_utc

PATH: Final = f"{ROOT}/thoughts/"
EXPORT: Final = f"{ROOT}/api/ai-thoughts/export/"
ROWS: Final = 30
SESSIONS: Final = 30

When = Annotated[str, msgspec.Meta(max_length=40)]
Name = Annotated[str, msgspec.Meta(max_length=200)]


class ThoughtsQuery(Query, frozen=True):
    """What an address asks of the thoughts.

    Parameters
    ----------
    gate
        The gate that stopped it.
    since, until
        Times of bars: from the first on, and before the second.
    sort
        By time, the newest first unless it is asked otherwise.
    before, above
        Only thoughts with a smaller, or a larger, id.
    of, at
        Which token's thought is asked for, and at what time; now where none is given.
    """

    token: Name = ""
    decision: Literal[
        "", "buy", "sell", "hold", "skip", "wait", "stop_loss", "take_profit", "trailing_stop",
    ] = ""  # fmt: skip
    gate: Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,40}$")] = ""
    session: Name = ""
    since: When = ""
    until: When = ""
    sort: Literal["-time", "time"] = "-time"
    before: RowId | None = None
    above: RowId | None = None
    of: Name = ""
    at: When = ""

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.token or self.decision or self.gate or self.session or self.since or self.until)

    @property
    def export(self) -> str:
        """The address of the file with the same filters."""
        given = {
            "symbol": self.token, "decision": self.decision, "session": self.session, "since": typed_utc("since", self.since),
            "until": typed_utc("until", self.until),
            "stopped_by": self.gate, "account": self.account,
        }  # fmt: skip
        asked = {name: value for name, value in given.items() if value}
        return f"{EXPORT}?{urlencode(asked)}" if asked else EXPORT


class Option(msgspec.Struct, frozen=True):
    """An answer that a filter offers."""

    value: str
    label: str
    chosen: bool


class FiltersView(msgspec.Struct, frozen=True):
    """The filters, and where they lead.

    Parameters
    ----------
    since, until
        Times as a field for one has them.
    hidden
        What else the address asks, and filtering keeps.
    clear, export
        The addresses without any filter, and of the file.
    """

    tokens: tuple[Option, ...]
    decisions: tuple[Option, ...]
    gates: tuple[Option, ...]
    sessions: tuple[Option, ...]
    sorts: tuple[Option, ...]
    since: str
    until: str
    hidden: dict[str, str]
    clear: str
    export: str
    is_set: bool


class TapeView(msgspec.Struct, frozen=True):
    """A page of thoughts.

    Parameters
    ----------
    newer, older
        The addresses of the pages on both sides of it.
    further
        The address at which the search goes on, where it stopped before the page was full.
    """

    lines: tuple[ThoughtLine, ...]
    newer: str
    older: str
    further: str
    clear: str
    is_set: bool
    is_running: bool
    now: int
    whose: str = ""


class AskView(msgspec.Struct, frozen=True):
    """The form that asks why, as the address has filled it."""

    tokens: tuple[Option, ...]
    at: str
    hidden: dict[str, str]


class WhyView(msgspec.Struct, frozen=True):
    """Why a token was traded or not at a time.

    Parameters
    ----------
    of
        The token; empty where nothing was asked.
    at
        The time.
    line
        The thought that held; None where there was none.
    until
        When the next one was; None where it is the newest.
    chart
        The address of the token's chart.
    """

    of: str
    at: int
    line: ThoughtLine | None
    until: int | None
    chart: str
    now: int


class ThoughtsView(View, frozen=True, kw_only=True):
    """What `thoughts.html` gets."""

    filters: FiltersView | UnsetType = UNSET
    tape: TapeView | UnsetType = UNSET
    ask: AskView | UnsetType = UNSET
    why: WhyView | UnsetType = UNSET


def look_at_filters(connection: Connection, asking: Asking) -> FiltersView:
    """Return what can be filtered by."""
    query: ThoughtsQuery = asking.query
    rows = reads.sessions(connection, asking.account, limit=SESSIONS)
    sessions = {row.id: f"{row.name} · {short(row.id)}" for row in rows}
    if query.session and query.session not in sessions:
        sessions[query.session] = short(query.session)
    gates = [*GATES, *([query.gate] if query.gate and query.gate not in GATES else [])]
    return FiltersView(
        _tokens(_symbols(rows), query.token), tuple(Option(each, words(each), each == query.decision) for each in Decision),
        tuple(Option(name, gate_label(name), name == query.gate) for name in gates),
        tuple(Option(id_, label, id_ == query.session) for id_, label in sessions.items()),
        (Option("", "newest first", query.sort == "-time"), Option("time", "oldest first", query.sort == "time")),
        field_time("since", query.since), field_time("until", query.until), _others(query, ("account", "of", "at")),
        _cleared(query), query.export, query.is_filtered,
    )  # fmt: skip


def _symbols(rows: list[SessionRow]) -> list[str]:
    return list(dict.fromkeys(symbol for row in rows for symbol in row.symbols))


def _tokens(names: list[str], chosen: str) -> tuple[Option, ...]:
    known = [*names, *([chosen] if chosen and chosen.lower() not in (name.lower() for name in names) else [])]
    return tuple(Option(name, name, name.lower() == chosen.lower()) for name in known)


def _others(query: ThoughtsQuery, names: tuple[str, ...]) -> dict[str, str]:
    return {name: str(value) for name, value in query.kept().items() if name in names}


def _cleared(query: ThoughtsQuery) -> str:
    return ThoughtsQuery(account=query.account, sort=query.sort, of=query.of, at=query.at).address(PATH)


def look_at_tape(connection: Connection, asking: Asking) -> TapeView:
    """Return a page of thoughts, newest first or oldest first."""
    query: ThoughtsQuery = asking.query
    wanted = Wanted(
        query.token,
        query.decision,
        query.session,
        query.gate,
        typed_moment("since", query.since),
        typed_moment("until", query.until),
    )
    upwards = query.above is not None or (query.sort == "time" and query.before is None)
    found = search_thoughts(
        connection, asking.account, wanted, before=query.before, after=query.above, limit=ROWS + 1, oldest=upwards
    )
    rows, more = list(found.rows[:ROWS]), len(found.rows) > ROWS
    if upwards == (query.sort == "-time"):
        rows.reverse()
    newer = older = ""
    if rows:
        low, high = min(row.id for row in rows), max(row.id for row in rows)
        # Whoever came from one side can go back to it.
        newer = query.address(PATH, before=None, above=high) if (more if upwards else query.before is not None) else ""
        older = query.address(PATH, before=low, above=None) if (query.above is not None if upwards else more) else ""
    elif query.before is not None or query.above is not None:
        newer = query.address(PATH, before=None, above=None)
    further = ""
    if found.went_to is not None:
        beyond: dict[str, Any] = {"above": found.went_to, "before": None} if upwards else {"before": found.went_to, "above": None}
        further = query.address(PATH, **beyond)
    # Only an empty page says what would fill it.
    is_running = not rows and not query.is_filtered and reads.active_session(connection, asking.account) is not None
    return TapeView(
        thought_lines(rows), newer, older, further, _cleared(query), query.is_filtered, is_running, asking.now, query.whose
    )


def look_at_ask(connection: Connection, asking: Asking) -> AskView:
    """Return the form that asks why."""
    query: ThoughtsQuery = asking.query
    hidden = {name: str(value) for name, value in query.kept().items() if name not in ("of", "at")}
    rows = reads.sessions(connection, asking.account, limit=SESSIONS)
    return AskView(_tokens(_symbols(rows), query.of), field_time("at", query.at), hidden)


def look_at_why(connection: Connection, asking: Asking) -> WhyView:
    """Return the thought that held for the token and the time that an address asks about."""
    query: ThoughtsQuery = asking.query
    return why_view(connection, asking, query.of, typed_moment("at", query.at))


def why_view(connection: Connection, asking: Asking, of: str, at: int | None) -> WhyView:
    """Return the thought that held for a token at a time; now where none is given."""
    ts = asking.now if at is None else at
    held: Held | None = held_thought(connection, asking.account, of, ts) if of else None
    if held is None:
        return WhyView(of, ts, None, None, "", asking.now)
    (line,) = thought_lines([held.row])
    chart = market_address(held.row.symbol, at=held.row.ts, account=asking.query.account)
    return WhyView(held.row.symbol, ts, line, held.until, chart, asking.now)


PAGE: Final = Page(
    name="thoughts",
    title="Thoughts",
    path=PATH,
    icon="M2.5 3h11v7.5H7L4 13.5v-3H2.5z",
    view=ThoughtsView,
    query=ThoughtsQuery,
    blocks=(
        STATE,
        Block("filters", SESSION_KINDS, look_at_filters),
        Block("tape", SESSION_KINDS | {"ThoughtRecorded"}, look_at_tape),
        Block("ask", frozenset(), look_at_ask),
        Block("why", frozenset({"ThoughtRecorded"}), look_at_why),
    ),
)
