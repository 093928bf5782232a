"""Recorded bars: kept as they were seen, once per series, open time and revision, and shared by all sessions.

The first version of a bar is what sessions go by; another price for the same time becomes a later revision, which can
be seen, and is no silent new number.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from workbench.domain.instruments import Instrument
from workbench.engine.series import PRICES, BarSeries
from workbench.store.tables import bars, series

_COLUMNS = (bars.c.ts, bars.c.open, bars.c.high, bars.c.low, bars.c.close, bars.c.volume, bars.c.liquidity)


def series_id(connection: Connection, source: str, instrument: Instrument, timeframe: str, place: int = 0) -> int:
    """Return the number of a series, making it in a writing transaction where it is new."""
    mine = (series.c.source == source, series.c.key == instrument.key, series.c.timeframe == timeframe)
    found = connection.execute(select(series.c.id).where(*mine)).scalar()
    if found is None:
        values = {"source": source, "key": instrument.key, "timeframe": timeframe, "instrument": instrument, "place": place}
        connection.execute(upsert(series).values(values).on_conflict_do_nothing())
        found = connection.execute(select(series.c.id).where(*mine)).scalar_one()
    return int(found)


def find_series(connection: Connection, source: str, timeframe: str) -> dict[str, int]:
    """Return the numbers of a source's series at a timeframe, by instrument key, in the order in which they are shown."""
    query = select(series.c.key, series.c.id).where(series.c.source == source, series.c.timeframe == timeframe)
    return {row.key: row.id for row in connection.execute(query.order_by(series.c.place, series.c.id))}


def record(connection: Connection, number: int, given: BarSeries, arrived: datetime) -> int:
    """Keep bars that are new or differ from those kept, and return how many were kept."""
    if not len(given):
        return 0
    first, last = int(given.ts[0]), int(given.ts[-1])
    known = {int(ts): i for i, ts in enumerate(given.ts)}
    rows = []
    overlap: dict[int, tuple[int, Any]] = {}
    ends = select(series.c.first, series.c.newest, series.c.arrivals).where(series.c.id == number)
    oldest, newest, arrivals = connection.execute(ends).one()
    if newest is not None and newest >= first:
        query = select(*_COLUMNS, bars.c.revision).where(bars.c.series == number, bars.c.ts.between(first, last))
        for row in connection.execute(query.order_by(bars.c.ts, bars.c.revision)):
            overlap[row.ts] = row.revision, row[1:6]
    columns = [getattr(given, name).tolist() for name in PRICES]
    pool = given.liquidity.tolist() if given.liquidity is not None else [None] * len(given)
    volumes = given.volume.tolist()
    for ts, i in known.items():
        values = (*(column[i] for column in columns), volumes[i])
        revision = 0
        if ts in overlap:
            kept, seen = overlap[ts]
            if tuple(seen) == values:
                continue
            revision = kept + 1
        o, h, l, c, v = values
        p = None if pool[i] is None or pool[i] != pool[i] else pool[i]
        rows.append(
            {"series": number, "ts": ts, "revision": revision, "arrived": arrived, "arrival": arrivals + 1,
             "open": o, "high": h, "low": l, "close": c, "volume": v, "liquidity": p}
        )  # fmt: skip
    if rows:
        connection.execute(bars.insert(), rows)
        now = {
            "arrivals": arrivals + 1, "bars": series.c.bars + sum(row["revision"] == 0 for row in rows),
            "first": first if oldest is None else min(first, oldest), "newest": last if newest is None else max(last, newest),
        }  # fmt: skip
        connection.execute(update(series).where(series.c.id == number).values(now))
    return len(rows)


def read_bars(
    connection: Connection,
    number: int,
    instrument: Instrument,
    timeframe: str,
    start: int | None = None,
    end: int | None = None,
    arrival: int | None = None,
) -> BarSeries:
    """Return the first versions of a series' bars with `start <= ts < end`, oldest first.

    With an arrival, only what had come by then: a bar that filled a hole later is left out.
    """
    query = select(*_COLUMNS).where(bars.c.series == number, bars.c.revision == 0).order_by(bars.c.ts)
    if start is not None:
        query = query.where(bars.c.ts >= start)
    if end is not None:
        query = query.where(bars.c.ts < end)
    if arrival is not None:
        query = query.where(bars.c.arrival <= arrival)
    return _series(connection.execute(query).all(), instrument, timeframe)


def seen_bars(
    connection: Connection,
    number: int,
    instrument: Instrument,
    timeframe: str,
    begin: int,
    after: int,
    arrival: int,
    taken: Sequence[int],
) -> BarSeries:
    """Return the bars that a live session has seen from `begin` on, however late others came.

    Parameters
    ----------
    after, arrival
        Open time of the last bar before its first slice, and the writes that had brought bars when it began.
    taken
        Open times of the slices that it took and in which this instrument had a bar, rising.
    """
    history = read_bars(connection, number, instrument, timeframe, begin, after + 1, arrival)
    if not taken:
        return history
    later = read_bars(connection, number, instrument, timeframe, max(begin, after + 1), taken[-1] + 1)
    return history.joined(later[np.isin(later.ts, np.array(taken, np.int64))])


def newest_bars(connection: Connection, number: int, instrument: Instrument, timeframe: str, count: int) -> BarSeries:
    """Return the newest bars of a series, oldest first."""
    query = select(*_COLUMNS).where(bars.c.series == number, bars.c.revision == 0).order_by(bars.c.ts.desc()).limit(count)
    return _series(list(reversed(connection.execute(query).all())), instrument, timeframe)


def revisions(connection: Connection, number: int, start: int, end: int) -> int:
    """Return how many bars in a stretch were later given another price."""
    query = select(func.count()).where(bars.c.series == number, bars.c.revision > 0, bars.c.ts.between(start, end))
    return int(connection.execute(query).scalar_one())


def _series(rows: Sequence[Any], instrument: Instrument, timeframe: str) -> BarSeries:
    ts, o, h, l, c, v, p = zip(*rows, strict=True) if rows else ((),) * 7
    prices = {name: np.array(column, np.int64) for name, column in zip(PRICES, (o, h, l, c), strict=True)}
    pool = np.array([np.nan if x is None else x for x in p], np.float64)
    return BarSeries(
        instrument,
        timeframe,
        np.array(ts, np.int64),
        prices,
        np.array(v, np.float64),
        None if not len(pool) or np.isnan(pool).all() else pool,
        checked=True,
    )


def arrivals(connection: Connection, number: int) -> int:
    """Return how many writes have brought bars to a series so far."""
    return int(connection.execute(select(series.c.arrivals).where(series.c.id == number)).scalar_one())


def newest(connection: Connection, number: int) -> int | None:
    """Return the open time of a series' newest bar."""
    found: int | None = connection.execute(select(series.c.newest).where(series.c.id == number)).scalar()
    return found
