import re

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import event

from tests.make import HOUR, wandering
from tests.web.conftest import HERE
from workbench.actions.open_account import default_account, open_account
from workbench.actions.refresh_prices import refresh_prices
from workbench.store import market as store
from workbench.store import reads, recorded
from workbench.store.datasets import save_dataset
from workbench.store.thoughts import held_thought
from workbench.web.app import create_app
from workbench.web.page import draw_view
from workbench.web.pages import PAGES, market, markets, page_named
from workbench.web.render import environment, templates_folder

PATH = "/paper-trading/markets/"


def island(text, name):
    return msgspec.json.decode(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL).group(1))


@pytest.fixture
def filled(desk):
    """A client over a desk with prices, and a file with a hole in it."""
    refresh_prices(desk)
    bars = wandering(100)
    with desk.store.write() as connection:
        save_dataset(connection, "a" * 64, "walk.csv", bars[[i for i in range(100) if i not in (40, 41)]], desk.at)
    with TestClient(create_app(desk), base_url=HERE) as client:
        yield client


# --- the list ------------------------------------------------------------------------------------------------------------


def test_every_token_has_its_price_its_line_and_its_bars(pages, traded):
    text = pages.get(PATH).text
    with traded.store.read() as connection:
        rows = store.list_series(connection)
        quotes = reads.quotes(connection)
    assert [row.instrument.symbol for row in rows] == [quote.instrument.symbol for quote in quotes]
    for row in rows:
        assert f'<a href="/paper-trading/markets/{row.instrument.symbol}/">{row.instrument.symbol}</a>' in text
        assert f"{row.timeframe}</a> {row.bars:,}" in text
    assert text.count("<polyline points=") == len(rows)


def test_a_file_is_told_with_its_holes_and_leads_to_its_chart(filled):
    text = filled.get(PATH).text
    row = text[text.index('id="dataset-aaaaaaaaaaaa"') :]
    assert "walk.csv" in row
    assert '<td class="num">98</td>' in row
    assert '<td class="num">1</td><td class="num">2</td>' in row
    address = re.search(r'href="([^"]+BTC-USDT[^"]+)"', row).group(1)
    assert filled.get(address.replace("&amp;", "&")).status_code == 200


def test_prices_that_stand_still_are_called_old_and_since_when(filled, clock):
    assert "fresh" in filled.get(f"{PATH}figures").text
    clock.move(HOUR)
    text = filled.get(f"{PATH}figures").text
    assert "old since" in text
    assert '<span class="chip skip">old</span>' in filled.get(f"{PATH}instruments").text
    assert "old: <time" in filled.get(f"{PATH}WETH/").text


def test_empty_lists_say_what_fills_them(client):
    text = client.get(PATH).text
    assert "No prices yet." in text
    assert "No file of candles was imported." in text


def test_a_series_counts_its_bars_and_what_is_missing(desk):
    bars = wandering(50)
    holed = bars[[i for i in range(50) if i not in (10, 11, 30)]]
    with desk.store.write() as connection:
        number = recorded.series_id(connection, "there", bars.instrument, "1h")
        recorded.record(connection, number, holed[20:], desk.at)
        recorded.record(connection, number, holed[:20], desk.at)
        recorded.record(connection, number, holed, desk.at)
    with desk.store.read() as connection:
        (row,) = store.list_series(connection)
    assert (row.bars, row.missing, row.first, row.newest) == (47, 3, int(bars.ts[0]), int(bars.ts[-1]))


# --- one of them ---------------------------------------------------------------------------------------------------------


def test_the_chart_has_the_newest_candles_and_the_trades_on_it(pages, traded):
    text = pages.get(f"{PATH}WETH/").text
    assert "<h1>WETH</h1>" in text
    assert re.search(r'href="/paper-trading/markets/" aria-current="page"', text)
    data = island(text, "candles-data")
    assert data["length"] == 5
    times = [candle[0] for candle in data["candles"]]
    assert times == sorted(set(times))
    assert len(times) == market.SHOWN
    with traded.store.read() as connection:
        trades = [row for row in reads.trades(connection, default_account(traded), limit=10_000) if row.instrument.symbol == "WETH"]
    marks = island(text, "marks-data")
    assert [(mark["time"] * 1000, mark["side"]) for mark in marks] == [(row.ts, row.side) for row in reversed(trades)]
    assert text.count('id="trade-') == min(len(trades), market.TRADES)


def test_why_of_a_trade_is_the_thought_that_placed_its_order(pages, traded):
    account = default_account(traded)
    with traded.store.read() as connection:
        trades = store.list_trades(connection, account, "WETH", 20)
        for row in trades:
            held = held_thought(connection, account, "WETH", market.thought_time(row))
            assert held.row.decision == row.side
    text = pages.get(f"{PATH}WETH/").text
    address = re.search(r'href="([^"]+)#ask" hx-get="([^"]+)"', text)
    page, block = (found.replace("&amp;", "&") for found in address.groups())
    alone = pages.get(block).text
    assert '<div class="answer">' in alone
    assert alone.strip() in pages.get(page).text


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_a_longer_candle_is_chosen_by_the_address_and_the_choice_is_marked(timeframe, pages):
    text = pages.get(f"{PATH}weth/", params={"timeframe": timeframe}).text
    assert f'href="/paper-trading/markets/WETH/?timeframe={timeframe}" aria-current="true"' in text
    assert island(text, "candles-data")["length"] == {"1m": 60, "5m": 300}[timeframe]
    feed = re.search(r'hx-sse:connect="([^"]+)"', text).group(1)
    assert "page=market" in feed
    assert "symbol=WETH" in feed


def test_another_account_has_the_same_candles_and_none_of_the_trades(pages, traded):
    second = open_account(traded, "Other one", 5_000, unique=True)
    text = pages.get(f"{PATH}WETH/", params={"account": second}).text
    assert "This account has not traded WETH yet." in text
    assert island(text, "marks-data") == []
    assert f"account={second}" in re.search(r'href="([^"]+)">1m</a>', text).group(1)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("NOPE/", 404, "There is no market"), ("WETH/?timeframe=7m", 422, "timeframe: expected one of"),
        ("WETH/?source=elsewhere", 404, "There is no source"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_said(address, status, said, pages):
    answer = pages.get(PATH + address)
    assert answer.status_code == status
    assert said in answer.text


def test_a_market_page_is_there_before_its_first_bar(client, desk):
    symbols = [instrument.symbol for instrument in desk.source("simulated").instruments()]
    for symbol in symbols:
        answer = client.get(f"{PATH}{symbol.lower()}/")
        assert answer.status_code == 200
        assert f"<h1>{symbol}</h1>" in answer.text
        assert f"No price of {symbol} was recorded yet." in answer.text
    assert "candles-data" not in client.get(f"{PATH}WETH/?timeframe=1m&at=1735690000000").text
    for block in (*market.PAGE.blocks, *market.PAGE.inner):
        assert client.get(f"/paper-trading/market/{block.name}", params={"symbol": "WETH"}).status_code == 200
    wrong = client.get(f"{PATH}WETHH/")
    assert wrong.status_code == 404
    assert "Did you mean" in wrong.text
    refresh_prices(desk)
    text = client.get(f"{PATH}WETH/").text
    assert "was recorded yet" not in text
    assert island(text, "candles-data")["candles"]


def test_a_file_is_shown_before_a_token_that_has_no_bar(client, desk):
    with desk.store.write() as connection:
        save_dataset(connection, "b" * 64, "weth.csv", wandering(30, symbol="WETH"), desk.at)
    text = client.get(f"{PATH}WETH/").text
    assert island(text, "candles-data")["candles"]
    address = re.search(r'href="([^"]+source=simulated[^"]*)"', text)[1].replace("&amp;", "&")
    assert "No price of WETH was recorded yet." in client.get(address).text


def test_a_symbol_that_is_markup_is_escaped(client):
    text = client.get(f"{PATH}%3Cscript%3Ealert(1)%3C%2Fscript%3E").text
    assert "<script>alert" not in text


@pytest.mark.parametrize("block", [block.name for block in (*market.PAGE.blocks, *market.PAGE.inner)])
def test_each_part_of_the_chart_page_can_be_drawn_alone_and_has_its_place(block, pages):
    alone = pages.get(f"/paper-trading/market/{block}", params={"symbol": "WETH"}).text
    assert alone.strip()
    assert alone.strip() in pages.get(f"{PATH}WETH/").text
    text = (templates_folder() / "market.html").read_text() + (templates_folder() / "base.html").read_text()
    assert f'id="{block}"' in text
    assert block in environment().get_template("market.html").blocks or block == "state"


def test_the_feed_knows_the_page_of_an_item():
    assert page_named("market") is market.PAGE
    assert market.PAGE not in PAGES
    assert draw_view(markets.PAGE, markets.PAGE.block("datasets"), markets.DatasetsView((), 0)).strip()


# --- what the database is asked ------------------------------------------------------------------------------------------


@pytest.fixture
def queries(traded):
    """What the database is asked while a test runs."""
    asked = []

    def hear(connection, cursor, statement, parameters, context, many):
        if not statement.startswith("BEGIN"):
            asked.append((statement, parameters))

    event.listen(traded.store.engine, "before_cursor_execute", hear)
    yield asked
    event.remove(traded.store.engine, "before_cursor_execute", hear)


SHELL = 7


@pytest.mark.parametrize(("address", "most"), [("", 4), ("WETH/?timeframe=1m&at=1735690000000", 5), ("WETH/", 4)])
def test_a_page_asks_the_database_a_few_times_beside_its_shell(address, most, pages, queries):
    assert pages.get(PATH + address).status_code == 200
    assert len(queries) <= SHELL + most


def test_no_query_of_the_markets_looks_through_the_bars(traded, queries):
    with traded.store.read() as connection:
        every = store.markets(store.list_series(connection))
        store.latest_closes(connection, [each.finest for each in every])
        for timeframe in every[0].timeframes:
            store.read_candles(connection, every[0], timeframe, limit=50)
            store.read_candles(connection, every[0], timeframe, limit=50, since=1)
        store.list_trades(connection, default_account(traded), "WETH", 10)
        plans = [
            row.detail
            for statement, parameters in list(queries)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert any("SEARCH bars USING PRIMARY KEY" in line for line in plans)
    assert [line for line in plans if line.startswith("SCAN") and "anon" not in line and line != "SCAN series"] == []
