"""Research: sweeps that the worker runs, the form that asks for one, and what came of those that ended."""

from typing import ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.events import SWEEP_KINDS
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import count_sweep_runs, list_sweep_runs
from workbench.store.trials import count_trials
from workbench.strategies import shelf
from workbench.web.asking import FORM, FormView, look_at_form
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.page import ROOT, Asking, Block, Page, Query, RowId, View

PATH: Final = f"{ROOT}/research/"
ROWS: Final = 25
CONFIDENT: Final = 0.95
"""A deflated Sharpe ratio from which on the best of a sweep is more than luck, as its authors take it."""
SAID: Final = {"cancelled": Said("The sweep ends after the trials that are on their way; those that are done stay.")}


class ResearchQuery(Query, frozen=True):
    """What an address asks of research: ended sweeps older than one of them, and what the form shows."""

    passing: ClassVar[frozenset[str]] = frozenset({"strategy", "said"})

    before: RowId | None = None
    strategy: str = ""
    said: Literal["", "asked", "cancelled"] = ""


class SweepLine(msgspec.Struct, frozen=True):
    """A sweep as the page shows it.

    Parameters
    ----------
    axes
        What is tried, each with the number of its values.
    best
        The values of the best trial.
    """

    row: SweepRunRow
    title: str
    axes: str
    best: str

    @property
    def word(self) -> str:
        """Where it is."""
        return self.row.status.lower()

    @property
    def took(self) -> int | None:
        """How long it ran, milliseconds; None where it never did or has not ended."""
        row = self.row
        return None if row.started is None or row.ended is None else row.ended - row.started

    @property
    def is_confident(self) -> bool:
        """Whether its best is more than luck."""
        outcome = self.row.outcome
        return outcome is not None and outcome.dsr is not None and outcome.dsr >= CONFIDENT


class FiguresView(msgspec.Struct, frozen=True):
    """How many sweeps there are of each kind, and how many trials were ever run."""

    running: int
    waiting: int
    finished: int
    cancelled: int
    failed: int
    trials: int
    families: int
    confident: int


class GoingView(msgspec.Struct, frozen=True):
    """The sweeps that run or wait."""

    lines: tuple[SweepLine, ...]
    now: int
    said: Said | None = None


class EndedView(msgspec.Struct, frozen=True):
    """Ended sweeps, newest first; `older` leads on, `newest` back to the first of them."""

    lines: tuple[SweepLine, ...]
    older: str
    newest: str
    now: int


class ResearchView(View, frozen=True, kw_only=True):
    """What `research.html` gets."""

    figures: FiguresView | UnsetType = UNSET
    going: GoingView | UnsetType = UNSET
    form: FormView | UnsetType = UNSET
    ended: EndedView | UnsetType = UNSET


def look_at_figures(connection: Connection, asking: Asking) -> FiguresView:
    """Return how many sweeps and trials there are."""
    counts = count_sweep_runs(connection)
    trials, families = count_trials(connection)
    confident = sum(_line(row).is_confident for row in list_sweep_runs(connection, is_going=False, limit=1000))
    return FiguresView(
        counts.get("RUNNING", 0) + counts.get("CANCELLING", 0), counts.get("WAITING", 0), counts.get("FINISHED", 0),
        counts.get("CANCELLED", 0), counts.get("FAILED", 0), trials, families, confident,
    )  # fmt: skip


def look_at_going(connection: Connection, asking: Asking) -> GoingView:
    """Return the sweeps that run or wait, the one that runs first."""
    view = going_view(connection, asking)
    is_coming = any(line.word == "cancelling" for line in view.lines)
    return msgspec.structs.replace(view, said=SAID.get(asking.query.said) if is_coming else None)


def going_view(connection: Connection, asking: Asking, said: Said | None = None) -> GoingView:
    """Return the sweeps that run or wait, with a sentence for whoever has pressed a button."""
    rows = list_sweep_runs(connection, is_going=True)[::-1]
    return GoingView(tuple(_line(row) for row in rows), asking.now, said)


def look_at_ended(connection: Connection, asking: Asking) -> EndedView:
    """Return a page of ended sweeps."""
    query: ResearchQuery = asking.query
    rows = list_sweep_runs(connection, ROWS + 1, is_going=False, before=query.before)
    shown = rows[:ROWS]
    older = query.address(PATH, before=shown[-1].number) if len(rows) > ROWS else ""
    newest = query.address(PATH, before=None) if query.before is not None else ""
    return EndedView(tuple(_line(row) for row in shown), older, newest, asking.now)


def _line(row: SweepRunRow) -> SweepLine:
    request, outcome = row.request, row.outcome
    title = shelf.get(request.strategy).title if request.strategy in shelf.names() else request.strategy
    tried = [f"{name} {len(values)}" for name, values in request.values.items() if len(values) > 1]
    axes = " × ".join(tried) or "within its own bounds"
    best = ", ".join(f"{name} {value}" for name, value in outcome.values.items()) if outcome is not None else ""
    return SweepLine(row, title, axes, best)


GOING: Final = Block("going", SWEEP_KINDS, look_at_going)
PAGE: Final = Page(
    name="research",
    title="Research",
    path=PATH,
    icon="M6.5 2v4.5L3 13h10L9.5 6.5V2M5.5 2h5M4.5 10.5h7",
    view=ResearchView,
    query=ResearchQuery,
    blocks=(
        STATE,
        Block("figures", SWEEP_KINDS, look_at_figures),
        GOING,
        FORM,
        Block("ended", SWEEP_KINDS, look_at_ended),
    ),
    inner=(Block("tried", frozenset(), look_at_form, field="form"),),
)
