import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.domain.instruments import pair
from workbench.engine.series import PRICES, BarSeries
from workbench.errors import BadBar, Invalid, Malformed, NotFound, Refused
from workbench.sources import shelf
from workbench.sources._cells import Rows, finite, price_steps
from workbench.sources.candle_file import CandleFile, content_hash, read_bars
from workbench.sources.simulated import simulate_bars

HOUR = 3_600_000
BEGIN = 1_502_942_400_000  # 2017-08-17 04:00
LONG = Context(prec=400, rounding=ROUND_HALF_EVEN)


@dataclass
class Candles:
    """A few good candles, as the text of a file has them; tests change what they are about."""

    ts: list[int] = field(default_factory=lambda: [BEGIN + i * HOUR for i in range(5)])
    open: list[str] = field(default_factory=lambda: ["4261.48", "4308.83", "4315.32", "4324.35", "4349.99"])
    high: list[str] = field(default_factory=lambda: ["4313.62", "4328.69", "4345.45", "4349.99", "4377.85"])
    low: list[str] = field(default_factory=lambda: ["4261.32", "4291.37", "4309.37", "4287.41", "4333.32"])
    close: list[str] = field(default_factory=lambda: ["4308.83", "4315.32", "4324.35", "4349.99", "4360.69"])
    volume: list[str] = field(default_factory=lambda: ["47.181009", "23.234916", "7.229691", "4.443249", "0.972807"])

    def columns(self, names: tuple[str, ...] = (*PRICES, "volume")) -> list[list[str]]:
        return [getattr(self, name.lower()) for name in names]

    def times(self, style: str) -> list[str]:
        if style in {"s", "ms", "us", "ns"}:
            scale = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[style]
            return [str(ts // 1000 * scale) for ts in self.ts]
        if style == "float s":
            return [f"{ts // 1000}.0" for ts in self.ts]
        return [datetime.fromtimestamp(ts / 1000, UTC).strftime(style) for ts in self.ts]

    def csv(self, names: str = "timestamp,open,high,low,close,volume", style: str = "ms") -> str:
        """The text of a file with these columns; the first holds the open times, unknown ones hold a 7."""
        filler = ["7"] * len(self.ts)
        columns = [self.times(style)] + [getattr(self, name.lower(), filler) for name in names.split(",")[1:]]
        return "\n".join([names, *(",".join(row) for row in zip(*columns, strict=True))]) + "\n"


def typed(times: object, names: tuple[str, ...] = ("timestamp", *PRICES, "volume")) -> pl.DataFrame:
    """The same candles as floats in a frame."""
    good = Candles()
    return pl.DataFrame({names[0]: times, **{name: [float(x) for x in getattr(good, name.lower())] for name in names[1:]}})


def wanted() -> BarSeries:
    """What the good candles are, made without any file."""
    good = Candles()
    prices = {name: np.array([int(Decimal(text).scaleb(8)) for text in getattr(good, name)], np.int64) for name in PRICES}
    volume = np.array([float(text) for text in good.volume])
    return BarSeries(pair("BTC/USDT"), "1h", np.array(good.ts, np.int64), prices, volume)


def same(found: BarSeries) -> bool:
    expected = wanted()
    assert found.instrument == expected.instrument
    assert found.timeframe == expected.timeframe
    for name in ("ts", *PRICES, "volume"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
        assert getattr(found, name).dtype == getattr(expected, name).dtype, name
    return content_hash(found) == content_hash(expected)


def written(folder: Path, text: str, name: str = "BTC_USDT-1h.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str, **asked: str) -> str:
    """The sentence with which a csv file is refused."""
    with pytest.raises(Refused) as refused:
        read_bars(written(folder, text), **asked)
    assert str(folder) not in str(refused.value)
    return str(refused.value)


# --- layouts and formats ---------------------------------------------------------------------------------------------------

LAYOUTS = {
    "ccxt": lambda c: c.csv(),
    "ccxt without a header": lambda c: c.csv().partition("\n")[2],
    "ccxt without a header, without volume": None,
    "freqtrade": lambda c: c.csv("date,open,high,low,close,volume", "%Y-%m-%d %H:%M:%S+00:00"),
    "backtesting.py, unnamed index": lambda c: c.csv(",Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S"),
    "backtesting.py, Date": lambda c: c.csv("Date,Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S"),
    "backtesting.py, index": lambda c: c.csv("index,Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M:%S"),
    "Hummingbot": lambda c: c.csv(
        "timestamp,open,high,low,close,volume,quote_asset_volume,n_trades,taker_buy_base_volume,taker_buy_quote_volume", "float s"
    ),
    "Hummingbot in milliseconds": lambda c: c.csv("timestamp,open,high,low,close,volume,quote_asset_volume", "ms"),
    "Binance": lambda c: c.csv("open_time,open,high,low,close,volume,close_time,quote_asset_volume,count,a,b,ignore"),
    "Binance without a header": lambda c: c.csv("t,open,high,low,close,volume,x,x,x,x,x,x").partition("\n")[2],
    "Binance since 2025": lambda c: c.csv("t,open,high,low,close,volume,x,x,x,x,x,x", "us").partition("\n")[2],
    "Binance with spaces": lambda c: c.csv("Open time,Open,High,Low,Close,Volume,Close time", "us"),
    "Jesse": lambda c: c.csv("timestamp,open,close,high,low,volume"),
    "closed before opened": lambda c: c.csv("ts,close_time,volume,low,high,close,open"),
    "with row numbers": lambda c: "\n".join(
        f"{'' if not i else i - 1},{line}" for i, line in enumerate(c.csv("date,open,high,low,close,volume", "%Y-%m-%d %H:%M").split())
    ) if False else c.csv("date,x,open,high,low,close,volume", "%Y-%m-%dT%H:%MZ"),
}  # fmt: skip
