"""Trend by MACD."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import talib

from workbench.engine.series import Floats
from workbench.engine.strategy import (
    Candles,
    Param,
    Signals,
    SignalStrategy,
    crossings,
    share_of_hundred,
)
from workbench.errors import Invalid


class MacdTrend(SignalStrategy, frozen=True):
    """Enters when MACD rises above its signal line, leaves on the reverse."""

    title: ClassVar[str] = "MACD trend"
    summary: ClassVar[str] = "Momentum: in when MACD rises above its signal line, out when it falls below."

    lag: ClassVar[int] = 1

    fast: Annotated[int, Param(2, 100, 1, "Fast", "Bars in the fast mean.", "bars")] = 12
    slow: Annotated[int, Param(3, 200, 1, "Slow", "Bars in the slow mean.", "bars")] = 26
    signal: Annotated[int, Param(1, 100, 1, "Signal", "Bars in the mean of MACD itself.", "bars")] = 9

    def check(self) -> None:
        if self.fast >= self.slow:
            raise Invalid("fast", f"fewer bars than slow, which is {self.slow}", self.fast)

    @property
    def lookback(self) -> int:
        return 4 * (self.slow + self.signal)

    def signals(self, bars: Candles) -> Signals:
        macd, line, _ = bars.indicator(talib.MACD, bars.close, self.fast, self.slow, self.signal)

        def edge() -> Floats:
            return (macd - line) / bars.close * 10_000  # type: ignore[no-any-return]

        def confidence() -> Floats:
            return share_of_hundred(50 + 5 * np.abs(edge()))

        factors = {"macd": macd, "signal_line": line, "gap_bps": edge}
        return Signals(*crossings(macd, line), confidence, edge, factors)

    def because(self, factors: Mapping[str, float | None]) -> str:
        gap = factors["gap_bps"] or 0.0
        return f"MACD is {abs(gap):.2f} bps of price {'above' if gap > 0 else 'below'} its signal line"
