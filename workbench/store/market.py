"""What is recorded of the markets: series with their ends and counts, latest closes, and candles of any coarser timeframe.

Nothing here reads more the longer a series is: counts are kept in the series' rows, and every look at bars is bounded.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, union_all

from workbench.domain.bars import parse_timeframe
from workbench.domain.instruments import Instrument
from workbench.errors import NotFound, unlisted
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.rows import TradeRow

MOST_SERIES: Final = 500
MOST_CANDLES: Final = 2_000
"""As many candles are read at once, at most."""
MOST_IN_ONE: Final = 60
"""A candle is made of so many finer bars at most; what would take more is not offered."""
LADDER: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
"""Timeframes that are made of finer ones where they are not recorded."""
SPARK: Final = 60
_MINUTE: Final = 60_000
_DATASET: Final = "dataset:"
_FOREVER: Final = 2**63 - 1


class SeriesRow(msgspec.Struct, frozen=True):
    """The recorded bars of one instrument at one timeframe.

    Parameters
    ----------
    bars
        How many there are.
    first, newest
        Open times of the oldest and the newest, milliseconds UTC.
    place
        Of the instrument among those of its source; 0 where it was never told.
    """

    id: int
    source: str
    instrument: Instrument
    timeframe: str
    bars: int
    first: int
    newest: int
    place: int = 0

    @property
    def length(self) -> int:
        """A bar's length in milliseconds."""
        return parse_timeframe(self.timeframe)

    @property
    def closed(self) -> int:
        """When its newest bar closed."""
        return self.newest + self.length

    @property
    def missing(self) -> int:
        """How many bars between its ends are not there."""
        return max(0, (self.newest - self.first) // self.length + 1 - self.bars)

    @property
    def is_dataset(self) -> bool:
        """Whether it came from a file and grows no more."""
        return self.source.startswith(_DATASET)


class Closes(msgspec.Struct, frozen=True):
    """The newest price of a series and how it got there.

    Parameters
    ----------
    price
        The newest close.
    spark
        Closes of about an hour, one a minute or one a bar, oldest first.
    span
        From the first of them to the last, milliseconds.
    """

    price: Decimal
    spark: tuple[float, ...]
    span: int

    @property
    def change(self) -> float:
        """From the first of the closes to the last, as a share."""
        return self.spark[-1] / self.spark[0] - 1


class CandleRow(msgspec.Struct, frozen=True):
    """A candle.

    Parameters
    ----------
    ts
        Its open time, milliseconds UTC.
    volume
        In the instrument's own units.
    bars
        Of how many recorded bars it was made.
    """

    ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: float
    bars: int


class Market(msgspec.Struct, frozen=True):
    """One instrument at one source, with its series from the finest to the coarsest; without any before its first bar."""

    source: str
    instrument: Instrument
    series: tuple[SeriesRow, ...]

    @property
    def is_dataset(self) -> bool:
        """Whether it came from a file and grows no more."""
        return self.source.startswith(_DATASET)

    @property
    def finest(self) -> SeriesRow:
        """The series with the shortest bars."""
        return self.series[0]

    @property
    def freshest(self) -> SeriesRow:
        """The series whose newest bar closed last."""
        return max(self.series, key=lambda row: row.closed)

    @property
    def timeframes(self) -> tuple[str, ...]:
        """What is recorded and what can be made of it, from the shortest bars to the longest."""
        names = {row.timeframe for row in self.series} | {name for name in LADDER if self._finer(name) is not None}
        return tuple(sorted(names, key=parse_timeframe))

    def parts(self, timeframe: str) -> tuple[SeriesRow, ...]:
        """Return the series that make a timeframe: the recorded one, then a finer one that goes on where it ends.

        Raises
        ------
        Invalid
            If it is neither recorded nor can be made.
        """
        if timeframe not in self.timeframes:
            raise unlisted("timeframe", timeframe, self.timeframes)
        own = next((row for row in self.series if row.timeframe == timeframe), None)
        finer = self._finer(timeframe)
        if own is None:
            return (finer,) if finer is not None else ()
        return (own, finer) if finer is not None and finer.closed > own.closed else (own,)

    def _finer(self, timeframe: str) -> SeriesRow | None:
        """Return the freshest series that a timeframe's candles can be made of."""
        length = parse_timeframe(timeframe)
        fit = [
            row for row in self.series if row.length < length and not length % row.length and length // row.length <= MOST_IN_ONE
        ]
        return max(fit, key=lambda row: (row.closed, -row.length), default=None)


def list_series(connection: Connection) -> list[SeriesRow]:
    """Return the series that have bars, in the order in which their instruments are shown; those of files come last."""
    c = t.series.c
    query = select(t.series).where(c.newest.is_not(None)).order_by(c.source.startswith(_DATASET), c.place, c.id)
    return [
        SeriesRow(row.id, row.source, row.instrument, row.timeframe, row.bars, row.first, row.newest, row.place)
        for row in connection.execute(query.limit(MOST_SERIES))
    ]


def markets(rows: Sequence[SeriesRow]) -> list[Market]:
    """Return series grouped by source and instrument, in the order of the sources and of the instruments' places."""
    found: dict[tuple[str, str], list[SeriesRow]] = {}
    for row in rows:
        found.setdefault((row.source, row.instrument.key), []).append(row)
    sources = list(dict.fromkeys(source for source, _ in found))
    grouped = sorted(found.values(), key=lambda several: (sources.index(several[0].source), max(row.place for row in several)))
    return [
        Market(several[0].source, several[0].instrument, tuple(sorted(several, key=lambda row: row.length))) for several in grouped
    ]


def slug(symbol: str) -> str:
    """Return a symbol as an address writes it.

    Examples
    --------
    >>> slug("BTC/USDT"), slug("WETH")
    ('BTC-USDT', 'WETH')
    """
    return symbol.replace("/", "-")


def markets_named(connection: Connection, symbol: str, expected: Sequence[Market] = ()) -> list[Market]:
    """Return the markets of a symbol, in whatever case and with a dash for a slash; those of live sources come first.

    Parameters
    ----------
    expected
        Markets that there are even before their first bar; they come last.

    Raises
    ------
    NotFound
        If nothing of it was recorded, and nothing is expected.
    """
    every = markets(list_series(connection))
    recorded = {(market.source, market.instrument.key) for market in every}
    every += [market for market in expected if (market.source, market.instrument.key) not in recorded]
    found = [market for market in every if slug(market.instrument.symbol).lower() == slug(symbol).lower()]
    if not found:
        raise NotFound("market", symbol, list(dict.fromkeys(market.instrument.symbol for market in every)), field="symbol")
    return found


def market_named(connection: Connection, symbol: str, source: str = "") -> Market:
    """Return the market of a symbol at a source; at the first that has it where none is named.

    Raises
    ------
    NotFound
        If nothing of it was recorded, or not from that source.
    """
    return market_at(markets_named(connection, symbol), source)


def market_at(found: Sequence[Market], source: str = "") -> Market:
    """Return the one of some markets that comes from a source; the first where none is named.

    Raises
    ------
    NotFound
        If none comes from there.
    """
    for market in found:
        if source in ("", market.source):
            return market
    raise NotFound("source", source, [market.source for market in found], field="source")


def latest_closes(connection: Connection, rows: Sequence[SeriesRow]) -> dict[int, Closes]:
    """Return the latest closes of some series by their numbers: one a minute, or one a bar where bars are longer."""
    if not rows:
        return {}
    c = t.bars.c
    arms = []
    for row in rows:
        step = max(1, _MINUTE // row.length) * row.length
        on_step = (c.ts - row.newest) % step == 0
        arms.append(
            select(c.series, c.ts, c.close).where(
                c.series == row.id, c.revision == 0, c.ts > row.newest - SPARK * step - 1, c.ts <= row.newest, on_step
            )
        )
    found: dict[int, list[tuple[int, int]]] = {}
    for number, ts, close in connection.execute(union_all(*arms)):
        found.setdefault(number, []).append((ts, close))
    by_number = {row.id: row for row in rows}
    return {number: _closes(by_number[number].instrument, sorted(points)) for number, points in found.items()}


def _closes(instrument: Instrument, points: list[tuple[int, int]]) -> Closes:
    prices = [_price(close, instrument) for _, close in points]
    return Closes(prices[-1], tuple(float(price) for price in prices), points[-1][0] - points[0][0])


def read_candles(
    connection: Connection,
    market: Market,
    timeframe: str,
    *,
    since: int | None = None,
    until: int | None = None,
    limit: int = 500,
) -> list[CandleRow]:
    """Return candles, oldest first: the newest before a time, or the first from a time on.

    What is recorded at the timeframe is taken as it is; where that ends, candles are made of finer bars, the last one of
    those that there are so far.

    Parameters
    ----------
    since
        The first candle opens no earlier; then the oldest are returned, and otherwise the newest.
    until
        Candles open before it.
    limit
        So many at most.

    Raises
    ------
    Invalid
        If the timeframe is neither recorded nor can be made.
    """
    width = parse_timeframe(timeframe)
    # Whole candles only: a bound within one is moved to its end.
    low = 0 if since is None else -(-since // width) * width
    high = _FOREVER if until is None else -(-until // width) * width
    arms: list[Select[Any]] = []
    begin = low
    for row in market.parts(timeframe):
        arms.append(_arm(row, width, begin, high, limit, forwards=since is not None))
        begin = max(low, row.newest // width * width + width)
    joined = union_all(*arms).subquery() if len(arms) > 1 else arms[0].subquery()
    order = joined.c.ts.asc() if since is not None else joined.c.ts.desc()
    rows = connection.execute(select(joined).order_by(order).limit(limit)).all()
    return [_candle(row, market.instrument) for row in (rows if since is not None else reversed(rows))]


def _arm(row: SeriesRow, width: int, low: int, high: int, limit: int, *, forwards: bool) -> Select[Any]:
    """Return the select of one series' candles: its own bars, or so many of them in one."""
    c = t.bars.c
    mine: list[ColumnElement[bool]] = [c.series == row.id, c.revision == 0, c.ts >= low]
    mine += [c.ts < high] if high < _FOREVER else []
    order = c.ts.asc() if forwards else c.ts.desc()
    if row.length == width:
        own = select(c.ts, c.open, c.high, c.low, c.close, c.volume, literal(1).label("bars")).where(*mine).order_by(order)
        return select(own.limit(limit).subquery())
    # A candle has at most so many bars, so the outermost one, which may have been cut, lies beyond the limit.
    most = (limit + 1) * (width // row.length)
    fine = select(c.ts, c.high, c.low, c.volume).where(*mine).order_by(order).limit(most).subquery()
    slot = (fine.c.ts - fine.c.ts % width).label("slot")
    coarse = select(
        slot, func.min(fine.c.ts).label("begin"), func.max(fine.c.ts).label("end"), func.max(fine.c.high).label("high"),
        func.min(fine.c.low).label("low"), func.sum(fine.c.volume).label("volume"), func.count().label("bars"),
    ).group_by(slot).order_by(slot.asc() if forwards else slot.desc()).limit(limit).subquery()  # fmt: skip
    first, last = t.bars.alias("first"), t.bars.alias("last")
    return (
        select(coarse.c.slot.label("ts"), first.c.open, coarse.c.high, coarse.c.low, last.c.close, coarse.c.volume, coarse.c.bars)
        .join(first, (first.c.series == row.id) & (first.c.ts == coarse.c.begin) & (first.c.revision == 0))
        .join(last, (last.c.series == row.id) & (last.c.ts == coarse.c.end) & (last.c.revision == 0))
    )


def _candle(row: Any, instrument: Instrument) -> CandleRow:
    o, h, l, c = (_price(price, instrument) for price in (row.open, row.high, row.low, row.close))
    return CandleRow(row.ts, o, h, l, c, row.volume, row.bars)


def _price(steps: int, instrument: Instrument) -> Decimal:
    return Decimal(steps).scaleb(-instrument.price_decimals)


def list_trades(connection: Connection, account: str, symbol: str, limit: int) -> list[TradeRow]:
    """Return an account's newest trades in a symbol, as its instrument writes it, newest first."""
    c = t.trades.c
    query = select(t.trades).where(c.account == account, c.symbol == symbol).order_by(c.id.desc()).limit(limit)
    return [reads.trade_row(row) for row in connection.execute(query)]
