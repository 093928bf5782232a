"""Breakout from a channel of highs and lows."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import talib

from workbench.engine.series import Floats
from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy, share_of_hundred


class DonchianBreakout(SignalStrategy, frozen=True):
    """Enters on a close above the highest high of the bars before, leaves on one below their lowest low."""

    title: ClassVar[str] = "Donchian breakout"
    summary: ClassVar[str] = "Breakout: in on a close above the highest high of the last bars, out below their lowest low."

    lag: ClassVar[int] = 1

    entry: Annotated[int, Param(2, 400, 1, "Entry channel", "Bars whose highest high must be broken.", "bars")] = 55
    leave: Annotated[int, Param(2, 400, 1, "Exit channel", "Bars whose lowest low must be broken.", "bars")] = 20

    @property
    def lookback(self) -> int:
        return max(self.entry, self.leave) + 1

    def signals(self, bars: Candles) -> Signals:
        upper, lower = (
            _one_bar_ago(bars.indicator(talib.MAX, bars.high, self.entry)),
            _one_bar_ago(bars.indicator(talib.MIN, bars.low, self.leave)),
        )
        edge = (bars.close / upper - 1) * 10_000
        with np.errstate(invalid="ignore"):
            confidence = share_of_hundred(60 + edge)
            return Signals(bars.close > upper, bars.close < lower, confidence, edge, {"upper": upper, "lower": lower})

    def because(self, factors: Mapping[str, float | None]) -> str:
        upper, lower = factors["upper"] or 0.0, factors["lower"] or 0.0
        return f"the channel is {lower:.6g} (low of {self.leave}) to {upper:.6g} (high of {self.entry})"


def _one_bar_ago(values: Floats) -> Floats:
    shifted = np.full(len(values), np.nan)
    shifted[1:] = values[:-1]
    return shifted
