"""How fast the kernel is, and a whole backtest around it.

    uv run python tests/benchmarks/kernel.py

Aims on a year of one-minute bars, marked at every one: the kernel at least 60 million bars a second; `wb.backtest` with
indicators, statistics and its result at most 60 ms. Beside it, in the same run, a bare compiled loop that multiplies, divides
and compares at every bar, as a yardstick for how busy the machine is, and how long the first use takes.
"""

import os
import subprocess
import sys
import time

import numpy as np

BARS, ROUNDS = 525_600, 12


def year_of_minutes(seed: int = 1):
    """A year of one-minute bars around 30,000."""
    from workbench.domain.instruments import pair
    from workbench.engine.series import BarSeries

    walk = np.random.default_rng(seed).normal(0, 0.0005, BARS)
    close = np.rint(30_000 * np.exp(np.cumsum(walk)) * 100).astype(np.int64) * 10**6
    opened = np.concatenate([close[:1], close[:-1]])
    prices = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    return BarSeries(pair("BTC/USDT"), "1m", 1_640_995_200_000 + np.arange(BARS) * 60_000, prices, np.ones(BARS))


def best(run) -> float:
    """The shortest of several rounds, in seconds."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)


def first_use(code: str) -> float:
    """Seconds that a fresh process spends on a piece of code, by its own clock."""
    timed = f"import time; began = time.perf_counter()\n{code}\nprint(time.perf_counter() - began)"
    # As wherever the program is installed: with the modules' own compiled code on disk, too.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    runs = [subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True, env=kept) for _ in range(2)]
    return float(runs[-1].stdout.split()[-1])


def main() -> None:
    import workbench as wb
    from workbench.engine.exact import compiled
    from workbench.engine.kernel import is_ready, run_kernel
    from workbench.engine.lowering import day_ends, market_of, rules_of, signals_of, traits_of
    from workbench.engine.windows import read_series

    @compiled
    def bare(close, cash, quantity):  # type: ignore[no-untyped-def]
        peak, line = cash, np.zeros(len(close), np.int64)
        for t in range(len(close)):
            line[t] = cash + close[t] * quantity // 100_000_000
            peak = max(peak, line[t])
        return peak

    is_ready(600)
    bars = year_of_minutes()
    strategy = wb.strategies.SmaCross(fast=20, slow=100)
    result = wb.backtest(strategy, bars, fee_bps=10, engine="kernel")
    plan, market, days = result.plan, market_of([bars], result.plan), day_ends(bars.ts)
    signals = signals_of(market, [bars], [read_series(strategy, bars)], plan)
    traits, rules = traits_of(plan.instruments), rules_of(plan, result.cash)
    bare(bars.close, 10**12, 3)
    yardstick = best(lambda: bare(bars.close, 10**12, 3))
    kernel = best(lambda: run_kernel(market, traits, rules, *signals, days, True))
    whole = best(lambda: wb.backtest(strategy, bars, fee_bps=10, engine="kernel").stats)
    trades = result.stats["trades"]
    print(f"bare loop        {BARS / yardstick / 1e6:8.0f} million bars/s")
    print(f"kernel           {BARS / kernel / 1e6:8.0f} million bars/s, {trades:,} round trips, aim 60")
    print(f"wb.backtest      {1000 * whole:8.1f} ms in all, aim 60")
    print(f"import workbench {first_use('import workbench'):8.2f} s, aim 1")
    first = "import workbench as wb; wb.backtest('sma_cross', wb.simulate_bars('WETH', '1h', 3000), engine='kernel').stats"
    print(f"first backtest   {first_use(first):8.2f} s in a fresh process with the compiled code on disk, aim 3")


if __name__ == "__main__":
    main()
