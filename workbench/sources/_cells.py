"""The cells of a candle file as whole numbers: open times in milliseconds, prices in their smallest step.

Whole columns are worked out at once. Only when one holds something that it may not is the first such row looked for, and
said with its place, its column, what was expected and what was found.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.domain.bars import show_time
from workbench.domain.money import quantum
from workbench.engine.series import Floats, Ints, to_steps
from workbench.errors import BadBar, Invalid

EPOCH: Final = "seconds, milliseconds, microseconds or nanoseconds since 1970, from 1973 on"
_LARGEST: Final = 2**62
_YEAR_1: Final = -62_135_596_800_000
_YEAR_10000: Final = 253_402_300_800_000
# Long enough for any number that a file can name below 2**62 steps, so that it is rounded once.
_LONG: Final = Context(prec=2000, rounding=ROUND_HALF_EVEN)


class Rows:
    """Says where in a file a row stands: its line if the file has lines, otherwise its number, and its open time once known.

    Parameters
    ----------
    file
        The file's name, without its folder.
    lines
        The line on which each row stands, counted from 1 with the header; None where a file has no lines.
    """

    def __init__(self, file: str, lines: Ints | None = None) -> None:
        self.file, self.lines = file, lines
        self.ts: Ints | None = None

    def where(self, i: int) -> str:
        """Return the place of a row, such as `"x.csv, line 17 (2021-01-01T16:00:00Z)"`."""
        place = f"row {i + 1}" if self.lines is None else f"line {self.lines[i]}"
        time = "" if self.ts is None else f" ({show_time(int(self.ts[i]))})"
        return f"{self.file}, {place}{time}"

    def refuse(self, bad: "NDArray[np.bool_] | pl.Series", column: pl.Series, expected: str) -> None:
        """Refuse the first row that is marked as bad, if there is one."""
        for i in np.flatnonzero(np.asarray(bad))[:1].tolist():
            found = column[i]
            if found is None or found == "":
                found = "an empty cell"
            raise BadBar(self.where(i), column.name, expected, found if isinstance(found, (str, int, float)) else str(found))


def open_times(column: pl.Series, rows: Rows) -> Ints:
    """Return open times in milliseconds UTC: numbers by their size, text as ISO; what names no zone is UTC.

    Raises
    ------
    BadBar
        If a cell is no time.
    Invalid
        If the column holds something else altogether.
    """
    if column.dtype == pl.String:
        column = column.str.strip_chars()
        first = column.drop_nulls()[:1].cast(pl.Float64, strict=False)
        return _iso(column, rows) if first.null_count() else _epoch(column, rows)
    if column.dtype.is_numeric():
        return _epoch(column, rows)
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _whole_milliseconds(column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column, column, rows)
    raise Invalid(f"{rows.file}, {column.name}", "a column of times", str(column.dtype))


def _epoch(column: pl.Series, rows: Rows) -> Ints:
    """Tell the unit of each time by its size: from 1973 to 5138 the four do not overlap."""
    whole = column.cast(pl.Int64, strict=False) if not column.dtype.is_float() else None
    if whole is not None and whole.null_count() == 0:
        numbers: Ints = whole.to_numpy()
        rows.refuse(numbers < 10**8, column, EPOCH)
        divisor = np.select([numbers < 10**14, numbers < 10**17], [1, 1000], 1_000_000)
        rows.refuse(numbers % divisor != 0, column, "a time of whole milliseconds")
        seconds = numbers < 10**11
        return np.asarray(numbers // divisor * np.where(seconds, 1000, 1), np.int64)
    floats: Floats = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    rows.refuse(~((floats >= 1e8) & (floats < 1e20)), column, EPOCH)
    scale = np.select([floats < 1e11, floats < 1e14, floats < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    return np.asarray(np.rint(floats * scale), np.int64)


def _iso(column: pl.Series, rows: Rows) -> Ints:
    """Bring every spelling to one, and read that."""
    text = column.str.replace(r"^(\d{4}-\d{2}-\d{2})[Tt]", "${1} ").str.replace(r"\s*(?:[Zz]|UTC|GMT)$", "+00:00")
    text = text.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1} 00:00:00")
    text = text.str.replace(r"^(\S+ \d{2}:\d{2})($|[+-])", "${1}:00${2}")
    text = text.str.replace(r"^(\S+ \d{2}:\d{2}:\d{2}(?:\.\d+)?)$", "${1}+00:00")
    times = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    return _whole_milliseconds(times, column, rows)


def _whole_milliseconds(times: pl.Series, column: pl.Series, rows: Rows) -> Ints:
    """Return UTC milliseconds of datetimes, which must not be finer."""
    rows.refuse(times.is_null(), column, "an open time such as 2024-01-01 00:00:00")
    ts = times.dt.epoch("ms").to_numpy().astype(np.int64)
    rows.refuse(times.dt.epoch("us").to_numpy() % 1000 != 0, column, "a time of whole milliseconds")
    rows.refuse((ts < _YEAR_1) | (ts >= _YEAR_10000), column, "a time between the years 1 and 9999")
    return ts


def finite(column: pl.Series, rows: Rows) -> Floats:
    """Return a column of finite numbers as floats.

    Raises
    ------
    BadBar
        If a cell is empty, no number or not finite.
    Invalid
        If the column holds something else altogether.
    """
    if column.dtype != pl.String and not column.dtype.is_numeric():
        raise Invalid(f"{rows.file}, {column.name}", "a column of numbers", str(column.dtype))
    floats = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    rows.refuse(~np.isfinite(floats), column, "a number")
    return floats


def price_steps(column: pl.Series, floats: Floats, decimals: int, rows: Rows) -> Ints:
    """Return prices in the smallest step, rounded half-even once from their exact text.

    Parameters
    ----------
    column
        The prices as the file has them.
    floats
        The same, from `finite`.
    decimals
        The price decimals of the instrument.

    Raises
    ------
    BadBar
        If a price is not above zero, or too small or too large to be counted in steps.
    """
    rows.refuse(floats <= 0, column, "a price above zero")
    limit = _LARGEST / 10**decimals
    rows.refuse(floats >= limit, column, f"a price below {limit:.3g}, the most that {decimals} decimals leave room for")
    steps = to_steps(floats, decimals) if column.dtype.is_float() else _steps_of_text(column.cast(pl.String), decimals)
    rows.refuse(steps < 1, column, f"at least {quantum(decimals):f}, the smallest step")
    return steps


def _steps_of_text(column: pl.Series, decimals: int) -> Ints:
    """Cut plain digits behind the step and round by what was cut off; take other spellings one by one."""
    pieces = column.str.splitn(".", 2)
    whole, behind = pieces.struct.field("field_0"), pieces.struct.field("field_1").fill_null("")
    plain = column.str.contains(r"^\d+\.?\d*$").to_numpy()
    kept = pl.select(whole + behind.str.pad_end(decimals, "0").str.slice(0, decimals)).to_series()
    steps = kept.cast(pl.Int64, strict=False).fill_null(0).to_numpy().copy()
    cut = behind.str.slice(decimals)
    if (cut != "").any():
        above = cut.str.contains(r"^(?:[6-9]|5\d*[1-9])").to_numpy()
        tie = cut.str.contains(r"^50*$").to_numpy()
        steps += above | (tie & (steps % 2 == 1))
    for i in np.flatnonzero(~plain).tolist():
        exact = Decimal(column[i]).quantize(quantum(decimals), context=_LONG)
        steps[i] = int(exact.scaleb(decimals, context=_LONG))
    return steps
