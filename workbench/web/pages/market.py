"""One market: its candles, what this account traded in it, and why it did or did not at any of them."""

from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.bars import parse_timeframe
from workbench.sources.simulated import Simulated
from workbench.store.market import CandleRow, Market, list_trades, market_at, markets_named, read_candles
from workbench.store.rows import TradeRow
from workbench.web.blocks import OLD_AFTER, STATE
from workbench.web.candles import MARKETS, Point, candles_address, market_address, points
from workbench.web.filters import decimals_for
from workbench.web.page import PRICES_CHANGED, ROOT, SESSION_KINDS, Asking, Block, Page, Query, View
from workbench.web.pages.dashboard import Choice
from workbench.web.pages.thoughts import Name, When, WhyView, why_view
from workbench.web.pages.trades import PATH as TRADES_PATH
from workbench.web.pages.trades import TradesQuery
from workbench.web.times import field_time, typed_moment

SHOWN: Final = 180
"""So many candles are on the page; the script asks for older ones when somebody looks for them."""
STILL: Final = 120
MARKED: Final = 300
TRADES: Final = 12
WHY: Final = f"{ROOT}/market/why"
IN_BAR: Final = frozenset({"stop_loss", "take_profit", "trailing_stop"})
"""Why something is sold inside a bar; what is done for another reason was thought at the close of the bar before."""


class MarketQuery(Query, frozen=True):
    """What an address asks of a market.

    Parameters
    ----------
    source
        Where its prices come from; the first that has them where none is named.
    timeframe
        Of its candles; the shortest that is recorded where none is named.
    at
        The time of which it is asked why.
    """

    symbol: Name = ""
    source: Name = ""
    timeframe: Annotated[str, msgspec.Meta(max_length=8)] = ""
    at: When = ""

    def address(self, path: str, **changes: object) -> str:
        """Return the address of a path that asks the same, with some answers changed; the path itself says of which market."""
        return super().address(path, **{**changes, "symbol": ""})


class CandlesData(msgspec.Struct, frozen=True):
    """What the chart's script reads: a candle's length in seconds, how many decimals its axis has, and the candles."""

    length: int
    decimals: int
    candles: list[Point]


class ChartView(msgspec.Struct, frozen=True):
    """The chart and what stands above it.

    Parameters
    ----------
    timeframe
        Of the candles; empty before the market's first bar.
    newest
        The last candle; None where there is none.
    change, span
        From the first candle that is shown to the last, as a share, and how long that is.
    at
        When its newest bar closed.
    older
        The address of candles as JSON, which the script asks for older ones.
    asked
        The time of which an address asks why, for the script to show it; None where it asks of none.
    """

    market: Market
    timeframe: str
    choices: tuple[Choice, ...]
    sources: tuple[Choice, ...]
    data: CandlesData
    newest: CandleRow | None
    change: float
    span: int
    at: int
    is_old: bool
    older: str
    asked: int | None
    now: int

    @property
    def still(self) -> list[float]:
        """The closes for a browser without script."""
        closes = [float(point.close) for point in self.data.candles]
        return closes[-STILL:]


class TradeLine(msgspec.Struct, frozen=True):
    """A trade with the addresses that say why it was made: of the page, and of the block alone."""

    row: TradeRow
    why: str
    block: str


class Mark(msgspec.Struct, frozen=True):
    """A trade on the chart: when, which way, what to say of it, and the time of which to ask why, in milliseconds."""

    time: int
    side: str
    text: str
    at: int


class TradesView(msgspec.Struct, frozen=True):
    """The newest trades, those on the chart, and the address of all."""

    symbol: str
    lines: tuple[TradeLine, ...]
    marks: list[Mark]
    every: str
    now: int
    whose: str = ""


class AskView(msgspec.Struct, frozen=True):
    """The form that asks why, what it sends along, and its answer."""

    symbol: str
    path: str
    at: str
    hidden: dict[str, str]
    why: WhyView


class MarketView(View, frozen=True, kw_only=True):
    """What `market.html` gets."""

    chart: ChartView | UnsetType = UNSET
    trades: TradesView | UnsetType = UNSET
    ask: AskView | UnsetType = UNSET


def settle(connection: Connection, query: MarketQuery) -> MarketQuery:
    """Return the query with the symbol as its instrument writes it.

    Raises
    ------
    NotFound
        If there is no such market.
    """
    found = _markets(connection, query.symbol)
    return msgspec.structs.replace(query, symbol=found[0].instrument.symbol)


def _markets(connection: Connection, symbol: str) -> list[Market]:
    """Return the markets of a symbol; the tokens of the simulated source are there before anything of them was recorded."""
    return markets_named(connection, symbol, [Market("simulated", each, ()) for each in Simulated().instruments()])


def look_at_chart(connection: Connection, asking: Asking) -> ChartView:
    """Return the newest candles and what can be chosen.

    Raises
    ------
    NotFound
        If there is no such market, source or timeframe.
    """
    query: MarketQuery = asking.query
    found = _markets(connection, query.symbol)
    market = market_at(found, query.source)
    symbol = market.instrument.symbol
    path = market_address(symbol)
    sources = tuple(
        Choice(_source(each), query.address(path, source=each.source, timeframe=""), each is market) for each in found
    )  # fmt: skip
    shown = sources if len(sources) > 1 else ()
    if not market.series:
        nothing, asked = CandlesData(0, 2, []), typed_moment("at", query.at)
        return ChartView(market, "", (), shown, nothing, None, 0.0, 0, 0, False, "", asked, asking.now)
    timeframe = query.timeframe or market.finest.timeframe
    rows = read_candles(connection, market, timeframe, limit=SHOWN)
    choices = tuple(Choice(name, query.address(path, timeframe=name), name == timeframe) for name in market.timeframes)
    length = parse_timeframe(timeframe)
    decimals = decimals_for(rows[-1].close, market.instrument.price_decimals) if rows else 2
    closed = max(row.closed for row in market.series)
    is_old = not market.is_dataset and asking.now - closed > max(OLD_AFTER, 4 * market.freshest.length)
    return ChartView(
        market, timeframe, choices, shown, CandlesData(length // 1000, decimals, points(rows)),
        rows[-1] if rows else None, float(rows[-1].close / rows[0].open) - 1 if rows else 0.0,
        rows[-1].ts + length - rows[0].ts if rows else 0, closed, is_old,
        candles_address(symbol, source=market.source, timeframe=timeframe), typed_moment("at", query.at), asking.now,
    )  # fmt: skip


def _source(market: Market) -> str:
    return f"file {market.source.removeprefix('dataset:')[:6]}" if market.is_dataset else market.source


def look_at_trades(connection: Connection, asking: Asking) -> TradesView:
    """Return this account's trades in the market."""
    query: MarketQuery = asking.query
    rows = list_trades(connection, asking.account, query.symbol, MARKED)
    path = market_address(query.symbol)
    lines = tuple(_trade_line(row, query, path) for row in rows[:TRADES])
    marks = [
        Mark(row.ts // 1000, row.side, f"{row.price} for {row.reason.replace('_', ' ')}", thought_time(row))
        for row in reversed(rows)
    ]
    every = TradesQuery(account=query.account, token=query.symbol).address(TRADES_PATH)
    return TradesView(query.symbol, lines, marks, every, asking.now, query.whose)


def _trade_line(row: TradeRow, query: MarketQuery, path: str) -> TradeLine:
    at = str(thought_time(row))
    alone = {"symbol": query.symbol, "at": at, **({"account": query.account} if query.account else {})}
    return TradeLine(row, query.address(path, at=at) + "#ask", f"{WHY}?{urlencode(alone)}")


def thought_time(row: TradeRow) -> int:
    """Return a time at which the thought held that led to a trade."""
    return row.ts if row.reason in IN_BAR else row.ts - 1


def look_at_ask(connection: Connection, asking: Asking) -> AskView:
    """Return the form that asks why, and its answer where an address names a time."""
    query: MarketQuery = asking.query
    hidden = {name: str(value) for name, value in query.kept().items() if name not in ("symbol", "at")}
    why = look_at_why(connection, asking).why
    return AskView(query.symbol, market_address(query.symbol), field_time("at", query.at), hidden, why)


def look_at_why(connection: Connection, asking: Asking) -> AskView:
    """Return the thought that held at the time that an address names."""
    query: MarketQuery = asking.query
    at = typed_moment("at", query.at)
    why = why_view(connection, asking, query.symbol if at is not None else "", at)
    return AskView(query.symbol, "", "", {}, why)


PAGE: Final = Page(
    name="market",
    title="Market",
    path=MARKETS,
    icon="",
    view=MarketView,
    query=MarketQuery,
    blocks=(
        STATE,
        Block("chart", frozenset({PRICES_CHANGED}), look_at_chart),
        Block("trades", SESSION_KINDS | {"OrderFilled"}, look_at_trades),
        Block("ask", frozenset(), look_at_ask),
    ),
    inner=(Block("why", frozenset(), look_at_why, field="ask"),),
    settle=settle,
    within="markets",
)
