"""Reset an account: what it holds is sold by real trades, and a new epoch begins with fresh cash."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, select

from workbench.actions.fingerprint import fingerprint
from workbench.actions.revalue_positions import revalue_positions
from workbench.actions.send_command import command_body
from workbench.desk import Desk
from workbench.domain.bars import parse_timeframe
from workbench.domain.book import Book
from workbench.domain.commands import Stop
from workbench.domain.config import DEFAULT_COSTS
from workbench.domain.events import AccountReset, SessionRequested, SessionStarted
from workbench.domain.money import opening_cash, text
from workbench.domain.sessions import Plan, SessionRequest
from workbench.engine.state import open_state
from workbench.engine.step import step
from workbench.errors import Conflict, TryLater
from workbench.store import reads, recorded
from workbench.store import tables as t
from workbench.store.log import append
from workbench.store.projections import Projector
from workbench.store.rows import EpochRow
from workbench.strategies import make_strategy

_REASON = "the account was reset"
_TIMEFRAME = "5s"


def reset_account(desk: Desk, account: str, cash: Any = 10_000) -> EpochRow:
    """Begin a new epoch of an account and return it.

    What is held is sold at its newest price, costs included, by a short session of its own, which can be verified like
    any other. Trades, positions and thoughts stay, and `reads.epochs` compares what each epoch made.

    Parameters
    ----------
    cash
        That the new epoch begins with.

    Raises
    ------
    NotFound
        If there is no such account.
    Conflict
        If a session runs, or something that is held cannot be sold.
    Invalid
        If the cash is not an amount above zero.
    """
    amount = opening_cash(cash)
    # Where no newer prices are to be had, it is sold at those that are known.
    with suppress(TryLater):
        revalue_positions(desk)
    with desk.store.write() as connection:
        row = reads.account_row(connection, account)
        going = reads.active_session(connection, account)
        if going is not None:
            raise Conflict("an account is reset while no session of it runs", f"session {going.id} is {going.status}")
        if row.book.positions:
            _sell_everything(desk, connection, account, row.book)
        projector = Projector(connection)
        projector.take(append(connection, account, [AccountReset(amount, row.epoch + 1)], desk.at))
        projector.flush()
        return reads.epochs(connection, account)[0]


def _sell_everything(desk: Desk, connection: Connection, account: str, book: Book) -> None:
    columns = t.positions.c
    held = connection.execute(select(t.positions).where(columns.account == account, columns.is_open).order_by(columns.id)).all()
    instruments = tuple(row.instrument for row in held)
    configuration = msgspec.structs.replace(
        reads.active_configuration(connection, account).configuration, strategy="manual", parameters={}, intel_level=None
    )
    request = SessionRequest(
        symbols=tuple(instrument.symbol for instrument in instruments), timeframe=_TIMEFRAME, configuration=configuration,
        costs=DEFAULT_COSTS, name="Sale before the reset",
    )  # fmt: skip
    plan = Plan(instruments, _TIMEFRAME, configuration, DEFAULT_COSTS)
    for instrument in instruments:
        recorded.series_id(connection, request.source, instrument, _TIMEFRAME)
    length = parse_timeframe(_TIMEFRAME)
    before, marks, none = (desk.now() // length - 1) * length, {row.key: row.price for row in held}, {i.key: 0 for i in instruments}
    state = msgspec.structs.replace(open_state(plan, book, marks), ts=before)
    prints = fingerprint(plan, request, make_strategy("manual"), state.book, none, None)
    session, stop = str(uuid4()), Stop(_REASON, close_positions=True)
    started = SessionStarted(session, plan, state.book, state.marks, before, prints, none, none)
    ended = step(state, stop)
    if ended.state.book.positions:
        unsold = next(i for i in instruments if i.key in ended.state.book.positions)
        found = f"{text(ended.state.book.quantity(unsold.key))} {unsold.symbol} with {text(ended.state.book.cash)} cash"
        raise Conflict("everything that is held pays for its sale", f"{found} does not: deposit a little first")
    projector = Projector(connection)
    events = [SessionRequested(session, account, request), started, *ended.events]
    projector.take(append(connection, session, events, desk.at))
    projector.flush()
    connection.execute(
        t.cursors.insert(),
        {"session": session, "turn": 2, "state": msgspec.json.encode(ended.state).decode(), "input_digest": "", "due": None,
         "heartbeat": desk.now()},
    )  # fmt: skip
    connection.execute(
        t.commands.insert(), {"session": session, "at": desk.at, "by": "reset", "body": command_body(stop), "after_steps": 0}
    )
