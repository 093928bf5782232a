"""The autopilot's log: what it changed, why, and how that turned out; as a list and as a file."""

from typing import Final

from litestar import get
from litestar.datastructures import State
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.store.autopilot import AdjustmentRow, list_adjustments
from workbench.web.api import shapes
from workbench.web.api.downloads import csv_file
from workbench.web.api.envelope import Told, answer, iso
from workbench.web.api.naming import scope_of
from workbench.web.api.paging import Account, Before, Limit, Session, page_of

COLUMNS: Final = (
    "created_at", "adjustment_id", "adjustment_type", "parameter_name", "old_value", "new_value", "change_percent", "reason",
    "trigger_metric", "trigger_value", "trigger_threshold", "confidence_percent", "outcome", "evaluated_at", "outcome_notes",
    "trades_since", "is_reversal", "reverses_id", "configuration_name", "configuration_version", "session_id",
)  # fmt: skip


def adjustment_shape(row: AdjustmentRow) -> shapes.Adjustment:
    """Return a change that the autopilot made as answers carry it."""
    return shapes.Adjustment(
        adjustment_id=row.id,
        adjustment_type=row.adjustment,
        parameter_name=row.parameter,
        old_value=row.old_value,
        new_value=row.new_value,
        change_percent=None if row.change_share is None else round(100 * row.change_share, 4),
        reason=row.reason,
        trigger_metric=row.trigger_metric,
        trigger_value=row.trigger_value,
        trigger_threshold=row.trigger_threshold,
        confidence_percent=row.confidence,
        performance_before=row.before,
        performance_after=row.after,
        outcome=row.outcome,
        evaluated_at=iso(row.evaluated),
        outcome_notes=row.notes or None,
        trades_since=row.trades_since,
        market_conditions=row.market,
        is_reversal=row.is_reversal,
        reverses_id=row.reverses,
        configuration_name=row.configuration,
        configuration_version=row.version,
        created_at=iso(row.at),
        session_id=row.session,
    )


@get("/paper-trading/api/autopilot/", sync_to_thread=True)
def every(
    state: State, session: Session = "", limit: Limit = 50, before: Before = None, account: Account = ""
) -> Told[shapes.Items[shapes.Adjustment]]:
    """List what the autopilot changed, newest first, with what made it do so and how that turned out."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session)
    with desk.store.read() as connection:
        rows = list_adjustments(connection, scope.account, session=scope.session, limit=limit + 1, before=before)
    return answer(page_of(rows, limit, adjustment_shape, lambda row: row.id))


@get("/paper-trading/api/autopilot/export/", sync_to_thread=True)
def export(state: State, session: Session = "", account: Account = "") -> Stream:
    """Download what the autopilot changed, as CSV."""
    desk: Desk = state.desk
    scope = scope_of(desk, account, session)

    def read(connection: Connection, limit: int, before: int | None) -> list[shapes.Adjustment]:
        rows = list_adjustments(connection, scope.account, session=scope.session, limit=limit, before=before)
        return [adjustment_shape(row) for row in rows]

    return csv_file("autopilot", COLUMNS, desk, read, "adjustment_id")


handlers = [every, export]
