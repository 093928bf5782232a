"""Sweeps that the worker runs: which there are, how far they have come and what came of them; ask for one, cancel one."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET
from sqlalchemy import Connection

from workbench.actions.request_sweep import cancel_sweep, request_sweep
from workbench.desk import Desk
from workbench.domain.sweeps import SweepRequest
from workbench.errors import Invalid
from workbench.store.rows import SweepRunRow
from workbench.store.sweep_runs import find_sweep_run, list_sweep_runs
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Json, Told, answer, fields_of, iso, know_fields, listed, read_body
from workbench.web.api.paging import Before, Limit, one_of
from workbench.web.misread import kind_of, misread

FIELDS: Final = tuple(SweepRequest.__struct_fields__)
Status = Annotated[str, one_of(("active", "ended"))]
COLUMNS: Final = (
    "requested_at", "sweep_id", "strategy", "token_symbol", "timeframe", "bars", "status", "trials_done", "values", "best",
    "best_by", "return_percent", "sharpe_ratio", "deflated_sharpe_ratio", "overfitting_probability", "started_at", "ended_at",
    "error", "study_id",
)  # fmt: skip


def sweep_shape(row: SweepRunRow, *, is_whole: bool = False) -> shapes.Sweep:
    """Return a sweep; with its best trials, their map and the findings where it is asked for by itself."""
    outcome, best = row.outcome, None
    if outcome is not None:
        best = shapes.Best(
            values=outcome.values, best_by=outcome.by, return_percent=outcome.return_pct, sharpe_ratio=outcome.sharpe,
            deflated_sharpe_ratio=outcome.dsr, overfitting_probability=outcome.overfitting, trials_ever=outcome.trials_ever,
            effective_trials=outcome.effective,
            findings=outcome.findings if is_whole else UNSET, top=outcome.top if is_whole else UNSET,
            surface=outcome.surface if is_whole else UNSET,
        )  # fmt: skip
    return shapes.Sweep(
        sweep_id=row.id,
        status=row.status,
        request=row.request,
        trials_done=row.done,
        trials_total=row.total,
        trials_read=row.read,
        study_id=row.sweep or None,
        result=best,
        error=row.problem or None,
        requested_at=iso(row.requested),
        started_at=iso(row.started),
        ended_at=iso(row.ended),
    )


@get("/paper-trading/api/sweeps/")
async def every(state: State, limit: Limit = 50, before: Before = None) -> Told[shapes.Items[shapes.Sweep]]:
    """List the sweeps that were asked for, the newest first."""
    return await sync_to_thread(_every, state.desk, limit, before)


def _every(desk: Desk, limit: int, before: int | None) -> Told[shapes.Items[shapes.Sweep]]:
    with desk.store.read() as connection:
        rows = list_sweep_runs(connection, limit + 1, before=before)
    following = rows[limit - 1].number if len(rows) > limit else None
    return answer(listed([sweep_shape(row) for row in rows[:limit]], following))


@get("/paper-trading/api/sweeps/export/", sync_to_thread=True)
def export(state: State, status: Status = "") -> Stream:
    """Download the sweeps that were asked for as CSV, a row each with its best trial."""
    desk: Desk = state.desk
    is_going = None if not status else status.lower() == "active"

    def read(connection: Connection, limit: int, before: int | None) -> list[Json]:
        return [_line(row) for row in list_sweep_runs(connection, limit, is_going=is_going, before=before)]

    return csv_file("sweeps", COLUMNS, desk, read, "number")


def _line(row: SweepRunRow) -> Json:
    """Return a sweep as a row of a file."""
    told, request = sweep_shape(row), row.request
    best = {} if told.result is None else {**fields_of(told.result), "best": told.result.values}
    return {
        **fields_of(told), **best, "number": row.number, "strategy": request.strategy, "token_symbol": request.symbol,
        "timeframe": request.timeframe, "bars": request.count, "values": request.values,
    }  # fmt: skip


@get("/paper-trading/api/sweeps/{sweep:str}/", sync_to_thread=True)
def one(state: State, sweep: FromPath[str]) -> Told[shapes.Sweep]:
    """Tell how far a sweep has come, and what came of it."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        return answer(sweep_shape(find_sweep_run(connection, sweep), is_whole=True))


@post("/paper-trading/api/sweeps/", status_code=200)
async def start(request: Request[Any, Any, State], state: State) -> Told[shapes.AskedSweep]:
    """Ask for a sweep of a `strategy` over `values`: a list is tried, a single value stays."""
    return await sync_to_thread(_start, state.desk, await read_body(request))


def _start(desk: Desk, body: Json) -> Told[shapes.AskedSweep]:
    row = request_sweep(desk, read_request(body))
    return answer(
        shapes.AskedSweep(
            **fields_of(sweep_shape(row)), message="The worker takes the sweep up at once, or when the one before it has ended."
        )
    )


def read_request(body: Json) -> SweepRequest:
    """Return the sweep that a body asks for.

    Raises
    ------
    NotFound
        If it has a field that is not known.
    Invalid
        If a field is of another kind.

    Examples
    --------
    >>> read_request({"strategy": "sma_cross", "values": {"fast": [5, 10], "fee_bps": 7}}).values
    {'fast': (5, 10), 'fee_bps': (7,)}
    """
    know_fields(body, FIELDS)
    given = body.get("values", {})
    if not isinstance(given, dict):
        raise Invalid("values", "an object with a list or a value for each name", kind_of(given))
    tried = {name: values if isinstance(values, list) else [values] for name, values in given.items()}
    try:
        return msgspec.convert({**body, "values": tried}, SweepRequest)
    except msgspec.ValidationError as problem:
        raise misread(problem, body, SweepRequest, "strategy") from problem


@post("/paper-trading/api/sweeps/{sweep:str}/cancel/", status_code=200)
async def cancel(request: Request[Any, Any, State], state: State, sweep: FromPath[str]) -> Told[shapes.AskedSweep]:
    """Let a sweep end; the trials that are done stay."""
    know_fields(await read_body(request), ())
    row = await sync_to_thread(cancel_sweep, state.desk, sweep)
    message = (
        "The sweep ends after the trials that are on their way." if row.is_going else "The sweep is cancelled; it had not begun."
    )
    return answer(shapes.AskedSweep(**fields_of(sweep_shape(row)), message=message))


handlers = [every, export, one, start, cancel]
