"""Buy at the first chance and keep: the yardstick for every other strategy."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from workbench.engine.strategy import Candles, Signals, SignalStrategy


class BuyAndHold(SignalStrategy, frozen=True):
    """Wants in at every close and never out."""

    title: ClassVar[str] = "Buy and hold"
    summary: ClassVar[str] = "Buys at the first chance and keeps; the yardstick for the others."

    lag: ClassVar[int] = 0

    @property
    def lookback(self) -> int:
        return 1

    def signals(self, bars: Candles) -> Signals:
        count = len(bars)
        return Signals(np.ones(count, np.bool_), np.zeros(count, np.bool_), np.full(count, 100.0), np.zeros(count), {})

    def because(self, factors: Mapping[str, float | None]) -> str:
        return "it buys whenever it holds nothing"
