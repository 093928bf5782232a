"""Bars, slices, timeframes, and the rules a bar must obey.

A bar carries its OPEN time. Times are whole milliseconds since 1970 in UTC; they become aware datetimes at the edges.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import msgspec

from workbench.errors import BadBar, Invalid

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DAY = UNITS["d"]


class Bar(msgspec.Struct, frozen=True, gc=False):
    """The prices of one instrument over one stretch of time.

    Parameters
    ----------
    ts
        Open time, milliseconds UTC.
    open, high, low, close
        Prices, in the instrument's price decimals.
    volume
        How much was traded, in the instrument's own units.
    liquidity
        What the pool holds, in the quote currency; None where there is no pool.
    """

    ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    liquidity: Decimal | None = None


class Slice(msgspec.Struct, frozen=True):
    """The closed bars of all of a session's instruments with one open time, in the session's order.

    Parameters
    ----------
    ts
        The open time they share, milliseconds UTC.
    bars
        One place an instrument; None names a missing bar.
    late
        True if it arrived after a stretch that was missed (sleep, crash, no network).
    last
        True for the last of a dataset: there is no next open to fill at, so its close places nothing.
    """

    ts: int
    bars: tuple[Bar | None, ...]
    late: bool = False
    last: bool = False


def parse_timeframe(name: str) -> int:
    """Return a timeframe's length in milliseconds.

    Examples
    --------
    >>> parse_timeframe("5s"), parse_timeframe("1h")
    (5000, 3600000)

    Raises
    ------
    Invalid
        If it is not a whole number and one of s, m, h, d, w.
    """
    if not isinstance(name, str):
        raise Invalid("timeframe", "a whole number and one of s, m, h, d, w, such as '5s' or '1h'", name)
    return _milliseconds(name)


@cache
def _milliseconds(name: str) -> int:
    count, unit = name[:-1], name[-1:]
    if not (count.isascii() and count.isdigit() and len(count) < 10 and int(count) > 0 and unit in UNITS):
        raise Invalid("timeframe", "a whole number and one of s, m, h, d, w, such as '5s' or '1h'", name)
    return int(count) * UNITS[unit]


def show_time(ts: int) -> str:
    """Return a time as people and files write it.

    Examples
    --------
    >>> show_time(1502942400000)
    '2017-08-17T04:00:00Z'
    """
    fraction = "%S.%fZ" if ts % 1000 else "%SZ"
    return as_datetime(ts).strftime(f"%Y-%m-%dT%H:%M:{fraction}")


def as_datetime(ts: int) -> datetime:
    """Return a time as an aware datetime in UTC."""
    return datetime.fromtimestamp(ts / 1000, UTC)


def as_ts(at: datetime) -> int:
    """Return an aware datetime as milliseconds."""
    return round(at.timestamp() * 1000)


def check_bar(bar: Bar, where: str | None = None) -> None:
    """Refuse a bar that cannot be true.

    Raises
    ------
    BadBar
        If a price is not above zero, the high lies below or the low above another price, or the volume is negative.
    """
    where = where or f"the bar of {show_time(bar.ts)}"
    for field in ("open", "high", "low", "close"):
        price = getattr(bar, field)
        if not price.is_finite() or price <= 0:
            raise BadBar(where, field, "a price above zero", str(price))
    if bar.high < max(bar.open, bar.close, bar.low):
        raise BadBar(where, "high", f"at least {max(bar.open, bar.close, bar.low)}, the bar's highest price", str(bar.high))
    if bar.low > min(bar.open, bar.close):
        raise BadBar(where, "low", f"at most {min(bar.open, bar.close)}, the bar's lowest price", str(bar.low))
    if not bar.volume.is_finite() or bar.volume < 0:
        raise BadBar(where, "volume", "zero or more", str(bar.volume))


def check_order(earlier: int, later: int, timeframe: int, where: str | None = None) -> None:
    """Refuse a bar whose time does not move forward, or does not lie on the timeframe's grid.

    Raises
    ------
    BadBar
        If time goes backwards, repeats, or falls between two bars.
    """
    where = where or f"the bar of {show_time(later)}"
    if later == earlier:
        raise BadBar(where, "ts", "each open time once", f"{show_time(later)} a second time")
    if later < earlier:
        raise BadBar(where, "ts", f"a time after {show_time(earlier)}", show_time(later))
    if (later - earlier) % timeframe:
        raise BadBar(where, "ts", f"a whole number of bars after {show_time(earlier)}", show_time(later))
