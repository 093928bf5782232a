"""Measures: what sizing and rules want to know of a market, computed beside the strategy's own factors.

They follow the same windows as the factors (`workbench.engine.windows`) and are quantised half-even to whole numbers before
they touch a size, so the fold reads the same integers everywhere.
"""

import numpy as np
from numpy.typing import NDArray

from workbench.domain.bars import UNITS, parse_timeframe
from workbench.domain.config import StrategyConfiguration
from workbench.engine.series import Floats
from workbench.engine.strategy import Candles

PARTS = 1_000_000
"""A share of equity is counted in millionths."""
UNKNOWN = -(2**62)
YEAR = 365 * UNITS["d"]
TREND_BARS = (50, 200)

Ints = NDArray[np.int64]


def measures_of(configuration: StrategyConfiguration, timeframe: str) -> dict[str, tuple[float, ...]]:
    """Return the measures that a configuration asks for, each with its settings.

    Returns
    -------
    dict
        `volatility_size`: lookback, the target a bar; `kelly_size`: lookback, fraction, cap; `volatility`: lookback;
        `trend`: its two lookbacks.
    """
    c = configuration
    wanted: dict[str, tuple[float, ...]] = {}
    if c.sizing == "volatility":
        bars_a_year = YEAR / parse_timeframe(timeframe)
        wanted["volatility_size"] = (c.sizing_lookback, float(c.volatility_target_pct) / 100 / bars_a_year**0.5)
    if c.sizing == "kelly":
        wanted["kelly_size"] = (c.sizing_lookback, float(c.kelly_fraction), float(c.kelly_cap_pct) / 100)
    if c.intel_level is not None or c.has_programs:
        wanted["trend"] = TREND_BARS
        wanted["volatility"] = (c.sizing_lookback,)
    return wanted


def measure(bars: Candles, wanted: dict[str, tuple[float, ...]]) -> dict[str, Ints]:
    """Return measures of every bar as whole numbers; `UNKNOWN` where the window is too short.

    `volatility` is the standard deviation of a bar's return in millionths; `trend` how far the mean of the last 50 closes
    lies above that of the last 200, in millionths: a dip in a rising market keeps it. `volatility_size` and `kelly_size` are
    shares of equity in millionths: target / volatility, and fraction x mean / variance of the returns (Thorp, "The Kelly
    criterion in blackjack, sports betting and the stock market", 2006, equation 7.3), neither below zero nor above the whole.
    """
    import talib

    found: dict[str, Ints] = {}
    returns = np.zeros(len(bars))
    returns[1:] = bars.close[1:] / bars.close[:-1] - 1
    for name, settings in wanted.items():
        lookback = int(settings[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = talib.STDDEV(returns, lookback)
            # The first return is not known, so a window that holds it is one bar short.
            deviation[: lookback + 1] = np.nan
            match name:
                case "volatility":
                    values = deviation
                case "trend":
                    values = talib.SMA(bars.close, lookback) / talib.SMA(bars.close, int(settings[1])) - 1
                case "volatility_size":
                    values = np.minimum(settings[1] / deviation, 1)
                case _:
                    bet = settings[1] * talib.SMA(returns, lookback) / deviation**2
                    values = np.clip(np.where(deviation > 0, bet, 0), 0, settings[2])
                    values[: lookback + 1] = np.nan
        found[name] = _quantised(values)
    return found


def _quantised(values: Floats) -> Ints:
    known = np.isfinite(values)
    return np.where(known, np.rint(np.where(known, values, 0) * PARTS), UNKNOWN).astype(np.int64)
