from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.domain.bars import parse_timeframe
from workbench.domain.instruments import Instrument
from workbench.engine.series import PRICES, BarSeries
from workbench.errors import Invalid, NotFound
from workbench.sources import shelf
from workbench.sources.simulated import TICK, Simulated, _exp, simulate_bars

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
NEW_YEAR = 1_735_689_600_000  # 2025-01-01
TOKENS = {instrument.symbol: instrument for instrument in Simulated().instruments()}
COLUMNS = ("ts", *PRICES, "volume", "liquidity")

# The last bar before 2025 in the world of seed 1: ts, open, high, low, close, volume in millionths, liquidity.
GOLDEN = [
    ("WETH", "5s", 1735689595000, 425191615786, 425274315191, 425134316573, 425216739374, 18233, 36312909),
    ("WETH", "1h", 1735686000000, 423824495513, 426372396479, 423183645317, 425216739374, 65337793, 36312909),
    ("cbBTC", "1m", 1735689540000, 8376730189035, 8378580141368, 8371557878543, 8373483106448, 52089, 37862254),
    ("cbETH", "1d", 1735603200000, 465687823402, 470761944672, 461298130240, 469552809964, 488765555, 10744299),
    ("AERO", "15s", 1735689585000, 163246350, 163301391, 163190610, 163271054, 491474968, 22600586),
    ("DEGEN", "5m", 1735689300000, 12552376191, 12573159484, 12537108517, 12570147388, 254677232142, 4564795),
    ("BRETT", "1h", 1735686000000, 10029836, 10041883, 9953123, 9961423, 439141839062, 6380956),
    ("VIRTUAL", "30s", 1735689570000, 386394784, 386442707, 385740178, 385768644, 26525817, 7522518),
    ("TOSHI", "1h", 1735686000000, 350797337, 352175629, 349004914, 350732063, 20907056709394, 1126487),
]


def rows(series: BarSeries) -> list[tuple[float, ...]]:
    """All the columns of a series, to be compared to the bit."""
    return list(zip(*(getattr(series, name).tolist() for name in COLUMNS), strict=True))


def aggregate(fine: BarSeries, count: int) -> list[tuple[float, ...]]:
    """What `count` bars make together, worked out one by one."""
    found: list[tuple[float, ...]] = []
    for part in (fine[i : i + count] for i in range(0, len(fine), count)):
        millionths = sum(round(v * 1e6) for v in part.volume.tolist())
        found.append((
            int(part.ts[0]), int(part.open[0]), int(part.high.max()), int(part.low.min()), int(part.close[-1]),
            millionths / 1e6, float(part.liquidity[-1]) if part.liquidity is not None else 0.0,
        ))  # fmt: skip
    return found


def hourly_returns(symbol: str, days: int = 60) -> np.ndarray:
    return np.diff(np.log(simulate_bars(symbol, "1h", 24 * days).floats("close")))


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row[0]} {row[1]}")
def test_bars_are_the_same_for_ever_and_on_every_machine(row: tuple[str, str, int, int, int, int, int, int, int]) -> None:
    symbol, timeframe, *expected = row
    bars = simulate_bars(symbol, timeframe, 2)
    assert [
        *(int(getattr(bars, name)[-1]) for name in ("ts", *PRICES)),
        round(float(bars.volume[-1]) * 1e6),
        int(bars.bar(1).liquidity or 0),
    ] == expected


def test_another_seed_is_another_world() -> None:
    first, second = (simulate_bars("WETH", "1h", 100, seed=seed) for seed in (1, 2))
    assert not np.any(first.close == second.close)
    assert rows(first) == rows(simulate_bars("WETH", "1h", 100, seed=1))


def test_its_tokens_live_on_base_and_are_quoted_in_usdc() -> None:
    assert list(TOKENS) == ["WETH", "cbBTC", "cbETH", "AERO", "DEGEN", "BRETT", "VIRTUAL", "TOSHI"]
    assert all((of.chain_id, of.quote, of.size_decimals) == (8453, "USDC", 8) for of in TOKENS.values())
    assert {of.symbol for of in TOKENS.values() if of.price_decimals == 12} == {"DEGEN", "TOSHI"}
    assert len({of.key for of in TOKENS.values()}) == 8


def test_it_stands_on_the_shelf() -> None:
    assert shelf.get("simulated") is Simulated


@pytest.mark.parametrize("symbol", TOKENS)
def test_prices_begin_and_return_near_what_the_token_costs(symbol: str) -> None:
    around = {
        "WETH": 3400, "cbBTC": 97_000, "cbETH": 3690, "AERO": 1.28, "DEGEN": 0.0084, "BRETT": 0.119, "VIRTUAL": 2.31,
        "TOSHI": 0.00033,
    }  # fmt: skip
    source = Simulated()
    times = [start for year in (0, 20, 55, 110) for start in range(year * 365 * DAY, (year + 1) * 365 * DAY, 21 * DAY)]
    closes = np.array([source.bars(TOKENS[symbol], "5s", start, start + TICK).floats("close")[0] for start in times])
    assert around[symbol] / 8 < closes.min() < around[symbol] < closes.max() < around[symbol] * 8


@pytest.mark.parametrize("symbol", ["WETH", "cbETH", "TOSHI"])
@pytest.mark.parametrize("timeframe", ["10s", "15s", "30s", "1m", "3m", "5m", "1h", "1d"])
def test_every_timeframe_is_the_exact_aggregate_of_five_second_bars(symbol: str, timeframe: str) -> None:
    length = parse_timeframe(timeframe)
    begin = NEW_YEAR - max(2 * length, HOUR)
    source = Simulated()
    fine = source.bars(TOKENS[symbol], "5s", begin, NEW_YEAR)
    assert rows(source.bars(TOKENS[symbol], timeframe, begin, NEW_YEAR)) == aggregate(fine, length // TICK)


@pytest.mark.parametrize("timeframe", ["1w", "50d", "70000m"])
def test_bars_longer_than_what_is_worked_out_at_once_are_aggregates_too(timeframe: str) -> None:
    length = parse_timeframe(timeframe)
    begin = NEW_YEAR // length * length
    source = Simulated()
    piece = "1d" if length % DAY == 0 else "1m"
    whole = source.bars(TOKENS["AERO"], timeframe, begin, begin + length)
    pieces = source.bars(TOKENS["AERO"], piece, begin, begin + length)
    assert rows(whole) == aggregate(pieces, len(pieces))


def test_minutes_close_where_their_last_five_seconds_do_and_the_next_one_opens_there() -> None:
    source = Simulated(7)
    minutes = source.bars(TOKENS["BRETT"], "1m", NEW_YEAR - HOUR, NEW_YEAR + HOUR)
    fine = source.bars(TOKENS["BRETT"], "5s", NEW_YEAR - HOUR, NEW_YEAR + HOUR)
    assert minutes.close.tolist() == fine.close[11::12].tolist()
    assert minutes.open[1:].tolist() == minutes.close[:-1].tolist()
    assert fine.open[1:].tolist() == fine.close[:-1].tolist()


def test_a_long_stretch_is_the_same_across_the_places_where_it_is_cut() -> None:
    source = Simulated()
    begin = NEW_YEAR - 90 * DAY
    whole = source.bars(TOKENS["WETH"], "1h", begin, NEW_YEAR)
    days = [
        row
        for day in range(0, 90, 30)
        for row in rows(source.bars(TOKENS["WETH"], "1h", begin + day * DAY, begin + (day + 30) * DAY))
    ]
    assert len(whole) == 90 * 24
    assert rows(whole) == days


def test_one_bar_at_a_time_in_any_order_gives_the_same_bars() -> None:
    whole = rows(Simulated().bars(TOKENS["DEGEN"], "5s", NEW_YEAR - 5 * MINUTE, NEW_YEAR + 5 * MINUTE))
    source = Simulated()
    alone = {}
    for i in np.random.default_rng(3).permutation(len(whole)).tolist():
        start = NEW_YEAR - 5 * MINUTE + i * TICK
        [alone[i]] = rows(source.bars(TOKENS["DEGEN"], "5s", start, start + TICK))
    assert [alone[i] for i in range(len(whole))] == whole


def test_asking_changes_nothing_of_what_was_remembered() -> None:
    source = Simulated()
    first = source.bars(TOKENS["WETH"], "5s", NEW_YEAR, NEW_YEAR + MINUTE)
    before = rows(first)
    first.close[:] = 1
    assert rows(source.bars(TOKENS["WETH"], "5s", NEW_YEAR, NEW_YEAR + MINUTE)) == before


def test_there_are_no_holes_and_the_grid_is_aligned_to_the_epoch() -> None:
    bars = Simulated().bars(TOKENS["AERO"], "5m", NEW_YEAR + 1, NEW_YEAR + DAY + 1)
    assert bars.ts[0] == NEW_YEAR + 5 * MINUTE
    assert len(bars) == 288
    assert (bars.missing, int(bars.ts[-1])) == (0, NEW_YEAR + DAY)


@pytest.mark.parametrize(("start", "end"), [(NEW_YEAR, NEW_YEAR), (NEW_YEAR + 1, NEW_YEAR + 2), (NEW_YEAR, NEW_YEAR - DAY)])
def test_a_stretch_without_an_open_time_has_no_bars(start: int, end: int) -> None:
    assert len(Simulated().bars(TOKENS["WETH"], "5s", start, end)) == 0


def test_times_before_1970_have_bars_too() -> None:
    bars = Simulated().bars(TOKENS["WETH"], "1m", -HOUR, HOUR)
    assert len(bars) == 120
    assert bars.open[1:].tolist() == bars.close[:-1].tolist()


def test_cbeth_follows_weth_and_memecoins_follow_it_less() -> None:
    weth = hourly_returns("WETH")
    correlation = {symbol: float(np.corrcoef(weth, hourly_returns(symbol))[0, 1]) for symbol in TOKENS if symbol != "WETH"}
    assert correlation["cbETH"] > 0.9
    assert 0.5 < correlation["cbBTC"] < 0.9
    for symbol in ("DEGEN", "BRETT", "VIRTUAL", "TOSHI"):
        assert 0.2 < correlation[symbol] < 0.7


def test_the_ratio_of_cbeth_to_weth_moves_slowly() -> None:
    ratio = simulate_bars("cbETH", "1h", 24 * 60).floats("close") / simulate_bars("WETH", "1h", 24 * 60).floats("close")
    assert np.std(np.diff(np.log(ratio))) < 0.1 * np.std(hourly_returns("WETH", 60))
    assert 1.0 < ratio.min() < ratio.max() < 1.2


@pytest.mark.parametrize(
    ("symbol", "low", "high"),
    [
        ("WETH", 0.45, 0.75),
        ("cbBTC", 0.35, 0.6),
        ("DEGEN", 0.9, 1.5),
        ("BRETT", 0.9, 1.5),
        ("VIRTUAL", 0.9, 1.5),
        ("TOSHI", 0.9, 1.5),
    ],
)
def test_volatility_is_that_of_such_a_token(symbol: str, low: float, high: float) -> None:
    assert low < np.std(hourly_returns(symbol)) * np.sqrt(24 * 365) < high


def test_wild_hours_move_several_times_as_much_as_calm_ones_and_last() -> None:
    minutes = simulate_bars("WETH", "1m", 60 * 24 * 30).floats("close")
    moves = np.diff(np.log(minutes))[: 60 * (24 * 30 - 1)].reshape(-1, 60)
    volatility = np.sqrt(np.mean(moves**2, axis=1))
    calm, wild = np.quantile(volatility, [0.2, 0.8])
    assert wild > 3 * calm
    assert np.corrcoef(np.log(volatility[1:]), np.log(volatility[:-1]))[0, 1] > 0.5


def test_volume_rises_when_prices_move_and_in_the_afternoon() -> None:
    bars = simulate_bars("WETH", "1h", 24 * 60)
    moved = np.abs(np.log(bars.floats("close") / bars.floats("open")))
    assert bars.volume[moved > np.quantile(moved, 0.8)].mean() > 1.5 * bars.volume[moved < np.quantile(moved, 0.2)].mean()
    hour = bars.ts // HOUR % 24
    assert bars.volume[hour == 15].mean() > bars.volume[hour == 3].mean()


def test_the_pool_of_a_large_token_is_deeper_and_changes_slowly() -> None:
    pools = {symbol: simulate_bars(symbol, "1h", 24 * 60).liquidity for symbol in ("WETH", "TOSHI")}
    assert pools["WETH"] is not None
    assert pools["TOSHI"] is not None
    assert 2.0e7 < pools["WETH"].min() < pools["WETH"].max() < 8.0e7
    assert 0.5e6 < pools["TOSHI"].min() < pools["TOSHI"].max() < 2.0e6
    assert np.abs(np.diff(np.log(pools["WETH"]))).max() < 0.02


def test_a_token_that_it_does_not_have_is_refused() -> None:
    other = Instrument(8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USDC", "USDC")
    with pytest.raises(NotFound, match="There is no token 'USDC'"):
        Simulated().bars(other, "5s", 0, DAY)


def test_prices_are_in_the_decimals_of_its_own_instrument() -> None:
    mine = TOKENS["WETH"]
    theirs = Instrument(mine.chain_id, mine.address.lower(), "ether", "USDC", 2, 6)
    assert Simulated().bars(theirs, "1m", NEW_YEAR, NEW_YEAR + MINUTE).instrument == mine


@pytest.mark.parametrize("timeframe", ["1s", "7s", "25s", "65s", "90s", "53w", "2000d"])
def test_a_timeframe_that_five_second_bars_do_not_add_up_to_is_refused(timeframe: str) -> None:
    with pytest.raises(Invalid, match=f"timeframe: expected 5s, 10s, .* up to 52w, found '{timeframe}'"):
        simulate_bars("WETH", timeframe, 1)


@pytest.mark.parametrize("timeframe", ["", "h", "1", "0m", "-5s", "1.5h", "1y"])
def test_a_timeframe_that_is_none_is_refused(timeframe: str) -> None:
    with pytest.raises(Invalid, match="timeframe: expected a whole number and one of s, m, h, d, w"):
        simulate_bars("WETH", timeframe, 1)


def test_bars_end_before_the_end() -> None:
    assert simulate_bars("WETH", "1h", 2).ts.tolist() == [NEW_YEAR - 2 * HOUR, NEW_YEAR - HOUR]
    assert simulate_bars("WETH", "1h", 1, end="2025-01-01T00:59:59").ts.tolist() == [NEW_YEAR - HOUR]


@pytest.mark.parametrize(
    "end",
    [
        None,
        "2025-01-01",
        "2025-01-01T00:00:00Z",
        "2025-01-01 01:00+01:00",
        datetime(2025, 1, 1),  # noqa: DTZ001
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2025, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_the_same_end_may_be_written_in_many_ways_and_is_never_now(end: str | datetime | None) -> None:
    assert rows(simulate_bars("WETH", "1h", 3, end=end)) == rows(simulate_bars("WETH", "1h", 3))


@pytest.mark.parametrize("symbol", ["WETH", "weth", "WETH/USDC"])
def test_a_symbol_may_be_written_small_or_with_its_quote(symbol: str) -> None:
    assert simulate_bars(symbol, "1h", 1).instrument == TOKENS["WETH"]


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"symbol": "WET"}, NotFound, "There is no token 'WET'. Did you mean 'WETH'?"),
        ({"symbol": "WETH/BTC"}, NotFound, "There is no token 'WETH/BTC'."),
        ({"symbol": ""}, NotFound, "There is no token ''."),
        ({"count": 0}, Invalid, "count: expected a whole number from 1 to 5,000,000, found 0."),
        ({"count": -1}, Invalid, "count: expected a whole number from 1 to 5,000,000, found -1."),
        ({"count": True}, Invalid, "count: expected a whole number from 1 to 5,000,000, found true."),
        ({"count": 2.5}, Invalid, "count: expected a whole number from 1 to 5,000,000, found 2.5."),
        ({"count": 5_000_001}, Invalid, "found 5000001"),
        ({"timeframe": "1d", "count": 30_000}, Invalid, "count: expected at most 20,089 bars of 1d, for time begins in 1970"),
        ({"end": "yesterday"}, Invalid, "end: expected a time such as '2025-01-01', found 'yesterday'."),
        ({"end": 5}, Invalid, "end: expected a time such as '2025-01-01', found 5."),
        ({"seed": 1.5}, Invalid, "seed: expected a whole number, found 1.5."),
        ({"seed": True}, Invalid, "seed: expected a whole number, found true."),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_sentence(
    asked: dict[str, object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as refused:
        simulate_bars(**{"timeframe": "1h", "count": 1, **asked})  # type: ignore[arg-type]
    assert sentence in str(refused.value)


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**200])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert len(simulate_bars("WETH", "1m", 3, seed=seed)) == 3


def test_its_own_exponential_is_right_to_the_last_places() -> None:
    x = np.linspace(-20, 20, 200_001)
    assert np.max(np.abs(_exp(x) / np.exp(x) - 1)) < 5e-16
    assert _exp(np.zeros(1)).tolist() == [1.0]


@settings(max_examples=60)
@given(
    symbol=st.sampled_from(sorted(TOKENS)),
    timeframe=st.sampled_from(["5s", "10s", "15s", "30s", "1m", "2m", "5m", "15m", "1h", "4h"]),
    start=st.integers(-(2**41), 2**42),
    count=st.integers(1, 80),
    cut=st.integers(0, 80),
    seed=st.integers(0, 3),
)
def test_any_stretch_obeys_the_rules_of_bars_and_is_the_same_when_cut_anywhere(
    symbol: str, timeframe: str, start: int, count: int, cut: int, seed: int
) -> None:
    length = parse_timeframe(timeframe)
    end, middle = start + count * length, start + min(cut, count) * length
    whole = Simulated(seed).bars(TOKENS[symbol], timeframe, start, end)
    other = Simulated(seed)
    right, left = other.bars(TOKENS[symbol], timeframe, middle, end), other.bars(TOKENS[symbol], timeframe, start, middle)
    assert rows(whole) == rows(left) + rows(right)
    assert len(whole) == count
    assert np.all(whole.ts % length == 0)
    assert np.all((whole.ts >= start) & (whole.ts < end))
    assert np.all(whole.low >= 1)
    assert np.all(whole.low <= np.minimum(whole.open, whole.close))
    assert np.all(whole.high >= np.maximum(whole.open, whole.close))
    assert np.all(np.isfinite(whole.volume) & (whole.volume >= 0))
    assert whole.liquidity is not None
    assert np.all(whole.liquidity > 0)
