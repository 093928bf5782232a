"""Record the newest prices of a source's tokens, for the strip of the dashboard and for sessions to come."""

from typing import Final

from workbench.actions.runner import fetch
from workbench.desk import Desk
from workbench.domain.bars import parse_timeframe
from workbench.store import recorded

STRIP_BARS: Final = 60


def refresh_prices(desk: Desk, source: str = "simulated", timeframe: str = "5s") -> int:
    """Record the bars that have closed since the last look, at most a strip's worth, and return how many there were.

    Raises
    ------
    NotFound
        If there is no such source.
    SourceUnavailable
        If it gives no prices just now.
    """
    length = parse_timeframe(timeframe)
    end = desk.now() // length * length
    instruments = desk.source(source).instruments()
    with desk.store.read() as connection:
        known = recorded.find_series(connection, source, timeframe)
        newest = {key: recorded.newest(connection, number) for key, number in known.items()}
    fresh = []
    for instrument in instruments:
        seen = newest.get(instrument.key)
        start = end - STRIP_BARS * length if seen is None else max(seen + length, end - STRIP_BARS * length)
        if start < end:
            fresh.append(fetch(desk, source, instrument, timeframe, start, end))
    if not fresh:
        return 0
    count = 0
    with desk.store.write(durable=False) as connection:
        places = {instrument.key: place for place, instrument in enumerate(instruments)}
        for series in fresh:
            number = recorded.series_id(connection, source, series.instrument, timeframe, places[series.instrument.key])
            count += recorded.record(connection, number, series, desk.at)
    return count
