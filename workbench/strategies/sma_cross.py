"""Trend by two moving averages."""

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


class SmaCross(SignalStrategy, frozen=True):
    """Enters when the fast mean of closes has risen above the slow one, leaves on the reverse."""

    title: ClassVar[str] = "SMA cross"
    summary: ClassVar[str] = "Trend by two moving averages: in when the fast one rises above the slow one, out on the reverse."

    lag: ClassVar[int] = 1

    fast: Annotated[int, Param(2, 100, 1, "Fast", "Bars in the fast mean.", "bars")] = 20
    slow: Annotated[int, Param(3, 400, 1, "Slow", "Bars in the slow mean.", "bars")] = 100

    def check(self) -> None:
        if self.fast >= self.slow:
            raise Invalid("fast", f"fewer bars than slow, which is {self.slow}", self.fast)

    @property
    def lookback(self) -> int:
        return self.slow + 1

    def signals(self, bars: Candles) -> Signals:
        fast = bars.indicator(talib.SMA, bars.close, self.fast)
        slow = bars.indicator(talib.SMA, bars.close, self.slow)

        risen, fallen = crossings(fast, slow)

        def gap() -> Floats:
            return (fast / slow - 1) * 10_000  # type: ignore[no-any-return]

        return Signals(
            risen,
            fallen,
            lambda: share_of_hundred(50 + np.abs(gap())),
            gap,
            {"fast_mean": fast, "slow_mean": slow, "gap_bps": gap},
        )

    def because(self, factors: Mapping[str, float | None]) -> str:
        gap = factors["gap_bps"] or 0.0
        return f"the mean of {self.fast} closes is {abs(gap):.1f} bps {'above' if gap > 0 else 'below'} that of {self.slow}"
