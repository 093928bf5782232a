"""Cash that came into an account, or left it, while a session ran: it is no result of the session.

A session's first event has the book that it found, and its cursor the book as it stands; each knows what was put in by then.
"""

from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, Select, Text, case, func, select

from workbench.domain.money import EXACT, NO_CASH
from workbench.store.tables import cursors, events, trading_sessions

_decode: Final = msgspec.json.Decoder(tuple[Decimal, Decimal]).decode


def _flows(body: ColumnElement[str]) -> ColumnElement[str]:
    """Return deposits and withdrawals of the book in some JSON, as a list; null where it is none."""
    return case((func.json_valid(body) == 1, func.json_extract(body, "$.book.deposits", "$.book.withdrawals", type_=Text())))


_FOUND: Final = (
    select(_flows(events.c.body))
    .where(events.c.stream == trading_sessions.c.id, events.c.kind == "SessionStarted")
    # It is among a stream's first events, so looking in their order finds it at once, however long the stream is.
    .order_by(events.c.seq)
    .limit(1)
    .correlate(trading_sessions)
    .scalar_subquery()
)
_STANDS: Final = (
    select(_flows(cursors.c.state)).where(cursors.c.session == trading_sessions.c.id).correlate(trading_sessions).scalar_subquery()
)
FLOWS: Final[tuple[ColumnElement[Any], ...]] = (_FOUND.label("flows_found"), _STANDS.label("flows_now"))
"""What is read beside a row of `trading_sessions` so that `put_in` can tell its cash from its result."""


def select_sessions() -> Select[Any]:
    """Select sessions with what `put_in` goes by."""
    return select(trading_sessions, *FLOWS)


def put_in(row: Row[Any]) -> Decimal:
    """Return what was put in less what was taken out while a session ran."""
    # Before it has begun there is no book of its own.
    if row.flows_found is None or row.flows_now is None:
        return NO_CASH
    (before_in, before_out), (now_in, now_out) = _decode(row.flows_found), _decode(row.flows_now)
    with localcontext(EXACT):
        return now_in - before_in - (now_out - before_out)
