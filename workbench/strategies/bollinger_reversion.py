"""Reversion from the lower Bollinger band."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import talib

from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy, share_of_hundred


class BollingerReversion(SignalStrategy, frozen=True):
    """Enters on a close below the lower band, leaves at the middle."""

    title: ClassVar[str] = "Bollinger reversion"
    summary: ClassVar[str] = "Buys stretched falls: in on a close below the lower band, out at the middle one."
    lag: ClassVar[int] = 0
    edge_unit: ClassVar[str] = "deviations"

    period: Annotated[int, Param(2, 200, 1, "Period", "Bars in the mean and the deviation.", "bars")] = 20
    width: Annotated[float, Param(0.5, 5, 0.1, "Width", "Deviations from the mean to the band.", "deviations")] = 2.0

    @property
    def lookback(self) -> int:
        return self.period + 1

    def signals(self, bars: Candles) -> Signals:
        upper, middle, lower = bars.indicator(talib.BBANDS, bars.close, self.period, self.width, self.width)
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = (upper - middle) / self.width
            z = (bars.close - middle) / deviation
            edge = -self.width - z
            confidence = share_of_hundred(60 + 20 * edge)
            factors = {"z": z, "middle": middle, "lower": lower}
            return Signals(bars.close < lower, bars.close >= middle, confidence, edge, factors)

    def because(self, factors: Mapping[str, float | None]) -> str:
        z = factors["z"] or 0.0
        return (
            f"price is {abs(z):.2f} deviations {'above' if z > 0 else 'below'} its mean of {self.period}, in below −{self.width:g}"
        )
