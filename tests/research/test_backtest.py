import math

import polars as pl
import pytest

import workbench as wb
from tests.make import wandering
from workbench.engine.strategy import SignalStrategy
from workbench.errors import BadBar, Invalid, NotFound

GOLDEN = {
    "btcusdt-1h-2017-2023.parquet": ("BTC/USDT", "1h"),
    "ethusdt-1h-2017-2023.parquet": ("ETH/USDT", "1h"),
    "uniswap-pool-1h-2021-2022.parquet": ("POOL/USD", "1h"),
    "btc-perp-1m-2022-01.csv.gz": ("BTC/USD:BTC", "1m"),
}


def plain_float_backtest(frame, fast, slow, cash, fee_bps, size_pct):
    """The plain case, told a second time in floats: no engine, no strategy, no indicator library.

    Enter when the fast mean of closes has risen above the slow one (at or below it a bar ago), leave on the reverse;
    trade at the next open; the quantity is rounded down to 8 decimals.
    """
    opens, closes = frame["open"].to_list(), frame["close"].to_list()
    sums = [0.0]
    for close in closes:
        sums.append(sums[-1] + close)

    def mean(i, n):
        return math.fsum(closes[i - n + 1 : i + 1]) / n

    held, fees, trades, equity, wins, spent = 0.0, 0.0, 0, [], 0, 0.0
    want = None
    above_before, below_before, amount = None, None, 0.0
    for i, (open_, close) in enumerate(zip(opens, closes, strict=True)):
        if want == "buy":
            held = math.floor(amount / open_ * 1e8) / 1e8
            value = held * open_
            cash -= value + value * fee_bps / 1e4
            fees += value * fee_bps / 1e4
            spent = value + value * fee_bps / 1e4
        elif want == "sell":
            value = held * open_
            cash += value - value * fee_bps / 1e4
            fees += value * fee_bps / 1e4
            wins += value - value * fee_bps / 1e4 > spent
            held, trades = 0.0, trades + 1
        want = None
        equity.append(cash + held * close)
        if i < slow - 1:
            continue
        quick, long = mean(i, fast), mean(i, slow)
        last = i == len(closes) - 1
        if above_before is not None and not last:
            if not held and quick > long and not above_before:
                want, amount = "buy", equity[-1] * size_pct / 100
            elif held and quick < long and not below_before:
                want = "sell"
        above_before, below_before = quick > long, quick < long
    return {"final_equity": equity[-1], "fees_paid": fees, "trades": trades, "win_rate": wins / trades, "equity": equity}


def test_the_plain_case_agrees_with_a_calculation_in_plain_floats(market):
    path = market / "btcusdt-1h-2017-2023.parquet"
    bars = wb.read_bars(path, symbol="BTC/USDT", timeframe="1h")
    result = wb.backtest(wb.strategies.SmaCross(fast=20, slow=100), bars, cash=10_000, fee_bps=10, size_pct=10)
    expected = plain_float_backtest(pl.read_parquet(path), 20, 100, 10_000.0, 10, 10)
    for name in ("final_equity", "fees_paid", "trades", "win_rate"):
        assert result.stats[name] == pytest.approx(expected[name], rel=1e-9), name
    assert result.equity["equity"].to_list() == pytest.approx(expected["equity"], rel=1e-9)
    result.state.book.check()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_digest_of_each_real_file_is_the_golden_one(name, market, golden):
    symbol, timeframe = GOLDEN[name]
    bars = wb.read_bars(market / name, symbol=symbol, timeframe=timeframe)
    plain = wb.backtest(wb.strategies.SmaCross(fast=20, slow=100), bars, cash=10_000, fee_bps=10, size_pct=10)
    full = wb.backtest(
        "donchian_breakout", bars, cash=25_000, fee_bps=7.5, half_spread_bps=3, slippage_bps=4, gas="0.35", size_pct=33,
        stop_loss_pct=4, take_profit_pct=9, trailing_stop_pct=6, max_hold_hours=240, cooldown_minutes=180, max_daily_trades=6,
        on_hole="skip",
    )  # fmt: skip
    full.state.book.check()
    assert {"plain": plain.digest, "full": full.digest} == golden[name]


def test_several_series_share_cash_and_the_result_counts_them_together():
    many = [wandering(1500, seed=s, symbol=f"T{s}/USD") for s in range(3)]
    result = wb.backtest("donchian_breakout", many, size_pct=60, fee_bps=5, parameters={"entry": 10, "leave": 5})
    result.state.book.check()
    assert set(result.trades["symbol"]) == {"T0/USD", "T1/USD", "T2/USD"}
    assert result.stats["trades"] == result.trades.height
    assert result.state.book.cash >= 0


def test_a_pandas_frame_and_a_polars_frame_give_the_same_digest():
    bars = wandering(800)
    frame = bars.frame
    pandas = frame.to_pandas().set_index("ts").rename(columns=str.capitalize)
    kinds = [
        wb.backtest("sma_cross", given, symbol="BTC/USDT", parameters={"fast": 5, "slow": 15}) for given in (frame, pandas, bars)
    ]
    assert len({result.digest for result in kinds}) == 1


def test_percent_and_share_are_what_their_names_say():
    result = wb.backtest("buy_and_hold", wandering(500), size_pct=100)
    s = result.stats
    assert s["trades"] == 0
    assert s["win_rate"] is None
    assert s["open_positions"] == 1
    assert s["total_return_pct"] == pytest.approx(100 * (s["final_equity"] / 10_000 - 1))
    assert -100 <= s["max_drawdown_pct"] <= 0


def test_sharpe_follows_its_definition_and_is_none_under_two_days():
    result = wb.backtest("buy_and_hold", wandering(24 * 60), size_pct=100)
    ends = result.equity.group_by_dynamic("ts", every="1d").agg(pl.col("equity").last())["equity"]
    daily = pl.concat([pl.Series("equity", [10_000.0]), ends]).pct_change().drop_nulls()
    assert len(daily) == 60, "the first day's change is that from the opening cash"
    assert result.stats["sharpe"] == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(365), rel=1e-9)
    assert wb.backtest("buy_and_hold", wandering(20)).stats["sharpe"] is None
    assert wb.backtest("buy_and_hold", wandering(48)).stats["sharpe"] is not None


def test_a_result_shows_itself():
    result = wb.backtest("sma_cross", wandering(600), parameters={"fast": 5, "slow": 15}, fee_bps=10)
    assert "SmaCross(fast=5, slow=15)" in repr(result)
    assert "Worst drawdown" in result._repr_html_()
    figure = result.plot()
    assert [trace.name for trace in figure.data] == ["Equity", "Buy and hold", "Entry", "Exit"]
    assert len(figure.data[2].x) + len(figure.data[3].x) == result.fills.height


class Nameless(SignalStrategy, frozen=True):
    """Has a parameter that somebody has to give."""

    bars: int


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda bars: wb.backtest("sma_crosss", bars), NotFound, "Did you mean 'sma_cross'"),
        (lambda bars: wb.backtest("sma_cross", bars, parameters={"fats": 3}), NotFound, "Did you mean 'fast'"),
        (
            lambda bars: wb.backtest("sma_cross", bars, parameters={"fast": 300}),
            Invalid,
            "fast: expected a whole number from 2 to 100",
        ),
        (lambda bars: wb.backtest(wb.strategies.SmaCross(fast=50, slow=20), bars), Invalid, "fewer bars than slow, which is 20"),
        (lambda bars: wb.backtest("sma_cross", bars, fee=3), NotFound, "Did you mean 'fee_bps'"),
        (lambda bars: wb.backtest("sma_cross", bars, fee_bps=-1), Invalid, "fee_bps: expected a number from 0 to 1000"),
        (lambda bars: wb.backtest("sma_cross", bars, cash=0), Invalid, "cash: expected an amount from 0.00000001 to 10^12"),
        (lambda bars: wb.backtest("sma_cross", bars, cash="lots"), Invalid, "cash: expected a number, found 'lots'"),
        (lambda bars: wb.backtest("sma_cross", bars, configuration={}), Invalid, "configuration: expected a StrategyConfiguration"),
        (lambda bars: wb.backtest("sma_cross", bars, realism={"mev": 1}), Invalid, "realism: expected a PaperTradingConfig"),
        (
            lambda bars: wb.backtest("sma_cross", bars, costs={"fee_bps": 5}),
            Invalid,
            "costs: expected 'exchange', 'pool', or a cost",
        ),
        (lambda bars: wb.backtest("sma_cross", bars, opening=3), Invalid, "opening: expected an Opening"),
        (lambda bars: wb.backtest("sma_cross", bars, programs="dca"), Invalid, "programs: expected a list of programs"),
        (lambda bars: wb.backtest("sma_cross", bars, timeframe=3600), Invalid, "timeframe: expected a whole number and one of"),
        (lambda bars: wb.backtest("sma_cross", bars.frame, timeframe=[]), Invalid, "timeframe: expected a whole number and one of"),
        (lambda bars: wb.backtest("sma_cross", bars, timeframe="7q"), Invalid, "timeframe: expected a whole number and one of"),
        (lambda bars: wb.backtest("sma_cross", bars, timeframe="4h"), Invalid, "timeframe: expected '1h', as the bars are"),
        (lambda bars: wb.backtest(SignalStrategy, bars), Invalid, "a class of its own that says `lookback`, found SignalStrategy"),
        (lambda bars: wb.check(SignalStrategy(), bars), Invalid, "a class of its own that says `lookback`, found SignalStrategy"),
        (lambda bars: wb.backtest(Nameless, bars), Invalid, "expected Nameless(bars=...), for 'bars' has no default"),
        (lambda bars: wb.check("sma_cross", {}), Invalid, "bars: expected a bar series, or a Polars or pandas frame, found 'dict'"),
        (lambda bars: wb.backtest(3, bars), Invalid, "strategy: expected a strategy or the name of one, found 3"),
        (lambda bars: wb.backtest("sma_cross", bars, parameters=[1]), Invalid, "expected names and values"),
        (lambda bars: wb.backtest("sma_cross", bars.frame, symbol=3), Invalid, "symbol: expected a name"),
        (
            lambda bars: wb.backtest("sma_cross", bars.frame.with_columns(open=pl.lit("x"))),
            Invalid,
            "open: expected a column of numbers, found 'x'",
        ),
        (
            lambda bars: wb.backtest("sma_cross", bars.frame.with_columns(ts=pl.lit("soon"))),
            Invalid,
            "an open time in every row of 'ts'",
        ),
        (
            lambda bars: wb.backtest("sma_cross", bars.frame.with_columns(pl.col("open", "high", "low", "close") * 1e-14)),
            Invalid,
            "usually at least 1e-10",
        ),
        (lambda bars: wb.read_bars(None), Invalid, "path: expected the name of a file"),
        (lambda bars: wb.open_desk(__file__), Invalid, "home: expected a folder"),
        (lambda bars: wb.backtest("sma_cross", []), Invalid, "bars: expected at least one series"),
        (
            lambda bars: wb.backtest("sma_cross", "bars.csv"),
            Invalid,
            "expected a bar series, or a Polars or pandas frame, found 'str'",
        ),
        (lambda bars: wb.backtest("sma_cross", bars.frame.drop("high")), Invalid, "a column 'high'"),
        (lambda bars: wb.backtest("sma_cross", bars.frame.drop("ts")), Invalid, "a column 'ts'"),
        (lambda bars: wb.backtest("sma_cross", bars.frame.head(0)), Invalid, "at least one bar"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(call, error, sentence):
    with pytest.raises(error, match=r".*") as refused:
        call(wandering(50))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("column", "row", "value", "sentence"),
    [
        ("close", 7, float("nan"), "close: expected a price above zero, found 'nan'"),
        ("low", 7, -3.0, "low: expected a price above zero, found '-3"),
        ("high", 7, 0.5, "high: expected at least"),
    ],
)
def test_a_bad_bar_in_a_frame_is_refused_by_its_time_and_column(column, row, value, sentence):
    frame = wandering(20).frame.with_row_index()
    bad = frame.with_columns(pl.when(pl.col("index") == row).then(value).otherwise(pl.col(column)).alias(column)).drop("index")
    with pytest.raises(BadBar, match=r"the bar of 2023-11-15T07:00:00Z") as refused:
        wb.backtest("sma_cross", bad)
    assert sentence in str(refused.value)


def test_duplicated_and_backward_bars_are_refused():
    frame = wandering(20).frame
    with pytest.raises(BadBar, match="each open time once"):
        wb.backtest("sma_cross", pl.concat([frame.head(5), frame.slice(4, 5)]))
    with pytest.raises(BadBar, match="expected a time after"):
        wb.backtest("sma_cross", frame.reverse(), timeframe="1h")


def test_holes_are_counted_and_never_filled():
    frame = wandering(100).frame
    holed = pl.concat([frame.head(50), frame.tail(40)])
    result = wb.backtest("sma_cross", holed, parameters={"fast": 3, "slow": 9})
    assert result.stats["bars"] == 90
    assert result.stats["missing_bars"] == 10


def test_a_parameter_that_is_given_as_an_option_is_told_how_it_is_given():
    bars = wb.simulate_bars("WETH", "1h", 500)
    said = r"fast: expected parameters=\{'fast': 9\} or SmaCross\(fast=9\), for it is a parameter of SmaCross"
    with pytest.raises(Invalid, match=said):
        wb.backtest("sma_cross", bars, fast=9)
    with pytest.raises(Invalid, match=r"Dca\(amount=50\), for it is a parameter of Dca"):
        wb.backtest("dca", bars, amount=50)
    with pytest.raises(NotFound, match="There is no option 'fats'"):
        wb.backtest("sma_cross", bars, fats=9)
