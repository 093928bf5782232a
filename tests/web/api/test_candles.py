"""Candles over JSON: what is recorded, and what it comes to at a coarser timeframe."""

from decimal import Decimal

import pytest
from litestar.testing import TestClient

from tests.make import HOUR, START, wandering
from workbench.client import Client
from workbench.store import recorded
from workbench.store.datasets import save_dataset
from workbench.store.market import MOST_CANDLES
from workbench.web.app import create_app

API = "/paper-trading/api/candles/"


def data(pages, symbol="WETH", **asked):
    answer = pages.get(f"{API}{symbol}/", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture(scope="module")
def bars(traded):
    """Every recorded bar of WETH."""
    with traded.store.read() as connection:
        number = next(iter(recorded.find_series(connection, "simulated", "5s").values()))
        instrument = traded.source("simulated").instruments()[0]
        return list(recorded.read_bars(connection, number, instrument, "5s").bars())


def test_the_newest_candles_are_the_recorded_bars_to_the_last_digit(pages, bars):
    told = data(pages, limit=3)
    newest = bars[-3:]
    assert [Decimal(item["close"]) for item in told["items"]] == [bar.close for bar in newest]
    assert [Decimal(item["open"]) for item in told["items"]] == [bar.open for bar in newest]
    assert all(isinstance(item[name], str) for item in told["items"] for name in ("open", "high", "low", "close", "volume"))
    assert told["timeframe"] == "5s"
    assert told["next"] == newest[0].ts


@pytest.mark.parametrize(("timeframe", "minutes"), [("1m", 1), ("5m", 5)])
def test_a_coarser_candle_is_made_of_its_bars(timeframe, minutes, pages, bars):
    told = data(pages, timeframe=timeframe, limit=MOST_CANDLES)["items"]
    length = minutes * 60_000
    slots = {}
    for bar in bars:
        slots.setdefault(bar.ts // length * length, []).append(bar)
    assert len(told) == len(slots)
    for item, several in zip(told, slots.values(), strict=True):
        assert Decimal(item["open"]) == several[0].open
        assert Decimal(item["high"]) == max(bar.high for bar in several)
        assert Decimal(item["low"]) == min(bar.low for bar in several)
        assert Decimal(item["close"]) == several[-1].close
        assert float(item["volume"]) == pytest.approx(float(sum(bar.volume for bar in several)))
        assert item["bars"] == len(several)
    assert [item["is_closed"] for item in told[:-1]] == [True] * (len(told) - 1)
    last = list(slots)[-1]
    assert told[-1]["is_closed"] is (bars_end(slots[last]) == last + length)


def bars_end(several):
    return several[-1].ts + 5_000


@pytest.mark.parametrize("timeframe", ["5s", "1m"])
def test_pages_of_candles_meet_in_both_directions(timeframe, pages):
    every = data(pages, timeframe=timeframe, limit=MOST_CANDLES)["items"][-100:]
    backwards, until = [], None
    while len(backwards) < 100:
        told = data(pages, timeframe=timeframe, limit=17, **({"until": until} if until else {}))
        backwards, until = told["items"] + backwards, told["next"]
    assert backwards[-100:] == every
    forwards, since = [], every[0]["ts"]
    while since is not None:
        told = data(pages, timeframe=timeframe, limit=17, since=str(since))
        forwards, since = forwards + told["items"], told["next"]
    assert forwards == every


def test_the_next_of_an_answer_is_the_before_of_those_that_follow_in_both_directions(pages, bars):
    every = data(pages, limit=MOST_CANDLES)["items"]
    for asked in ({}, {"until": every[40]["ts"]}, {"since": every[-40]["ts"]}, {"since": every[5]["ts"], "until": every[40]["ts"]}):
        read = list(Client(http=pages).every("candles/WETH/", limit=17, **asked))
        since, until = asked.get("since", ""), asked.get("until", "9")
        told = [item for item in every if since <= item["ts"] < until]
        assert sorted(read, key=lambda item: item["ts"])[-len(told) :] == told
        assert len(read) == len({item["ts"] for item in read})
        assert len(told) > 17


def test_what_is_recorded_is_taken_and_goes_on_in_finer_bars(desk, clock):
    hours = wandering(30, symbol="X/Y")
    minutes = wandering(30 * 60, seed=3, symbol="X/Y")
    minutes = type(minutes)(
        minutes.instrument, "1m", START + 60_000 * ((minutes.ts - START) // HOUR) + 25 * HOUR,
        {name: getattr(minutes, name) for name in ("open", "high", "low", "close")}, minutes.volume,
    )  # fmt: skip
    with desk.store.write() as connection:
        for timeframe, some in (("1h", hours), ("1m", minutes)):
            number = recorded.series_id(connection, "there", some.instrument, timeframe)
            recorded.record(connection, number, some, desk.at)
    with TestClient(create_app(desk), base_url="http://127.0.0.1:8000") as client:
        told = data(client, "X-Y", timeframe="1h", limit=100)
        assert told["symbol"] == "X/Y"
        items = told["items"]
        assert len(items) == 55
        assert [item["bars"] for item in items] == [1] * 30 + [60] * 25
        assert [item["ts"] for item in items] == sorted({item["ts"] for item in items})
        assert data(client, "x-y", timeframe="1h", limit=2, until=str(START + HOUR + 1))["items"] == items[:2]


def test_a_file_that_was_imported_has_candles_by_its_source(desk):
    with desk.store.write() as connection:
        row = save_dataset(connection, "a" * 64, "walk.csv", wandering(100), desk.at)
    with TestClient(create_app(desk), base_url="http://127.0.0.1:8000") as client:
        told = data(client, "BTC-USDT", source=f"dataset:{row.id}", timeframe="4h")
        assert told["timeframes"] == ["1h", "4h", "1d"]
        assert sum(item["bars"] for item in told["items"]) == 100
        assert client.get(f"{API}BTC-USDT/", params={"source": "elsewhere"}).status_code == 404


@pytest.mark.parametrize(
    ("symbol", "asked", "status"),
    [
        ("NOPE", {}, 404), ("WETH", {"timeframe": "7m"}, 422), ("WETH", {"timeframe": "1d"}, 422), ("WETH", {"limit": 2001}, 422),
        ("WETH", {"limit": 0}, 422), ("WETH", {"since": "soon"}, 422), ("WETH", {"until": "9" * 20}, 422),
    ],
)  # fmt: skip
def test_nonsense_is_a_sentence_in_the_envelope(symbol, asked, status, pages):
    answer = pages.get(f"{API}{symbol}/", params=asked)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
