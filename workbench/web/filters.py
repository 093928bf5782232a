"""How pages write numbers, times and words; every filter is a plain function of one value.

Signs are told by a true minus and a plus, never by colour alone. Numbers in a column have one number of decimals, so
that their points stand below each other.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from markupsafe import Markup

from workbench.domain.bars import DAY, as_datetime, as_ts
from workbench.web.zone import is_told_twice, local, zone_key

Number = Decimal | float | int
MINUS: Final = "\u2212"
NARROW: Final = "\u202f"
"""A narrow space that does not break: between a number and its unit."""
NOTHING: Final = "–"

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
_SIGNIFICANT: Final = 5
_TIMES: Final = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z")


def _plain(value: Number, places: int) -> str:
    text = f"{abs(value):,.{places}f}"
    return text if value >= 0 or not text.strip("0.,") else MINUS + text


def money(value: Number | None, places: int = 2) -> str:
    """Return an amount with a fixed number of decimals.

    Examples
    --------
    >>> money(Decimal("10486.1234")), money(Decimal("-3.5"))
    ('10,486.12', '−3.50')
    """
    return NOTHING if value is None else _plain(value, places)


def signed(value: Number | None, places: int = 2) -> str:
    """Return an amount that says which way it goes.

    Examples
    --------
    >>> signed(126.4), signed(-12.4), signed(0)
    ('+126.40', '−12.40', '0.00')
    """
    if value is None:
        return NOTHING
    text = _plain(value, places)
    return "+" + text if value > 0 and text.strip("0.,") else text


def percent(share: Number | None, places: int = 1) -> str:
    """Return a share (0 to 1) in percent.

    Examples
    --------
    >>> percent(0.5833)
    '58.3\u202f%'
    """
    return NOTHING if share is None else f"{_plain(share * 100, places)}{NARROW}%"


def signed_percent(share: Number | None, places: int = 2) -> str:
    """Return a share in percent that says which way it goes."""
    return NOTHING if share is None else f"{signed(share * 100, places)}{NARROW}%"


def direction(value: Number | None, places: int = 2) -> str:
    """Return `gain`, `loss`, or nothing for what is zero as far as it is shown."""
    if value is None or not f"{abs(value):.{places}f}".strip("0."):
        return ""
    return "gain" if value > 0 else "loss"


def arrow(value: Number | None, places: int = 2) -> str:
    """Return the arrow that goes with `direction`."""
    return {"gain": "▲", "loss": "▼", "": "◆"}[direction(value, places)]


def decimals_for(value: Number, most: int = 12) -> int:
    """Return how many decimals show about five digits that matter, at least two and at most `most`."""
    size = abs(float(value))
    if size >= 100 or size == 0:
        return 2
    if size >= 1:
        return min(4, most)
    return max(min(_SIGNIFICANT - 1 - math.floor(math.log10(size)), most), 2)


def price(value: Number | None, most: int = 12) -> str:
    """Return a price with decimals that suit its size, so that small ones can be read.

    Examples
    --------
    >>> price(Decimal("97880.1")), price(Decimal("1.28414")), price(Decimal("0.0003312"))
    ('97,880.10', '1.2841', '0.00033120')
    """
    return NOTHING if value is None else _plain(value, decimals_for(value, most))


def quantity(value: Number | None) -> str:
    """Return how much of something, with about five digits that matter.

    Examples
    --------
    >>> quantity(Decimal("118400.25")), quantity(Decimal("0.29261111"))
    ('118,400', '0.29261')
    """
    if value is None:
        return NOTHING
    size = abs(float(value))
    if size == 0:
        return "0"
    return _plain(value, max(0, min(_SIGNIFICANT - 1 - math.floor(math.log10(size)), 12)))


def figure(value: float | None) -> str:
    """Return a factor or a gate's value: whole where it is whole, otherwise with the digits that matter.

    Examples
    --------
    >>> figure(20), figure(12.3456), figure(0.000012), figure(None)
    ('20', '12.35', '0.000012000', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == int(value) and abs(value) < 1e12:
        return _plain(value, 0)
    return _plain(value, 2 if abs(value) >= 1 else decimals_for(value))


def clock(ts: int | None) -> str:
    """Return the time of day on the zone's clocks; with the offset from UTC in an hour that they show twice."""
    if ts is None:
        return NOTHING
    at = local(ts)
    return f"{at:%H:%M:%S}{offset(ts)}" if is_told_twice(at) else at.strftime("%H:%M:%S")


def offset(ts: int) -> str:
    """Return how far the zone's clocks are from UTC at a time, such as `+01:00`."""
    return f"{local(ts):%z}"[:3] + ":" + f"{local(ts):%z}"[3:5]


def day(ts: int | None) -> str:
    """Return the day on the zone's calendar, such as `23 Nov 2026`."""
    if ts is None:
        return NOTHING
    at = local(ts)
    return f"{at.day} {at:%b %Y}"


def utc_day(ts: int) -> str:
    """Return the UTC day, which is what is counted by the day."""
    at = as_datetime(ts)
    return f"{at.day} {at:%b %Y}"


def moment(ts: int | None) -> str:
    """Return the whole time, with its zone: `UTC`, or the offset from it."""
    if ts is None:
        return NOTHING
    at = local(ts)
    return f"{at:%Y-%m-%d %H:%M:%S} {'UTC' if zone_key() == 'UTC' else offset(ts)}"


def utc(ts: int) -> str:
    """Return the whole time in UTC, for who hovers over one that is shown in another zone."""
    return as_datetime(ts).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(ts: int) -> str:
    """Return a time for a `datetime` attribute."""
    return as_datetime(ts).strftime("%Y-%m-%dT%H:%M:%SZ")


def same_day(ts: int, other: int) -> bool:
    """Return whether two times lie in one day of the zone's calendar."""
    return abs(ts - other) < 2 * DAY and local(ts).date() == local(other).date()


def duration(milliseconds: Number | None) -> str:
    """Return a stretch of time in its two largest units.

    Examples
    --------
    >>> duration(42_000), duration(7_500_000), duration(2 * 86_400_000)
    ('42 s', '2 h 05 min', '2 d 0 h')
    """
    if milliseconds is None:
        return NOTHING
    left = max(0, int(milliseconds))
    if left < _MINUTE:
        return f"{left // _SECOND} s"
    if left < _HOUR:
        return f"{left // _MINUTE} min"
    if left < DAY:
        return f"{left // _HOUR} h {left % _HOUR // _MINUTE:02d} min"
    return f"{left // DAY} d {left % DAY // _HOUR} h"


def age(milliseconds: int) -> str:
    """Return how old something is, in its largest unit, as the script beside it does.

    Examples
    --------
    >>> age(2_400), age(61_000), age(7_500_000)
    ('2 s', '1 min', '2 h')
    """
    left = max(0, milliseconds)
    for length, unit in ((DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if left >= length:
            return f"{left // length} {unit}"
    return f"{left // _SECOND} s"


def short(name: str, head: int = 6, tail: int = 4) -> str:
    """Return a long id shortened in the middle.

    Examples
    --------
    >>> short("3f2b9c1e-8a7d-4c6b-9e0f-1a2b3c4d5e6f")
    '3f2b9c…5e6f'
    """
    return name if len(name) <= head + tail + 1 else f"{name[:head]}…{name[-tail:]}"


def words(name: str) -> str:
    """Return a name of the code as people read it: `stop_loss` is `stop loss`."""
    return name.replace("_", " ")


def sentence(said: str) -> str:
    """Return a sentence of the engine as pages write it: its times are the zone's, and no line ends before a percent sign.

    Examples
    --------
    >>> sentence("Due at 2026-11-26T13:00:00Z, 5 % above.")
    'Due at 2026-11-26 13:00:00 UTC, 5\u202f% above.'
    """
    return _TIMES.sub(_zoned, said).replace(" %", f"{NARROW}%")


def _zoned(found: re.Match[str]) -> str:
    return moment(as_ts(datetime.fromisoformat(found[0])))


def plain_number(value: Number | None) -> str:
    """Return a number for a form's field: its digits and nothing else."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:g}"


def spark(values: Sequence[float], width: float = 72, height: float = 22, pad: float = 2) -> str:
    """Return the points of a sparkline's polyline.

    Examples
    --------
    >>> spark([1.0, 2.0, 1.5], 10, 10, 1)
    '0.0,9.0 5.0,1.0 10.0,5.0'
    """
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    tall, step = height - 2 * pad, width / (len(values) - 1)
    middle = height / 2
    heights: Iterable[float] = (
        (height - pad - (value - low) / (high - low) * tall for value in values) if high > low else (middle for _ in values)
    )
    return " ".join(f"{i * step:.1f},{y:.1f}" for i, y in enumerate(heights))


def island(value: Any) -> Markup:
    """Return a struct as JSON that may stand inside a `<script type="application/json">`."""
    text = msgspec.json.encode(value).decode()
    # A data block ends at the first "</script", wherever it stands.
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    function.__name__: function
    for function in (
        money, signed, percent, signed_percent, direction, arrow, price, quantity, figure, clock, day, utc_day, moment, utc, iso,
        duration,
        age, short, words, sentence, plain_number, spark, island,
    )
}  # fmt: skip
TESTS: Final[dict[str, Callable[..., bool]]] = {"same_day": same_day}
