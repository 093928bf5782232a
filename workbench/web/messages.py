"""From an event of the log to the message that a reader of the feed or of the WebSocket gets.

**Every event is exactly one message, and its log id is the message's.** So who has read up to an id resumes after it, and
misses or doubles nothing.

An event that changes several things has several *names*, the first of which it goes by: a fill is a `trade_executed`, and
also an `order_filled`, a `position_updated` and, where it sold, a `performance_update`. A reader that asks for some kinds
of messages gets it, once, by the first of its names that it asked for. What lies beside the first (the position in a
fill) is told **as it stands** when the message is made: a state that is whole each time, not a piece of history. All else
is told as it was, and is the same whenever it is read.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import singledispatchmethod
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType
from sqlalchemy import Connection

from workbench.domain import events as e
from workbench.domain.events import KINDS, SWEEP_KINDS
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT
from workbench.domain.orders import Order, Side
from workbench.errors import unlisted
from workbench.store import reads, streams
from workbench.store.log import LogRow
from workbench.store.rows import Figures, PositionRow, RunRow, SweepRunRow, ThoughtRow, TradeRow
from workbench.store.sweep_runs import find_sweep_run
from workbench.web.api.envelope import (
    Json,
    fields_of,
    iso,
    metrics_shape,
    plain,
    portfolio_shape,
    position_shape,
    run_shape,
    thought_shape,
    timestamp,
    trade_shape,
)
from workbench.web.api.sweeps import sweep_shape

EVERYBODY: Final = ""
"""Whose a message is that every account hears, as those about sweeps."""
REMEMBERED: Final = 2_000
"""Streams whose owners are kept in memory."""

SYNONYMS: Final = {"trade_update": "trade_executed"}
"""Names that may be asked for, and what is sent under them."""


def snake(kind: str) -> str:
    """Return an event's kind as a message has it.

    Examples
    --------
    >>> snake("CommandRefused")
    'command_refused'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("_")


def _names(kind: str) -> tuple[str, ...]:
    match kind:
        case "OrderFilled":
            return ("trade_executed", "order_filled", "position_updated", "performance_update")
        case "OrderCancelled":
            return ("order_cancelled",)
        case "ThoughtRecorded":
            return ("ai_thought",)
        case "EquityMarked" | "PositionsRevalued":
            return ("portfolio_update",)
        case "AccountOpened" | "AccountReset" | "Deposited" | "Withdrawn":
            return ("account_updated", "portfolio_update")
        case "SessionStopped" | "SessionCompleted" | "SessionFailed":
            return ("session_update", "performance_update")
        case "StopRequested" | "RuntimeLimited":
            return ("session_update",)
        case "PaperTradingConfigSaved":
            return ("strategy_config_updated",)
    for beginning, name in (
        ("Session", "session_update"),
        ("Order", "order_update"),
        ("Program", "strategy_update"),
        ("Configuration", "strategy_config_updated"),
        ("Breaker", "breaker_update"),
        ("Sweep", "sweep_update"),
    ):
        if kind.startswith(beginning):
            return (name,)
    # A stop that follows the price is news of an order.
    return ("order_update",) if kind == "StopMoved" else (snake(kind),)


NAMES: Final[dict[str, tuple[str, ...]]] = {kind: _names(kind) for kind in KINDS}
"""By what names each kind of event goes, the most telling first."""
TYPES: Final = tuple(sorted({name for names in NAMES.values() for name in names}))
"""Every type of message that an event can be."""


_FIGURED: Final = frozenset(kind for kind, names in NAMES.items() if {"performance_update", "portfolio_update"} & set(names)) - {
    "OrderFilled",
    "EquityMarked",
}
"""After these an account's figures are looked up; a fill needs them only where it sold, and a mark brings its own."""


_encoder: Final = msgspec.json.Encoder()


def read_types(text: str) -> frozenset[str]:
    """Return the types of messages that an address asks for, separated by commas; none means all.

    Raises
    ------
    Invalid
        If there are no such messages.

    Examples
    --------
    >>> sorted(read_types("ai_thought, trade_update"))
    ['ai_thought', 'trade_executed']
    """
    wanted = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        known = SYNONYMS.get(name, name)
        if known not in TYPES:
            raise unlisted("kinds", name[:80], TYPES)
        wanted.add(known)
    return frozenset(wanted)


class Message(msgspec.Struct, frozen=True):
    """What is sent: `id` is the log id, left out where it is an answer and no news of the log."""

    type: str
    id: int | UnsetType
    data: Raw
    timestamp: str

    def text(self) -> str:
        """Return it as JSON."""
        return msgspec.json.encode(self).decode()


def message_of(type_: str, data: object, id_: int | UnsetType = UNSET) -> Message:
    """Return a message of this moment."""
    return Message(type_, id_, _encoded(data), timestamp())


def _encoded(data: object) -> Raw:
    raw = _encoder.encode(data)
    # A `Decimal` differs from its plain digits only where there is an exponent, which is rare: look before taking it apart.
    return Raw(_encoder.encode(plain(data)) if b"E-" in raw or b"E+" in raw else raw)


class Told(msgspec.Struct, frozen=True):
    """One event as messages: it is sent as one of these, the first that a reader asked for.

    Parameters
    ----------
    account
        Whose event it is.
    """

    id: int
    account: str
    messages: tuple[Message, ...]

    def heard_as(self, types: frozenset[str]) -> tuple[Message, ...]:
        """Return what of it a reader of these types hears, that by which it goes first; of all types where there are none."""
        return tuple(message for message in self.messages if message.type in types) if types else self.messages


class _Known(msgspec.Struct):
    """What the messages of one batch need beside their events."""

    now: int
    instruments: dict[str, dict[str, Instrument]] = {}
    trades: dict[int, TradeRow] = {}
    positions: dict[tuple[str, str], PositionRow] = {}
    figures: dict[str, Figures] = {}
    put_in: dict[int, Decimal] = {}
    orders: dict[tuple[str, int], Order] = {}
    runs: dict[tuple[str, int], RunRow] = {}
    sweeps: dict[str, SweepRunRow] = {}


class _Heading(msgspec.Struct, frozen=True):
    """A row of the log, its event, and whose it is."""

    row: LogRow
    event: e.Event
    account: str
    line: streams.SessionLine | None

    @property
    def session(self) -> str | None:
        """The id of the session whose it is; None where none ran."""
        return self.line.id if self.line else None


class Teller:
    """Tells events; it remembers whose streams are, which never changes. Several threads may use it."""

    def __init__(self) -> None:
        self._sessions: dict[str, streams.SessionLine | None] = {}
        self._instruments: dict[str, dict[str, Instrument]] = {}

    def tell(self, connection: Connection, rows: list[LogRow], is_wanted: Callable[[str, str], bool], now: int) -> list[Told]:
        """Return the events that are wanted, in order, as messages.

        Parameters
        ----------
        is_wanted
            Says so of an account and a kind of event; what is not wanted is not even decoded.
        now
            The clock, milliseconds UTC.
        """
        lines = self._meet(connection, {row.stream for row in rows})
        wanted = []
        for row in rows:
            line = None if row.kind in SWEEP_KINDS else lines.get(row.stream)
            account = EVERYBODY if row.kind in SWEEP_KINDS else line.account if line else row.stream
            if row.kind in KINDS and is_wanted(account, row.kind):
                wanted.append(_Heading(row, row.event, account, line))
        known = self._look(connection, wanted, now)
        return [self._told(heading, known) for heading in wanted]

    # --- what is looked up, once for all of a batch ----------------------------------------------------------------------

    def _meet(self, connection: Connection, found: set[str]) -> dict[str, streams.SessionLine | None]:
        remembered = self._sessions
        unknown = found - remembered.keys()
        if unknown:
            lines = streams.session_lines(connection, unknown)
            met = {stream: lines.get(stream) for stream in unknown}
            self._sessions = met if len(remembered) > REMEMBERED else {**remembered, **met}
            return {**remembered, **met}
        return remembered

    def _trade_in(self, connection: Connection, sessions: set[str]) -> dict[str, dict[str, Instrument]]:
        remembered = self._instruments
        unknown = sessions - remembered.keys()
        if unknown:
            traded = {session: streams.traded_instruments(connection, session) for session in unknown}
            # A session that has not started yet trades nothing so far, which is not for ever.
            met = {session: instruments for session, instruments in traded.items() if instruments}
            self._instruments = met if len(remembered) > REMEMBERED else {**remembered, **met}
            return {**remembered, **met}
        return remembered

    def _look(self, connection: Connection, headings: list[_Heading], now: int) -> _Known:
        fills: dict[str, list[_Heading]] = {}
        figured, marks, orders, runs, sweeps, sessions = set(), set(), set(), set(), set(), set()
        for heading in headings:
            event, row = heading.event, heading.row
            match event:
                case e.OrderFilled():
                    fills.setdefault(heading.account, []).append(heading)
                    if event.side is Side.SELL:
                        figured.add(heading.account)
                case e.EquityMarked():
                    marks.add(row.id)
                case (
                    e.OrderTriggered()
                    | e.StopMoved()
                    | e.OrderExpired()
                    | e.OrderReverted()
                    | e.OrderCancelled()
                    | e.OrderRejected()
                ):
                    orders.add((row.stream, event.order))
                case e.ProgramStarted() | e.ProgramAdvanced() | e.ProgramPaused() | e.ProgramResumed() | e.ProgramEnded():
                    runs.add((row.stream, event.run.id))
                case e.SweepFinished():
                    sweeps.add(row.stream)
                case e.ThoughtRecorded():
                    continue
            if row.kind in _FIGURED:
                figured.add(heading.account)
            if heading.line is not None:
                sessions.add(heading.line.id)
        known = _Known(now, self._trade_in(connection, sessions))
        for account, filled in fills.items():
            ids = [heading.row.id for heading in filled]
            keys = {heading.event.instrument for heading in filled if isinstance(heading.event, e.OrderFilled)}
            traded = reads.trades(connection, account, after=min(ids) - 1, before=max(ids) + 1, limit=len(ids))
            known.trades.update({row.id: row for row in traded})
            for key, position in streams.newest_positions(connection, account, keys).items():
                known.positions[account, key] = position
        known.figures.update({account: reads.figures(connection, account, now) for account in figured})
        known.put_in.update(streams.put_in_by(connection, marks) if marks else {})
        known.orders.update(streams.numbered_orders(connection, orders) if orders else {})
        known.runs.update(streams.numbered_runs(connection, runs) if runs else {})
        known.sweeps.update({sweep: find_sweep_run(connection, sweep) for sweep in sweeps})
        return known

    # --- one message an event --------------------------------------------------------------------------------------------

    def _told(self, heading: _Heading, known: _Known) -> Told:
        row = heading.row
        at = iso(row.at) or ""
        parts = zip(NAMES[row.kind], self._parts(heading.event, heading, known), strict=False)
        return Told(
            row.id,
            heading.account,
            tuple(Message(name, row.id, _encoded({**_whose(heading), **data}), at) for name, data in parts if data is not None),
        )

    def _token(self, known: _Known, heading: _Heading, key: str) -> Json:
        instrument = known.instruments.get(heading.session or "", {}).get(key)
        if instrument is None:
            return {"token_symbol": None, "token_address": None}
        return {"token_symbol": instrument.symbol, "token_address": instrument.address}

    def _prices(self, known: _Known, heading: _Heading, marks: dict[str, Decimal]) -> list[Json]:
        return [{**self._token(known, heading, key), "instrument": key, "price_usd": price} for key, price in marks.items()]

    @singledispatchmethod
    def _parts(self, event: e.Event, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        """Return what is told under each of the event's names, None for nothing; by default its own fields."""
        figures = known.figures.get(heading.account)
        own = {"change": snake(heading.row.kind), **_own_fields(heading.row)}
        return (own, *(fields_of(portfolio_shape(heading.account, figures)) for name in NAMES[heading.row.kind][1:] if figures))

    @_parts.register
    def _(self, event: e.OrderFilled, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        trade, figures = known.trades.get(heading.row.id), known.figures.get(heading.account)
        position = known.positions.get((heading.account, event.instrument))
        held = fields_of(position_shape(position)) if position else None
        order = {
            "order_id": event.order,
            "change": "order_filled",
            "status": "partially_filled" if event.left else "filled",
            **self._token(known, heading, event.instrument),
            "side": event.side.value,
            "reason": event.reason.value,
            "trade_id": heading.row.id,
            "quantity": event.quantity,
            "price_usd": event.price,
            "left": event.left,
            "bar_time": iso(event.ts),
        }
        return (
            {**(fields_of(trade_shape(trade)) if trade else _own_fields(heading.row)), "order_id": event.order, "position": held},
            order,
            held,
            fields_of(metrics_shape(figures)) if figures and event.side is Side.SELL else None,
        )

    @_parts.register
    def _(self, event: e.EquityMarked, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        told: Json = {
            "total_value": event.equity,
            "cash_balance": event.cash,
            "positions_value": EXACT.subtract(event.equity, event.cash),
            "positions_count": len(event.marks),
            "prices": self._prices(known, heading, event.marks),
            "bar_time": iso(event.ts),
            "is_late": event.late,
            "missing_bars": event.missing,
        }
        put_in = known.put_in.get(heading.row.id)
        if put_in is not None:
            made = EXACT.subtract(event.equity, put_in)
            told["total_pnl"] = made
            told["return_percent"] = round(100 * float(made) / float(put_in), 4) if put_in else 0.0
        return (told,)

    @_parts.register
    def _(self, event: e.PositionsRevalued, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        figures = known.figures[heading.account]
        prices = [{"instrument": key, "price_usd": price} for key, price in event.marks.items()]
        told = fields_of(portfolio_shape(heading.account, figures))
        return ({**told, "total_value": event.equity, "prices": prices, "bar_time": iso(event.ts)},)

    @_parts.register
    def _(self, event: e.ThoughtRecorded, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        thought, session = event.thought, heading.session or ""
        row = ThoughtRow(
            heading.row.id, thought.ts, thought.instrument, thought.symbol, thought.strategy, thought.decision.value,
            thought.stopped_by, thought.confidence, thought.gates, thought.factors, thought.reason, thought.order, session,
        )  # fmt: skip
        return (fields_of(thought_shape(row)),)

    @_parts.register(e.OrderPlaced | e.OrderAmended)
    def _(self, event: e.OrderPlaced | e.OrderAmended, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        return (self._order(known, heading, event.order.id, event.order, "open"),)

    @_parts.register(e.OrderTriggered | e.StopMoved | e.OrderExpired | e.OrderReverted | e.OrderCancelled | e.OrderRejected)
    def _(
        self,
        event: e.OrderTriggered | e.StopMoved | e.OrderExpired | e.OrderReverted | e.OrderCancelled | e.OrderRejected,
        heading: _Heading,
        known: _Known,
    ) -> Iterable[Json | None]:
        order = known.orders.get((heading.row.stream, event.order))
        status = _ORDER_STATUS.get(type(event), "failed")
        if isinstance(event, e.OrderReverted) and event.retried:
            status = "open"
        return ({**self._order(known, heading, event.order, order, status), **_own_fields(heading.row, "order", "instrument")},)

    def _order(self, known: _Known, heading: _Heading, number: int, order: Order | None, status: str) -> Json:
        told: Json = {"order_id": number, "change": snake(heading.row.kind), "status": status}
        if order is None:
            return told
        return {
            **told,
            **self._token(known, heading, order.instrument),
            "side": order.side.value,
            "order_type": order.type.value,
            "reason": order.reason.value,
            "amount_usd": order.amount,
            "quantity": order.quantity,
            "limit_price_usd": order.limit_price,
            "stop_price_usd": order.stop_price,
            "time_in_force": order.time_in_force.value,
            "strategy_run": order.run,
        }

    @_parts.register(e.ProgramStarted | e.ProgramAdvanced | e.ProgramPaused | e.ProgramResumed | e.ProgramEnded)
    def _(
        self,
        event: e.ProgramStarted | e.ProgramAdvanced | e.ProgramPaused | e.ProgramResumed | e.ProgramEnded,
        heading: _Heading,
        known: _Known,
    ) -> Iterable[Json | None]:
        change = {"change": snake(heading.row.kind)}
        row = known.runs.get((heading.row.stream, event.run.id))
        if row is None:
            return ({**change, **_own_fields(heading.row)},)
        result = event.run.result(row.price) if row.price is not None else row.result
        return ({**change, **fields_of(run_shape(msgspec.structs.replace(row, run=event.run, result=result)))},)

    @_parts.register
    def _(self, event: e.SessionRequested, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        asked = event.request
        told = {
            "source": asked.source,
            "dataset": asked.dataset or None,
            "timeframe": asked.timeframe,
            "symbols": asked.symbols,
            "runtime_minutes": asked.runtime_minutes,
            "strategy": asked.configuration.strategy,
        }
        return (self._session(heading, "STARTING", told),)

    @_parts.register
    def _(self, event: e.SessionStarted, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        plan = event.plan
        told = {
            "timeframe": plan.timeframe,
            "symbols": [instrument.symbol for instrument in plan.instruments],
            "strategy": plan.configuration.strategy,
            "opening_equity": event.book.equity(event.marks),
            "cash_balance": event.book.cash,
        }
        return (self._session(heading, "RUNNING", told),)

    @_parts.register(e.StopRequested | e.SessionPaused | e.SessionHalted | e.SessionResumed)
    def _(
        self,
        event: e.StopRequested | e.SessionPaused | e.SessionHalted | e.SessionResumed,
        heading: _Heading,
        known: _Known,
    ) -> Iterable[Json | None]:
        return (self._session(heading, _SESSION_STATUS[type(event)], _own_fields(heading.row)),)

    @_parts.register(e.SessionStopped | e.SessionCompleted | e.SessionFailed)
    def _(
        self, event: e.SessionStopped | e.SessionCompleted | e.SessionFailed, heading: _Heading, known: _Known
    ) -> Iterable[Json | None]:
        figures = known.figures[heading.account]
        told = self._session(heading, _SESSION_STATUS[type(event)], _own_fields(heading.row))
        return (told, fields_of(metrics_shape(figures)))

    @_parts.register(e.SessionDeleted | e.RuntimeLimited)
    def _(self, event: e.SessionDeleted | e.RuntimeLimited, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        minutes = {"runtime_minutes": event.minutes} if isinstance(event, e.RuntimeLimited) else {}
        return ({"change": snake(heading.row.kind), "session_id": event.session, **minutes},)

    def _session(self, heading: _Heading, status: str, told: Json) -> Json:
        line = heading.line
        named = {"session_name": line.name, "mode": line.mode} if line else {}
        return {"change": snake(heading.row.kind), "status": status, **named, **told}

    @_parts.register(e.BreakerTripped | e.BreakerHalfOpened | e.BreakerClosed)
    def _(
        self, event: e.BreakerTripped | e.BreakerHalfOpened | e.BreakerClosed, heading: _Heading, known: _Known
    ) -> Iterable[Json | None]:
        change = {"change": snake(heading.row.kind)}
        if not isinstance(event, e.BreakerTripped):
            status = "closed" if isinstance(event, e.BreakerClosed) else "half_open"
            return ({**change, "status": status, **_own_fields(heading.row)},)
        breaker = event.breaker
        return (
            {
                **change,
                "status": "open",
                "name": breaker.name,
                **(self._token(known, heading, breaker.token) if breaker.token else {}),
                "value": breaker.value,
                "limit": breaker.limit,
                "since": iso(breaker.since),
                "until": iso(breaker.until),
            },
        )

    @_parts.register(
        e.SweepRequested | e.SweepStarted | e.SweepAdvanced | e.SweepCancelRequested | e.SweepCancelled | e.SweepFailed
    )
    def _(
        self,
        event: e.SweepRequested | e.SweepStarted | e.SweepAdvanced | e.SweepCancelRequested | e.SweepCancelled | e.SweepFailed,
        heading: _Heading,
        known: _Known,
    ) -> Iterable[Json | None]:
        own = _own_fields(heading.row, "run")
        told = {_SWEEP_FIELDS.get(name, name): value for name, value in own.items()}
        change, status = snake(heading.row.kind), _SWEEP_STATUS[type(event)]
        return ({"sweep_id": heading.row.stream, "change": change, "status": status, **told},)

    @_parts.register
    def _(self, event: e.SweepFinished, heading: _Heading, known: _Known) -> Iterable[Json | None]:
        return ({"change": "sweep_finished", **fields_of(sweep_shape(known.sweeps[heading.row.stream]))},)


_ORDER_STATUS: Final[dict[type[e.Event], str]] = {
    e.OrderTriggered: "triggered",
    e.StopMoved: "open",
    e.OrderExpired: "expired",
    e.OrderCancelled: "cancelled",
    e.OrderRejected: "rejected",
}
_SESSION_STATUS: Final[dict[type[e.Event], str]] = {
    e.StopRequested: "STOPPING",
    e.SessionPaused: "PAUSED",
    e.SessionHalted: "PAUSED",
    e.SessionResumed: "RUNNING",
    e.SessionStopped: "STOPPED",
    e.SessionCompleted: "COMPLETED",
    e.SessionFailed: "ERROR",
}
_SWEEP_STATUS: Final[dict[type[e.Event], str]] = {
    e.SweepRequested: "WAITING",
    e.SweepStarted: "RUNNING",
    e.SweepAdvanced: "RUNNING",
    e.SweepCancelRequested: "CANCELLING",
    e.SweepCancelled: "CANCELLED",
    e.SweepFailed: "FAILED",
}
_SWEEP_FIELDS: Final = {"done": "trials_done", "total": "trials_total", "problem": "error"}


def _whose(heading: _Heading) -> Json:
    if heading.row.kind in SWEEP_KINDS:
        return {}
    return {"account_id": heading.account, "session_id": heading.session}


def _own_fields(row: LogRow, *without: str) -> Json:
    """Return the fields of an event as the log has them: numbers are plain digits there already."""
    told: Json = msgspec.json.decode(row.body)
    ts = told.pop("ts", None)
    own = {name: value for name, value in told.items() if name not in without}
    return own if ts is None else {**own, "bar_time": iso(ts)}
