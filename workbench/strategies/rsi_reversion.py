"""Reversion by relative strength."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import talib

from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy, share_of_hundred
from workbench.errors import Invalid


class RsiReversion(SignalStrategy, frozen=True):
    """Enters when RSI is oversold, leaves when it has recovered."""

    title: ClassVar[str] = "RSI reversion"
    summary: ClassVar[str] = "Buys weakness: in when RSI falls to the oversold line, out when it has risen to the upper one."
    lag: ClassVar[int] = 0
    edge_unit: ClassVar[str] = "RSI points"

    period: Annotated[int, Param(2, 100, 1, "Period", "Bars in the RSI.", "bars")] = 14
    oversold: Annotated[float, Param(1, 49, 1, "Oversold", "In at or below it.")] = 30.0
    recovered: Annotated[float, Param(50, 99, 1, "Recovered", "Out at or above it.")] = 55.0

    def check(self) -> None:
        if self.oversold >= self.recovered:
            raise Invalid("oversold", f"below recovered, which is {self.recovered:g}", self.oversold)

    @property
    def lookback(self) -> int:
        return 10 * self.period + 1

    def signals(self, bars: Candles) -> Signals:
        rsi = bars.indicator(talib.RSI, bars.close, self.period)
        edge = self.oversold - rsi
        with np.errstate(invalid="ignore"):
            confidence = share_of_hundred(50 + 2.5 * edge)
            return Signals(rsi <= self.oversold, rsi >= self.recovered, confidence, edge, {"rsi": rsi})

    def because(self, factors: Mapping[str, float | None]) -> str:
        rsi = factors["rsi"] or 0.0
        return f"RSI({self.period}) is {rsi:.1f}, in at {self.oversold:g} or below, out at {self.recovered:g} or above"
