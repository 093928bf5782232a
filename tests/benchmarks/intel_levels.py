"""What each intel level makes of the same strategy on real candles: the table in the README.

    uv run python tests/benchmarks/intel_levels.py

Levels are monotone for one decision, not for whole runs: a trade that a higher level makes changes everything after it.
"""

import workbench as wb
from workbench.engine.intel import PROFILES
from workbench.settings import market_folder

RUNS = (
    ("rsi_reversion", "btcusdt-1h-2017-2023.parquet", "BTC/USDT"),
    ("donchian_breakout", "ethusdt-1h-2017-2023.parquet", "ETH/USDT"),
)


def main() -> None:
    for strategy, file, symbol in RUNS:
        bars = wb.read_bars(market_folder() / file, symbol=symbol, timeframe="1h")
        print(f"{strategy} on {symbol}, fee 10 bps, half spread and slippage 2 bps each")
        for level, profile in PROFILES.items():
            s = wb.backtest(strategy, bars, intel_level=level, fee_bps=10, half_spread_bps=2, slippage_bps=2).stats
            rate = "–" if s["win_rate"] is None else f"{100 * s['win_rate']:.0f} %"
            print(
                f"| {level} | {profile.name} | {s['trades']} | {rate} | {s['total_return_pct']:+.1f} % "
                f"| {s['max_drawdown_pct']:.1f} % | {s['exposure_pct']:.0f} % |"
            )


if __name__ == "__main__":
    main()
