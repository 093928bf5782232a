"""Candles from a file: csv, csv.gz, parquet, feather or arrow, in the layouts that people have.

Columns are found by name, so their order does not matter. Bars are stamped with their open time, in UTC. Whatever is
wrong with a file is said with its row, its column, what was expected and what was found. Nothing is filled in.
"""

import gzip
import zlib
from hashlib import blake2b
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from workbench.domain.bars import check_bar, check_order, parse_timeframe
from workbench.domain.instruments import Instrument, pair
from workbench.engine.series import (
    PRICES,
    BarSeries,
    Floats,
    Ints,
    check_digits,
    commonest_timeframe,
    price_decimals_for,
    size_decimals_for,
)
from workbench.errors import BadBar, Invalid, Malformed, NotFound
from workbench.sources import Source
from workbench.sources._cells import Rows, finite, open_times, price_steps

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet", ".feather", ".arrow")
OPEN_TIMES: Final = ("ts", "open_time", "open time", "opentime", "timestamp", "date", "datetime", "time")
INDEXES: Final = ("index", "", "unnamed: 0", "__index_level_0__")
"""What an index without a name is called once pandas has written it."""
CLOSE_TIMES: Final = ("close_time", "close time", "closetime")
_BINANCE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_asset_volume", "number_of_trades",
    "taker_buy_base_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_CCXT: Final = ("timestamp", "open", "high", "low", "close", "volume")
_CASH: Final = ("USDT", "USDC", "BUSD", "FDUSD", "USD", "EUR")
_QUOTES: Final = (*_CASH, "BTC", "ETH")


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
    Invalid
        If a column is missing, or the symbol or the timeframe cannot be found or disagrees with the file.
    """

    title = "Candle file"
    is_live = False

    def __init__(self, path: str | Path, symbol: str | None = None, timeframe: str | None = None) -> None:
        if not isinstance(path, (str, Path)):
            raise Invalid("path", "the name of a file", path)
        self.path = Path(path).expanduser()
        self.series = _read(self.path, symbol, timeframe)

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
        if parse_timeframe(timeframe) != self.series.step:
            raise Invalid("timeframe", f"{self.series.timeframe}, which the file has", timeframe)
        return self.series.between(start, end)


def read_bars(path: str | Path, symbol: str | None = None, timeframe: str | None = None) -> BarSeries:
    """Read candles from a file.

    Parameters
    ----------
    path
        A csv, csv.gz, parquet, feather or arrow file in the layout of ccxt, freqtrade, backtesting.py, Hummingbot or
        Binance.
    symbol
        What it holds, such as `"BTC/USDT"`; taken from a file's name like `BTC_USDT-1h.feather` where None.
    timeframe
        Such as `"1h"`; the commonest step of time where None.

    Returns
    -------
    BarSeries
        Open-stamped, UTC, with 8 price decimals (12 where a price is below 0.01). A file without a column `volume` has
        no volume: zeros.

    Raises
    ------
    NotFound
        If there is no such file.
    Malformed
        If it cannot be read as what its suffix says.
    BadBar
        If a row cannot be true; the sentence says which, and where.
    Invalid
        If a column is missing, or the symbol or the timeframe cannot be found or disagrees with the file.
    """
    return CandleFile(path, symbol, timeframe).series


def content_hash(series: BarSeries) -> str:
    """Return the hash of a series' content, the same from whatever format the candles came.

    It is BLAKE2b-256 in hexadecimal over the instrument's key and decimals, the timeframe and every column.
    """
    of = series.instrument
    digest = blake2b(digest_size=32)
    digest.update(f"{of.key}|{of.price_decimals}|{of.size_decimals}|{series.timeframe}|{len(series)}".encode())
    for column in (series.ts, *(getattr(series, name) for name in PRICES)):
        digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    digest.update(np.ascontiguousarray(series.volume, "<f8").tobytes())
    if series.liquidity is not None:
        digest.update(np.ascontiguousarray(series.liquidity, "<f8").tobytes())
    return digest.hexdigest()


# --- from a file to a series -----------------------------------------------------------------------------------------------


def _read(path: Path, symbol: str | None, timeframe: str | None) -> BarSeries:
    table, lines = _table(path)
    symbol = _symbol_in(path.name) if symbol is None else symbol
    table = _lower_case(table, path.name)
    times = _time_column(table, path.name)
    for name in PRICES:
        if name not in table.columns:
            raise Invalid(f"{path.name}, columns", f"one called {name!r}", _listed(table))
    if table.height == 0:
        raise Invalid(f"{path.name}, rows", "at least one candle", "none at all")
    rows = Rows(path.name, lines)
    rows.ts = ts = open_times(times, rows)
    label = times.name or "the first column"
    _check_order(ts, 1, label, rows)
    cells = {name: _stripped(table[name]) for name in PRICES}
    floats = {name: finite(column, rows) for name, column in cells.items()}
    decimals = price_decimals_for(floats["low"])
    prices = {name: price_steps(column, floats[name], decimals, rows) for name, column in cells.items()}
    volume = _volume(table, rows)
    name = timeframe or commonest_timeframe(ts)
    if timeframe is not None and len(ts) > 1 and parse_timeframe(timeframe) != parse_timeframe(commonest_timeframe(ts)):
        raise Invalid("timeframe", f"{commonest_timeframe(ts)}, the commonest step of {path.name}", timeframe)
    _check_order(ts, parse_timeframe(name), label, rows)
    series = BarSeries(pair(symbol, decimals, size_decimals_for(floats["low"])), name, ts, prices, volume, checked=True)
    _check_bars(series, rows)
    check_digits(floats["low"], decimals)
    return series


def _check_order(ts: Ints, step: int, column: str, rows: Rows) -> None:
    """Refuse the first row whose time does not move forward by whole steps."""
    steps = np.diff(ts)
    for i in np.flatnonzero((steps <= 0) | (steps % step != 0))[:1].tolist():
        try:
            check_order(int(ts[i]), int(ts[i + 1]), step)
        except BadBar as problem:
            raise BadBar(rows.where(i + 1), column, problem.expected, problem.found) from None


def _check_bars(series: BarSeries, rows: Rows) -> None:
    """Look for a suspect row with whole columns, and let the rules of one bar speak about the first."""
    o, h, l, c = (getattr(series, name) for name in PRICES)
    suspect = (h < np.maximum(np.maximum(o, c), l)) | (l > np.minimum(o, c))
    for i in np.flatnonzero(suspect)[:1].tolist():
        check_bar(series.bar(i), rows.where(i))


def _volume(table: pl.DataFrame, rows: Rows) -> Floats:
    if "volume" not in table.columns:
        return np.zeros(table.height)
    column = _stripped(table["volume"])
    volume = finite(column, rows)
    rows.refuse(volume < 0, column, "zero or more")
    return volume + 0.0  # -0.0 is 0.0


def _stripped(column: pl.Series) -> pl.Series:
    return column.str.strip_chars() if column.dtype == pl.String else column


# --- which column is which -------------------------------------------------------------------------------------------------


def _lower_case(table: pl.DataFrame, file: str) -> pl.DataFrame:
    """Return the table with names that can be looked up; a name that stands for two columns is refused."""
    names = [name.strip().lower() for name in table.columns]
    for name in (*OPEN_TIMES, *PRICES, "volume"):
        if names.count(name) > 1 or f"{name}_duplicated_0" in names:
            raise Invalid(f"{file}, columns", f"one called {name!r}", "more than one")
    unique = [name if names.count(name) == 1 else f"{name} {i}" for i, name in enumerate(names)]
    return table.rename(dict(zip(table.columns, unique, strict=True)))


def _time_column(table: pl.DataFrame, file: str) -> pl.Series:
    """Return the column with the open times; an index of dates is one, and an index of row numbers is not."""
    for name in OPEN_TIMES:
        if name in table.columns:
            return table[name]
    for name in INDEXES:
        if name in table.columns and not _counts_rows(table[name]):
            return table[name]
    if any(name in table.columns for name in CLOSE_TIMES):
        expected = "one with open times, because bars must be stamped with their open time, not with their close time"
        raise Invalid(f"{file}, columns", expected, _listed(table))
    raise Invalid(f"{file}, columns", "one with open times, such as 'timestamp' or 'date'", _listed(table))


def _counts_rows(column: pl.Series) -> bool:
    numbers = column.cast(pl.Float64, strict=False) if column.dtype.is_numeric() or column.dtype == pl.String else None
    return numbers is not None and numbers.null_count() == 0 and (numbers < 1e8).all()


def _listed(table: pl.DataFrame) -> str:
    return "the columns " + ", ".join(name or "(unnamed)" for name in table.columns)


def _symbol_in(file: str) -> str:
    """Return the symbol that a file's name says, as in `BTC_USDT-1h.feather` or `btcusdt-1h-2017.parquet`."""
    parts = [part for part in file.split(".")[0].upper().replace("_", "-").split("-") if part]
    # An exchange's name may come first, as in `binance_BTC-USDT_1m.csv`: the last pair is meant.
    for base, quote in reversed(list(pairwise(parts))):
        if quote in _QUOTES and base not in _CASH and not base.isdigit():
            return f"{base}/{quote}"
    # Only cash is looked for at a word's end: `wbtc` and `weth` are tokens, not pairs.
    for part in parts:
        for quote in _CASH:
            if part.endswith(quote) and part.removesuffix(quote).isalnum():
                return f"{part.removesuffix(quote)}/{quote}"
    raise Invalid("symbol", "one such as 'BTC/USDT', because the file's name does not say it", file)


# --- formats ---------------------------------------------------------------------------------------------------------------


def _table(path: Path) -> tuple[pl.DataFrame, Ints | None]:
    """Return a file's table, and the line on which each row stands where it has lines."""
    if path.is_dir():
        raise Invalid("file", "a file with candles", f"the folder {path.name}")
    if not path.is_file():
        raise NotFound("file", path.name)
    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise Invalid("file", "a name that ends in " + ", ".join(SUFFIXES), path.name)
    # Errors raised on bytes cannot name the folder that they lie in.
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise Malformed(path.name, "a file that may be read", problem.strerror or type(problem).__name__) from None
    if not raw:
        raise Malformed(path.name, "candles", "an empty file")
    try:
        match suffix:
            case ".csv":
                return _csv(raw, path.name)
            case ".csv.gz":
                return _csv(gzip.decompress(raw), path.name)
            case ".parquet":
                return pl.read_parquet(BytesIO(raw)), None
            case _:
                return pl.read_ipc(BytesIO(raw)), None
    # A reader that stumbles over damaged bytes may panic, which is no `Exception`.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, EOFError, zlib.error) as problem:
        raise Malformed(path.name, f"the content of a {suffix} file", str(problem).partition("\n")[0][:200]) from None


def _csv(raw: bytes, file: str) -> tuple[pl.DataFrame, Ints]:
    """Read every column as text, so that a price comes to its decimal without passing through a float."""
    body = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not body:
        raise Malformed(file, "candles", "an empty file")
    if b"\0" in body[:4096]:
        raise Malformed(file, "text in UTF-8", "bytes that are no text")
    first = raw[: len(raw) - len(body)].count(b"\n") + 1
    fields = body.partition(b"\n")[0].decode(errors="replace").split(",")
    headless = len(fields) >= 5 and all(map(_is_number, fields[:5]))
    if headless and len(fields) not in (5, 6, 12):
        raise Malformed(file, "5, 6 or 12 columns where there is no header", f"{len(fields)} columns")
    try:
        table = pl.read_csv(body, has_header=not headless, infer_schema=False)
    except pl.exceptions.ComputeError:
        _check_width(body, first, len(fields), file)
        raise
    if headless:
        table = table.rename(dict(zip(table.columns, _BINANCE if len(fields) == 12 else _CCXT, strict=False)))
    lines = np.arange(table.height, dtype=np.int64) + first + (not headless)
    # A blank line is no row; one of nothing but commas is a row of empty cells.
    empty = table.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    if empty.any():
        texts = body.split(b"\n")
        blank = np.array([gone and not texts[line - first].strip() for gone, line in zip(empty, lines.tolist(), strict=True)], bool)
        table, lines = table.filter(~blank), lines[~blank]
    return table, lines


def _check_width(body: bytes, first: int, width: int, file: str) -> None:
    """Refuse the first line that has more cells than the header."""
    for number, line in enumerate(body.split(b"\n"), first):
        if line.count(b",") >= width and b'"' not in line:
            raise Malformed(f"{file}, line {number}", f"{width} cells", f"{line.count(b',') + 1}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
