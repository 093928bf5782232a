"""The strategies: programs that are at work, the form that starts one, and what the ended ones made."""

from decimal import Decimal
from typing import ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.commands import CancelProgram, PauseProgram, ResumeProgram, StartProgram
from workbench.domain.money import NO_CASH
from workbench.domain.programs import RunStatus
from workbench.engine.programs import shelf
from workbench.store import reads
from workbench.store.asked import SessionNews, session_news
from workbench.store.program_runs import RunPage, run_page
from workbench.store.rows import Quote, RunRow
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.page import CASH_KINDS, PROGRAM_KINDS, ROOT, SESSION_KINDS, Asking, Block, Page, Query, RowId, View
from workbench.web.starting import FORM, STARTING, FormView, look_at_form

PATH: Final = f"{ROOT}/strategies/"
ROWS: Final = 25
MOST_ACTIVE: Final = 100
_MOVED: Final = SESSION_KINDS | CASH_KINDS | PROGRAM_KINDS | {"OrderFilled", "EquityMarked"}
_OF_A_RUN: Final = (PauseProgram, ResumeProgram, CancelProgram)
_ASKED: Final[dict[type, str]] = {PauseProgram: "pausing", ResumeProgram: "resuming", CancelProgram: "cancelling"}
_STEPS: Final = {"grid": "round trip"}
"""What a step of a program is called, where it is not a slice."""

SAID: Final = {
    "paused": Said("The program pauses before the next bar."),
    "resumed": Said("The program goes on before the next bar."),
    "cancelled": Said("The program ends before the next bar; what it bought stays."),
    "sold": Said("The program ends before the next bar, and what it holds is sold."),
}


class StrategiesQuery(Query, frozen=True):
    """What an address asks of the strategies: ended runs older than one of them, and what the form shows."""

    passing: ClassVar[frozenset[str]] = frozenset({"program", "symbol", "said"})

    before: RowId | None = None
    program: str = ""
    symbol: str = ""
    said: Literal["", "started", "paused", "resumed", "cancelled", "sold"] = ""


class Progress(msgspec.Struct, frozen=True):
    """How far a run has come: its bar, and the words beside it; `of` is 0 where it has no end of its own."""

    done: int
    of: int
    words: str


class RunLine(msgspec.Struct, frozen=True):
    """A program run as the page shows it.

    Parameters
    ----------
    word
        Its status, or what it has been asked to become.
    share
        Its result as a share of what it has spent; None before it has spent anything.
    is_asked
        Whether something that was asked of it has not happened yet.
    """

    row: RunRow
    title: str
    word: str
    progress: Progress
    share: float | None
    is_asked: bool = False


class FiguresView(msgspec.Struct, frozen=True):
    """The figures over the runs that are shown, and how many there are of each kind."""

    active: int
    paused: int
    completed: int
    cancelled: int
    failed: int
    shown: int
    spent: Decimal
    received: Decimal
    costs: Decimal
    result: Decimal

    @property
    def share(self) -> float | None:
        """The result as a share of what was spent."""
        return float(self.result / self.spent) if self.spent else None


class ActiveView(msgspec.Struct, frozen=True):
    """The runs that go on, and what was asked for and has not begun.

    Parameters
    ----------
    starting
        Programs that begin before the next bar, in words.
    refused
        Why the last one that was asked for was not started.
    """

    lines: tuple[RunLine, ...]
    starting: tuple[str, ...]
    refused: str
    is_running: bool
    now: int
    said: Said | None = None
    whose: str = ""


class HistoryView(msgspec.Struct, frozen=True):
    """Ended runs, newest first; `older` leads on, `newest` back to the first of them."""

    lines: tuple[RunLine, ...]
    result: Decimal
    older: str
    newest: str
    now: int


class StrategiesView(View, frozen=True, kw_only=True):
    """What `strategies.html` gets."""

    figures: FiguresView | UnsetType = UNSET
    active: ActiveView | UnsetType = UNSET
    form: FormView | UnsetType = UNSET
    history: HistoryView | UnsetType = UNSET


def look_at_figures(connection: Connection, asking: Asking) -> FiguresView:
    """Return the figures of the runs that the page shows."""
    page = _page(connection, asking)
    counts, rows = page.counts, [*page.active, *page.ended[:ROWS]]
    return FiguresView(
        active=sum(count for status, count in counts.items() if status.is_active),
        paused=counts[RunStatus.PAUSED],
        completed=counts[RunStatus.COMPLETED],
        cancelled=counts[RunStatus.CANCELLED],
        failed=counts[RunStatus.FAILED],
        shown=len(rows),
        spent=sum((row.run.spent for row in rows), NO_CASH),
        received=sum((row.run.received for row in rows), NO_CASH),
        costs=sum((row.run.costs for row in rows), NO_CASH),
        result=sum((row.result for row in rows), NO_CASH),
    )


def look_at_active(connection: Connection, asking: Asking) -> ActiveView:
    """Return the runs that go on."""
    view = active_view(connection, asking)
    # What was said on the way here holds as long as it has not happened.
    is_coming = any(line.is_asked for line in view.lines)
    return msgspec.structs.replace(view, said=SAID.get(asking.query.said) if is_coming else None)


def active_view(connection: Connection, asking: Asking, said: Said | None = None) -> ActiveView:
    """Return the runs that go on, with a sentence for whoever has pressed a button."""
    account = asking.account
    page = _page(connection, asking)
    going = reads.active_session(connection, account)
    news = session_news(connection, going.id) if going is not None else SessionNews((), ())
    waiting = news.waiting
    # The number of a run counts within its session, and only the one on its way is asked anything.
    asked = {command.run: _ASKED[type(command)] for command in waiting if isinstance(command, _OF_A_RUN)}
    source = going.source if going is not None else "simulated"
    quotes = {quote.instrument.key: quote for quote in reads.quotes(connection, source, count=1)}
    symbols = {key: quote.instrument.symbol for key, quote in quotes.items()}
    starts = [command for command in waiting if isinstance(command, StartProgram)]
    starting = tuple(_named(command, symbols) for command in starts)
    refused = "" if starts else _refused(news, page.newest, symbols)
    lines = tuple(run_line(_priced(row, quotes.get(row.run.instrument)), asked.get(row.run.id, "")) for row in page.active)
    return ActiveView(lines, starting, refused, going is not None, asking.now, said, asking.query.whose)


def look_at_history(connection: Connection, asking: Asking) -> HistoryView:
    """Return a page of ended runs."""
    query: StrategiesQuery = asking.query
    rows = _page(connection, asking).ended
    shown = rows[:ROWS]
    older = query.address(PATH, before=shown[-1].id) if len(rows) > ROWS else ""
    newest = query.address(PATH, before=None) if query.before is not None else ""
    result = sum((row.result for row in shown), NO_CASH)
    return HistoryView(tuple(run_line(row) for row in shown), result, older, newest, asking.now)


def run_line(row: RunRow, asked: str = "") -> RunLine:
    """Return a run ready to be shown.

    Parameters
    ----------
    asked
        What it has been asked to become and is not yet, such as `"pausing"`.
    """
    run = row.run
    step = _STEPS.get(run.program, "slice") + ("" if (run.steps or run.done) == 1 else "s")
    words = f"{run.done} of {run.steps} {step}" if run.steps else f"{run.done} {step}" if run.memory else "not begun"
    share = float(row.result / run.spent) if run.spent else None
    return RunLine(
        row, _title(run.program), asked or run.status.lower(), Progress(run.done, run.steps, words), share, bool(asked)
    )  # fmt: skip


def _priced(row: RunRow, quote: Quote | None) -> RunRow:
    """Return a run with the market's price where it has not traded yet and so knows none."""
    return msgspec.structs.replace(row, price=quote.price) if row.price is None and quote is not None else row


def _page(connection: Connection, asking: Asking) -> RunPage:
    """Return the runs that go on and a page of ended ones, and one more, which tells whether there are older ones."""
    return run_page(connection, asking.account, MOST_ACTIVE, ROWS + 1, asking.query.before)


def _refused(news: SessionNews, newest: int, symbols: dict[str, str]) -> str:
    """Return why the last program that was asked for was not started; nothing once another one was."""
    for id_, event in news.refused:
        if isinstance(event.command, StartProgram):
            why = f"{_named(event.command, symbols)} was not started: {event.why[:1].lower()}{event.why[1:]}"
            return why if newest < id_ else ""
    return ""


def _named(command: StartProgram, symbols: dict[str, str]) -> str:
    return f"{_title(command.program)} in {symbols.get(command.instrument, command.instrument)}"


def _title(program: str) -> str:
    """Return what a person calls a program; one that has left the shelf keeps its name."""
    return shelf.get(program).title if program in shelf.names() else program


ACTIVE: Final = Block("active", _MOVED | {"CommandRefused"}, look_at_active)
PAGE: Final = Page(
    name="strategies",
    title="Strategies",
    path=PATH,
    icon="M3 3h3v3H3zM10 10h3v3h-3zM6 4.5h5.5V10M4.5 6v5.5H10",
    view=StrategiesView,
    query=StrategiesQuery,
    blocks=(
        STATE,
        Block("figures", _MOVED, look_at_figures),
        ACTIVE,
        FORM,
        STARTING,
        Block("history", _MOVED, look_at_history),
    ),
    inner=(Block("parameters", frozenset(), look_at_form, field="form"),),
)
