"""The markets: every token that prices are recorded of, how fresh and how whole they are, and the files that were imported."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.store.datasets import list_datasets
from workbench.store.market import Closes, Market, SeriesRow, latest_closes, list_series, markets
from workbench.store.rows import DatasetRow
from workbench.web.blocks import OLD_AFTER, STATE
from workbench.web.candles import MARKETS, market_address
from workbench.web.page import PRICES_CHANGED, Asking, Block, Page, View
from workbench.web.pages import market

OLD_AFTER_BARS: Final = 4


class RecordedLine(msgspec.Struct, frozen=True):
    """A series as the table shows it, with the address of its chart."""

    row: SeriesRow
    address: str


class MarketLine(msgspec.Struct, frozen=True):
    """A token as the table shows it.

    Parameters
    ----------
    closes
        Its newest price and how it got there.
    at
        When that price was made.
    is_old
        Whether it should have been followed by another one by now.
    """

    market: Market
    closes: Closes
    at: int
    is_old: bool
    recorded: tuple[RecordedLine, ...]
    address: str

    @property
    def missing(self) -> int:
        """Bars that are not there, over all of its series."""
        return sum(row.missing for row in self.market.series)


class SourceLine(msgspec.Struct, frozen=True):
    """A source of prices and its health; `at` is when its newest bar closed, and `old_since` when the next was due."""

    name: str
    at: int
    old_since: int | None


class FiguresView(msgspec.Struct, frozen=True):
    """What is recorded, in four figures."""

    sources: tuple[SourceLine, ...]
    tokens: int
    bars: int
    series: int
    missing: int
    now: int


class InstrumentsView(msgspec.Struct, frozen=True):
    """The tokens of the live sources."""

    lines: tuple[MarketLine, ...]
    now: int


class DatasetLine(msgspec.Struct, frozen=True):
    """An imported file, with the address of its chart."""

    row: DatasetRow
    address: str


class DatasetsView(msgspec.Struct, frozen=True):
    """The imported files, the newest first."""

    lines: tuple[DatasetLine, ...]
    now: int


class MarketsView(View, frozen=True, kw_only=True):
    """What `markets.html` gets."""

    figures: FiguresView | UnsetType = UNSET
    instruments: InstrumentsView | UnsetType = UNSET
    datasets: DatasetsView | UnsetType = UNSET


def look_at_figures(connection: Connection, asking: Asking) -> FiguresView:
    """Return what is recorded, and how fresh each source is."""
    rows = list_series(connection)
    live = [row for row in rows if not row.is_dataset]
    newest: dict[str, SeriesRow] = {}
    for row in live:
        if row.source not in newest or row.closed > newest[row.source].closed:
            newest[row.source] = row
    sources = tuple(SourceLine(name, row.closed, old_since(row, asking.now)) for name, row in newest.items())
    tokens = len({(row.source, row.instrument.key) for row in live})
    missing = sum(row.missing for row in live)
    return FiguresView(sources, tokens, sum(row.bars for row in rows), len(rows), missing, asking.now)


def old_since(row: SeriesRow, now: int) -> int | None:
    """Return since when a series has been old; None where it is as fresh as its bars are long."""
    due = row.closed + max(OLD_AFTER, OLD_AFTER_BARS * row.length)
    return due if now > due else None


def look_at_instruments(connection: Connection, asking: Asking) -> InstrumentsView:
    """Return the tokens of the live sources with their prices."""
    found = [each for each in markets(list_series(connection)) if not each.is_dataset]
    closes = latest_closes(connection, [each.freshest for each in found])
    return InstrumentsView(tuple(_line(each, closes[each.freshest.id], asking) for each in found), asking.now)


def _line(found: Market, closes: Closes, asking: Asking) -> MarketLine:
    symbol, whose = found.instrument.symbol, asking.query.account
    recorded = tuple(
        RecordedLine(row, market_address(symbol, timeframe=row.timeframe, account=whose)) for row in found.series
    )  # fmt: skip
    newest = found.freshest
    is_old = old_since(newest, asking.now) is not None
    return MarketLine(found, closes, newest.closed, is_old, recorded, market_address(symbol, account=whose))


def look_at_datasets(connection: Connection, asking: Asking) -> DatasetsView:
    """Return the imported files."""
    return DatasetsView(tuple(_dataset(row, asking.query.account) for row in list_datasets(connection)), asking.now)


def _dataset(row: DatasetRow, account: str) -> DatasetLine:
    return DatasetLine(row, market_address(row.instrument.symbol, source=f"dataset:{row.id}", account=account))


PAGE: Final = Page(
    name="markets",
    title="Markets",
    path=MARKETS,
    icon="M1.5 11.5l4-4.5 3 2.5 6-6.5M10.5 3h4v4",
    view=MarketsView,
    blocks=(
        STATE,
        Block("figures", frozenset({PRICES_CHANGED}), look_at_figures),
        Block("instruments", frozenset({PRICES_CHANGED}), look_at_instruments),
        Block("datasets", frozenset(), look_at_datasets),
    ),
    item=market.PAGE,
)
