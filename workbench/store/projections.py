"""Projections: the tables that pages read, grown from the log and from nothing else.

`Projector` takes events in the order of the log. It keeps what it touches in memory until `flush`, because a replay
brings hundreds of events in one transaction. Dropping the tables and feeding it the whole log gives the same rows; a
test does so.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, localcontext
from functools import cache, singledispatchmethod
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as upsert

from workbench.domain import events as e
from workbench.domain.bars import as_datetime
from workbench.domain.book import Book
from workbench.domain.breakers import Breaker
from workbench.domain.config import StrategyConfiguration
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT, NO_CASH, share
from workbench.domain.orders import Order, Side
from workbench.domain.programs import ProgramRun, RunStatus
from workbench.domain.sessions import SessionRequest, Status
from workbench.domain.sweeps import SweepOutcome, SweepRequest, SweepStatus
from workbench.domain.trips import Trip, grown
from workbench.store import tables as t
from workbench.store.log import LogRow, every_event

_ACCOUNT: Final = select(t.accounts).where(t.accounts.c.id == bindparam("id"))
_HELD: Final = select(t.positions).where(t.positions.c.account == bindparam("account"), t.positions.c.is_open)
_SESSION: Final = select(t.trading_sessions).where(t.trading_sessions.c.id == bindparam("id"))
_STARTED: Final = (
    select(t.events.c.body)
    .where(t.events.c.stream == bindparam("stream"), t.events.c.kind == "SessionStarted")
    .order_by(t.events.c.seq)
    .limit(1)
)


@cache
def replacing(table: Table) -> Insert:
    """Return the statement that inserts a row or replaces the one with its key; made once a table, for it is dear."""
    keys = [column.name for column in table.primary_key]
    statement = upsert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


class Account(msgspec.Struct):
    """An account's row in the making."""

    id: str
    name: str
    opened: datetime
    book: Book
    equity: Decimal
    fees: Decimal = NO_CASH
    gas: Decimal = NO_CASH
    trades: int = 0
    closed: int = 0
    wins: int = 0
    peak: Decimal = NO_CASH
    worst_drawdown: float = 0.0
    last_ts: int = -1
    epoch: int = 1
    since: int = 0
    won: Decimal = NO_CASH
    lost: Decimal = NO_CASH
    best: Decimal | None = None
    worst: Decimal | None = None
    volume: Decimal = NO_CASH
    owner: int = 1


class Session(msgspec.Struct):
    """A session's row in the making."""

    id: str
    number: int
    account: str
    epoch: int
    name: str
    status: str
    request: SessionRequest
    configuration: StrategyConfiguration
    symbols: str
    requested: datetime
    started: datetime | None = None
    stopped: datetime | None = None
    opening_equity: Decimal | None = None
    equity: Decimal | None = None
    put_in: Decimal = NO_CASH
    trades: int = 0
    seq: int = 0
    steps: int = 0
    cursor: int | None = None
    ledger_digest: str = ""
    ended_because: str = ""
    error: str = ""
    fingerprint: str = "{}"
    closed: int = 0
    wins: int = 0
    is_deleted: bool = False


class PlacedOrder(msgspec.Struct):
    """An order's row in the making."""

    session: str
    number: int
    account: str
    key: str
    side: str
    type: str
    reason: str
    status: str
    placed: int
    ended: int | None
    amount: Decimal | None
    quantity: Decimal | None
    filled: Decimal
    why: str
    body: Order
    id: int
    instrument: Instrument
    symbol: str


class TrippedBreaker(msgspec.Struct):
    """A breaker's row in the making."""

    session: str
    name: str
    account: str
    status: str
    body: Breaker
    closed: int | None = None
    why: str = ""


class Run(msgspec.Struct):
    """A program run's row in the making."""

    session: str
    number: int
    id: int
    account: str
    instrument: Instrument
    symbol: str
    program: str
    status: str
    body: ProgramRun


class SweepRun(msgspec.Struct):
    """A row in the making of a sweep that was asked for."""

    id: str
    number: int
    status: str
    request: SweepRequest
    requested: datetime
    done: int = 0
    total: int = 0
    sweep: str = ""
    read: int = 0
    outcome: SweepOutcome | None = None
    problem: str = ""
    started: datetime | None = None
    ended: datetime | None = None


class OpenPosition(msgspec.Struct):
    """A position's row in the making."""

    id: int
    account: str
    session: str
    instrument: Instrument
    key: str
    is_open: bool
    trip: Trip
    quantity: Decimal
    cost: Decimal
    price: Decimal
    marked: int


class Projector:
    """Grows the projections event by event; nothing is in the tables before `flush`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._accounts: dict[str, Account] = {}
        self._positions: dict[tuple[str, str], OpenPosition] = {}
        self._changed_positions: dict[int, OpenPosition] = {}
        self._sessions: dict[str, Session] = {}
        self._instruments: dict[str, dict[str, Instrument]] = {}
        self._rows: dict[Table, list[dict[str, Any]]] = {}
        self._orders: dict[tuple[str, int], PlacedOrder] = {}
        self._breakers: dict[tuple[str, str], TrippedBreaker] = {}
        self._runs: dict[tuple[str, int], Run] = {}
        self._sweeps: dict[str, SweepRun] = {}

    def take(self, rows: Iterable[LogRow]) -> None:
        """Grow the projections by these events."""
        for row in rows:
            self._take(row.event, row)
            session = self._sessions.get(row.stream)
            if session is not None:
                session.seq = row.seq

    # --- what is loaded, and what is written -------------------------------------------------------------------------

    def account(self, id_: str) -> Account:
        """Return an account's row, loaded once."""
        if id_ not in self._accounts:
            row = self.connection.execute(_ACCOUNT, {"id": id_}).one()
            self._accounts[id_] = Account(*row)
            for held in self.connection.execute(_HELD, {"account": id_}):
                self._positions[id_, held.key] = OpenPosition(*held)
        return self._accounts[id_]

    def session(self, id_: str) -> Session:
        """Return a session's row, loaded once."""
        if id_ not in self._sessions:
            row = self.connection.execute(_SESSION, {"id": id_}).one()
            self._sessions[id_] = Session(*row)
            # It is among a stream's first events, so looking in their order finds it at once, however long the stream is.
            body = self.connection.execute(_STARTED, {"stream": id_}).scalar()
            if body is not None:
                plan = msgspec.json.decode(body, type=e.SessionStarted).plan
                self._instruments[id_] = {instrument.key: instrument for instrument in plan.instruments}
        return self._sessions[id_]

    def flush(self) -> None:
        """Write everything that changed."""
        # What was closed is written first, so that a token opened again finds its place free.
        positions = sorted(self._changed_positions.values(), key=lambda position: position.is_open)
        self._replace(t.accounts, self._accounts.values())
        self._replace(t.trading_sessions, self._sessions.values())
        self._replace(t.positions, positions)
        self._replace(t.orders, self._orders.values())
        self._replace(t.breakers, self._breakers.values())
        self._replace(t.program_runs, self._runs.values())
        self._replace(t.sweep_runs, self._sweeps.values())
        for table, rows in self._rows.items():
            self.connection.execute(table.insert(), rows)
        self._changed_positions.clear()
        self._orders.clear()
        self._breakers.clear()
        self._runs.clear()
        self._sweeps.clear()
        self._rows.clear()

    def _replace(self, table: Table, rows: Iterable[msgspec.Struct]) -> None:
        values = [msgspec.structs.asdict(row) for row in rows]
        if values:
            self.connection.execute(replacing(table), values)

    def _add(self, table: Table, **values: Any) -> None:
        self._rows.setdefault(table, []).append(values)

    # --- one method a kind -------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _take(self, event: e.Event, row: LogRow) -> None:
        """Kinds without a method here change no table."""

    @_take.register
    def _(self, event: e.AccountOpened, row: LogRow) -> None:
        book = Book().deposited(event.cash)
        opened = as_datetime(row.at)
        self._accounts[event.account] = Account(
            event.account, event.name, opened, book, event.cash, peak=event.cash, since=row.id, owner=event.owner
        )
        self._begin_epoch(event.account, row, 1, event.cash)

    @_take.register
    def _(self, event: e.AccountReset, row: LogRow) -> None:
        was = self.account(row.stream)
        columns = t.epochs.c
        self.connection.execute(
            update(t.epochs)
            .where(columns.account == was.id, columns.number == was.epoch)
            .values(
                ended=as_datetime(row.at), until=row.id, equity=was.equity, put_in=was.book.put_in, costs=was.book.costs,
                trades=was.trades, closed=was.closed, wins=was.wins, worst_drawdown=was.worst_drawdown,
            )
        )  # fmt: skip
        book = Book().deposited(event.cash)
        self._accounts[was.id] = Account(
            was.id, was.name, was.opened, book, event.cash, peak=event.cash, epoch=event.epoch, since=row.id, owner=was.owner
        )
        self._begin_epoch(was.id, row, event.epoch, event.cash)

    def _begin_epoch(self, account: str, row: LogRow, number: int, cash: Decimal) -> None:
        self.connection.execute(
            t.epochs.insert(),
            {
                "account": account, "number": number, "began": as_datetime(row.at), "since": row.id, "cash": cash, "equity": cash,
                "put_in": cash, "costs": NO_CASH, "trades": 0, "closed": 0, "wins": 0, "worst_drawdown": 0.0,
            },
        )  # fmt: skip

    @_take.register
    def _(self, event: e.Deposited, row: LogRow) -> None:
        self._move_cash(row.stream, event.amount)

    @_take.register
    def _(self, event: e.Withdrawn, row: LogRow) -> None:
        self._move_cash(row.stream, -event.amount)

    def _move_cash(self, stream: str, amount: Decimal) -> None:
        account = self.account(self._account_of(stream))
        session = self._sessions.get(stream)
        with localcontext(EXACT):
            account.book = account.book.deposited(amount) if amount > 0 else account.book.withdrawn(-amount)
            before = account.equity
            account.equity += amount
            if session is not None and session.equity is not None:
                session.equity += amount
                session.put_in += amount
            # The drawdown is the market's doing: cash that comes or goes leaves the share by which it is down as it was.
            account.peak = share(account.peak, account.equity, before) if before > 0 else account.peak + amount

    def _account_of(self, stream: str) -> str:
        if stream in self._accounts:
            return stream
        found = self.connection.execute(select(t.accounts.c.id).where(t.accounts.c.id == stream)).scalar()
        return str(found) if found else str(self.session(stream).account)

    @_take.register
    def _(self, event: e.ConfigurationSaved, row: LogRow) -> None:
        columns = t.configurations.c
        mine = columns.account == row.stream
        name = event.configuration.name
        newest = select(func.coalesce(func.max(columns.version), 0)).where(mine, columns.name == name)
        version = self.connection.execute(newest).scalar_one() + 1
        self.connection.execute(update(t.configurations).where(mine).values(is_active=False))
        self.connection.execute(
            t.configurations.insert(),
            {
                "id": row.id, "account": row.stream, "name": name, "version": version, "is_active": True,
                "saved": as_datetime(row.at), "configuration": event.configuration,
            },
        )  # fmt: skip

    @_take.register
    def _(self, event: e.ConfigurationActivated, row: LogRow) -> None:
        columns = t.configurations.c
        mine = columns.account == row.stream
        self.connection.execute(update(t.configurations).where(mine).values(is_active=False))
        chosen = (mine, columns.name == event.name, columns.version == event.version)
        self.connection.execute(update(t.configurations).where(*chosen).values(is_active=True))

    @_take.register
    def _(self, event: e.ConfigurationDeleted, row: LogRow) -> None:
        columns = t.configurations.c
        self.connection.execute(t.configurations.delete().where(columns.account == row.stream, columns.name == event.name))

    @_take.register
    def _(self, event: e.PaperTradingConfigSaved, row: LogRow) -> None:
        columns = t.paper_trading_configs.c
        mine = columns.account == row.stream
        version = self.connection.execute(select(func.coalesce(func.max(columns.version), 0)).where(mine)).scalar_one() + 1
        self.connection.execute(update(t.paper_trading_configs).where(mine).values(is_active=False))
        self.connection.execute(
            t.paper_trading_configs.insert(),
            {
                "id": row.id, "account": row.stream, "version": version, "is_active": True, "saved": as_datetime(row.at),
                "config": event.config,
            },
        )  # fmt: skip

    @_take.register
    def _(self, event: e.SessionRequested, row: LogRow) -> None:
        count = self.connection.execute(select(func.count()).select_from(t.trading_sessions)).scalar_one()
        number = max([count, *(s.number for s in self._sessions.values())]) + 1
        request = event.request
        self._sessions[event.session] = Session(
            event.session, number, event.account, self.account(event.account).epoch, request.name or f"Session {number}",
            Status.STARTING.value, request,
            request.configuration, " ".join(request.symbols), as_datetime(row.at),
        )  # fmt: skip

    @_take.register
    def _(self, event: e.SessionStarted, row: LogRow) -> None:
        session, account = self.session(row.stream), self.account(self.session(row.stream).account)
        equity = event.book.equity(event.marks)
        session.status, session.started = Status.RUNNING.value, as_datetime(row.at)
        session.opening_equity = session.equity = equity
        session.configuration = event.plan.configuration
        session.symbols = " ".join(instrument.symbol for instrument in event.plan.instruments)
        session.fingerprint = msgspec.json.encode(event.fingerprint).decode()
        account.equity = equity
        self._instruments[row.stream] = {instrument.key: instrument for instrument in event.plan.instruments}

    @_take.register
    def _(self, event: e.StopRequested, row: LogRow) -> None:
        self.session(row.stream).status = Status.STOPPING.value

    @_take.register
    def _(self, event: e.SessionPaused, row: LogRow) -> None:
        self.session(row.stream).status = Status.PAUSED.value

    @_take.register
    def _(self, event: e.SessionHalted, row: LogRow) -> None:
        self.session(row.stream).status = Status.PAUSED.value

    @_take.register
    def _(self, event: e.BreakerTripped, row: LogRow) -> None:
        account, breaker = self.session(row.stream).account, event.breaker
        self._breakers[row.stream, breaker.name] = TrippedBreaker(row.stream, breaker.name, account, "open", breaker)

    @_take.register
    def _(self, event: e.BreakerHalfOpened, row: LogRow) -> None:
        breaker = self._breaker(row.stream, event.name)
        breaker.status, breaker.body = "half_open", msgspec.structs.replace(breaker.body, half_open=True)

    @_take.register
    def _(self, event: e.BreakerClosed, row: LogRow) -> None:
        breaker = self._breaker(row.stream, event.name)
        breaker.status, breaker.closed, breaker.why = "closed", event.ts, event.why

    def _breaker(self, session: str, name: str) -> TrippedBreaker:
        if (session, name) not in self._breakers:
            columns = t.breakers.c
            row = self.connection.execute(select(t.breakers).where(columns.session == session, columns.name == name)).one()
            self._breakers[session, name] = TrippedBreaker(*row)
        return self._breakers[session, name]

    @_take.register
    def _(self, event: e.ProgramStarted, row: LogRow) -> None:
        run, account = event.run, self.session(row.stream).account
        self.account(account)
        instrument = self._instruments[row.stream][run.instrument]
        self._runs[row.stream, run.id] = Run(
            row.stream, run.id, row.id, account, instrument, instrument.symbol, run.program, run.status.value, run
        )

    @_take.register(e.ProgramAdvanced | e.ProgramPaused | e.ProgramResumed | e.ProgramEnded)
    def _(self, event: e.ProgramAdvanced | e.ProgramPaused | e.ProgramResumed | e.ProgramEnded, row: LogRow) -> None:
        kept = self._run(row.stream, event.run.id)
        kept.status, kept.body = event.run.status.value, event.run

    def _run(self, session: str, number: int) -> Run:
        if (session, number) not in self._runs:
            columns = t.program_runs.c
            row = self.connection.execute(select(t.program_runs).where(columns.session == session, columns.number == number)).one()
            self._runs[session, number] = Run(*row)
        return self._runs[session, number]

    @_take.register
    def _(self, event: e.SessionResumed, row: LogRow) -> None:
        self.session(row.stream).status = Status.RUNNING.value

    @_take.register
    def _(self, event: e.ConfigurationChanged, row: LogRow) -> None:
        self.session(row.stream).configuration = event.configuration

    @_take.register
    def _(self, event: e.SessionStopped, row: LogRow) -> None:
        session = self.session(row.stream)
        account = self.account(session.account)
        if session.equity is not None and event.equity != session.equity:
            # What was sold at the end cost something, and no bar comes any more to mark it.
            self._mark(account, event.equity, event.ts, {})
            self._add(
                t.equity_points, id=row.id, account=session.account, session=row.stream, ts=event.ts, equity=event.equity,
                cash=account.book.cash, put_in=account.book.put_in,
            )  # fmt: skip
        self._end(row, Status.STOPPED, event.reason, event.equity, event.ledger_digest)

    @_take.register
    def _(self, event: e.SessionCompleted, row: LogRow) -> None:
        self._end(row, Status.COMPLETED, event.reason, event.equity, event.ledger_digest)

    @_take.register
    def _(self, event: e.RuntimeLimited, row: LogRow) -> None:
        session = self.session(event.session)
        session.request = msgspec.structs.replace(session.request, runtime_minutes=event.minutes)

    @_take.register
    def _(self, event: e.SessionDeleted, row: LogRow) -> None:
        self.session(event.session).is_deleted = True

    @_take.register
    def _(self, event: e.SessionFailed, row: LogRow) -> None:
        session = self.session(row.stream)
        session.status, session.stopped = Status.ERROR.value, as_datetime(row.at)
        session.error, session.ended_because = event.message, event.error
        account = self.account(session.account)
        for order in account.book.orders:
            self._end_order(row.stream, order.id, "cancelled", "the session failed", session.cursor)
        account.book = msgspec.structs.replace(account.book, orders=())
        self._fail_runs(row.stream, session.cursor)

    def _fail_runs(self, session: str, ts: int | None) -> None:
        """End the program runs of a session that broke: there was no step any more that could."""
        columns = t.program_runs.c
        active = columns.status.in_([status.value for status in RunStatus if status.is_active])
        for found in self.connection.execute(select(t.program_runs).where(columns.session == session, active)):
            run = Run(*found)
            run.status = RunStatus.CANCELLED.value
            run.body = msgspec.structs.replace(run.body, status=RunStatus.CANCELLED, why="the session failed", ended=ts)
            self._runs[session, run.number] = run

    def _end(self, row: LogRow, status: Status, reason: str, equity: Decimal, digest: str) -> None:
        session = self.session(row.stream)
        session.status, session.stopped = status.value, as_datetime(row.at)
        session.equity, session.ledger_digest, session.ended_because = equity, digest, reason
        if session.opening_equity is not None:
            self.account(session.account).equity = equity

    @_take.register
    def _(self, event: e.OrderPlaced, row: LogRow) -> None:
        session = self.session(row.stream)
        order, account = event.order, self.account(session.account)
        account.book = account.book.placed(order)
        instrument = self._instruments[row.stream][order.instrument]
        self._orders[row.stream, order.id] = PlacedOrder(
            row.stream, order.id, session.account, order.instrument, order.side.value, order.type.value, order.reason.value,
            "open", order.ts, None, order.amount, order.quantity, order.filled, "", order, row.id, instrument, instrument.symbol,
        )  # fmt: skip

    @_take.register
    def _(self, event: e.OrderAmended, row: LogRow) -> None:
        self._change_order(row, event.order.id, event.order)

    @_take.register
    def _(self, event: e.OrderTriggered, row: LogRow) -> None:
        order = self._order(row.stream, event.order).body
        self._change_order(row, event.order, msgspec.structs.replace(order, triggered=True), "triggered")

    @_take.register
    def _(self, event: e.StopMoved, row: LogRow) -> None:
        order = self._order(row.stream, event.order).body
        moved = msgspec.structs.replace(order, stop_price=event.stop_price, extreme=event.extreme)
        self._change_order(row, event.order, moved)

    def _change_order(self, row: LogRow, number: int, order: Order, status: str = "") -> None:
        account = self.account(self.session(row.stream).account)
        account.book = account.book.amended(order)
        shown = self._order(row.stream, number)
        shown.body, shown.amount, shown.quantity = order, order.amount, order.quantity
        shown.status = status or shown.status

    @_take.register
    def _(self, event: e.OrderExpired, row: LogRow) -> None:
        self._drop_order(row, event.order, "expired", "its time was over", event.ts)

    @_take.register
    def _(self, event: e.OrderReverted, row: LogRow) -> None:
        account = self.account(self.session(row.stream).account)
        account.book = account.book.reverted(event)
        with localcontext(EXACT):
            account.gas += event.gas
        order = self._order(row.stream, event.order)
        if not event.retried:
            self._end_order(row.stream, event.order, "failed", event.why, event.ts)
            return
        left = account.book.order(event.order)
        assert left is not None
        order.why, order.body, order.status = event.why, left, "triggered" if left.triggered else order.status

    @_take.register
    def _(self, event: e.OrderCancelled, row: LogRow) -> None:
        self._drop_order(row, event.order, "cancelled", event.why)

    @_take.register
    def _(self, event: e.OrderRejected, row: LogRow) -> None:
        self._drop_order(row, event.order, "rejected", event.why)

    def _drop_order(self, row: LogRow, number: int, status: str, why: str, ended: int | None = None) -> None:
        session = self.session(row.stream)
        account = self.account(session.account)
        account.book = account.book.without_order(number)
        self._end_order(row.stream, number, status, why, session.cursor if ended is None else ended)

    def _end_order(self, session: str, number: int, status: str, why: str, ended: int | None) -> None:
        order = self._order(session, number)
        order.status, order.why, order.ended = status, why, ended

    def _order(self, session: str, number: int) -> PlacedOrder:
        if (session, number) not in self._orders:
            columns = t.orders.c
            row = self.connection.execute(select(t.orders).where(columns.session == session, columns.number == number)).one()
            self._orders[session, number] = PlacedOrder(*row)
        return self._orders[session, number]

    @_take.register
    def _(self, event: e.OrderFilled, row: LogRow) -> None:
        session = self.session(row.stream)
        account = self.account(session.account)
        instrument = self._instruments[row.stream][event.instrument]
        held = self._positions.get((account.id, event.instrument))
        result = self._result_of(event, held)
        account.book = account.book.filled(event)
        with localcontext(EXACT):
            account.fees, account.gas = account.fees + event.fee, account.gas + event.gas
            account.volume += event.notional
        account.trades += 1
        session.trades += 1
        self._grow_position(account, event, row, instrument, held)
        self._fill_order(row, event, account.book.order(event.order))
        self._add(
            t.trades, id=row.id, account=account.id, session=row.stream, ts=event.ts, instrument=instrument,
            symbol=instrument.symbol, side=event.side.value, reason=event.reason.value,
            strategy=self._placed_by(row, event.order) or session.configuration.strategy, order_number=event.order,
            quantity=event.quantity, price=event.price,
            notional=event.notional, fee=event.fee, gas=event.gas, spread_cost=event.spread_cost,
            slippage_cost=event.slippage_cost,
            impact_cost=event.impact_cost, tax=event.tax, is_maker=event.maker,
            realised=event.realised, result=result, cash=event.cash,
        )  # fmt: skip

    def _placed_by(self, row: LogRow, number: int) -> str:
        """Return the program that placed an order; nothing where none did."""
        order = self._order(row.stream, number).body
        return "" if order.run is None else self._run(row.stream, order.run).program

    def _fill_order(self, row: LogRow, fill: e.OrderFilled, left: Order | None) -> None:
        order = self._order(row.stream, fill.order)
        with localcontext(EXACT):
            order.filled += fill.quantity
        if left is None:
            self._end_order(row.stream, fill.order, "filled", "", fill.ts)
        else:
            order.status, order.body, order.amount, order.quantity = "partially_filled", left, left.amount, left.quantity

    def _result_of(self, fill: e.OrderFilled, held: OpenPosition | None) -> Decimal | None:
        """Return what a sale made after its own costs and its share of those paid so far in its round trip."""
        if fill.side is Side.BUY or held is None:
            return None
        with localcontext(EXACT):
            entry_costs = share(held.trip.costs, fill.quantity, held.trip.quantity)
            return fill.realised - fill.paid - entry_costs

    def _grow_position(
        self, account: Account, fill: e.OrderFilled, row: LogRow, instrument: Instrument, held: OpenPosition | None
    ) -> None:
        trip = grown(held.trip if held else None, fill)
        left = account.book.positions.get(fill.instrument)
        position = OpenPosition(
            held.id if held else row.id,
            account.id,
            row.stream,
            instrument,
            fill.instrument,
            left is not None,
            trip,
            left.quantity if left else Decimal(0),
            left.cost if left else NO_CASH,
            fill.price,
            fill.ts,
        )
        self._changed_positions[position.id] = position
        if left is not None:
            self._positions[account.id, fill.instrument] = position
        else:
            self._positions.pop((account.id, fill.instrument), None)
            result = trip.result
            account.closed, account.wins = account.closed + 1, account.wins + (result > 0)
            session = self.session(row.stream)
            session.closed, session.wins = session.closed + 1, session.wins + (result > 0)
            with localcontext(EXACT):
                account.won, account.lost = account.won + max(result, NO_CASH), account.lost + max(-result, NO_CASH)
            account.best = result if account.best is None else max(account.best, result)
            account.worst = result if account.worst is None else min(account.worst, result)

    @_take.register
    def _(self, event: e.ThoughtRecorded, row: LogRow) -> None:
        thought = event.thought
        self._add(
            t.thoughts, id=row.id, account=self.session(row.stream).account, session=row.stream, ts=thought.ts,
            symbol=thought.symbol, decision=thought.decision.value, thought=thought,
        )  # fmt: skip

    @_take.register
    def _(self, event: e.EquityMarked, row: LogRow) -> None:
        session = self.session(row.stream)
        session.cursor, session.steps, session.equity = event.ts, session.steps + 1, event.equity
        self._mark(self.account(session.account), event.equity, event.ts, event.marks)
        self._add(
            t.equity_points, id=row.id, account=session.account, session=row.stream, ts=event.ts, equity=event.equity,
            cash=event.cash, put_in=self.account(session.account).book.put_in,
        )  # fmt: skip

    @_take.register
    def _(self, event: e.PositionsRevalued, row: LogRow) -> None:
        self._mark(self.account(row.stream), event.equity, event.ts, event.marks)

    @_take.register
    def _(self, event: e.SweepRequested, row: LogRow) -> None:
        self._sweeps[event.run] = SweepRun(event.run, row.id, SweepStatus.WAITING, event.request, as_datetime(row.at))

    @_take.register
    def _(self, event: e.SweepStarted, row: LogRow) -> None:
        run = self._sweep(row.stream)
        run.started = run.started or as_datetime(row.at)
        run.total = event.total
        if run.status == SweepStatus.WAITING:
            run.status = SweepStatus.RUNNING

    @_take.register
    def _(self, event: e.SweepAdvanced, row: LogRow) -> None:
        run = self._sweep(row.stream)
        run.done, run.total = event.done, event.total

    @_take.register
    def _(self, event: e.SweepCancelRequested, row: LogRow) -> None:
        self._sweep(row.stream).status = SweepStatus.CANCELLING

    @_take.register
    def _(self, event: e.SweepFinished, row: LogRow) -> None:
        run = self._end_sweep(row, SweepStatus.FINISHED)
        run.done = run.total = event.done
        run.sweep, run.read, run.outcome = event.sweep, event.read, event.outcome

    @_take.register
    def _(self, event: e.SweepCancelled, row: LogRow) -> None:
        self._end_sweep(row, SweepStatus.CANCELLED).done = event.done

    @_take.register
    def _(self, event: e.SweepFailed, row: LogRow) -> None:
        self._end_sweep(row, SweepStatus.FAILED).problem = event.problem

    def _end_sweep(self, row: LogRow, status: SweepStatus) -> SweepRun:
        run = self._sweep(row.stream)
        run.status, run.ended = status, as_datetime(row.at)
        return run

    def _sweep(self, id_: str) -> SweepRun:
        if id_ not in self._sweeps:
            found = self.connection.execute(select(t.sweep_runs).where(t.sweep_runs.c.id == id_)).one()
            self._sweeps[id_] = SweepRun(**found._mapping)
        return self._sweeps[id_]

    def _mark(self, account: Account, equity: Decimal, ts: int, marks: dict[str, Decimal]) -> None:
        account.equity, account.last_ts = equity, ts
        account.peak = max(account.peak, equity)
        if account.peak:
            account.worst_drawdown = min(account.worst_drawdown, float(equity / account.peak) - 1)
        for key, price in marks.items():
            position = self._positions.get((account.id, key))
            if position is not None:
                position.price, position.marked = price, ts
                self._changed_positions[position.id] = position


def rebuild(connection: Connection) -> int:
    """Drop every projection and grow it again from the whole log; return how many events that took."""
    for table in t.PROJECTIONS:
        connection.execute(table.delete())
    projector, count, waiting = Projector(connection), 0, []
    for row in every_event(connection):
        waiting.append(row)
        count += 1
        if len(waiting) >= 1000:
            projector.take(waiting)
            projector.flush()
            waiting = []
    projector.take(waiting)
    projector.flush()
    return count
