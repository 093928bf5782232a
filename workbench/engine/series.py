"""`BarSeries`: many bars of one instrument as exact whole-number columns.

Prices are kept as int64 counts of the instrument's smallest price step. Strategies read them as float64: a division of
two whole numbers below 2**53 is rounded correctly, so `close` is to the bit what `float(Decimal)` gives.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.domain.bars import Bar, check_bar, check_order, parse_timeframe, show_time
from workbench.domain.instruments import Instrument, pair
from workbench.domain.money import LEDGER, rounded, to_decimal, units
from workbench.errors import BadBar, Invalid

if TYPE_CHECKING:
    import polars as pl

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PRICES: Final = ("open", "high", "low", "close")
_LARGEST: Final = 2**62


class Hole(msgspec.Struct, frozen=True):
    """A stretch in which bars are absent: the open time of the first missing bar, and how many."""

    ts: int
    missing: int


class BarSeries:
    """The bars of one instrument at one timeframe, oldest first, checked when it is made.

    Parameters
    ----------
    instrument
        What the prices are of.
    timeframe
        Its name, such as `"1h"`.
    ts
        Open times, milliseconds UTC, shape (n,), rising, on the timeframe's grid.
    prices
        Open, high, low and close in the smallest price step, each int64 of shape (n,).
    volume, liquidity
        float64 of shape (n,); liquidity is None where there is no pool.

    Raises
    ------
    BadBar
        If a bar cannot be true or time does not move forward.
    """

    def __init__(
        self,
        instrument: Instrument,
        timeframe: str,
        ts: Ints,
        prices: Mapping[str, Ints],
        volume: Floats,
        liquidity: Floats | None = None,
        *,
        checked: bool = False,
    ) -> None:
        self.instrument, self.timeframe, self.step = instrument, timeframe, parse_timeframe(timeframe)
        self.ts = ts
        self.open, self.high, self.low, self.close = (prices[name] for name in PRICES)
        self.volume, self.liquidity = volume, liquidity
        if not checked:
            self._check()

    def _check(self) -> None:
        """Look for a suspect row with whole columns, and let the rules of one bar speak about it."""
        opens = np.minimum(np.minimum(self.open, self.close), np.minimum(self.high, self.low))
        with np.errstate(invalid="ignore"):
            suspect = (
                (opens <= 0) | (self.high < np.maximum(self.open, self.close)) | (self.low > np.minimum(self.open, self.close))
            )
            suspect |= (self.high < self.low) | ~(self.volume >= 0) | ~np.isfinite(self.volume)
        for i in np.flatnonzero(suspect)[:1]:
            check_bar(self.bar(int(i)))
        steps = np.diff(self.ts)
        for i in np.flatnonzero((steps <= 0) | (steps % self.step != 0))[:1]:
            check_order(int(self.ts[i]), int(self.ts[i + 1]), self.step)

    @classmethod
    def from_bars(cls, instrument: Instrument, timeframe: str, bars: Sequence[Bar]) -> "BarSeries":
        """Return the series of these bars."""
        decimals = instrument.price_decimals
        columns = {name: np.array([units(getattr(b, name), decimals) for b in bars], np.int64) for name in PRICES}
        pool = np.array([float(b.liquidity) if b.liquidity is not None else np.nan for b in bars])
        return cls(
            instrument,
            timeframe,
            np.array([b.ts for b in bars], np.int64),
            columns,
            np.array([float(b.volume) for b in bars]),
            None if np.isnan(pool).all() else pool,
        )

    @classmethod
    def from_frame(cls, frame: Any, symbol: str | Instrument = "TOKEN/USD", timeframe: str | None = None) -> "BarSeries":
        """Return the series of a Polars or pandas frame with columns ts (or a DatetimeIndex), open, high, low, close, volume.

        Parameters
        ----------
        frame
            A `polars.DataFrame`, or a pandas one; capitals in the column names do not matter.
        symbol
            A symbol, or the instrument itself.
        timeframe
            Such as `"1h"`; found from the commonest step of time where None.

        Raises
        ------
        Invalid
            If a column is missing or the timeframe cannot be found.
        BadBar
            If a bar cannot be true.
        """
        table = _polars(frame)
        _check_names(table.columns)
        table = table.rename({name: name.lower() for name in table.columns if name != name.lower()})
        ts = _open_times(table)
        for name in PRICES:
            if name not in table.columns:
                raise Invalid("bars", f"a column {name!r}", ", ".join(table.columns))
        if len(ts) == 0:
            raise Invalid("bars", "at least one bar", "an empty frame")
        floats = {name: _numbers(table, name) for name in PRICES}
        for name, column in floats.items():
            for i in np.flatnonzero(~np.isfinite(column))[:1]:
                raise BadBar(f"the bar of {show_time(int(ts[i]))}", name, "a price above zero", str(column[i]))
        volume = _numbers(table, "volume") if "volume" in table.columns else np.zeros(len(ts))
        for i in np.flatnonzero(~np.isfinite(volume))[:1]:
            raise BadBar(f"the bar of {show_time(int(ts[i]))}", "volume", "zero or more", str(volume[i]))
        liquidity = _numbers(table, "liquidity") if "liquidity" in table.columns else None
        instrument = (
            symbol
            if isinstance(symbol, Instrument)
            else pair(symbol, price_decimals_for(floats["low"]), size_decimals_for(floats["low"]))
        )
        check_digits(floats["low"], instrument.price_decimals)
        prices = {name: to_steps(column, instrument.price_decimals) for name, column in floats.items()}
        return cls(instrument, timeframe or commonest_timeframe(ts), ts, prices, volume, liquidity)

    def __len__(self) -> int:
        return len(self.ts)

    def __repr__(self) -> str:
        span = f"{show_time(int(self.ts[0]))} to {show_time(int(self.ts[-1]))}" if len(self) else "empty"
        return f"BarSeries({self.instrument.symbol}, {self.timeframe}, {len(self):,} bars, {span}, {self.missing:,} missing)"

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[10:-1]}</p>{self.frame.head(5)._repr_html_()}"

    def bar(self, i: int) -> Bar:
        """Return the bar at one place."""
        decimals = self.instrument.price_decimals
        o, h, l, c = (
            Decimal(int(column[i])).scaleb(-decimals, context=LEDGER) for column in (self.open, self.high, self.low, self.close)
        )
        pool = None if self.liquidity is None or np.isnan(self.liquidity[i]) else to_decimal(float(self.liquidity[i]))
        return Bar(int(self.ts[i]), o, h, l, c, to_decimal(float(self.volume[i])), pool)

    def bars(self) -> Iterator[Bar]:
        """Yield the bars, oldest first."""
        decimals = -self.instrument.price_decimals
        scale = [[Decimal(n).scaleb(decimals, context=LEDGER) for n in getattr(self, name).tolist()] for name in PRICES]
        pool: Iterable[float | None] = [None] * len(self) if self.liquidity is None else self.liquidity.tolist()
        for ts, o, h, l, c, v, p in zip(self.ts.tolist(), *scale, self.volume.tolist(), pool, strict=True):
            yield Bar(ts, o, h, l, c, Decimal(repr(v)), None if p is None or p != p else Decimal(repr(p)))

    def floats(self, name: str) -> Floats:
        """Return a price column as float64, each value the nearest to its exact decimal."""
        column: Ints = getattr(self, name)
        return column / float(10**self.instrument.price_decimals)

    def between(self, start: int | None = None, end: int | None = None) -> "BarSeries":
        """Return the bars with `start <= ts < end`; None leaves a side open."""
        low = 0 if start is None else int(np.searchsorted(self.ts, start))
        high = len(self) if end is None else int(np.searchsorted(self.ts, end))
        return self[low:high]

    def joined(self, later: "BarSeries") -> "BarSeries":
        """Return these bars with later ones after them."""
        if not len(later):
            return self
        prices = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in PRICES}
        pool = None
        if self.liquidity is not None or later.liquidity is not None:
            parts = (self, later)
            pool = np.concatenate([np.full(len(s), np.nan) if s.liquidity is None else s.liquidity for s in parts])
        ts, volume = np.concatenate([self.ts, later.ts]), np.concatenate([self.volume, later.volume])
        return BarSeries(self.instrument, self.timeframe, ts, prices, volume, pool, checked=True)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> "BarSeries":
        prices = {name: getattr(self, name)[rows] for name in PRICES}
        pool = None if self.liquidity is None else self.liquidity[rows]
        return BarSeries(self.instrument, self.timeframe, self.ts[rows], prices, self.volume[rows], pool, checked=True)

    @cached_property
    def holes(self) -> tuple[Hole, ...]:
        """The stretches in which bars are absent."""
        steps = np.diff(self.ts) // self.step
        return tuple(Hole(int(self.ts[i]) + self.step, int(steps[i]) - 1) for i in np.flatnonzero(steps > 1))

    @property
    def missing(self) -> int:
        """How many bars are absent between the first and the last."""
        return sum(hole.missing for hole in self.holes)

    @cached_property
    def frame(self) -> "pl.DataFrame":
        """The bars as a Polars frame: ts (datetime, UTC), open, high, low, close, volume and, where known, liquidity."""
        import polars as pl

        columns: dict[str, Any] = {"ts": self.ts, **{name: self.floats(name) for name in PRICES}, "volume": self.volume}
        if self.liquidity is not None:
            columns["liquidity"] = self.liquidity
        return pl.DataFrame(columns).with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC")))


def to_steps(values: Floats, decimals: int) -> Ints:
    """Return float prices as whole numbers of the smallest step, through their shortest decimal text, half-even.

    `rint(x * 10**d)` alone differs from the text on thousands of real closes. Where its result has at most 15 digits and
    divides back to the very same float, it is the shortest text; every other value goes through the text itself.
    """
    scale = float(10**decimals)
    near = np.rint(values * scale)
    sure = (near / scale == values) & (np.abs(near) < 1e15)
    out = np.where(sure, near, 0).astype(np.int64)
    for i in np.flatnonzero(~sure):
        # Asked of the float first: a decimal of more than 28 digits could not be rounded at all.
        if not abs(values[i]) * scale < _LARGEST:
            raise Invalid("price", f"below {_LARGEST / scale:.3g} with {decimals} decimals", float(values[i]))
        out[i] = units(rounded(to_decimal(float(values[i])), decimals), decimals)
    return out


def price_decimals_for(lows: Floats) -> int:
    """Return the price decimals of a file's instrument: 8, or 12 if the smallest price is below 0.01."""
    return 12 if len(lows) and float(np.min(lows)) < 0.01 else 8


def size_decimals_for(lows: Floats) -> int:
    """Return the size decimals of a file's instrument: 8, or 2 if the smallest price is below a millionth.

    Of so cheap a token one holds so many that 8 decimals more would not leave room for an exact product.
    """
    return 2 if len(lows) and float(np.min(lows)) < 1e-6 else 8


def check_digits(lows: Floats, decimals: int) -> None:
    """Refuse prices of which the decimals would leave next to nothing.

    Raises
    ------
    Invalid
        If the usual price has less than a hundred smallest steps.
    """
    usual, least = float(np.median(lows)), 100 / 10**decimals
    if 0 < usual < least:
        raise Invalid(
            "price", f"usually at least {least:g}; for less, give an Instrument with more price_decimals as the symbol", usual
        )


def commonest_timeframe(ts: Ints) -> str:
    """Return the timeframe that most steps of time have.

    Raises
    ------
    Invalid
        If there are fewer than two bars, or the commonest step is no whole number of seconds.
    """
    steps = np.diff(ts)
    steps = steps[steps > 0]
    if len(steps) == 0:
        raise Invalid("timeframe", "a name such as '1h', because it cannot be found from fewer than two bars", None)
    values, counts = np.unique(steps, return_counts=True)
    step = int(values[np.argmax(counts)])
    for unit, length in (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if step % length == 0:
            return f"{step // length}{unit}"
    raise Invalid("timeframe", "steps of whole seconds", f"{step} ms")


def _polars(frame: Any) -> "pl.DataFrame":
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns"):
        is_indexed = type(frame.index).__name__ == "DatetimeIndex"
        _check_names([*([frame.index.name or "index"] if is_indexed else []), *frame.columns])
        return pl.from_pandas(frame.reset_index() if is_indexed else frame)
    raise Invalid("bars", "a bar series, or a Polars or pandas frame", type(frame).__name__)


def _check_names(names: Iterable[Any]) -> None:
    """Refuse columns that are called the same; capitals do not tell two apart."""
    found: dict[str, Any] = {}
    for name in names:
        plain = str(name).lower()
        if plain in found:
            raise Invalid("bars", "each column once", f"the columns {found[plain]!r} and {name!r}")
        found[plain] = name


def _numbers(table: "pl.DataFrame", name: str) -> Floats:
    import polars as pl

    column = table[name]
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        raise Invalid(name, "a column of numbers", str(column.dtype))
    floats = column.cast(pl.Float64, strict=False)
    for i in np.flatnonzero((floats.is_null() & column.is_not_null()).to_numpy())[:1]:
        raise Invalid(name, "a column of numbers", str(column[int(i)]))
    return floats.to_numpy().astype(np.float64)


def _open_times(table: "pl.DataFrame") -> Ints:
    import polars as pl

    for name in ("ts", "timestamp", "date", "datetime", "time", "open_time", "index"):
        if name in table.columns:
            column = table[name]
            if column.dtype == pl.String:
                column = column.str.to_datetime(time_unit="ms", time_zone="UTC", strict=False)
            if column.dtype.is_numeric():
                # What is no whole number of 64 bits, such as NaN, becomes nothing.
                column = column.cast(pl.Int64, strict=False)
            if column.null_count():
                raise Invalid("bars", f"an open time in every row of {name!r}", "one that is empty or no time")
            if isinstance(column.dtype, (pl.Date, pl.Datetime)):
                return column.dt.epoch("ms").to_numpy().astype(np.int64)
            if column.dtype.is_numeric():
                ts = column.to_numpy().astype(np.int64)
                size = abs(int(ts[0])) if len(ts) else 0
                # Seconds, milliseconds, microseconds or nanoseconds: from 1973 to 5138 their sizes do not overlap.
                return ts * 1000 if size < 10**11 else ts if size < 10**14 else ts // 1000 if size < 10**17 else ts // 10**6
    raise Invalid("bars", "a column 'ts' with the open times", ", ".join(table.columns))
