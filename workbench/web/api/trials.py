"""Trials: what was ever tried of a strategy on a market, newest first or sorted by a figure, and as a file."""

from typing import Annotated, Final

from litestar import get
from litestar.datastructures import State
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.errors import Invalid, NotFound
from workbench.store.trials import ListedTrial, count_trials, families, has_study, list_trials
from workbench.strategies import shelf
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Told, answer, iso
from workbench.web.api.paging import Before, Limit, one_of, page_of

SORTS: Final = {"trial_id": "id", "sharpe_ratio": "sharpe", "return_percent": "return_pct", "round_trips": "trades"}
"""What an answer calls the figures that trials can be sorted by, and what they are."""
Strategy = Annotated[str, QueryParameter(max_length=200, description="The strategy that was tried.")]
Study = Annotated[str, QueryParameter(max_length=200, description="The `study_id` of a trial.")]
OneSort = Annotated[str, one_of([sign + name for name in SORTS for sign in ("", "-")])]
COLUMNS: Final = (
    "run_at", "trial_id", "study_id", "strategy", "market", "values", "sharpe_ratio", "return_percent", "round_trips",
)  # fmt: skip


@get("/paper-trading/api/trials/", sync_to_thread=True)
def every(
    state: State, strategy: Strategy = "", study: Study = "", sort: OneSort = "", limit: Limit = 50, before: Before = None
) -> Told[shapes.Items[shapes.Trial]]:
    """List trials, newest first; those of one `study` by a figure of theirs too, such as `sort=-sharpe_ratio`."""
    desk: Desk = state.desk
    order = _order(sort.lower(), study)
    with desk.store.read() as connection:
        _know(connection, strategy, study)
        rows = list_trials(connection, family=strategy, sweep=study, limit=limit + 1, before=before, sort=order)
    return answer(page_of(rows, limit, trial_shape, lambda row: row.id))


@get("/paper-trading/api/trials/export/", sync_to_thread=True)
def export(state: State, strategy: Strategy = "", study: Study = "", sort: OneSort = "") -> Stream:
    """Download the trials that pass the filters, as CSV."""
    desk: Desk = state.desk
    order = _order(sort.lower(), study)
    with desk.store.read() as connection:
        _know(connection, strategy, study)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Trial]:
        found = list_trials(connection, family=strategy, sweep=study, limit=limit, before=before, sort=order)
        return [trial_shape(row) for row in found]

    return csv_file("trials", COLUMNS, desk, read, "trial_id")


def _know(connection: Connection, strategy: str, study: str) -> None:
    """Refuse a strategy or a study of which there is none.

    Raises
    ------
    NotFound
        Naming it.
    """
    if strategy and strategy not in shelf.names() and not (tried := families(connection)).count(strategy):
        raise NotFound("strategy", strategy, (*shelf.names(), *tried), field="strategy")
    if study and not has_study(connection, study):
        raise NotFound("study", study, field="study")


def _order(sort: str, study: str) -> str:
    """Return an order in the store's words.

    Raises
    ------
    Invalid
        If every trial there ever was would have to be sorted for it.
    """
    name = sort.removeprefix("-")
    if name in ("", "trial_id"):
        return "id" if sort == "trial_id" else "-id"
    if not study:
        raise Invalid("sort", "trial_id, or a study whose trials are sorted", sort)
    return sort.replace(name, SORTS[name])


@get("/paper-trading/api/trials/count/", sync_to_thread=True)
def count(state: State) -> Told[shapes.TrialCount]:
    """Tell how many trials were ever run, each counted once, and of how many strategies."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        trials, strategies = count_trials(connection)
    return answer(shapes.TrialCount(trials=trials, strategies=strategies))


def trial_shape(row: ListedTrial) -> shapes.Trial:
    """Return a trial as answers carry it."""
    return shapes.Trial(
        trial_id=row.id, study_id=row.sweep, strategy=row.family, market=row.market, values=row.values,
        sharpe_ratio=row.sharpe, return_percent=row.return_pct, round_trips=row.trades, run_at=iso(row.at),
    )  # fmt: skip


handlers = [every, export, count]
