"""Candles from a file: csv, csv.gz, parquet or feather, in the layouts that people have.

Columns are found by name, so their order does not matter. Bars are stamped with their open time, in UTC. Whatever is
wrong with a file is said with its row, its column, what was expected and what was found. Nothing is filled in.
"""

import gzip
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from workbench.domain.bars import Bar, check_bar, check_order, parse_timeframe, show_time
from workbench.domain.instruments import Instrument, pair
from workbench.domain.money import rounded, to_decimal, units
from workbench.engine.series import PRICES, BarSeries, Floats, Ints, commonest_timeframe, price_decimals_for, to_steps
from workbench.errors import BadBar, Invalid, Malformed, NotFound
from workbench.sources import Source

OPEN_TIMES: Final = ("ts", "open_time", "open time", "timestamp", "date", "datetime", "time", "index", "")
CLOSE_TIMES: Final = ("close_time", "close time", "closetime")
SUFFIXES: Final = (".csv", ".csv.gz", ".parquet", ".feather", ".arrow")
_BINANCE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_asset_volume", "number_of_trades",
    "taker_buy_base_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_CCXT: Final = ("timestamp", "open", "high", "low", "close", "volume")


class CandleFile(Source):
    """The bars of one instrument, read from a file.

    Parameters
    ----------
    path
        Of the file.
    symbol
        What it holds, such as `"BTC/USDT"`; taken from the file's name where that says it.
    timeframe
        Such as `"1h"`; the commonest step of time where None.

    Raises
    ------
    NotFound
        If there is no such file.
    Malformed
        If it cannot be read as what its suffix says.
    BadBar
        If a row cannot be true; the sentence says which, and where.
    """

    title = "Candle file"

    def __init__(self, path: str | Path, symbol: str | None = None, timeframe: str | None = None) -> None:
        self.path = Path(path)
        self.series = _read(self.path, symbol or _symbol_in(self.path), timeframe)

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the one instrument that the file holds."""
        return (self.series.instrument,)

    def bars(self, instrument: Instrument, timeframe: str, start: int, end: int) -> BarSeries:
        """Return the file's bars with `start <= ts < end`.

        Raises
        ------
        NotFound
            If the file holds another instrument.
        Invalid
            If the file has another timeframe.
        """
        if instrument.key != self.series.instrument.key:
            raise NotFound("instrument", instrument.symbol, [self.series.instrument.symbol])
        if timeframe != self.series.timeframe:
            raise Invalid("timeframe", f"{self.series.timeframe}, which the file has", timeframe)
        return self.series.between(start, end)


def read_bars(path: str | Path, symbol: str | None = None, timeframe: str | None = None) -> BarSeries:
    """Read candles from a file.

    Parameters
    ----------
    path
        A csv, csv.gz, parquet or feather file in the layout of ccxt, freqtrade, backtesting.py, Hummingbot or Binance.
    symbol
        What it holds, such as `"BTC/USDT"`; taken from a file's name like `BTC_USDT-1h.feather` where None.
    timeframe
        Such as `"1h"`; the commonest step of time where None.

    Returns
    -------
    BarSeries
        Open-stamped, UTC, with 8 price decimals (12 where a price is below 0.01).

    Raises
    ------
    NotFound
        If there is no such file.
    Malformed
        If it cannot be read.
    BadBar
        If a row cannot be true; the sentence says which, and where.
    Invalid
        If a column is missing, or the symbol or the timeframe cannot be found.
    """
    return CandleFile(path, symbol, timeframe).series


def content_hash(series: BarSeries) -> str:
    """Return the hash of a series' content, the same from whatever format the candles came."""
    digest = blake2b(digest_size=32)
    digest.update(f"{series.instrument.key}|{series.instrument.price_decimals}|{series.timeframe}|{len(series)}".encode())
    for column in (series.ts, *(getattr(series, name) for name in PRICES)):
        digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    digest.update(np.ascontiguousarray(series.volume, "<f8").tobytes())
    if series.liquidity is not None:
        digest.update(np.ascontiguousarray(series.liquidity, "<f8").tobytes())
    return digest.hexdigest()


# --- reading the table -----------------------------------------------------------------------------------------------------


def _read(path: Path, symbol: str, timeframe: str | None) -> BarSeries:
    table, first_line = _table(path)
    table = table.rename({name: name.strip().lower() for name in table.columns if name != name.strip().lower()})
    name = _time_column(table, path.name)
    for price in PRICES:
        if price not in table.columns:
            raise Invalid(f"{path.name}, columns", f"one called {price!r}", ", ".join(c or "(unnamed)" for c in table.columns))
    if table.height == 0:
        raise Invalid(f"{path.name}, rows", "at least one candle", "none")
    where = _Where(path.name, first_line)
    ts = _times(table[name], name or "(unnamed)", where)
    where.ts = ts
    columns = {price: _numbers(table[price], price, where) for price in PRICES}
    decimals = price_decimals_for(_as_floats(columns["low"]))
    prices = {price: _steps(column, decimals, price, where) for price, column in columns.items()}
    volume = _as_floats(_numbers(table["volume"], "volume", where)) if "volume" in table.columns else np.zeros(len(ts))
    length = timeframe or commonest_timeframe(ts)
    _check_rows(ts, prices, volume, decimals, parse_timeframe(length), where)
    if timeframe is not None and len(ts) > 1 and commonest_timeframe(ts) != timeframe:
        raise Invalid("timeframe", f"{commonest_timeframe(ts)}, which is the commonest step in {path.name}", timeframe)
    return BarSeries(pair(symbol, decimals), length, ts, prices, volume)


class _Where:
    """Says where in a file a row stands."""

    def __init__(self, name: str, first_line: int) -> None:
        self.name, self.first_line = name, first_line
        self.ts: Ints | None = None

    def row(self, i: int) -> str:
        place = f"line {i + self.first_line}" if self.first_line else f"row {i + 1}"
        time = f" ({show_time(int(self.ts[i]))})" if self.ts is not None else ""
        return f"{self.name}, {place}{time}"


def _table(path: Path) -> tuple[pl.DataFrame, int]:
    """Return a file's table, and the line on which its first row stands (0 where there are no lines)."""
    if path.is_dir():
        raise Invalid("file", "a file with candles", f"the folder {path.name}")
    if not path.is_file():
        raise NotFound("file", path.name)
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise Invalid("file", "a name that ends in " + ", ".join(SUFFIXES), path.name)
    if path.stat().st_size == 0:
        raise Malformed(path.name, "candles", "an empty file")
    try:
        match suffix:
            case ".csv" | ".csv.gz":
                return _csv(path)
            case ".parquet":
                return pl.read_parquet(path, glob=False), 0
            case _:
                return pl.read_ipc(path, memory_map=False), 0
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError) as problem:
        raise Malformed(path.name, f"a {suffix[1:]} file", str(problem).splitlines()[0][:200]) from problem


def _csv(path: Path) -> tuple[pl.DataFrame, int]:
    """Read every column as text: a price goes to its decimal without passing through a float."""
    raw = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    head = raw[:4096].decode("utf-8-sig").splitlines()
    if not head:
        raise Malformed(path.name, "candles", "an empty file")
    fields = head[0].split(",")
    headless = len(fields) >= 5 and all(_is_number(field) for field in fields[:5])
    table = pl.read_csv(raw, has_header=not headless, infer_schema=False, truncate_ragged_lines=False)
    if headless:
        names = _BINANCE if len(fields) >= 11 else _CCXT
        if len(fields) > len(names):
            raise Malformed(path.name, f"{len(names)} columns without a header", f"{len(fields)}")
        table = table.rename(dict(zip(table.columns, names, strict=False)))
    return table, 1 if headless else 2


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _time_column(table: pl.DataFrame, file: str) -> str:
    found = next((name for name in OPEN_TIMES if name in table.columns), None)
    if found is not None:
        return found
    columns = ", ".join(table.columns)
    if any(name in table.columns for name in CLOSE_TIMES):
        raise Invalid(f"{file}, columns", "the open time of each bar (a close time alone would let a strategy see ahead)", columns)
    raise Invalid(f"{file}, columns", "one with open times, such as 'timestamp' or 'date'", columns)


def _times(column: pl.Series, name: str, where: _Where) -> Ints:
    """Return open times in milliseconds: numbers by their size, text as ISO, and what names no zone as UTC."""
    for i in np.flatnonzero(column.is_null().to_numpy())[:1]:
        raise BadBar(where.row(int(i)), name, "an open time", "nothing")
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
        if numbers.null_count() == 0:
            return _epoch(numbers, name, where)
        return _iso(column, name, where)
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("ms")).dt.epoch("ms").to_numpy().astype(np.int64)
    return _epoch(column.cast(pl.Float64) if not column.dtype.is_integer() else column, name, where)


def _epoch(column: pl.Series, name: str, where: _Where) -> Ints:
    values = column.to_numpy()
    for i in np.flatnonzero(~np.isfinite(values.astype(np.float64)) | (values <= 0))[:1]:
        raise BadBar(where.row(int(i)), name, "seconds, milliseconds, microseconds or nanoseconds since 1970", str(values[i]))
    size = float(values[0])
    for limit, multiply, divide in ((1e11, 1000, 1), (1e14, 1, 1), (1e17, 1, 1000), (1e20, 1, 1_000_000)):
        if size < limit:
            if values.dtype.kind == "f":
                return np.rint(values * multiply / divide).astype(np.int64)
            return np.asarray(values.astype(np.int64) * multiply // divide)
    raise BadBar(where.row(0), name, "seconds, milliseconds, microseconds or nanoseconds since 1970", str(values[0]))


def _iso(column: pl.Series, name: str, where: _Where) -> Ints:
    text = column.str.strip_chars().str.replace("T", " ", literal=True).str.replace("Z", "+00:00", literal=True)
    aware = text.str.contains(r"[+-]\d{2}:?\d{2}$")
    whole = text.str.contains(r"^\d{4}-\d{2}-\d{2}$")
    plain = pl.when(whole).then(text + " 00:00:00").otherwise(text)
    parsed = pl.select(
        pl.when(aware)
        .then(plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="ms", time_zone="UTC", strict=False))
        .otherwise(plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", strict=False).dt.replace_time_zone("UTC"))
    ).to_series()
    minutes = parsed.is_null() & column.is_not_null()
    if minutes.any():
        short = (text + ":00").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False).dt.replace_time_zone("UTC")
        parsed = pl.select(pl.when(minutes).then(short).otherwise(parsed)).to_series()
    for i in np.flatnonzero(parsed.is_null().to_numpy())[:1]:
        raise BadBar(where.row(int(i)), name, "an open time such as 2024-01-01 00:00:00", str(column[int(i)]))
    return parsed.dt.epoch("ms").to_numpy().astype(np.int64)


# --- reading the numbers ---------------------------------------------------------------------------------------------------


def _numbers(column: pl.Series, name: str, where: _Where) -> pl.Series:
    """Return a column whose every value is a finite number, as text where the file has text."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
        floats = column.cast(pl.Float64, strict=False)
    elif column.dtype.is_numeric():
        floats = column.cast(pl.Float64)
    else:
        raise Invalid(f"{where.name}, {name}", "a column of numbers", str(column.dtype))
    bad = floats.is_null() | ~floats.is_finite()
    for i in np.flatnonzero(bad.fill_null(True).to_numpy())[:1]:
        found = column[int(i)]
        raise BadBar(where.row(int(i)), name, "a number", "nothing" if found in (None, "") else str(found))
    return column


def _as_floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).to_numpy().astype(np.float64)


def _steps(column: pl.Series, decimals: int, name: str, where: _Where) -> Ints:
    """Return prices in the smallest step, half-even: text goes straight to its decimal."""
    floats = _as_floats(column)
    for i in np.flatnonzero(floats <= 0)[:1]:
        raise BadBar(where.row(int(i)), name, "a price above zero", str(column[int(i)]))
    if column.dtype != pl.String:
        return to_steps(floats, decimals)
    # A float of at most 15 digits is its own text, so only longer texts are taken apart one by one.
    short = column.str.replace(".", "", literal=True).str.len_chars() <= 15
    plain = short & column.str.contains(r"^\d+(\.\d+)?$")
    steps = np.zeros(len(column), np.int64)
    quick = plain.to_numpy()
    steps[quick] = to_steps(floats[quick], decimals)
    for i in np.flatnonzero(~quick):
        steps[i] = units(rounded(to_decimal(column[int(i)], name), decimals), decimals)
    return steps


def _check_rows(ts: Ints, prices: dict[str, Ints], volume: Floats, decimals: int, step: int, where: _Where) -> None:
    """Look for a suspect row with whole columns, and let the rules of one bar speak about the first."""
    o, h, l, c = (prices[name] for name in PRICES)
    suspect = (np.minimum.reduce([o, h, l, c]) <= 0) | (h < np.maximum.reduce([o, l, c])) | (l > np.minimum(o, c)) | (volume < 0)
    steps = np.diff(ts)
    late = np.append(False, (steps <= 0) | (steps % step != 0))
    for i in np.flatnonzero(suspect | late)[:1]:
        if late[i]:
            check_order(int(ts[i - 1]), int(ts[i]), step, where.row(int(i)))
        values = (to_decimal(int(column[i])).scaleb(-decimals) for column in (o, h, l, c))
        check_bar(Bar(int(ts[i]), *values, to_decimal(float(volume[i]))), where.row(int(i)))
        raise BadBar(where.row(int(i)), "price", f"at least one step of {decimals} decimals", "less")


def _symbol_in(path: Path) -> str:
    """Return the symbol that a file's name says, as in `BTC_USDT-1h.feather` or `btcusdt-1h-2017.parquet`."""
    stem = path.name.split(".")[0]
    for base, quote in _splits(stem):
        return f"{base}/{quote}"
    raise Invalid("symbol", "one such as 'BTC/USDT', because the file's name does not say it", path.name)


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    quotes = ("USDT", "USDC", "BUSD", "USD", "EUR", "BTC", "ETH")
    parts = [part.upper() for part in stem.replace("_", "-").split("-") if part]
    for base, quote in pairwise(parts):
        if quote in quotes:
            yield base, quote
    for part in parts[:1]:
        for quote in quotes:
            if part.endswith(quote) and len(part) > len(quote):
                yield part.removesuffix(quote), quote
