"""Research: sweeps that the worker runs, the form that asks for one, and what came of those that ended."""

from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.events import SWEEP_KINDS
from workbench.domain.sweeps import Scalar, Surface, SweepRequest, SweepStatus
from workbench.research.sweep import CONVINCING
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import find_sweep_run, sweep_page
from workbench.store.trials import ListedTrial, list_trials
from workbench.strategies import shelf
from workbench.web.api.trials import SORTS
from workbench.web.asking import FORM, FormView, look_at_form
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.filters import money
from workbench.web.page import ROOT, Asking, Block, Page, Query, RowId, View
from workbench.web.pages.trades import Column
from workbench.web.zone import zone_label

PATH: Final = f"{ROOT}/research/"
ROWS: Final = 25
TONES: Final = 7
WRITTEN: Final = 12
"""With more columns than this, a cell of the map is too narrow to have its number written in it."""
LABELS: Final = 8
FIGURES: Final = {"sharpe": "Sharpe ratio", "sharpe_in": "Sharpe ratio before the days held out"}
"""Figures by which one is the best, as a sentence has them."""
ROWS_OF: Final[dict[str, str]] = {
    SweepStatus.FINISHED: "All rows in a notebook, without running them again:",
    SweepStatus.CANCELLED: "In a notebook, going on from the trials that are stored:",
}
"""What the call is good for that a result offers; of others there is nothing to read."""
SAID: Final = {"cancelled": Said("The sweep ends after the trials that are on their way; those that are done stay.")}


class ResearchQuery(Query, frozen=True):
    """What an address asks of research: which sweep, its trials in which order and past which, ended sweeps, the form."""

    passing: ClassVar[frozenset[str]] = frozenset({"strategy", "said"})

    sweep: Annotated[str, msgspec.Meta(max_length=40)] = ""
    before: RowId | None = None
    sort: Literal[
        "-sharpe_ratio", "sharpe_ratio", "-return_percent", "return_percent", "-round_trips", "round_trips", "-trial_id", "trial_id"
    ] = "-sharpe_ratio"
    past: RowId | None = None
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
    address
        Of the page with its result.
    """

    row: SweepRunRow
    title: str
    axes: str
    best: str
    address: str
    is_shown: bool

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
    def is_convincing(self) -> bool:
        """Whether its best is more than luck."""
        outcome = self.row.outcome
        return outcome is not None and outcome.dsr is not None and outcome.dsr >= CONVINCING


class FiguresView(msgspec.Struct, frozen=True):
    """How many sweeps there are of each kind, how many trials were ever run, and the newest result."""

    running: int
    waiting: int
    finished: int
    cancelled: int
    failed: int
    trials: int
    families: int
    newest: SweepLine | None


class GoingView(msgspec.Struct, frozen=True):
    """The sweeps that run or wait."""

    lines: tuple[SweepLine, ...]
    now: int
    said: Said | None = None
    whose: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A cell of the map: how high it lies from 0 to 6, its number, and the whole of it in words."""

    tone: int
    text: str
    words: str


class Heat(msgspec.Struct, frozen=True):
    """A figure over one or two axes, as a table of tones.

    Parameters
    ----------
    title
        Of what figure it is, over what.
    columns
        Labels; empty where there is no room for one.
    rows
        Each with its label.
    low, high
        The least and the greatest figure, as they are written.
    is_written
        Whether cells are wide enough for their numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    low: str
    high: str
    is_written: bool


class ResultView(msgspec.Struct, frozen=True):
    """What came of a sweep; no line where none has finished yet.

    Parameters
    ----------
    by
        The figure by which the best is the best.
    names
        Of what was tried, as the table of the best has them.
    code, use
        The call that gives the same rows, and what it is good for; empty where there are no rows to read.
    """

    line: SweepLine | None
    heat: Heat | None
    now: int
    by: str = ""
    names: tuple[str, ...] = ()
    code: str = ""
    use: str = ""


class TrialLine(msgspec.Struct, frozen=True):
    """A trial as the table shows it, with its values in the order of the columns."""

    row: ListedTrial
    values: tuple[str, ...]


class TrialsView(msgspec.Struct, frozen=True):
    """Every trial that is stored of the sweep that is shown, in the order that is asked for.

    Parameters
    ----------
    names
        Of what was tried.
    columns
        The heads of the figures, which sort.
    download
        The address of all of them as a file; empty where there is none.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[TrialLine, ...]
    first: str
    following: str
    download: str
    now: int


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
    result: ResultView | UnsetType = UNSET
    trials: TrialsView | UnsetType = UNSET
    ended: EndedView | UnsetType = UNSET


def look_at_figures(connection: Connection, asking: Asking) -> FiguresView:
    """Return how many sweeps and trials there are."""
    page = sweep_page(connection, ROWS + 1, asking.query.before)
    counts, newest = page.counts, page.newest
    return FiguresView(
        counts[SweepStatus.RUNNING] + counts[SweepStatus.CANCELLING], counts[SweepStatus.WAITING], counts[SweepStatus.FINISHED],
        counts[SweepStatus.CANCELLED], counts[SweepStatus.FAILED], page.trials, page.strategies,
        None if newest is None else _line(newest, asking.query),
    )  # fmt: skip


def look_at_going(connection: Connection, asking: Asking) -> GoingView:
    """Return the sweeps that run or wait, the one that runs first."""
    view = going_view(connection, asking)
    # What was said on the way here holds as long as it has not happened.
    is_coming = any(line.row.status == SweepStatus.CANCELLING for line in view.lines)
    return msgspec.structs.replace(view, said=SAID.get(asking.query.said) if is_coming else None)


def going_view(connection: Connection, asking: Asking, said: Said | None = None) -> GoingView:
    """Return the sweeps that run or wait, with a sentence for whoever has pressed a button."""
    rows = sweep_page(connection, ROWS + 1, asking.query.before).going[::-1]
    return GoingView(tuple(_line(row, asking.query) for row in rows), asking.now, said, asking.query.whose)


def _looked_at(connection: Connection, query: ResearchQuery) -> SweepRunRow | None:
    if query.sweep:
        return find_sweep_run(connection, query.sweep)
    return sweep_page(connection, ROWS + 1, query.before).newest


def look_at_result(connection: Connection, asking: Asking) -> ResultView:
    """Return what came of the sweep that an address names, or of the newest that finished.

    Raises
    ------
    NotFound
        If it names one that there is not.
    """
    row = _looked_at(connection, asking.query)
    if row is None:
        return ResultView(None, None, asking.now)
    line, use = _line(row, asking.query, row.id), ROWS_OF.get(row.status, "") if row.done else ""
    code = code_of(row.request) if use else ""
    if row.outcome is None:
        return ResultView(line, None, asking.now, code=code, use=use)
    names = tuple(words_of(name) for name in row.outcome.values)
    return ResultView(line, heat_of(row.outcome.surface), asking.now, figure_of(row.outcome.by), names, code, use)


def look_at_trials(connection: Connection, asking: Asking) -> TrialsView:
    """Return a page of the trials of the sweep that an address names, or of the newest that finished.

    Raises
    ------
    NotFound
        If it names one that there is not.
    """
    query: ResearchQuery = asking.query
    run = _looked_at(connection, query)
    study = run.sweep if run is not None else ""
    name = query.sort.removeprefix("-")
    order = query.sort.replace(name, SORTS[name])
    rows = list_trials(connection, sweep=study, limit=ROWS + 1, before=query.past, sort=order) if study else []
    shown = rows[:ROWS]
    names = tuple(dict.fromkeys(name for row in shown for name in row.values))
    lines = tuple(TrialLine(row, tuple(str(row.values.get(name, "–")) for name in names)) for row in shown)
    following = _trials_at(query, past=shown[-1].id) if len(rows) > ROWS else ""
    first = _trials_at(query, past=None) if query.past is not None else ""
    download = f"{ROOT}/api/trials/export/?{urlencode({'study': study, 'sort': query.sort})}" if lines else ""
    return TrialsView(tuple(map(words_of, names)), _columns(query), lines, first, following, download, asking.now)


def _trials_at(query: ResearchQuery, **changes: object) -> str:
    return f"{query.address(PATH, **changes)}#trials-title"


def _columns(query: ResearchQuery) -> tuple[Column, ...]:
    sorted_by, falls = query.sort.removeprefix("-"), query.sort.startswith("-")

    def column(name: str, label: str, number: bool = True) -> Column:
        # What is counted is first wanted from the top.
        following = name if name == sorted_by and falls else f"-{name}"
        how = "" if name != sorted_by else "descending" if falls else "ascending"
        return Column(name, label, number, _trials_at(query, sort=following, past=None), how)

    return (
        column("sharpe_ratio", "Sharpe"), column("return_percent", "Return %"), column("round_trips", "Round trips"),
        column("trial_id", f"Run, {zone_label()}", False),
    )  # fmt: skip


def look_at_ended(connection: Connection, asking: Asking) -> EndedView:
    """Return a page of ended sweeps."""
    query: ResearchQuery = asking.query
    rows = sweep_page(connection, ROWS + 1, query.before).ended
    shown = rows[:ROWS]
    older = query.address(PATH, before=shown[-1].number) if len(rows) > ROWS else ""
    newest = query.address(PATH, before=None) if query.before is not None else ""
    return EndedView(tuple(_line(row, query) for row in shown), older, newest, asking.now)


def words_of(name: str) -> str:
    """Return the name of a parameter, a rule or a cost as it is read.

    Examples
    --------
    >>> words_of("stop_loss_pct"), words_of("fee_bps")
    ('stop loss %', 'fee bps')
    """
    return name.replace("_pct", " %").replace("_", " ")


def _valued(name: str, value: str) -> str:
    return f"{words_of(name.removesuffix('_pct'))} {value}{' %' if name.endswith('_pct') else ''}"


def figure_of(by: str) -> str:
    """Return a figure as a sentence has it."""
    return FIGURES.get(by, words_of(by))


def heat_of(surface: Surface | None) -> Heat | None:
    """Return a sweep's surface as tones from the least to the greatest; None where it has no figure at all.

    Examples
    --------
    >>> heat_of(Surface("sharpe", "", "fast", ("",), ("5", "9"), ((0.5, 2.0),))).rows[0][1][1].words
    'fast 9: Sharpe ratio 2.00'
    """
    found = [value for row in surface.cells for value in row if value is not None] if surface is not None else []
    if surface is None or not found:
        return None
    low, high, by = min(found), max(found), figure_of(surface.by)
    down, across = words_of(surface.down), words_of(surface.across)

    def cell(row: str, column: str, value: float | None) -> Cell | None:
        if value is None:
            return None
        tone = min(int((value - low) / (high - low) * TONES), TONES - 1) if high > low else TONES - 1
        where = f"{down} {row}, " if down else ""
        words = f"{where}{across} {column}: {by} {money(value)}"
        return Cell(tone, money(value, 1), words)

    rows = tuple(
        (label, tuple(cell(label, column, value) for column, value in zip(surface.columns, line, strict=True)))
        for label, line in zip(surface.rows, surface.cells, strict=True)
    )
    every = -(-len(surface.columns) // LABELS) if len(surface.columns) > WRITTEN else 1
    # Of values that stand together there is room for the first.
    columns = tuple(label.partition(" – ")[0] if place % every == 0 else "" for place, label in enumerate(surface.columns))
    title = f"{by[:1].upper()}{by[1:]} by " + (f"{down} (down) and {across} (across)" if down else across)
    return Heat(title, columns, rows, money(low), money(high), len(surface.columns) <= WRITTEN)


def code_of(request: SweepRequest) -> str:
    """Return the call that gives the same rows in a notebook, at once where they are stored.

    Examples
    --------
    >>> print(code_of(SweepRequest("sma_cross", {"fast": (5, 6, 7), "slow": ("30", "50"), "fee_bps": ("7",)})))
    wb.sweep("sma_cross", wb.simulate_bars("WETH", "1h", 5000), fast=range(5, 8), slow=[30, 50], fee_bps=7)
    """
    bars = f'wb.simulate_bars("{request.symbol}", "{request.timeframe}", {request.count})'
    if request.dataset:
        bars = f'wb.open_dataset("{request.dataset[:12]}")'
    given = [f"{name}={_literal(values)}" for name, values in request.values.items()]
    more = [f"trials={request.trials}"] if request.trials is not None else []
    more += [f'sampler="{request.sampler}"'] if request.sampler is not None else []
    more += [f"cash={request.cash}"] if request.cash != "10000" else []
    more += [f"seed={request.seed}"] if request.seed != 1 else []
    call = "sweep" if request.trials is None else "search"
    return f'wb.{call}("{request.strategy}", {bars}, {", ".join([*given, *more])})'


def _literal(values: tuple[Scalar, ...]) -> str:
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values) and len(values) > 2:
        whole = [int(value) for value in values]
        step = whole[1] - whole[0]
        if step > 0 and whole == list(range(whole[0], whole[-1] + 1, step)):
            return f"range({whole[0]}, {whole[-1] + step if step == 1 else whole[-1] + 1}{'' if step == 1 else f', {step}'})"
    written = [_plain(value) for value in values]
    return written[0] if len(written) == 1 else "[" + ", ".join(written) + "]"


def _plain(value: Scalar) -> str:
    """Return a value as code has it; a number that came as text is a number."""
    if not isinstance(value, str):
        return repr(value)
    bare = value.removeprefix("-").replace(".", "", 1)
    return value if bare.isascii() and bare.isdigit() and not value.endswith(".") else repr(value)


def _line(row: SweepRunRow, query: ResearchQuery, shown: str = "") -> SweepLine:
    request, outcome = row.request, row.outcome
    kind = shelf.find(request.strategy)
    title = kind.title if kind is not None and kind.title else request.strategy
    tried = [f"{words_of(name.removesuffix('_pct'))} {len(values)}" for name, values in request.values.items() if len(values) > 1]
    axes = " × ".join(tried) or "within its own bounds"
    best = ", ".join(_valued(name, value) for name, value in outcome.values.items()) if outcome is not None else ""
    return SweepLine(row, title, axes, best, f"{query.address(PATH, sweep=row.id[:8], past=None)}#result", row.id == shown)


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
        Block("result", SWEEP_KINDS, look_at_result),
        Block("trials", SWEEP_KINDS - {"SweepAdvanced"}, look_at_trials),
        Block("ended", SWEEP_KINDS, look_at_ended),
    ),
    inner=(Block("tried", frozenset(), look_at_form, field="form"),),
)
