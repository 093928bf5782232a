"""The reads that pages, answers and notebooks are made of; each is a function of a connection and returns frozen rows."""

from decimal import Decimal, localcontext
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, Table, case, func, literal, select

from workbench.domain.bars import DAY, as_ts, parse_timeframe
from workbench.domain.book import Book
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT, NO_CASH, product
from workbench.domain.names import alike
from workbench.domain.presets import mode_of
from workbench.domain.sessions import ACTIVE, Status
from workbench.domain.terms import Terms
from workbench.domain.thoughts import Thought
from workbench.engine.state import State
from workbench.errors import Invalid, NotFound
from workbench.store import tables as t
from workbench.store.log import LogRow, events_after, last_id
from workbench.store.rows import (
    AccountRow,
    ConfigurationRow,
    EpochRow,
    Figures,
    PositionRow,
    Quote,
    SessionRow,
    ThoughtRow,
    TradeRow,
)
from workbench.store.snapshots import once_a_snapshot

__all__ = [
    "LogRow",
    "account",
    "account_book",
    "accounts",
    "active_configuration",
    "active_session",
    "closed_positions",
    "configuration_version",
    "configurations",
    "epochs",
    "events_after",
    "figures",
    "find_account",
    "how_far",
    "last_id",
    "last_state",
    "newest_close",
    "paper_trading_config",
    "positions",
    "quotes",
    "session",
    "session_row",
    "session_state",
    "sessions",
    "spelled",
    "terms",
    "thoughts",
    "trades",
]  # fmt: skip

# --- prices --------------------------------------------------------------------------------------------------------------


@once_a_snapshot
def quotes(connection: Connection, source: str = "simulated", timeframe: str = "5s", count: int = 60) -> tuple[Quote, ...]:
    """Return the newest price of each of a source's tokens, with its latest closes: those of so many bars' time."""
    c, length = t.bars.c, parse_timeframe(timeframe)
    mine = (t.series.c.source == source, t.series.c.timeframe == timeframe, t.series.c.newest.is_not(None))
    # The instrument is read beside the newest bar alone, for it is long and there are many bars.
    is_newest = case((c.ts == t.series.c.newest, t.series.c.instrument))
    latest = (
        select(t.series.c.id, c.ts, c.close, is_newest)
        .join(t.bars, (c.series == t.series.c.id) & (c.ts > t.series.c.newest - count * length) & (c.ts <= t.series.c.newest))
        .where(*mine, c.revision == 0)
        .order_by(t.series.c.place, t.series.c.id, c.ts)
    )
    points: dict[int, list[tuple[int, int]]] = {}
    instruments: dict[int, Instrument] = {}
    for number, ts, close, instrument in connection.execute(latest):
        points.setdefault(number, []).append((ts, close))
        if instrument is not None:
            instruments[number] = instrument
    return tuple(_quote(instruments[number], closes, length) for number, closes in points.items())


def _quote(instrument: Instrument, points: list[tuple[int, int]], length: int) -> Quote:
    prices = [Decimal(close).scaleb(-instrument.price_decimals) for _, close in points]
    spark = tuple(float(price) for price in prices)
    return Quote(instrument, prices[-1], spark[-1] / spark[0] - 1, spark, points[-1][0] + length)


@once_a_snapshot
def newest_close(connection: Connection, source: str = "simulated", timeframe: str = "5s") -> int | None:
    """Return when the newest bar of a source's tokens closed; None before the first."""
    return closed_at(connection.execute(newest_opened(source, timeframe)).scalar(), timeframe)


def newest_opened(source: str = "simulated", timeframe: str = "5s") -> Select[Any]:
    """Select the open time of the newest bar of a source's tokens."""
    return select(func.max(t.series.c.newest)).where(t.series.c.source == source, t.series.c.timeframe == timeframe)


def closed_at(opened: int | None, timeframe: str = "5s") -> int | None:
    """Return when a bar closed that opened then; None where there is none."""
    return None if opened is None else opened + parse_timeframe(timeframe)


def how_far(connection: Connection) -> tuple[int, int]:
    """Return the id of the newest event, and the open time of the newest bar of any series that grows; 0 where there is none.

    What is drawn in the same snapshot knows everything up to there, and whenever prices have arrived the second one changes.
    """
    events, newest = connection.execute(select(*distances().values())).one()
    return events or 0, newest or 0


def distances() -> dict[str, ScalarSelect[Any]]:
    """Return what `how_far` reads, by name, for a statement that reads more beside it."""
    return {
        "newest_event": select(func.max(t.events.c.id)).scalar_subquery(),
        "newest_bar": select(func.max(t.series.c.newest)).where(t.series.c.source.not_like("dataset:%")).scalar_subquery(),
    }


# --- accounts ------------------------------------------------------------------------------------------------------------


@once_a_snapshot
def account_row(connection: Connection, account: str) -> Row[Any]:
    """Return an account's row.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = connection.execute(select(t.accounts).where(t.accounts.c.id == account)).first()
    if row is None:
        raise NotFound("account", account, field="account")
    return row


def account_book(connection: Connection, account: str) -> tuple[Book, dict[str, Decimal]]:
    """Return an account's book, and the newest known price of each of its open positions."""
    book: Book = account_row(connection, account).book
    held = connection.execute(select(t.positions).where(t.positions.c.account == account, t.positions.c.is_open))
    return book, {row.key: row.price for row in held}


@once_a_snapshot
def accounts(connection: Connection, limit: int = 100) -> list[AccountRow]:
    """Return the accounts, the newest first."""
    columns = t.trading_sessions.c
    is_active = (columns.account == t.accounts.c.id) & columns.status.in_([status.value for status in ACTIVE])
    query = select(t.accounts, columns.id.label("going")).outerjoin(t.trading_sessions, is_active)
    return [account_of(row, row.going) for row in connection.execute(query.order_by(t.accounts.c.since.desc()).limit(limit))]


def account_of(row: Any, session: str | None) -> AccountRow:
    """Return an account from a row of its table; `session` is the one that it has on its way."""
    book: Book = row.book
    return AccountRow(row.id, row.name, as_ts(row.opened), row.epoch, row.equity, book.cash, book.put_in, row.trades, session)


def account(connection: Connection, id_: str) -> AccountRow:
    """Return an account by its id.

    Raises
    ------
    NotFound
        If there is none.
    """
    going = active_session(connection, id_)
    return account_of(account_row(connection, id_), going.id if going else None)


def find_account(connection: Connection, name: str) -> str:
    """Return the id of the account that has an id; or else a name, or one in other large and small letters, that no other has.

    Raises
    ------
    NotFound
        If there is none, or several are called so.
    """
    columns = t.accounts.c
    query = select(columns.id).where((columns.id == name) | (columns.name == name)).order_by((columns.id == name).desc()).limit(2)
    found = connection.execute(query).scalars().all()
    if found and (found[0] == name or len(found) == 1):
        return str(found[0])
    known = {row.id: row.name for row in connection.execute(select(columns.id, columns.name).order_by(columns.since.desc()))}
    same = [] if found else [id_ for id_, called in known.items() if alike(name, [called])]
    if len(same) != 1:
        raise NotFound("account", name, list(dict.fromkeys(known.values()))[:8], field="account")
    return str(same[0])


def epochs(connection: Connection, account: str) -> list[EpochRow]:
    """Return the epochs of an account, the newest first; the one that goes on with its figures as they are now."""
    now = account_row(connection, account)
    rows = connection.execute(select(t.epochs).where(t.epochs.c.account == account).order_by(t.epochs.c.number.desc())).all()
    found = []
    for row in rows:
        goes_on = row.number == now.epoch
        source = now if goes_on else row
        put_in, costs = (now.book.put_in, now.book.costs) if goes_on else (row.put_in, row.costs)
        with localcontext(EXACT):
            result = source.equity - put_in
        found.append(
            EpochRow(
                row.number, as_ts(row.began), None if row.ended is None else as_ts(row.ended), row.cash, source.equity, result,
                _ratio(result, put_in), costs, source.trades, source.closed, source.wins, source.worst_drawdown,
            )
        )  # fmt: skip
    return found


def configurations(connection: Connection, account: str, name: str = "") -> list[ConfigurationRow]:
    """Return an account's saved configurations: the newest version of each, or every version of one, newest first."""
    columns = t.configurations.c
    query = select(t.configurations).where(columns.account == account).order_by(columns.id.desc())
    rows = connection.execute(query.where(columns.name == name) if name else query).all()
    if name and not rows:
        known = connection.execute(select(columns.name).where(columns.account == account).distinct()).scalars().all()
        raise NotFound("configuration", name, known, field="name")
    newest: dict[str, Row[Any]] = {}
    for row in rows:
        # The active version stands for its name even where a newer one was saved.
        if row.name not in newest or row.is_active:
            newest[row.name] = row
    return [configuration_row(row) for row in (rows if name else newest.values())]


def configuration_version(connection: Connection, account: str, which: str) -> ConfigurationRow:
    """Return a saved configuration by its name, or one version of it, written `Default@2`.

    Raises
    ------
    NotFound
        If nothing was saved under that name, or not that version.
    """
    columns = t.configurations.c
    is_name = connection.execute(select(columns.id).where(columns.account == account, columns.name == which)).first() is not None
    name, at, version = which.rpartition("@")
    if is_name or not at:
        return configurations(connection, account, which)[0]
    versions = configurations(connection, account, name)
    for row in versions:
        if str(row.version) == version:
            return row
    raise NotFound(f"version of {name}", version, [str(row.version) for row in versions], field="version")


@once_a_snapshot
def active_configuration(connection: Connection, account: str) -> ConfigurationRow:
    """Return the configuration that an account's next session goes by."""
    columns = t.configurations.c
    query = select(t.configurations).where(columns.account == account, columns.is_active)
    return configuration_row(connection.execute(query).one())


def configuration_row(row: Any) -> ConfigurationRow:
    """Return a saved configuration from a row of its table."""
    made: StrategyConfiguration = row.configuration
    return ConfigurationRow(row.id, row.name, row.version, row.is_active, as_ts(row.saved), mode_of(made), made)


@once_a_snapshot
def paper_trading_config(connection: Connection, account: str) -> PaperTradingConfig:
    """Return how real an account's simulation is; without frictions where nothing was saved."""
    columns = t.paper_trading_configs.c
    found = connection.execute(select(columns.config).where(columns.account == account, columns.is_active)).scalar()
    return found or PaperTradingConfig()


def terms(connection: Connection, account: str) -> Terms:
    """Return what an account's next session goes by where nothing else is said."""
    configuration = active_configuration(connection, account).configuration
    return Terms(configuration, DEFAULT_COSTS, paper_trading_config(connection, account))


@once_a_snapshot
def figures(connection: Connection, account: str, now: int) -> Figures:
    """Return the six figures of an account and what they rest on."""
    row = account_row(connection, account)
    book: Book = row.book
    yesterday = day_before(connection, account, now)
    with localcontext(EXACT):
        put_in, invested = book.put_in, row.equity - book.cash
        result = row.equity - put_in
        today = result if yesterday is None else result - (yesterday[0] - yesterday[1])
        return Figures(
            value=row.equity, cash=book.cash, invested=invested, deposits=book.deposits, withdrawals=book.withdrawals,
            realised=book.realised, unrealised=invested - book.at_cost, result=result, result_share=_ratio(result, put_in),
            today=today, today_share=_ratio(today, row.equity - today), win_rate=row.wins / row.closed if row.closed else None,
            wins=row.wins, closed=row.closed, trades=row.trades, open_positions=len(book.positions),
            drawdown=_ratio(row.equity, row.peak) - 1 if row.peak else 0.0, worst_drawdown=row.worst_drawdown,
            costs=book.costs, fees=row.fees, gas=row.gas,
        )  # fmt: skip


@once_a_snapshot
def day_before(connection: Connection, account: str, now: int) -> tuple[Decimal, Decimal] | None:
    """Return an account's equity as its last UTC day began, and what had been put in by then; None where it had no book yet."""
    points, row = t.equity_points.c, account_row(connection, account)
    before = point_before_today(literal(account), literal(row.last_ts), literal(row.since), now).scalar_subquery()
    found = connection.execute(select(points.equity, points.put_in).where(points.id == before)).first()
    return None if found is None else (found[0], found[1])


def point_before_today(account: ColumnElement[str], last: ColumnElement[int], since: ColumnElement[int], now: int) -> Select[Any]:
    """Select the id of an account's last equity point before the UTC day of its newest bar, which began at `last`."""
    points = t.equity_points.alias("earlier").c
    newest = case((last >= 0, last), else_=now)
    mine = (points.account == account, points.ts < newest - newest % DAY, points.id > since)
    return select(points.id).where(*mine).order_by(points.ts.desc(), points.id.desc()).limit(1)


def _ratio(part: Decimal, whole: Decimal) -> float:
    return float(part) / float(whole) if whole else 0.0


# --- positions and trades ------------------------------------------------------------------------------------------------


@once_a_snapshot
def positions(connection: Connection, account: str, open_only: bool = True, limit: int = 100) -> list[PositionRow]:
    """Return an account's positions: the open ones by age, and the closed ones after them, newest first."""
    columns = t.positions.c
    # The state of the session that runs knows their stops; it is long, and comes beside one of them.
    going, first = active_session(connection, account), t.positions.alias("first")
    one = select(func.max(first.c.id)).where(first.c.account == account, first.c.is_open).scalar_subquery()
    is_beside = (t.cursors.c.session == (going.id if going is not None else "")) & (columns.id == one)
    query = select(t.positions, t.cursors.c.state).select_from(t.positions.outerjoin(t.cursors, is_beside))
    query = query.where(columns.account == account).order_by(columns.is_open.desc(), columns.id.desc()).limit(limit)
    rows = connection.execute(query.where(columns.is_open) if open_only else query).all()
    body = next((row.state for row in rows if row.state), None)
    state = msgspec.json.decode(body, type=State) if body else None
    return [_position(row, state) for row in rows]


@once_a_snapshot
def closed_positions(connection: Connection, account: str, limit: int = 100, before: int | None = None) -> list[PositionRow]:
    """Return an account's closed positions, which are its round trips, newest first."""
    columns = t.positions.c
    query = (
        select(t.positions).where(columns.account == account, columns.is_open.is_(False)).order_by(columns.id.desc()).limit(limit)
    )
    if before is not None:
        query = query.where(columns.id < before)
    return [_position(row, None) for row in connection.execute(query)]


@once_a_snapshot
def session_state(connection: Connection, session: str) -> State | None:
    """Return the state after a session's last step; None before its first."""
    body = connection.execute(select(t.cursors.c.state).where(t.cursors.c.session == session)).scalar()
    return msgspec.json.decode(body, type=State) if body else None


def last_state(connection: Connection, account: str) -> State | None:
    """Return the state in which the last session of an account's epoch ended; None where it is its first."""
    columns = t.trading_sessions.c
    epoch = account_row(connection, account).epoch
    ended = columns.status.not_in([status.value for status in ACTIVE])
    mine = select(columns.id).where(columns.account == account, columns.epoch == epoch, ended, columns.started.is_not(None))
    last = connection.execute(mine.order_by(columns.number.desc()).limit(1)).scalar()
    body = connection.execute(select(t.cursors.c.state).where(t.cursors.c.session == last)).scalar() if last else None
    return msgspec.json.decode(body, type=State) if body else None


def _position(row: Row[Any], state: State | None) -> PositionRow:
    trip, instrument = row.trip, row.instrument
    decimals = instrument.price_decimals
    holding = state.holdings.get(row.key) if state else None
    with localcontext(EXACT):
        value = product(row.quantity, row.price, 8) if row.is_open else NO_CASH
        unrealised = value - row.cost
        result = trip.gross - trip.costs + unrealised
    stops = [price for price in (holding.stop, holding.trail) if price is not None] if holding else []
    exit_price = trip.exit_price(decimals)
    return PositionRow(
        id=row.id, instrument=instrument, quantity=row.quantity if row.is_open else trip.quantity,
        entry_price=trip.entry_price(decimals), price=row.price if row.is_open or exit_price is None else exit_price,
        cost=row.cost if row.is_open else trip.invested, value=value if row.is_open else trip.returned, unrealised=unrealised,
        realised=trip.gross - trip.costs, result=result, result_share=_ratio(result, trip.invested), opened=trip.opened,
        closed=None if row.is_open else trip.closed, stop=max(stops, default=None), target=holding.target if holding else None,
        session=row.session, costs=trip.costs, exit_reason=trip.exit_reason,
    )  # fmt: skip


def spelled(connection: Connection, symbol: str) -> str:
    """Return a symbol as its instrument writes it; as it was given where no instrument is called so.

    What is compared by an index is compared letter by letter, so the case is put right before.
    """
    known = connection.execute(select(t.series.c.instrument).distinct()).scalars()
    return next((found.symbol for found in known if found.symbol.lower() == symbol.lower()), symbol)


SORTS = {"id": t.trades.c.id, "ts": t.trades.c.ts, "symbol": t.trades.c.symbol, "side": t.trades.c.side}


@once_a_snapshot
def trades(
    connection: Connection,
    account: str,
    *,
    symbol: str = "",
    side: str = "",
    session: str = "",
    reason: str = "",
    since: int | None = None,
    until: int | None = None,
    limit: int = 50,
    before: int | None = None,
    after: int | None = None,
    sort: str = "-id",
) -> list[TradeRow]:
    """Return an account's trades, filtered, newest first unless sorted otherwise.

    Parameters
    ----------
    symbol
        As its instrument writes it, in whatever case.
    since, until
        Open times of bars, milliseconds UTC: from the first on, and before the second.
    before, after
        Only trades with a smaller, or a larger, id.
    sort
        One of id, ts, symbol, side; with a minus for descending.

    Raises
    ------
    Invalid
        If the side or the sort is not one of these.
    """
    if side and side not in ("buy", "sell"):
        raise Invalid("side", "'buy' or 'sell'", side)
    if sort.lstrip("-") not in SORTS:
        raise Invalid("sort", "one of " + ", ".join(SORTS), sort)
    mine: list[ColumnElement[bool]] = [t.trades.c.account == account]
    mine += [t.trades.c.symbol == spelled(connection, symbol)] if symbol else []
    mine += [t.trades.c.side == side] if side else []
    mine += [t.trades.c.reason == reason] if reason else []
    mine += [t.trades.c.ts >= since] if since is not None else []
    mine += [t.trades.c.ts < until] if until is not None else []
    mine += [t.trades.c.session == session] if session else []
    mine += [t.trades.c.id < before] if before is not None else []
    mine += [t.trades.c.id > after] if after is not None else []
    column = SORTS[sort.lstrip("-")]
    order = column.desc() if sort.startswith("-") else column.asc()
    query = select(t.trades).where(*mine).order_by(order, t.trades.c.id.desc()).limit(limit)
    return [trade_row(row) for row in connection.execute(query)]


def trade_row(row: Row[Any]) -> TradeRow:
    """Return a row of the table of trades as reads return it."""
    return TradeRow(
        id=row.id, ts=row.ts, instrument=row.instrument, side=row.side, quantity=row.quantity, price=row.price,
        notional=row.notional, fee=row.fee, gas=row.gas, tax=row.tax, costs=row.fee + row.gas + row.tax,
        spread_cost=row.spread_cost, slippage_cost=row.slippage_cost, impact_cost=row.impact_cost, is_maker=row.is_maker,
        result=row.result, reason=row.reason, strategy=row.strategy, session=row.session, cash=row.cash,
    )  # fmt: skip


# --- thoughts ------------------------------------------------------------------------------------------------------------


def thoughts(
    connection: Connection,
    account: str,
    *,
    symbol: str = "",
    decision: str = "",
    session: str = "",
    since: int | None = None,
    until: int | None = None,
    limit: int = 30,
    before: int | None = None,
    by_time: bool = False,
    oldest: bool = False,
) -> list[ThoughtRow]:
    """Return an account's recorded thoughts, filtered, newest first.

    Parameters
    ----------
    by_time
        In order of the bars they are of, instead of that in which they were recorded.
    oldest
        The oldest first.
    """
    mine: list[ColumnElement[bool]] = [t.thoughts.c.account == account]
    mine += [t.thoughts.c.symbol == spelled(connection, symbol)] if symbol else []
    mine += [t.thoughts.c.decision == decision.lower()] if decision else []
    mine += [t.thoughts.c.session == session] if session else []
    mine += [t.thoughts.c.ts >= since] if since is not None else []
    mine += [t.thoughts.c.ts < until] if until is not None else []
    mine += [t.thoughts.c.id < before] if before is not None else []
    order = [t.thoughts.c.ts, t.thoughts.c.id] if by_time else [t.thoughts.c.id]
    query = select(t.thoughts).where(*mine).order_by(*(column if oldest else column.desc() for column in order)).limit(limit)
    return [thought_row(row.id, row.session, row.thought) for row in connection.execute(query)]


def thought_row(id_: int, session: str, thought: Thought, latest: bool = False) -> ThoughtRow:
    """Return a thought with its place in the log; `latest` where it was not recorded."""
    return ThoughtRow(
        id_, thought.ts, thought.instrument, thought.symbol, thought.strategy, thought.decision.value, thought.stopped_by,
        thought.confidence, thought.gates, thought.factors, thought.reason, thought.order, session, latest,
    )  # fmt: skip


# --- sessions ------------------------------------------------------------------------------------------------------------


def session(connection: Connection, id_: str) -> SessionRow:
    """Return a session by its id, or by the first letters of it.

    Raises
    ------
    NotFound
        If there is none, or several begin so.
    """
    columns = t.trading_sessions.c
    rows = (
        connection.execute(select(t.trading_sessions).where(columns.id.startswith(id_, autoescape=True)).limit(2)).all()
        if id_
        else []
    )
    if len(rows) != 1:
        raise NotFound("session", id_, field="session")
    return session_row(rows[0])


@once_a_snapshot
def active_session(connection: Connection, account: str) -> SessionRow | None:
    """Return the session that an account has on its way, or None."""
    columns = t.trading_sessions.c
    query = select(t.trading_sessions).where(columns.account == account, columns.status.in_([status.value for status in ACTIVE]))
    row = connection.execute(query).first()
    return session_row(row) if row else None


@once_a_snapshot
def sessions(
    connection: Connection, account: str = "", limit: int = 50, before: int | None = None, ended: bool = False
) -> list[SessionRow]:
    """Return sessions, newest first, but not those that were deleted; of all accounts where none is named.

    Parameters
    ----------
    before
        Only sessions with a smaller number.
    ended
        Only those that have ended.
    """
    columns = t.trading_sessions.c
    query = select(t.trading_sessions).where(columns.is_deleted.is_(False)).order_by(columns.number.desc()).limit(limit)
    query = query.where(columns.account == account) if account else query
    query = query.where(columns.number < before) if before is not None else query
    query = query.where(columns.status.not_in([status.value for status in ACTIVE])) if ended else query
    return [session_row(row) for row in connection.execute(query)]


def session_row(row: Any) -> SessionRow:
    """Return a session from a row of its table."""
    request = row.request
    return SessionRow(
        id=row.id, number=row.number, account=row.account, name=row.name, status=Status(row.status), mode=request.mode,
        source=request.source, dataset=request.dataset, timeframe=request.timeframe,
        symbols=tuple(row.symbols.split()), speed=request.speed,
        runtime_minutes=request.runtime_minutes, configuration=row.configuration, costs=request.costs,
        requested=as_ts(row.requested), started=None if row.started is None else as_ts(row.started),
        stopped=None if row.stopped is None else as_ts(row.stopped), opening_equity=row.opening_equity, equity=row.equity,
        trades=row.trades, seq=row.seq, steps=row.steps, cursor=row.cursor, ledger_digest=row.ledger_digest,
        ended_because=row.ended_because, error=row.error, closed=row.closed, wins=row.wins, put_in=row.put_in,
        is_deleted=row.is_deleted,
    )  # fmt: skip


def table_rows(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Return every row of a table in order of its key; for exports and for the test that rebuilds projections."""
    return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
