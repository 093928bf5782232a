import csv
import re
from decimal import Decimal
from html import unescape

import pytest

from workbench.actions.open_account import default_account, open_account
from workbench.store import reads
from workbench.store.rows import EquityRow
from workbench.web.pages import PAGES, dashboard, portfolio, trades

BLOCKS = [(page.name, page.path, block.name) for page in PAGES for block in page.blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_there_with_and_without_trades(page, pages, client):
    for visitor in (pages, client):
        answer = visitor.get(page.path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert f"<h1>{page.title}</h1>" in answer.text
        assert answer.text.count("Paper trading: no real money moves") == 1


@pytest.mark.parametrize(("page", "path", "block"), BLOCKS)
def test_a_block_alone_is_what_the_page_has(page, path, block, pages):
    alone = pages.get(f"/paper-trading/{page}/{block}")
    assert alone.status_code == 200
    assert alone.text.strip()
    # But for the key of a form, which every drawing has of its own.
    alone_text, whole = (re.sub(r'name="idempotency_key" value="[^"]+"', "", text) for text in (alone.text, pages.get(path).text))
    assert alone_text.strip() in whole


def test_the_root_leads_to_the_dashboard(client):
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/paper-trading/")


def test_a_static_file_may_be_kept_for_ever(client):
    page = client.get("/paper-trading/").text
    for address in set(re.findall(r'"(/static/[^"]+)"', page)):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_a_page_itself_is_never_kept(client):
    assert client.get("/paper-trading/").headers["cache-control"] == "no-store"


def test_a_page_carries_the_cursor_that_it_was_drawn_at(pages, traded):
    with traded.store.read() as connection:
        cursor = reads.last_id(connection)
    for page in PAGES:
        assert f"page={page.name}&amp;after={cursor}&amp;prices=" in pages.get(page.path).text


def test_the_dashboard_shows_every_token_with_its_line(pages):
    text = pages.get("/paper-trading/").text
    for symbol in ("WETH", "cbETH", "cbBTC", "AERO", "DEGEN", "BRETT", "VIRTUAL", "TOSHI"):
        assert f'id="quote-{symbol}"' in text
    assert text.count("<polyline points=") >= 8


def test_a_thought_opens_to_its_gates_and_factors(pages):
    text = pages.get("/paper-trading/dashboard/thoughts").text
    assert "<details>" in text
    assert "Warm-up" in text
    assert "<meter" in text
    assert "gap, bps" in text


def test_factors_that_can_be_negative_have_a_bar_that_diverges():
    row = reads.ThoughtRow(1, 0, "k", "WETH", "sma_cross", "wait", "", 50.0, (), {"gap_bps": -2.0, "fast_mean": 3.0}, "", None, "s")
    other = reads.ThoughtRow(
        2, 0, "k", "WETH", "sma_cross", "wait", "", 50.0, (), {"gap_bps": 4.0, "fast_mean": 2.0}, "", None, "s"
    )
    below, plain = dashboard.thought_lines([row, other])[0].factors
    assert (below.is_signed, below.bar_from, below.bar_width) == (True, 25.0, 25.0)
    assert not plain.is_signed
    above = dashboard.thought_lines([row, other])[1].factors[0]
    assert (above.bar_from, above.bar_width) == (50.0, 50.0)


def test_the_equity_line_rises_in_time_and_marks_the_fills(pages):
    text = pages.get("/paper-trading/dashboard/equity?range=all").text
    island = re.search(r'<script type="application/json" id="equity-data">(.*?)</script>', text, re.DOTALL).group(1)
    data = dashboard.msgspec.json.decode(island, type=dashboard.ChartData)
    times = [time for time, _ in data.equity]
    assert times == sorted(set(times))
    assert 2 <= len(times) <= dashboard.POINTS
    assert {marker.side for marker in data.markers} == {"buy", "sell"}
    assert data.hold


def test_a_long_line_is_thinned_and_keeps_its_ends():
    rows = [EquityRow(i * 5000, Decimal(10_000 + i % 97), Decimal(0)) for i in range(5000)]
    points = dashboard._points(rows)
    assert len(points) == dashboard.POINTS
    assert (points[0], points[-1]) == ((0, 10_000.0), (4999 * 5, float(rows[-1].equity)))


def test_the_allocation_adds_up_to_the_value(pages, traded):
    account = default_account(traded)
    with traded.store.read() as connection:
        asking = dashboard.Asking(account, portfolio.PortfolioQuery(), traded.now())
        view = portfolio.look_at_allocation(connection, asking)
    assert sum((part.value for part in view.parts), Decimal(0)) == view.value
    assert sum(part.share for part in view.parts) == pytest.approx(1)
    assert view.parts[0].name == "Cash"


# --- trades --------------------------------------------------------------------------------------------------------------


def ids(text):
    return [int(found) for found in re.findall(r'id="trade-(\d+)"', text)]


def every_trade(desk):
    with desk.store.read() as connection:
        return reads.trades(connection, default_account(desk), limit=1000)


def test_trades_can_be_filtered_by_their_address(pages, traded):
    known = every_trade(traded)
    token, session = known[0].instrument.symbol, known[0].session
    assert (
        ids(pages.get(f"/paper-trading/trades/?token={token}&side=sell").text)
        == [row.id for row in known if row.instrument.symbol == token and row.side == "sell"][: trades.ROWS]
    )
    assert ids(pages.get(f"/paper-trading/trades/?session={session}").text) == [row.id for row in known][: trades.ROWS]
    assert "No trade passes these filters." in pages.get("/paper-trading/trades/?session=other").text


def test_trades_are_downloaded_as_they_are_filtered(pages, traded):
    known = every_trade(traded)
    token, session = known[0].instrument.symbol, known[0].session
    text = pages.get(f"/paper-trading/trades/?token={token}&side=sell&session={session}&sort=time").text
    (address,) = re.findall(r'<a href="([^"]+)" download>', text)
    rows = list(csv.DictReader(pages.get(unescape(address)).text.splitlines()))
    passing = [row.id for row in known if (row.instrument.symbol, row.side, row.session) == (token, "sell", session)]
    assert 0 < len(passing) < len(known)
    assert [int(row["trade_id"]) for row in rows] == passing


def test_older_and_newer_pages_meet_without_a_gap(pages, traded, monkeypatch):
    monkeypatch.setattr(trades, "ROWS", 7)
    known = [row.id for row in every_trade(traded)]
    assert len(known) > 20
    seen, address = [], "/paper-trading/trades/"
    while address:
        text = pages.get(address).text
        seen += ids(text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        last, address = address, found.group(1).replace("&amp;", "&") if found else ""
    assert seen == known
    back, address = [], last
    while address:
        text = pages.get(address).text
        back = ids(text) + back
        found = re.search(r'href="([^"]+)" rel="prev"', text)
        address = found.group(1).replace("&amp;", "&") if found else ""
    assert back == known


@pytest.mark.parametrize("sort", ["result", "-result", "amount", "-costs", "token", "-reason", "side"])
def test_trades_can_be_sorted_by_a_column(sort, pages, traded):
    known = {row.id: row for row in every_trade(traded)}
    shown = [known[id_] for id_ in ids(pages.get(f"/paper-trading/trades/?sort={sort}").text)]
    values = [value for value in map(trades._KEYS[sort.lstrip("-")], shown) if value is not None]
    assert values == sorted(values, reverse=sort.startswith("-"))
    assert (
        f'aria-sort="{"descending" if sort.startswith("-") else "ascending"}"'
        in pages.get(f"/paper-trading/trades/?sort={sort}").text
    )


def test_oldest_first_pages_too(pages, traded, monkeypatch):
    monkeypatch.setattr(trades, "ROWS", 7)
    known = sorted(row.id for row in every_trade(traded))
    newest_page = ids(pages.get("/paper-trading/trades/?sort=time").text)
    assert newest_page == known[-7:]


def test_the_summary_is_of_what_is_shown(pages, traded):
    rows = [row for row in every_trade(traded) if row.side == "sell"][: trades.ROWS]
    text = pages.get("/paper-trading/trades/?side=sell").text
    assert f"<b>{len(rows)}</b> shown" in text
    assert f"sold {sum(row.notional for row in rows):,.2f}" in text


def test_what_an_address_brings_is_escaped(client):
    text = client.get("/paper-trading/trades/?token=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_no_page_asks_by_a_name_that_its_feed_has_taken():
    taken = {"page", "after", "prices"}
    for page in PAGES:
        assert not taken & set(page.query.__struct_fields__), page.name


def test_a_page_can_be_looked_at_for_another_account_and_its_links_stay_with_it(pages, traded):
    second = open_account(traded, "Second one", 4_321, unique=True)
    for page in PAGES:
        text = pages.get(page.path, params={"account": "Second one"}).text
        assert f'<option value="{second}" selected>Second one</option>' in text
        for other in PAGES:
            assert f'href="{other.path}?account=Second+one"' in text
        assert "account=Second+one" in re.search(r'hx-sse:connect="([^"]+)"', text)[1]
    text = pages.get("/paper-trading/", params={"account": second}).text
    assert "4,321.00" in text
    assert f'action="/paper-trading/bot/start?account={second}"' in text


def test_an_account_that_there_is_not_is_said(pages):
    answer = pages.get("/paper-trading/trades/?account=nobody")
    assert answer.status_code == 404
    assert "There is no account &#39;nobody&#39;" in answer.text
