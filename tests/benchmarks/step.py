"""How many bars a second `step()` takes on one instrument, with a thought for every bar.

    uv run python tests/benchmarks/step.py

Aims: at least 60,000 plain, 40,000 with all gates, exits and resting orders, and 15,000 instrument-bars a second with 24
instruments. The readings are made before, as a backtest makes them. Beside it, in the same run, a bare loop that only walks
over the same bars and marks a position, as a yardstick for how busy the machine is.
"""

import statistics
import time
from decimal import Decimal

import numpy as np

from tests.make import wandering
from workbench.domain.bars import Slice
from workbench.domain.book import open_book
from workbench.domain.commands import PlaceOrder
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts
from workbench.domain.orders import OrderType, Side
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


def folded(many, slices: list, readings, rules: StrategyConfiguration, costs: CostModel, resting: int = 0) -> tuple[float, int]:
    """Seconds for folding the slices, and how many thoughts there were."""
    instruments = tuple(series.instrument for series in many)
    state = open_state(Plan(instruments, many[0].timeframe, rules, costs), open_book(Decimal(10_000)))
    for _ in range(resting):
        far = PlaceOrder(instruments[0].key, Side.BUY, amount="1", type=OrderType.LIMIT, limit_price="0.01")
        state = step(state, far).state
    began, thoughts = time.perf_counter(), 0
    for given, said in zip(slices, readings, strict=True):
        stepped = step(state, given, said)
        state, thoughts = stepped.state, thoughts + len(stepped.thoughts)
    return time.perf_counter() - began, thoughts


def main() -> None:
    strategy = make_strategy("sma_cross", {"fast": 20, "slow": 100})
    exits = {"stop_loss_pct": 3, "take_profit_pct": 8, "trailing_stop_pct": 4, "max_hold_hours": 200, "cooldown_minutes": 120}
    gates = {
        "max_positions": 50, "max_daily_trades": 5000, "min_liquidity": 1, "max_slippage_pct": 50, "blocked_tokens": "NONE",
        "max_position_pct": 90, "max_exposure_pct": 95, "max_trade_size": 5000, "daily_loss_pct": 99, "drawdown_pct": 99,
        "losing_streak": 99, "volatility_pct": 900, "stale_bars": 9999, "error_rate_pct": 100, "stoploss_guard": 99,
    }  # fmt: skip
    dear = ExchangeCosts(10, 5, 5, "0.5", 2, 10, 90)
    cases = [
        ("plain", 1, StrategyConfiguration(), ExchangeCosts(fee_bps=10), 0),
        ("every exit and cost", 1, StrategyConfiguration(**exits), ExchangeCosts(10, 5, 5, "0.5"), 0),
        ("all, 5 orders resting", 1, StrategyConfiguration(**exits, **gates), dear, 5),
        ("24 instruments, all", 24, StrategyConfiguration(**exits, **gates, size_pct=3), dear, 5),
    ]
    for name, count, rules, costs, resting in cases:
        many = [wandering(BARS // count, 7 + i, f"T{i}/USD") for i in range(count)]
        for series in many:
            series.volume = np.full(len(series), 1e5)
        bars = [list(series.bars()) for series in many]
        slices = [Slice(row[0].ts, row) for row in zip(*bars, strict=True)]
        read = [read_series(strategy, series) for series in many]
        readings = [tuple(one[i] for one in read) for i in range(len(slices))]
        seconds, yardstick = [], []
        for _ in range(ROUNDS):
            yardstick.append(bare([bar for one in bars for bar in one]))
            took, thoughts = folded(many, slices, readings, rules, costs, resting)
            seconds.append(took)
        total = count * len(slices)
        assert thoughts >= total
        print(
            f"{name:<22}{total / statistics.median(seconds):>10,.0f} bars/s median, {total / min(seconds):>10,.0f} best, "
            f"{statistics.median(seconds) / statistics.median(yardstick):.1f} x a bare marking loop"
        )


if __name__ == "__main__":
    main()
