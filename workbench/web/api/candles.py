"""Candles: the recorded bars of a token at a timeframe, or what they come to at a coarser one."""

from typing import Annotated

from litestar import get
from litestar.datastructures import State
from litestar.params import FromPath, QueryParameter

from workbench.desk import Desk
from workbench.store.market import MOST_CANDLES, CandleRow, market_named, read_candles
from workbench.web.api import shapes
from workbench.web.api.envelope import Told, answer, iso
from workbench.web.api.paging import Before, Text, When, moment
from workbench.web.candles import is_closed, show_volume

Count = Annotated[int, QueryParameter(ge=1, le=MOST_CANDLES, description="So many at most.")]


@get("/paper-trading/api/candles/{symbol:str}/", sync_to_thread=True)
def candles(
    state: State,
    symbol: FromPath[str],
    timeframe: Text = "",
    source: Text = "",
    since: When = "",
    until: When = "",
    before: Before = None,
    limit: Count = 500,
) -> Told[shapes.Candles]:
    """List a token's candles, oldest first; `BTC-USDT` stands for `BTC/USDT`.

    With `since` they are the first that open at it or later, and `next` is the `since` of those that follow. Without it
    they are the newest that open before `until`, and `next` is the `until` of those that came before. As in every list,
    `before` takes the `next` of an answer too, beside what was asked for it.
    """
    desk: Desk = state.desk
    begin, end = moment("since", since), moment("until", until)
    if before is not None:
        if begin is None:
            end = before if end is None else min(before, end)
        else:
            begin = max(before, begin)
    with desk.store.read() as connection:
        market = market_named(connection, symbol, source)
        chosen = timeframe or market.finest.timeframe
        parts = market.parts(chosen)
        rows = read_candles(connection, market, chosen, since=begin, until=end, limit=limit + 1)
    shown = rows[:limit] if begin is not None else rows[-limit:]
    cursor = None
    if len(rows) > limit:
        cursor = rows[-1].ts if begin is not None else shown[0].ts
    closed = max(row.closed for row in parts)
    items = [candle_shape(row, is_closed(row, chosen, closed)) for row in shown]
    return answer(
        shapes.Candles(
            symbol=market.instrument.symbol,
            source=market.source,
            timeframe=chosen,
            timeframes=market.timeframes,
            items=tuple(items),
            next=cursor,
        )
    )


def candle_shape(row: CandleRow, closed: bool) -> shapes.Candle:
    """Return a candle as answers carry it; one that is not closed yet may change."""
    return shapes.Candle(
        ts=iso(row.ts), open=row.open, high=row.high, low=row.low, close=row.close,
        volume=show_volume(row.volume), bars=row.bars, is_closed=closed,
    )  # fmt: skip


handlers = [candles]
