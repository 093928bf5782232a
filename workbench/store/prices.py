"""The newest price of each token, in one look."""

from decimal import Decimal

import msgspec
from sqlalchemy import Connection, select

from workbench.domain.bars import parse_timeframe
from workbench.domain.instruments import Instrument
from workbench.store.snapshots import once_a_snapshot
from workbench.store.tables import bars, series


class TokenPrice(msgspec.Struct, frozen=True):
    """The close of a token's newest bar; `ts` is when that bar closed, milliseconds UTC."""

    instrument: Instrument
    price: Decimal
    ts: int


@once_a_snapshot
def newest_prices(connection: Connection, source: str = "simulated", timeframe: str = "5s") -> tuple[TokenPrice, ...]:
    """Return the newest price of each of a source's tokens, in the source's order."""
    newest = (bars.c.series == series.c.id) & (bars.c.ts == series.c.newest) & (bars.c.revision == 0)
    query = (
        select(series.c.instrument, bars.c.close, bars.c.ts)
        .join(bars, newest)
        .where(series.c.source == source, series.c.timeframe == timeframe)
        .order_by(series.c.place, series.c.id)
    )
    length = parse_timeframe(timeframe)
    return tuple(
        TokenPrice(row.instrument, Decimal(row.close).scaleb(-row.instrument.price_decimals), row.ts + length)
        for row in connection.execute(query)
    )
