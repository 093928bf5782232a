"""The autopilot's log: what it changed of which configuration, why, and how that turned out."""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, select

from workbench.domain.bars import as_ts
from workbench.store.tables import autopilot_log as table


class AdjustmentRow(msgspec.Struct, frozen=True):
    """A change that the autopilot made of one parameter; times in milliseconds UTC, shares from 0 to 1.

    Parameters
    ----------
    session
        None where none ran.
    before, after, market
        The performance before it, and after it once it is judged, and the market that it was made in.
    reverses
        The id of the change that it takes back; None where it takes back none.
    """

    id: int
    account: str
    session: str | None
    configuration: str
    version: int
    at: int
    adjustment: str
    parameter: str
    old_value: Decimal | None
    new_value: Decimal | None
    change_share: float | None
    reason: str
    trigger_metric: str
    trigger_value: float | None
    trigger_threshold: float | None
    before: Any
    after: Any
    outcome: str
    evaluated: int | None
    notes: str
    trades_since: int
    market: Any
    confidence: float | None
    is_reversal: bool
    reverses: int | None


def list_adjustments(
    connection: Connection, account: str, *, session: str = "", limit: int = 50, before: int | None = None
) -> list[AdjustmentRow]:
    """Return what the autopilot changed for an account, newest first.

    Parameters
    ----------
    session
        Only what it changed while this session ran.
    before
        Only changes with a smaller id.
    """
    columns = table.c
    mine: list[ColumnElement[bool]] = [columns.account == account]
    mine += [columns.session == session] if session else []
    mine += [columns.id < before] if before is not None else []
    rows = connection.execute(select(table).where(*mine).order_by(columns.id.desc()).limit(limit))
    return [_adjustment(row) for row in rows]


def _adjustment(row: Row[Any]) -> AdjustmentRow:
    return AdjustmentRow(
        row.id, row.account, row.session, row.configuration, row.version, as_ts(row.at), row.adjustment, row.parameter,
        row.old_value, row.new_value, row.change_share, row.reason, row.trigger_metric, row.trigger_value, row.trigger_threshold,
        _read(row.before), _read(row.after), row.outcome, None if row.evaluated is None else as_ts(row.evaluated), row.notes,
        row.trades_since, _read(row.market), row.confidence, row.is_reversal, row.reverses,
    )  # fmt: skip


def _read(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
