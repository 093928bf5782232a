"""Trials: what was ever tried of a strategy on a market, newest first or sorted by a figure, and as a file."""

from typing import Final, Literal

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromQuery
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.errors import Invalid
from workbench.store.trials import ListedTrial, count_trials, list_trials
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, answer, iso
from workbench.web.api.paging import Before, Limit, Text, page_of

Sort = Literal[
    "", "trial_id", "-trial_id", "sharpe_ratio", "-sharpe_ratio", "return_percent", "-return_percent", "round_trips", "-round_trips"
]
SORTS: Final = {"trial_id": "id", "sharpe_ratio": "sharpe", "return_percent": "return_pct", "round_trips": "trades"}
"""What an answer calls the figures that trials can be sorted by, and what they are."""
COLUMNS: Final = (
    "run_at", "trial_id", "study_id", "strategy", "market", "values", "sharpe_ratio", "return_percent", "round_trips",
)  # fmt: skip


@get("/paper-trading/api/trials/", sync_to_thread=True)
def every(
    state: State, strategy: Text = "", study: Text = "", sort: FromQuery[Sort] = "", limit: Limit = 50, before: Before = None
) -> Response[bytes]:
    """List trials, newest first; those of one `study` by a figure of theirs too, such as `sort=-sharpe_ratio`."""
    desk: Desk = state.desk
    order = _order(sort, study)
    with desk.store.read() as connection:
        rows = list_trials(connection, family=strategy, sweep=study, limit=limit + 1, before=before, sort=order)
    return answer(page_of(rows, limit, trial_shape, lambda row: row.id))


@get("/paper-trading/api/trials/export/", sync_to_thread=True)
def export(state: State, strategy: Text = "", study: Text = "", sort: FromQuery[Sort] = "") -> Stream:
    """Download the trials that pass the filters, as CSV."""
    desk: Desk = state.desk
    order = _order(sort, study)

    def read(connection: Connection, limit: int, before: int | None) -> list[Json]:
        found = list_trials(connection, family=strategy, sweep=study, limit=limit, before=before, sort=order)
        return [trial_shape(row) for row in found]

    return csv_file("trials", COLUMNS, desk, read, "trial_id")


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
def count(state: State) -> Response[bytes]:
    """Tell how many trials were ever run, each counted once, and of how many strategies."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        trials, strategies = count_trials(connection)
    return answer({"trials": trials, "strategies": strategies})


def trial_shape(row: ListedTrial) -> Json:
    """Return a trial as answers carry it."""
    return {
        "trial_id": row.id, "study_id": row.sweep, "strategy": row.family, "market": row.market, "values": row.values,
        "sharpe_ratio": row.sharpe, "return_percent": row.return_pct, "round_trips": row.trades, "run_at": iso(row.at),
    }  # fmt: skip


handlers = [every, export, count]
