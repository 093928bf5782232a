"""Backtests that were run by hand: trying is trying, so each waits here until the ledger of trials is looked at, and counts.

A backtest by itself writes nothing down and opens no store. What waits is bounded: of a backtest beyond the latest ones only
what luck asks of it stays.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import numpy as np

from workbench.analytics.returns import daily, every_day, sharpe_a_day
from workbench.domain.bars import DAY
from workbench.engine.lowering import day_ends
from workbench.research.backtest import Backtest
from workbench.research.identity import code_digest
from workbench.research.luck import Drawn
from workbench.research.overfitting import pooled
from workbench.research.study import Study, study_from

MOST_BARS: Final = 2_000_000
"""Bars of whole backtests that wait; beyond, the oldest are summed up."""
MOST_TRIED: Final = 10_000
"""Backtests that wait at most; beyond, the oldest are forgotten."""


class Tried(msgspec.Struct, frozen=True):
    """A backtest in what its trial is counted by and what luck asks of it."""

    study: Study
    return_pct: float
    trades: int
    drawn: Drawn


_lock = threading.Lock()
_whole: deque[tuple[Backtest, str]] = deque()
_summed: deque[Tried] = deque(maxlen=MOST_TRIED)


def remember(result: Backtest) -> None:
    """Let a backtest wait to be counted, by the code that its strategy has now."""
    code = code_digest(type(result.strategy))
    with _lock:
        _whole.append((result, code))
        while len(_whole) > 1 and sum(len(each.bars[0]) for each, _ in _whole) > MOST_BARS:
            _summed.append(_summed_up(*_whole.popleft()))


@contextmanager
def taken() -> Iterator[list[Tried]]:
    """Yield the backtests that wait; they are forgotten once whatever is done with them has ended well."""
    with _lock:
        summed, whole = list(_summed), list(_whole)
    yield [*summed, *(_summed_up(result, code) for result, code in whole)]
    done = {id(each) for each in (*summed, *whole)}
    with _lock:
        for waiting in (_summed, _whole):
            rest = [each for each in waiting if id(each) not in done]
            waiting.clear()
            waiting.extend(rest)  # type: ignore[arg-type]


def forget() -> None:
    """Let no backtest of before wait any longer, as at the beginning of a process."""
    with _lock:
        _summed.clear()
        _whole.clear()


def _summed_up(result: Backtest, code: str) -> Tried:
    run = result.run
    places = day_ends(run.ts)
    returns = daily(float(result.cash), every_day((run.ts // DAY)[places], run.equity[places]))
    ratio = float(sharpe_a_day(returns))
    stretches = np.ascontiguousarray(pooled(returns), np.float64).tobytes()
    drawn = Drawn(None if np.isnan(ratio) else ratio, len(returns), stretches)
    gained = 100 * (float(run.final) / float(result.cash) - 1)
    return Tried(study_from(result, code=code), gained, len(run.trips.result), drawn)
