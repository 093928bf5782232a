"""Builders with good defaults, so that a test states only what matters."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from workbench.domain.bars import Bar, Slice
from workbench.domain.book import open_book
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts
from workbench.domain.instruments import Instrument, pair
from workbench.domain.sessions import Plan
from workbench.engine.series import BarSeries
from workbench.engine.state import State, open_state
from workbench.engine.strategy import Candles, Reading, Signals, SignalStrategy

HOUR = 3_600_000
START = 1_700_006_400_000 // HOUR * HOUR


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int = 1_735_689_600_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def move(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += milliseconds


class Scripted(SignalStrategy, frozen=True):
    """A strategy that says nothing by itself; tests hand its readings in."""

    @property
    def lookback(self) -> int:
        return 1

    def signals(self, bars: Candles) -> Signals:
        none = np.zeros(len(bars))
        return Signals(none.astype(bool), none.astype(bool), none, none, {})

    def because(self, factors: object) -> str:
        return "the script says so"


def bar(ts: int = START, open: object = 100, high: object = None, low: object = None, close: object = None) -> Bar:
    """A bar; what is not given follows from what is."""
    o = Decimal(str(open))
    c = o if close is None else Decimal(str(close))
    h = max(o, c) if high is None else Decimal(str(high))
    l = min(o, c) if low is None else Decimal(str(low))
    return Bar(ts, *(round(price, 8) for price in (o, h, l, c)), Decimal(1))


def reading(enter: bool = False, exit: bool = False, confidence: float = 80.0, at_hand: int = 10) -> Reading:
    """What a strategy says about one bar."""
    return Reading(enter, exit, confidence, 1.0 if enter else -1.0, at_hand, (), (), Scripted())


def state(
    cash: object = 10_000,
    *,
    instruments: Sequence[Instrument] = (pair("BTC/USDT"),),
    costs: CostModel | None = None,
    **rules: object,
) -> State:
    """The state of a session before its first slice."""
    configuration = StrategyConfiguration(**rules)  # type: ignore[arg-type]
    return open_state(Plan(tuple(instruments), "1h", configuration, costs or ExchangeCosts()), open_book(Decimal(str(cash))))


def given(*bars: Bar | None, last: bool = False) -> Slice:
    """A slice of these bars."""
    return Slice(next(b.ts for b in bars if b is not None), tuple(bars), last=last)


def series(
    closes: Sequence[float], symbol: str = "BTC/USDT", start: int = START, step: int = HOUR, timeframe: str = "1h"
) -> BarSeries:
    """A series whose bars open at the close before."""
    import polars as pl

    opens = [closes[0], *closes[:-1]]
    return BarSeries.from_frame(
        pl.DataFrame(
            {
                "ts": [start + i * step for i in range(len(closes))],
                "open": opens,
                "high": [max(o, c) for o, c in zip(opens, closes, strict=True)],
                "low": [min(o, c) for o, c in zip(opens, closes, strict=True)],
                "close": list(closes),
                "volume": [1.0] * len(closes),
            }
        ),
        symbol,
        timeframe,
    )


def wandering(count: int = 3000, seed: int = 7, symbol: str = "BTC/USDT", start: int = START) -> BarSeries:
    """A series that walks at random, the same for the same seed."""
    walk = np.random.default_rng(seed).normal(0, 0.01, count)
    return series(np.round(100 * np.exp(np.cumsum(walk)), 4).tolist(), symbol, start)
