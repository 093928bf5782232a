"""How fast a sweep is, with every honest column, beside a peer on the same work.

    uv run python tests/benchmarks/sweep.py
    uv run --with vectorbt python tests/benchmarks/sweep.py --peer vectorbt

400 pairs of moving averages over 100,000 one-minute bars: at most 0.25 s on two cores, at least 60 times faster than vectorbt
at its best chunk size; over 525,600 bars at most 1.5 s and 1 GiB; CSCV of 400 trials and 16 blocks at most 2 s. The same work
is: moving averages of the closes, entries and exits at their crossings, 10 bps a fill, equity marked at every bar, and the
figures of a row (vectorbt: total return, Sharpe ratio, worst drawdown, number of trades, win rate).
"""

import resource
import sys
import time

import numpy as np

from tests.benchmarks.kernel import year_of_minutes

FAST, SLOW = range(5, 25), range(30, 221, 10)


def ours(bars, rounds: int) -> float:
    """Seconds of the fastest round; every round has a fresh store, so that nothing is read that was run before."""
    import workbench as wb

    found = []
    for _ in range(rounds):
        with wb.open_desk(":memory:") as desk:
            began = time.perf_counter()
            swept = wb.sweep("sma_cross", bars, fast=FAST, slow=SLOW, fee_bps=10, desk=desk, progress=False)
            assert swept.frame.height == 400
            found.append(time.perf_counter() - began)
    return min(found)


def vectorbt(bars, pairs_at_once: int) -> float:
    """Seconds of vectorbt for the same, in chunks of so many pairs."""
    import vectorbt as vbt

    close = bars.floats("close")[:, None]
    began = time.perf_counter()
    pairs = [(fast, slow) for fast in FAST for slow in SLOW]
    averages = {window: vbt.MA.run(close[:, 0], window, short_name="ma").ma.to_numpy().ravel() for window in {*FAST, *SLOW}}
    for low in range(0, len(pairs), pairs_at_once):
        part = pairs[low : low + pairs_at_once]
        fast = np.column_stack([averages[one] for one, _ in part])
        slow = np.column_stack([averages[other] for _, other in part])
        above = np.zeros(fast.shape, bool)
        below = np.zeros(fast.shape, bool)
        above[1:] = (fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1])
        below[1:] = (fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1])
        made = vbt.Portfolio.from_signals(
            close, above, below, size=0.1, size_type="percent", fees=0.001, init_cash=10_000, freq="1min"
        )
        assert len(made.total_return()) == len(made.sharpe_ratio()) == len(made.max_drawdown()) == len(part)
        made.trades.count(), made.trades.win_rate()
    return time.perf_counter() - began


def main() -> None:
    import workbench as wb
    from workbench.engine.kernel import is_ready

    is_ready(600)
    year = year_of_minutes()
    bars = year[-100_000:]
    ours(bars, 2)
    short = ours(bars, 5)
    print(f"workbench {wb.__version__}: 400 pairs over 100,000 bars in {short:.3f} s, aim 0.25")
    if sys.argv[1:] == ["--peer", "vectorbt"]:
        import vectorbt as vbt

        vectorbt(bars, 400 if len(bars) < 1000 else 20)
        peer = {size: vectorbt(bars, size) for size in (5, 10, 20, 50)}
        size, seconds = min(peer.items(), key=lambda pair: pair[1])
        again = ours(bars, 5)
        print(f"vectorbt {vbt.__version__}: {seconds:.2f} s at its best, {size} pairs at once")
        print(f"ratio to vectorbt: {seconds / min(short, again):.0f} x")
        return
    long = ours(year, 2)
    print(f"400 pairs over 525,600 bars in {long:.2f} s, aim 1.5")
    print(f"largest memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, aim 1")
    with wb.open_desk(":memory:") as desk:
        swept = wb.sweep("sma_cross", year, fast=FAST, slow=SLOW, fee_bps=10, desk=desk, progress=False)
        began = time.perf_counter()
        found = swept.overfitting
        print(f"CSCV of 400 trials and 16 blocks in {time.perf_counter() - began:.2f} s, aim 2 ({found})")


if __name__ == "__main__":
    main()
