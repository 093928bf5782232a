"""Markets: the newest price of a token, and the datasets that were imported."""

from typing import Final

from litestar import get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from workbench.desk import Desk
from workbench.domain.bars import parse_timeframe
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.datasets import list_datasets
from workbench.store.market import SeriesRow, list_series
from workbench.store.rows import DatasetRow, Quote
from workbench.web.api import shapes
from workbench.web.api.downloads import whole_file
from workbench.web.api.envelope import Told, answer, iso, listed
from workbench.web.api.paging import Text

SERIES_COLUMNS: Final = (
    "token_symbol", "token_address", "chain_id", "quote", "source", "timeframe", "bars", "missing_bars", "first_bar", "last_bar",
)  # fmt: skip
DATASET_COLUMNS: Final = (
    "imported_at", "dataset_id", "name", "token_symbol", "timeframe", "bars", "first_bar", "last_bar", "holes", "missing_bars",
)  # fmt: skip
OLD_AFTER_BARS = 4
"""A price that is older than so many bars is called old."""


@get("/paper-trading/api/prices/{token_symbol:str}/", sync_to_thread=True)
def price(state: State, token_symbol: FromPath[str], chain_id: FromQuery[int | None] = None) -> Told[shapes.Price]:
    """Tell the newest price of a token; its symbol in whatever case."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        every = reads.quotes(connection)
    known = [quote for quote in every if chain_id in (None, quote.instrument.chain_id)]
    for quote in known:
        if token_symbol.lower() in (quote.instrument.symbol.lower(), quote.instrument.address.lower()):
            return answer(price_shape(quote, desk.now()))
    if chain_id is not None and not known:
        raise NotFound("chain", str(chain_id), [str(quote.instrument.chain_id) for quote in every], field="chain_id")
    raise NotFound("token", token_symbol, [quote.instrument.symbol for quote in known], field="token_symbol")


@get("/paper-trading/api/prices/", sync_to_thread=True)
def prices(state: State, tokens: Text = "") -> Told[shapes.Items[shapes.Price]]:
    """List the newest prices; of some tokens where `tokens` names them, such as `WETH,AERO`."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        every = reads.quotes(connection)
    names = [quote.instrument.symbol for quote in every]
    wanted = [token.strip().lower() for token in tokens.split(",") if token.strip()]
    for token in wanted:
        if token not in [name.lower() for name in names]:
            raise NotFound("token", token, names, field="tokens")
    return answer(
        listed([price_shape(quote, desk.now()) for quote in every if not wanted or quote.instrument.symbol.lower() in wanted])
    )


def price_shape(quote: Quote, now: int) -> shapes.Price:
    """Return a price as answers carry it."""
    instrument, age = quote.instrument, max(now - quote.ts, 0)
    return shapes.Price(
        token=instrument.symbol, price=quote.price, chain_id=instrument.chain_id, token_address=instrument.address,
        quote=instrument.quote, change_percent=round(100 * quote.change, 4), source="simulated", at=iso(quote.ts),
        age_seconds=round(age / 1000, 3), is_old=age > OLD_AFTER_BARS * parse_timeframe("5s"),
    )  # fmt: skip


@get("/paper-trading/api/series/", sync_to_thread=True)
def series(state: State) -> Told[shapes.Items[shapes.Series]]:
    """List the recorded bars of each live token by timeframe: how many there are, since when, and how many are missing."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        rows = list_series(connection)
    return answer(listed([series_shape(row) for row in rows if not row.is_dataset]))


@get("/paper-trading/api/series/export/", sync_to_thread=True)
def series_file(state: State) -> Stream:
    """Download what is recorded of each live token as CSV."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        rows = list_series(connection)
    return whole_file("series", SERIES_COLUMNS, [series_shape(row) for row in rows if not row.is_dataset])


def series_shape(row: SeriesRow) -> shapes.Series:
    """Return recorded bars as answers carry them."""
    instrument = row.instrument
    return shapes.Series(
        token_symbol=instrument.symbol, token_address=instrument.address, chain_id=instrument.chain_id,
        quote=instrument.quote, source=row.source, timeframe=row.timeframe, bars=row.bars,
        missing_bars=row.missing, first_bar=iso(row.first), last_bar=iso(row.newest),
    )  # fmt: skip


@get("/paper-trading/api/datasets/export/", sync_to_thread=True)
def datasets_file(state: State) -> Stream:
    """Download the list of imported candle files as CSV."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        rows = list_datasets(connection)
    return whole_file("datasets", DATASET_COLUMNS, [dataset_shape(row) for row in rows])


@get("/paper-trading/api/datasets/", sync_to_thread=True)
def datasets(state: State) -> Told[shapes.Items[shapes.Dataset]]:
    """List the candle files that were imported, the newest first."""
    desk: Desk = state.desk
    with desk.store.read() as connection:
        rows = list_datasets(connection)
    return answer(listed([dataset_shape(row) for row in rows]))


def dataset_shape(row: DatasetRow) -> shapes.Dataset:
    """Return a dataset as answers carry it."""
    return shapes.Dataset(
        dataset_id=row.id, name=row.name, token_symbol=row.instrument.symbol, timeframe=row.timeframe,
        bars=row.bars, first_bar=iso(row.first), last_bar=iso(row.last), holes=row.holes, missing_bars=row.missing,
        imported_at=iso(row.imported),
    )  # fmt: skip


handlers = [price, prices, series, series_file, datasets, datasets_file]
