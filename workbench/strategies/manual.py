"""No signal at all: what is traded, people and programs place."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from workbench.engine.strategy import Candles, Signals, SignalStrategy


class Manual(SignalStrategy, frozen=True):
    """Gives no signal: the orders are those that you and the programs place."""

    title: ClassVar[str] = "Manual"
    summary: ClassVar[str] = "Gives no signal of its own: trades only what you and the programs place."
    memory: ClassVar[int] = 2
    lag: ClassVar[int] = 0
    is_silent: ClassVar[bool] = True

    @property
    def lookback(self) -> int:
        return 1

    def signals(self, bars: Candles) -> Signals:
        never, nothing = np.zeros(len(bars), np.bool_), np.zeros(len(bars))
        return Signals(never, never, nothing, nothing - 1, {})

    def because(self, factors: Mapping[str, float | None]) -> str:
        return "nobody has asked for an entry"
