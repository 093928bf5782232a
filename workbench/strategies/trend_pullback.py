"""Pullbacks within the trend of a slower timeframe."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import talib

from workbench.engine.series import Floats
from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy, share_of_hundred


class TrendPullback(SignalStrategy, frozen=True):
    """Buys what is oversold while the closes of a slower timeframe lie above their mean; leaves on recovery or when they fall."""

    title: ClassVar[str] = "Trend pullback"
    summary: ClassVar[str] = (
        "Pullback in a slower trend: in on a low RSI while slower bars close above their mean, out on recovery."
    )

    slower: Annotated[int, Param(2, 12, 1, "Slower", "Bars that make one of the slower timeframe.", "bars")] = 4
    trend: Annotated[int, Param(5, 100, 1, "Trend", "Slower bars in the mean of the trend.", "slower bars")] = 50
    period: Annotated[int, Param(2, 50, 1, "RSI period", "Bars of the RSI.", "bars")] = 14
    oversold: Annotated[float, Param(5, 45, 1, "Oversold", "In at or below this RSI.")] = 35.0
    recovered: Annotated[float, Param(40, 90, 1, "Recovered", "Out at or above this RSI.")] = 60.0
    edge_unit: ClassVar[str] = "RSI points"

    @property
    def lookback(self) -> int:
        # The first slower bar may be cut off by the beginning, and one more is under way.
        return max((self.trend + 2) * self.slower, 10 * self.period + 1)

    def signals(self, bars: Candles) -> Signals:
        rsi = bars.indicator(talib.RSI, bars.close, self.period)
        slower = bars.every(self.slower)
        mean = slower.indicator(talib.SMA, slower.close, self.trend)
        above: Floats = slower.known((slower.close / mean - 1) * 10_000)
        edge = self.oversold - rsi
        with np.errstate(invalid="ignore"):
            enter = (rsi <= self.oversold) & (above > 0)
            leave = (rsi >= self.recovered) | (above < 0)
        return Signals(enter, leave, share_of_hundred(50 + 2 * edge), edge, {"rsi": rsi, "trend_bps": above})

    def because(self, factors: Mapping[str, float | None]) -> str:
        rsi, above = factors["rsi"] or 0.0, factors["trend_bps"] or 0.0
        side = "above" if above > 0 else "below"
        return f"RSI is {rsi:.1f}, and the slower bars close {abs(above):.1f} bps {side} their mean"
