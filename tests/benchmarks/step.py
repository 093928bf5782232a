"""How many bars a second `step()` takes on one instrument, with a thought for every bar.

    uv run python tests/benchmarks/step.py

Aim: at least 60,000. Beside it, in the same run, a bare loop that only walks over the same bars and marks a position, as
a yardstick for how busy the machine is.
"""

import statistics
import time
from decimal import Decimal

from tests.make import wandering
from workbench.domain.bars import Slice
from workbench.domain.book import open_book
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts
from workbench.domain.sessions import Plan
from workbench.engine.state import open_state
from workbench.engine.step import step
from workbench.engine.windows import read_series
from workbench.strategies import make_strategy

BARS, ROUNDS = 50_000, 5


def bare(bars: list) -> float:
    """Seconds for a loop that does nothing but hold one unit and mark it."""
    began, equity = time.perf_counter(), Decimal(0)
    for bar in bars:
        equity = Decimal(1000) + bar.close * 3
    assert equity
    return time.perf_counter() - began


def folded(series, bars: list, readings, rules: StrategyConfiguration, costs: CostModel) -> tuple[float, int]:
    """Seconds for folding the bars, and how many thoughts there were."""
    state = open_state(Plan((series.instrument,), series.timeframe, rules, costs), open_book(Decimal(10_000)))
    began, thoughts = time.perf_counter(), 0
    for i, bar in enumerate(bars):
        stepped = step(state, Slice(bar.ts, (bar,)), (readings[i],))
        state, thoughts = stepped.state, thoughts + len(stepped.thoughts)
    return time.perf_counter() - began, thoughts


def main() -> None:
    series = wandering(BARS)
    bars, readings = list(series.bars()), read_series(make_strategy("sma_cross", {"fast": 20, "slow": 100}), series)
    cases = {
        "plain": (StrategyConfiguration(), ExchangeCosts(fee_bps=10)),
        "every exit and cost": (
            StrategyConfiguration(
                stop_loss_pct=3, take_profit_pct=8, trailing_stop_pct=4, max_hold_hours=200, cooldown_minutes=120
            ),
            ExchangeCosts(10, 5, 5, "0.5"),
        ),
    }
    for name, (rules, costs) in cases.items():
        seconds, yardstick = [], []
        for _ in range(ROUNDS):
            yardstick.append(bare(bars))
            took, thoughts = folded(series, bars, readings, rules, costs)
            seconds.append(took)
        assert thoughts >= BARS
        rate = BARS / statistics.median(seconds)
        print(
            f"{name:<20}{rate:>10,.0f} bars/s median, {BARS / min(seconds):>10,.0f} best, "
            f"{statistics.median(seconds) / statistics.median(yardstick):.1f} x a bare marking loop"
        )


if __name__ == "__main__":
    main()
