import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from workbench.domain.instruments import pair
from workbench.engine.series import PRICES, BarSeries, to_steps
from workbench.errors import BadBar, Invalid, Malformed, NotFound, Refused
from workbench.sources import shelf
from workbench.sources._cells import Rows, finite, price_steps
from workbench.sources.candle_file import CandleFile, content_hash, read_bars
from workbench.sources.simulated import simulate_bars

HOUR = 3_600_000
BEGIN = 1_502_942_400_000  # 2017-08-17 04:00
LONG = Context(prec=2000, rounding=ROUND_HALF_EVEN)
SCALES = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass
class Candles:
    """A few good candles, as the text of a file has them."""

    ts: list[int] = field(default_factory=lambda: [BEGIN + i * HOUR for i in range(5)])
    open: list[str] = field(default_factory=lambda: ["4261.48", "4308.83", "4315.32", "4324.35", "4349.99"])
    high: list[str] = field(default_factory=lambda: ["4313.62", "4328.69", "4345.45", "4349.99", "4377.85"])
    low: list[str] = field(default_factory=lambda: ["4261.32", "4291.37", "4309.37", "4287.41", "4333.32"])
    close: list[str] = field(default_factory=lambda: ["4308.83", "4315.32", "4324.35", "4349.99", "4360.69"])
    volume: list[str] = field(default_factory=lambda: ["47.181009", "23.234916", "7.229691", "4.443249", "0.972807"])

    def times(self, style: str) -> list[str]:
        """The open times: epochs of a unit, or text of a format."""
        if style in SCALES:
            return [str(ts // 1000 * SCALES[style]) for ts in self.ts]
        if style == "s.0":
            return [f"{ts // 1000}.0" for ts in self.ts]
        return [datetime.fromtimestamp(ts / 1000, UTC).strftime(style) for ts in self.ts]

    def csv(self, header: str = "timestamp,open,high,low,close,volume", style: str = "ms") -> str:
        """The text of a file; the first column holds the open times, and an unknown one holds row numbers."""
        numbers = [str(i) for i in range(len(self.ts))]
        columns = [self.times(style), *(getattr(self, name.lower(), numbers) for name in header.split(",")[1:])]
        return "\n".join([header, *(",".join(row) for row in zip(*columns, strict=True))]) + "\n"

    def frame(self, times: object, called: str = "timestamp") -> pl.DataFrame:
        """The same candles as a frame of floats."""
        floats = {name: [float(x) for x in getattr(self, name)] for name in (*PRICES, "volume")}
        return pl.DataFrame({called: times, **floats})


def wanted(volume: bool = True) -> BarSeries:
    """What the good candles are, made without any file."""
    good = Candles()
    prices = {name: np.array([int(Decimal(text).scaleb(8)) for text in getattr(good, name)], np.int64) for name in PRICES}
    traded = np.array([float(text) for text in good.volume]) if volume else np.zeros(5)
    return BarSeries(pair("BTC/USDT"), "1h", np.array(good.ts, np.int64), prices, traded)


def assert_same(found: BarSeries, expected: BarSeries) -> None:
    assert found.instrument == expected.instrument
    assert found.timeframe == expected.timeframe
    for name in ("ts", *PRICES, "volume"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
        assert getattr(found, name).dtype == getattr(expected, name).dtype, name
    assert content_hash(found) == content_hash(expected)


def written(folder: Path, text: str, name: str = "BTC_USDT-1h.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def sentence(path: Path, error: type[Refused] = Refused, timeframe: str | None = None, symbol: str | None = "BTC/USDT") -> str:
    """The sentence with which a file is refused; it never says where on the disk the file lies."""
    with pytest.raises(error) as refused:
        read_bars(path, symbol, timeframe)
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


# --- layouts and formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "style"),
    [
        pytest.param("timestamp,open,high,low,close,volume", "ms", id="ccxt"),
        pytest.param("timestamp,open,high,low,close,volume", "%Y-%m-%d %H:%M:%S.000000", id="nautilus"),
        pytest.param("date,open,high,low,close,volume", "%Y-%m-%d %H:%M:%S+00:00", id="freqtrade"),
        pytest.param(",Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S", id="backtesting.py"),
        pytest.param("Date,Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S", id="backtesting.py, named"),
        pytest.param("index,Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S", id="backtesting.py, reset index"),
        pytest.param("timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,x,y", "s.0", id="Hummingbot"),
        pytest.param("timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,x,y", "ms", id="Hummingbot, older"),
        pytest.param("open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore", "ms", id="Binance"),
        pytest.param("Open time,Open,High,Low,Close,Volume,Close time", "us", id="Binance by hand"),
        pytest.param("timestamp,open,close,high,low,volume", "ms", id="Jesse"),
        pytest.param("ts,volume,low,high,close,open", "ns", id="another order"),
        pytest.param(" TimeStamp ,open,high,low,close,volume,close_time", "s", id="capitals and spaces"),
    ],
)
def test_every_layout_is_the_same_series(tmp_path: Path, header: str, style: str) -> None:
    assert_same(read_bars(written(tmp_path, Candles().csv(header, style))), wanted())


@pytest.mark.parametrize("style", ["s", "s.0", "ms", "us", "ns"])
@pytest.mark.parametrize("columns", ["t,open,high,low,close,volume", "t,open,high,low,close,volume,a,b,c,d,e,f"])
def test_rows_without_a_header_are_read_as_ccxt_or_binance_by_their_width(tmp_path: Path, columns: str, style: str) -> None:
    assert_same(read_bars(written(tmp_path, Candles().csv(columns, style).partition("\n")[2])), wanted())


def test_rows_without_a_header_and_without_volume_have_none(tmp_path: Path) -> None:
    text = Candles().csv("t,open,high,low,close").partition("\n")[2]
    assert_same(read_bars(written(tmp_path, text)), wanted(volume=False))


@pytest.mark.parametrize(
    "style",
    [
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M:%S.000", "%Y-%m-%dT%H:%M:%S.000000+0000", "%Y-%m-%d %H:%M:%S+00", "%Y-%m-%d %H:%M+00:00",
    ],
)  # fmt: skip
def test_times_may_be_written_in_many_ways(tmp_path: Path, style: str) -> None:
    assert_same(read_bars(written(tmp_path, Candles().csv(style=style))), wanted())


def test_times_with_a_zone_are_brought_to_utc(tmp_path: Path) -> None:
    good = Candles()
    there = [
        (datetime.fromtimestamp(ts / 1000, UTC) + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S") for ts in good.ts
    ]
    lines = good.csv().splitlines()
    text = "\n".join([lines[0], *(f"{time}+05:30,{line.partition(',')[2]}" for time, line in zip(there, lines[1:], strict=True))])
    assert_same(read_bars(written(tmp_path, text)), wanted())


def test_days_without_an_hour_are_midnights_in_utc(tmp_path: Path) -> None:
    good = Candles(ts=[BEGIN // 86_400_000 * 86_400_000 + i * 86_400_000 for i in range(5)])
    assert read_bars(written(tmp_path, good.csv("date,open,high,low,close", "%Y-%m-%d"))).ts.tolist() == good.ts


def test_binance_may_change_to_microseconds_halfway(tmp_path: Path) -> None:
    old, new = (Candles().csv("t,open,high,low,close,volume,a,b,c,d,e,f", style).splitlines() for style in ("ms", "us"))
    assert_same(read_bars(written(tmp_path, "\n".join([*old[1:4], *new[4:]]))), wanted())


def test_the_open_time_is_used_where_there_is_a_close_time_too(tmp_path: Path) -> None:
    text = "close_time,open_time,open,high,low,close\n7199999,3600000000,1,1,1,1\n"
    assert read_bars(written(tmp_path, text), timeframe="1h").ts.tolist() == [3_600_000_000_000]


def test_an_index_of_row_numbers_is_no_time(tmp_path: Path) -> None:
    lines = Candles().csv("date,open,high,low,close,volume", "%Y-%m-%d %H:%M:%S").splitlines()
    text = "\n".join(f"{'' if i == 0 else i - 1},{line}" for i, line in enumerate(lines))
    assert_same(read_bars(written(tmp_path, text)), wanted())
    assert "open times" in sentence(written(tmp_path, text.replace("date", "when")), Invalid)


UTC_TIMES = [datetime.fromtimestamp(ts / 1000, UTC) for ts in Candles().ts]
TIMES: dict[str, Callable[[], object]] = {
    "ms": lambda: Candles().ts,
    "s": lambda: [ts // 1000 for ts in Candles().ts],
    "float s": lambda: [ts / 1000 for ts in Candles().ts],
    "ns": lambda: [ts * 10**6 for ts in Candles().ts],
    "naive": lambda: pl.Series([time.replace(tzinfo=None) for time in UTC_TIMES]),
    "naive ns": lambda: pl.Series([time.replace(tzinfo=None) for time in UTC_TIMES]).cast(pl.Datetime("ns")),
    "aware": lambda: pl.Series(UTC_TIMES),
    "Berlin": lambda: pl.Series(UTC_TIMES).dt.convert_time_zone("Europe/Berlin"),
    "text": lambda: [time.isoformat() for time in UTC_TIMES],
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow", ".csv", ".csv.gz"])
def test_every_format_is_the_same_series(tmp_path: Path, suffix: str, times: str) -> None:
    frame = Candles().frame(TIMES[times](), "date")
    path = tmp_path / f"BTC_USDT-1h{suffix}"
    if suffix == ".parquet":
        frame.write_parquet(path)
    elif suffix == ".csv":
        frame.write_csv(path)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_ipc(path, compression="lz4" if suffix == ".feather" else "uncompressed")
    assert_same(read_bars(path), wanted())


@pytest.mark.parametrize("name", [None, "Date", "index", "open_time"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".feather"])
def test_what_pandas_writes_with_an_index_of_times_is_read(tmp_path: Path, suffix: str, name: str | None) -> None:
    path = tmp_path / f"BTC_USDT-1h{suffix}"
    floats = Candles().frame(Candles().ts).drop("timestamp").to_pandas().rename(columns=str.capitalize)
    floats.index = pd.DatetimeIndex(pd.to_datetime(Candles().ts, unit="ms"), name=name)
    if suffix == ".parquet":
        floats.to_parquet(path)
    elif suffix == ".feather":
        floats.reset_index().to_feather(path)
    else:
        floats.to_csv(path)
    assert_same(read_bars(path), wanted())


def test_numbers_of_any_type_are_read_exactly(tmp_path: Path) -> None:
    frame = pl.DataFrame({
        "ts": pl.Series(Candles().ts, dtype=pl.UInt64),
        "open": pl.Series(["10.1"] * 5).cast(pl.Decimal(38, 18)),
        "high": pl.Series([12] * 5, dtype=pl.Int32),
        "low": pl.Series(["0.1000000000000000055"] * 5),
        "close": pl.Series([0.1] * 5, dtype=pl.Float64),
    })  # fmt: skip
    frame.write_parquet(tmp_path / "x.parquet")
    bars = read_bars(tmp_path / "x.parquet", "X/USD")
    assert [int(getattr(bars, name)[0]) for name in PRICES] == [1_010_000_000, 1_200_000_000, 10_000_000, 10_000_000]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "\ufeff" + text, id="a byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(lambda text: text.rstrip(), id="no last line end"),
        pytest.param(lambda text: "\n\n" + text.replace("\n", "\n\n") + "\n\n", id="blank lines"),
        pytest.param(lambda text: text.replace(",", " , "), id="blanks around cells"),
        pytest.param(lambda text: "\n".join(",".join(f'"{x}"' for x in line.split(",")) for line in text.split()), id="quotes"),
        pytest.param(lambda text: text.replace("4308.83", "4.30883e3"), id="exponents"),
        pytest.param(lambda text: text.replace("4308.83", "+4308.8300000000000000000000"), id="signs and zeros"),
        pytest.param(lambda text: text.replace("\n", ",é\n").replace("é", "note", 1), id="a column of text"),
    ],
)
def test_csv_is_read_however_it_was_saved(tmp_path: Path, change: Callable[[str], str]) -> None:
    assert_same(read_bars(written(tmp_path, change(Candles().csv()))), wanted())


def test_a_file_without_a_column_of_volume_has_none(tmp_path: Path) -> None:
    assert_same(read_bars(written(tmp_path, Candles().csv("date,open,high,low,close"))), wanted(volume=False))


def test_holes_are_counted_and_left(tmp_path: Path) -> None:
    good = Candles(ts=[BEGIN + i * HOUR for i in (0, 1, 2, 7, 8)])
    bars = read_bars(written(tmp_path, good.csv()))
    assert bars.ts.tolist() == good.ts
    assert (len(bars.holes), bars.missing) == (1, 4)


def test_prices_below_a_cent_have_twelve_decimals(tmp_path: Path) -> None:
    text = "timestamp,open,high,low,close\n1502942400,0.02,0.02,0.009999999999,0.01\n1502946000,0.01,0.02,0.01,0.02\n"
    bars = read_bars(written(tmp_path, text))
    assert bars.instrument.price_decimals == 12
    assert bars.low.tolist() == [9_999_999_999, 10_000_000_000]


# --- what is wrong with a file ---------------------------------------------------------------------------------------------


def damaged(row: int, column: str, cell: str) -> str:
    """The text of a file with one bad cell; rows count from 1."""
    good = Candles()
    getattr(good, column)[row - 1] = cell
    return good.csv()


AT = "BTC_USDT-1h.csv, line 4 (2017-08-17T06:00:00Z)"


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("open", "", "open: expected a number, found an empty cell."),
        ("open", "NaN", "open: expected a number, found 'NaN'."),
        ("close", "null", "close: expected a number, found 'null'."),
        ("close", "inf", "close: expected a number, found 'inf'."),
        ("high", "4,345".replace(",", "_"), "high: expected a number, found '4_345'."),
        ("low", "n/a", "low: expected a number, found 'n/a'."),
        ("open", "-4315.32", "open: expected a price above zero, found '-4315.32'."),
        ("low", "0", "low: expected a price above zero, found '0'."),
        ("low", "1e-20", "low: expected at least 0.000000000001, the smallest step, found '1e-20'."),
        ("high", "1e300", "high: expected a price below 4.61e+10, the most that 8 decimals leave room for, found '1e300'."),
        ("high", "4315.31", "high: expected at least 4324.35000000, the bar's highest price, found '4315.31000000'."),
        ("high", "1", "high: expected at least 4324.35000000, the bar's highest price, found '1.00000000'."),
        ("low", "4315.33", "low: expected at most 4315.32000000, the bar's lowest price, found '4315.33000000'."),
        ("volume", "", "volume: expected a number, found an empty cell."),
        ("volume", "NaN", "volume: expected a number, found 'NaN'."),
        ("volume", "much", "volume: expected a number, found 'much'."),
        ("volume", "-0.5", "volume: expected zero or more, found '-0.5'."),
    ],
)
def test_a_bad_cell_is_told_with_its_line_its_column_and_what_was_expected(
    tmp_path: Path, column: str, cell: str, expected: str
) -> None:
    assert sentence(written(tmp_path, damaged(3, column, cell)), BadBar) == f"{AT}, {expected}"


EPOCH = "expected seconds, milliseconds, microseconds or nanoseconds since 1970, from 1973 on, found"


@pytest.mark.parametrize(
    ("time", "read_as", "expected"),
    [
        ("", "", f"{EPOCH} an empty cell."),
        ("soon", "", f"{EPOCH} 'soon'."),
        ("-5", "", f"{EPOCH} '-5'."),
        ("20170817", "", f"{EPOCH} '20170817'."),
        ("1e30", "", f"{EPOCH} '1e30'."),
        ("1502949600000001", "", "expected a time of whole milliseconds, found '1502949600000001'."),
        ("1502946000000", "05:00", "expected each open time once, found 2017-08-17T05:00:00Z a second time."),
        ("1502942400000", "04:00", "expected a time after 2017-08-17T05:00:00Z, found '2017-08-17T04:00:00Z'."),
        ("1502949660000", "06:01", "expected a whole number of bars after 2017-08-17T05:00:00Z, found '2017-08-17T06:01:00Z'."),
    ],
)
def test_a_bad_time_is_told_with_its_line_and_its_column(tmp_path: Path, time: str, read_as: str, expected: str) -> None:
    text = Candles().csv().replace(str(BEGIN + 2 * HOUR), time)
    at = f" (2017-08-17T{read_as}:00Z)" if read_as else ""
    assert sentence(written(tmp_path, text), BadBar) == f"BTC_USDT-1h.csv, line 4{at}, timestamp: {expected}"


@pytest.mark.parametrize("time", ["", "soon", "2017-02-30 06:00:00", "17/08/2017 06:00", "2017-08-17 25:00:00", "1502949600000"])
def test_a_bad_date_is_told_with_its_line_and_its_column(tmp_path: Path, time: str) -> None:
    text = Candles().csv("date,open,high,low,close", "%Y-%m-%d %H:%M:%S").replace("2017-08-17 06:00:00", time)
    found = repr(time) if " " not in time else time
    expected = f"an open time such as 2024-01-01 00:00:00, found {found if time else 'an empty cell'}."
    assert sentence(written(tmp_path, text), BadBar) == f"BTC_USDT-1h.csv, line 4, date: expected {expected}"


def test_lines_are_counted_with_the_header_and_with_blank_lines(tmp_path: Path) -> None:
    text = damaged(3, "open", "-1").replace("\n", "\n\n")
    assert sentence(written(tmp_path, text)).startswith("BTC_USDT-1h.csv, line 7 (2017-08-17T06:00:00Z), open:")
    headless = damaged(3, "open", "-1").partition("\n")[2]
    assert sentence(written(tmp_path, headless)).startswith("BTC_USDT-1h.csv, line 3 (2017-08-17T06:00:00Z), open:")


def test_a_line_of_commas_alone_is_a_row_of_empty_cells(tmp_path: Path) -> None:
    text = Candles().csv() + ",,,,,\n"
    assert "line 7, timestamp: expected" in sentence(written(tmp_path, text), BadBar)


def test_a_line_that_ends_early_lacks_its_last_cells(tmp_path: Path) -> None:
    text = Candles().csv() + f"{BEGIN + 5 * HOUR},4360.69,4400\n"
    assert "line 7 (2017-08-17T09:00:00Z), low: expected a number, found an empty cell." in sentence(
        written(tmp_path, text), BadBar
    )


def test_a_line_with_too_many_cells_is_named(tmp_path: Path) -> None:
    text = Candles().csv().replace("4.443249", "4,443249")
    assert sentence(written(tmp_path, text), Malformed) == "BTC_USDT-1h.csv, line 5 could not be read: expected 6 cells, found 7."


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("close", None, "close: expected a number, found an empty cell."),
        ("close", float("nan"), "close: expected a number, found nan."),
        ("volume", None, "volume: expected a number, found an empty cell."),
        ("volume", float("nan"), "volume: expected a number, found nan."),
        ("volume", -1.0, "volume: expected zero or more, found -1.0."),
        ("open", 0.0, "open: expected a price above zero, found 0.0."),
        ("open", float("-inf"), "open: expected a number, found -inf."),
        ("high", 1e300, "high: expected a price below 4.61e+10, the most that 8 decimals leave room for, found 1e+300."),
        ("low", 4320.0, "low: expected at most 4315.32000000, the bar's lowest price, found '4320.00000000'."),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_where_a_file_has_no_lines_its_rows_are_counted_from_one(
    tmp_path: Path, suffix: str, column: str, cell: float | None, expected: str
) -> None:
    frame = Candles().frame(Candles().ts)
    frame = frame.with_columns(pl.Series(column, [*frame[column][:2], cell, *frame[column][3:]]))
    path = tmp_path / f"x{suffix}"
    if suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    assert sentence(path, BadBar) == f"x{suffix}, row 3 (2017-08-17T06:00:00Z), {expected}"


def test_a_bad_time_in_a_typed_file_is_told_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    Candles().frame(pl.Series([*UTC_TIMES[:2], None, *UTC_TIMES[3:]]), "date").write_parquet(path)
    assert sentence(path) == "x.parquet, row 3, date: expected an open time such as 2024-01-01 00:00:00, found an empty cell."
    Candles().frame(pl.Series([time + timedelta(microseconds=1) for time in UTC_TIMES]), "date").write_parquet(path)
    assert sentence(path).startswith(
        "x.parquet, row 1, date: expected a time of whole milliseconds, found 2017-08-17 04:00:00.000001"
    )
    Candles().frame([True] * 5, "date").write_parquet(path)
    assert sentence(path) == "x.parquet, date: expected a column of times, found 'Boolean'."


def test_a_column_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    Candles().frame(Candles().ts).with_columns(close=pl.lit(True)).write_parquet(path)
    assert sentence(path, Invalid) == "x.parquet, close: expected a column of numbers, found 'Boolean'."


def test_a_close_time_alone_is_refused(tmp_path: Path) -> None:
    found = sentence(written(tmp_path, Candles().csv("close_time,open,high,low,close")), Invalid)
    assert "bars must be stamped with their open time, not with their close time" in found
    numbered = "\n".join(f"{i or ''},{line}" for i, line in enumerate(Candles().csv("close_time,open,high,low,close").splitlines()))
    assert "bars must be stamped with their open time" in sentence(written(tmp_path, numbered), Invalid)


NO_TIME = "one with open times, such as 'timestamp' or 'date', found the columns"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("timestamp,open,high,low,last", "one called 'close', found the columns timestamp, open, high, low, last."),
        ("when,open,high,low,close", f"{NO_TIME} when, open, high, low, close."),
        ("timestamp;open;high;low;close", f"{NO_TIME} timestamp;open;high;low;close."),
        ("timestamp,open,high,low,close,Close", "one called 'close', found more than one."),
        ("timestamp,open,high,low,close,close", "one called 'close', found more than one."),
        ("Date,open,high,low,close,date", "one called 'date', found more than one."),
    ],
)
def test_a_missing_or_doubled_column_is_told_with_what_was_found(tmp_path: Path, header: str, expected: str) -> None:
    assert sentence(written(tmp_path, Candles().csv(header)), Invalid) == f"BTC_USDT-1h.csv, columns: expected {expected}"


HEADER = b"timestamp,open,high,low,close"
ZIPPED = gzip.compress(HEADER * 99)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.csv", b"", "candles, found an empty file."),
        ("x.csv", b"\n \n", "candles, found an empty file."),
        ("x.csv.gz", gzip.compress(b""), "candles, found an empty file."),
        ("x.parquet", b"", "candles, found an empty file."),
        ("x.csv", "a,b".encode("utf-16"), "text in UTF-8, found bytes that are no text."),
        ("x.csv", HEADER + b"\n1,\xff,3,4,5\n", "the content of a .csv file, found invalid utf-8 sequence."),
        ("x.csv", b"1,2,3,4,5,6,7,8\n", "5, 6 or 12 columns where there is no header, found 8 columns."),
        ("x.csv.gz", b"no gzip", "the content of a .csv.gz file, found Not a gzipped file (b'no')."),
        ("x.csv.gz", ZIPPED[:-9], "the content of a .csv.gz file, found "),
        ("x.csv.gz", ZIPPED[:12] + b"zzzz" * 9, "the content of a .csv.gz file, found "),
        ("x.parquet", b"PAR1 no parquet PAR1", "the content of a .parquet file, found parquet:"),
        ("x.feather", b"no feather", "the content of a .feather file, found "),
        ("x.arrow", b"ARROW1\0\0" + b"q" * 99 + b"ARROW1", "the content of a .arrow file, found "),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert sentence(tmp_path / name, Malformed).startswith(f"{name} could not be read: expected {expected}")


def test_a_header_without_candles_is_refused(tmp_path: Path) -> None:
    found = sentence(written(tmp_path, HEADER.decode() + "\n"), Invalid)
    assert found == "BTC_USDT-1h.csv, rows: expected at least one candle, found none at all."


@pytest.mark.parametrize("name", ["x.xlsx", "x", "x.csv.zip"])
def test_a_suffix_that_is_not_known_is_refused(tmp_path: Path, name: str) -> None:
    found = sentence(written(tmp_path, "PK", name), Invalid)
    assert found == f"file: expected a name that ends in .csv, .csv.gz, .parquet, .feather, .arrow, found {name!r}."


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".csv.gz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"x{suffix}"
    frame = simulate_bars("WETH", "1h", 500).frame
    if suffix == ".parquet":
        frame.write_parquet(path)
    elif suffix == ".feather":
        frame.write_ipc(path)
    else:
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert sentence(path, Malformed).startswith(f"x{suffix} could not be read: expected the content of a {suffix} file")


def test_a_missing_file_and_a_folder_are_told_apart_and_come_before_the_symbol(tmp_path: Path) -> None:
    assert sentence(tmp_path / "gone.csv", NotFound, symbol=None) == "There is no file 'gone.csv'."
    (tmp_path / "candles.csv").mkdir()
    assert sentence(tmp_path / "candles.csv", Invalid) == "file: expected a file with candles, found the folder candles.csv."


# --- symbol and timeframe --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTC_USDT-1h.csv", "BTC/USDT"),
        ("BTC_USDT_USDT-1h-futures.csv", "BTC/USDT"),
        ("btcusdt-1h-2017-2023.csv", "BTC/USDT"),
        ("binance_BTC-USDT_1m.csv", "BTC/USDT"),
        ("kraken_ETH-BTC_1m.csv", "ETH/BTC"),
        ("Binance_ETHUSDC_1h.csv", "ETH/USDC"),
        ("1INCH-USD.csv", "1INCH/USD"),
        ("EURUSD.csv", "EUR/USD"),
    ],
)
def test_the_symbol_is_taken_from_the_name_of_the_file(tmp_path: Path, name: str, symbol: str) -> None:
    assert read_bars(written(tmp_path, Candles().csv(), name)).instrument == pair(symbol)


@pytest.mark.parametrize("name", ["candles.csv", "weth.csv", "cbBTC-1h.csv", "btc-perp-1m.csv", "usdt.csv", "2021-usd.csv"])
def test_a_name_that_says_no_symbol_is_refused(tmp_path: Path, name: str) -> None:
    found = sentence(written(tmp_path, Candles().csv(), name), Invalid, symbol=None)
    assert found == f"symbol: expected one such as 'BTC/USDT', because the file's name does not say it, found {name!r}."


def test_a_symbol_that_is_given_goes_first(tmp_path: Path) -> None:
    assert read_bars(written(tmp_path, Candles().csv()), "XBT/EUR").instrument.quote == "EUR"


@pytest.mark.parametrize(("step", "timeframe"), [(5_000, "5s"), (60_000, "1m"), (14_400_000, "4h"), (86_400_000, "1d")])
def test_the_timeframe_is_the_commonest_step(tmp_path: Path, step: int, timeframe: str) -> None:
    good = Candles(ts=[BEGIN + i * step for i in (0, 1, 2, 3, 9)])
    assert read_bars(written(tmp_path, good.csv())).timeframe == timeframe


def test_a_timeframe_that_disagrees_with_the_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, Candles().csv())
    assert sentence(path, timeframe="1m") == "timeframe: expected 1h, the commonest step of BTC_USDT-1h.csv, found '1m'."
    assert sentence(path, timeframe="4h") == "timeframe: expected 1h, the commonest step of BTC_USDT-1h.csv, found '4h'."
    assert "a whole number and one of s, m, h, d, w" in sentence(path, timeframe="hourly")


def test_another_name_for_the_same_timeframe_agrees(tmp_path: Path) -> None:
    assert read_bars(written(tmp_path, Candles().csv()), timeframe="60m").step == HOUR


def test_one_candle_needs_to_be_told_its_timeframe(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp,open,high,low,close\n1502942400,1,1,1,1\n")
    assert "it cannot be found from fewer than two bars" in sentence(path, Invalid)
    assert len(read_bars(path, timeframe="1h")) == 1


# --- the source on the shelf -----------------------------------------------------------------------------------------------


def test_a_candle_file_is_a_source_of_its_one_instrument(tmp_path: Path) -> None:
    source = CandleFile(written(tmp_path, Candles().csv()), "BTC/USDT", "1h")
    assert shelf.get("candle_file") is CandleFile
    assert source.instruments() == (pair("BTC/USDT"),)
    assert source.bars(pair("BTC/USDT"), "1h", BEGIN + HOUR, BEGIN + 3 * HOUR).ts.tolist() == [BEGIN + HOUR, BEGIN + 2 * HOUR]
    with pytest.raises(NotFound, match="There is no instrument 'ETH/USDT'"):
        source.bars(pair("ETH/USDT"), "1h", 0, BEGIN)
    with pytest.raises(Invalid, match="timeframe: expected 1h, which the file has, found '1d'"):
        source.bars(pair("BTC/USDT"), "1d", 0, BEGIN)


# --- exactness -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("0.1000000000000000055", 10_000_000),
        ("0.100000005", 10_000_000),
        ("0.100000015", 10_000_002),
        ("0.100000005000000000000000000000000000001", 10_000_001),
        ("0.1000000149999999999999999999999999999999", 10_000_001),
        ("12345678901.123456789", 1_234_567_890_112_345_679),
        ("00012.5", 1_250_000_000),
        ("12.", 1_200_000_000),
        (".5", 50_000_000),
        ("1.00000005e1", 1_000_000_050),
        ("90071992.54740993", 9_007_199_254_740_993),
    ],
)
def test_a_price_in_text_is_rounded_once_and_half_to_even(tmp_path: Path, text: str, steps: int) -> None:
    path = written(tmp_path, f"timestamp,open,high,low,close\n1502942400,{text},{text},{text},{text}\n")
    assert read_bars(path, timeframe="1h").close.tolist() == [steps]


@given(
    texts=st.lists(
        st.one_of(
            st.from_regex(r"[0-9]{1,9}(\.[0-9]{0,30})?", fullmatch=True),
            st.from_regex(r"[0-9]{1,5}\.[0-9]{7}[05]{0,3}0{0,25}[0-9]?", fullmatch=True),
            st.floats(1e-3, 1e9).map(repr),
            st.decimals("0.001", "1e9", allow_nan=False, allow_infinity=False).map(str),
        ),
        min_size=1,
    ),
    decimals=st.sampled_from([8, 12, 2, 0]),
)
def test_prices_in_text_are_their_decimals_rounded_half_even(texts: list[str], decimals: int) -> None:
    exact = [
        int(Decimal(text).quantize(Decimal(1).scaleb(-decimals), context=LONG).scaleb(decimals, context=LONG)) for text in texts
    ]
    assume(all(0 < steps < 2**62 for steps in exact))
    column, rows = pl.Series("close", texts), Rows("x.csv")
    assert price_steps(column, finite(column, rows), decimals, rows).tolist() == exact


@given(values=st.lists(st.floats(1e-3, 4e6), min_size=1), decimals=st.sampled_from([8, 12]))
def test_floats_and_their_shortest_text_are_the_same_prices(values: list[float], decimals: int) -> None:
    text, rows = pl.Series("close", [repr(value) for value in values]), Rows("x.csv")
    assert price_steps(text, finite(text, rows), decimals, rows).tolist() == to_steps(np.array(values), decimals).tolist()


PRICE = st.integers(1, 10**14)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    bars=st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE, st.floats(0, 1e12)), min_size=4, max_size=20),
    begin=st.integers(10**8 // 60 + 1, 2**31 // 60),
    gap=st.integers(1, 5),
    style=st.sampled_from(["s", "ms", "us", "ns"]),
    plain=st.booleans(),
)
def test_what_is_written_to_csv_is_read_back_exactly(
    tmp_path: Path, bars: list[tuple[int, int, int, int, float]], begin: int, gap: int, style: str, plain: bool
) -> None:
    minutes = [begin + i + (gap if i == len(bars) - 1 else 0) for i in range(len(bars))]
    decimals = 12 if min(min(bar[:4]) for bar in bars) < 10**6 else 8
    factor = 10 ** (decimals - 8)
    sorted_bars = [(o, max(o, h, l, c), min(o, h, l, c), c, v) for o, h, l, c, v in bars]
    assume(decimals == 8 or all(bar[1] < 10**13 for bar in sorted_bars))
    lines = ["open_time,open,high,low,close,volume"]
    for minute, (*prices, volume) in zip(minutes, sorted_bars, strict=True):
        cells = [Decimal(price).scaleb(-8) for price in prices]
        lines.append(",".join([str(minute * 60 * SCALES[style]), *(f"{x:f}" if plain else str(x) for x in cells), repr(volume)]))
    found = read_bars(written(tmp_path, "\n".join(lines)), timeframe="1m")
    assert found.ts.tolist() == [minute * 60_000 for minute in minutes]
    assert found.instrument.price_decimals == decimals
    for place, name in enumerate(PRICES):
        assert getattr(found, name).tolist() == [bar[place] * factor for bar in sorted_bars]
    assert found.volume.tolist() == [bar[4] for bar in sorted_bars]


# --- the hash of the content -----------------------------------------------------------------------------------------------


def test_the_content_hash_is_kept_for_ever() -> None:
    assert content_hash(wanted()) == "3fce00ef714e9daaf2b823277bc71096c535928d0a14b994e22c04f909bd36a9"


def test_the_content_hash_depends_on_everything_that_trades() -> None:
    good = wanted()
    prices = {name: getattr(good, name) for name in PRICES}

    def of(symbol: str = "BTC/USDT", decimals: int = 8, size: int = 8, timeframe: str = "1h", **changed: np.ndarray) -> str:
        columns = {name: changed.get(name, column) for name, column in prices.items()}
        ts, volume, liquidity = changed.get("ts", good.ts), changed.get("volume", good.volume), changed.get("liquidity")
        return content_hash(BarSeries(pair(symbol, decimals, size), timeframe, ts, columns, volume, liquidity))

    others = [
        of("ETH/USDT"), of(decimals=9), of(size=6), of(timeframe="30m"), of(ts=good.ts + HOUR), of(volume=good.volume * 2),
        of(liquidity=good.volume), of(high=good.high + 1), of(open=good.close, close=good.open),
    ]  # fmt: skip
    assert of() == content_hash(good)
    assert len({of(), *others}) == 10


def test_the_content_hash_of_a_part_is_that_of_the_same_bars_alone() -> None:
    bars = simulate_bars("WETH", "5m", 50)
    assert content_hash(bars[10:20]) == content_hash(simulate_bars("WETH", "5m", 50)[10:20])
    assert content_hash(bars[10:20]) != content_hash(bars[10:21])


# --- real candles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe", "count", "holes", "without_volume"),
    [
        ("btcusdt-1h-2017-2023.parquet", None, "1h", 52_106, 28, 4),
        ("ethusdt-1h-2017-2023.parquet", None, "1h", 52_106, 28, 6),
        ("uniswap-pool-1h-2021-2022.parquet", "POOL/USD", "1h", 2_989, 0, 0),
        ("btc-perp-1m-2022-01.csv.gz", "BTC/USD", "1m", 45_031, 0, 0),
    ],
)
def test_real_files_are_read_whole_and_their_holes_counted(
    market: Path, name: str, symbol: str | None, timeframe: str, count: int, holes: int, without_volume: int
) -> None:
    bars = read_bars(market / name, symbol)
    assert (bars.timeframe, len(bars), len(bars.holes)) == (timeframe, count, holes)
    assert int(np.sum(bars.volume == 0)) == without_volume


def test_the_longest_hole_of_bitcoin_is_thirty_four_hours_from_open_to_open(market: Path) -> None:
    assert max(hole.missing for hole in read_bars(market / "btcusdt-1h-2017-2023.parquet").holes) == 33


def test_a_real_file_is_the_same_in_every_format(market: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(market / "btcusdt-1h-2017-2023.parquet")
    frame.write_csv(tmp_path / "BTC_USDT.csv")
    frame.write_ipc(tmp_path / "BTC_USDT.feather")
    hashes = {content_hash(read_bars(tmp_path / f"BTC_USDT{suffix}")) for suffix in (".csv", ".feather")}
    assert hashes == {content_hash(read_bars(market / "btcusdt-1h-2017-2023.parquet"))}
    assert hashes == {content_hash(BarSeries.from_frame(frame, "BTC/USDT"))}
