"""Candles and charts as pages, their scripts and answers have them."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from workbench.domain.bars import parse_timeframe
from workbench.store.market import CandleRow, slug
from workbench.web.filters import plain_number
from workbench.web.page import ROOT

MARKETS: Final = f"{ROOT}/markets/"
CANDLES: Final = f"{ROOT}/api/candles/"


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A candle as the chart's script reads it: when it opens, in seconds, and its prices and volume to the last digit."""

    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str


def points(rows: Sequence[CandleRow]) -> list[Point]:
    """Return candles as the chart's script reads them."""
    return [
        Point(
            row.ts // 1000, plain_number(row.open), plain_number(row.high), plain_number(row.low), plain_number(row.close),
            show_volume(row.volume),
        )
        for row in rows
    ]  # fmt: skip


def show_volume(volume: float) -> str:
    """Return a volume in plain digits.

    Examples
    --------
    >>> show_volume(0.8187200000000001), show_volume(1200.0), show_volume(0.0)
    ('0.81872', '1200', '0')
    """
    return f"{volume:.8f}".rstrip("0").rstrip(".")


def is_closed(row: CandleRow, timeframe: str, closed: int) -> bool:
    """Return whether nothing can be added to a candle any more, given when the newest bar that makes it closed."""
    return row.ts + parse_timeframe(timeframe) <= closed


def market_address(symbol: str, **asked: Any) -> str:
    """Return the address of a symbol's chart.

    Examples
    --------
    >>> market_address("BTC/USDT", timeframe="1h", account="")
    '/paper-trading/markets/BTC-USDT/?timeframe=1h'
    """
    return _address(MARKETS, symbol, asked)


def candles_address(symbol: str, **asked: Any) -> str:
    """Return the address of a symbol's candles as JSON."""
    return _address(CANDLES, symbol, asked)


def _address(path: str, symbol: str, asked: dict[str, Any]) -> str:
    given = {name: value for name, value in asked.items() if value not in ("", None)}
    return f"{path}{quote(slug(symbol), safe='')}/" + (f"?{urlencode(given)}" if given else "")
