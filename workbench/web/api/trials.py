"""Trials: what was ever tried of a strategy on a market, newest first."""

from litestar import Response, get
from litestar.datastructures import State

from workbench.desk import Desk
from workbench.store.trials import ListedTrial, count_trials, list_trials
from workbench.web.api.envelope import Json, answer, iso
from workbench.web.api.paging import Before, Limit, Text, page_of


@get("/paper-trading/api/trials/", sync_to_thread=True)
def every(state: State, strategy: Text = "", study: Text = "", limit: Limit = 50, before: Before = None) -> Response[bytes]:
    """List trials, newest first, and tell how many were ever run."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        rows = list_trials(connection, family=strategy, sweep=study, limit=limit + 1, before=before)
    return answer(page_of(rows, limit, trial_shape, lambda row: row.id))


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


handlers = [every, count]
