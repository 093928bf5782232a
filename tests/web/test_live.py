import asyncio
import re
from collections import Counter

import pytest

from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account, open_account
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.request_sweep import request_sweep
from workbench.actions.start_session import start_session
from workbench.domain.sessions import SessionRequest
from workbench.domain.sweeps import SweepRequest
from workbench.store import reads
from workbench.web import live as feeds
from workbench.web.live import Live, Ring, beat, message
from workbench.web.page import PRICES_CHANGED
from workbench.web.pages import PAGES, dashboard, trades

DASHBOARD = dashboard.PAGE
SECONDS = 30


class Feed:
    """One reader of a feed, told in messages: the log id and the names of its blocks."""

    def __init__(self, live, page=DASHBOARD, query=None, cursor=None, prices=None):
        account = default_account(live.desk)
        self.stream = live.read(
            page,
            account,
            query or page.query(),
            live.cursor if cursor is None else cursor,
            live.prices if prices is None else prices,
        )

    async def raw(self):
        async with asyncio.timeout(SECONDS):
            return (await anext(self.stream)).decode()

    async def opened(self):
        assert (await self.raw()).startswith("retry: 500\n\n")
        return self

    async def next(self):
        while True:
            text = await self.raw()
            if not text.startswith(":"):
                return int(re.match(r"id: (\d+)\n", text).group(1)), set(re.findall(r'hx-target="#(\w+)"', text)), text

    async def until(self, *names):
        """Read on until all of these blocks have come, and return the last log id."""
        missing = set(names)
        while missing:
            cursor, found, _ = await self.next()
            missing -= found
        return cursor


def watching(desk, story):
    """Run a story with a live that watches a desk."""

    async def run():
        live = Live(desk)
        await live.open()
        try:
            return await story(live)
        finally:
            await live.close()

    return asyncio.run(run())


def test_a_ring_makes_dirty_what_listens_to_its_kinds():
    ring = Ring(1, 1, {"mine": frozenset({"ThoughtRecorded"}), "other": frozenset({"OrderFilled"})}, frozenset({PRICES_CHANGED}))
    assert ring.dirty(DASHBOARD, "mine") == {"thoughts", "now", "strip", "state"}
    assert ring.dirty(DASHBOARD, "nobody") == {"strip", "state"}
    assert Ring(1, 1, None).dirty(trades.PAGE, "mine") == {"state", "filters", "table"}


def test_every_kind_of_event_that_a_page_shows_is_listened_to():
    heard = set().union(*(block.dirty_on for page in PAGES for block in page.blocks))
    assert {
        "OrderFilled",
        "EquityMarked",
        "ThoughtRecorded",
        "SessionStarted",
        "SessionStopped",
        "SessionFailed",
        "ProgramAdvanced",
        PRICES_CHANGED,
    } <= heard


def test_a_message_has_the_log_id_and_each_block_in_its_own_partial():
    text = message({"figures": "<dt>a</dt>\n<dd>b</dd>", "strip": "x"}, 7).decode()
    assert text == (
        'id: 7\ndata: <hx-partial hx-target="#figures" hx-swap="innerMorph"><dt>a</dt>\ndata: <dd>b</dd></hx-partial>\n'
        'data: <hx-partial hx-target="#strip" hx-swap="innerMorph">x</hx-partial>\n\n'
    )


def test_a_heartbeat_is_a_comment_and_brings_the_clock():
    assert beat(5).decode() == ": still here\nevent: beat\ndata: 5\n\n"


def test_a_start_a_step_and_a_price_reach_the_reader(desk, clock):
    refresh_prices(desk)

    async def story(live):
        feed = await Feed(live).opened()
        session = await asyncio.to_thread(begin, desk)
        await feed.until("bot", "state")
        await asyncio.to_thread(go_on, desk, clock, session, 2)
        last = await feed.until("strip", "figures", "equity", "thoughts", "trades", "now")
        with desk.store.read() as connection:
            assert 0 < last <= reads.last_id(connection)

    watching(desk, story)


def test_what_was_missed_since_the_cursor_comes_first(desk, clock):
    async def story(live):
        session = await asyncio.to_thread(begin, desk)
        await asyncio.to_thread(go_on, desk, clock, session, 1)
        feed = await Feed(live, cursor=0, prices=0).opened()
        await feed.until("strip", "figures", "equity", "bot", "thoughts")

    watching(desk, story)


def test_nothing_comes_to_who_knows_everything(desk, clock, monkeypatch):
    monkeypatch.setattr(feeds, "BEAT_SECONDS", 0.2)
    session = begin(desk)
    go_on(desk, clock, session, 1)

    async def story(live):
        feed = await Feed(live).opened()
        assert (await feed.raw()).startswith(": still here")

    watching(desk, story)


def test_another_accounts_trades_are_not_ours(desk, monkeypatch):
    monkeypatch.setattr(feeds, "BEAT_SECONDS", 0.2)
    default_account(desk)

    async def story(live):
        feed = await Feed(live).opened()
        other = await asyncio.to_thread(open_account, desk, "other")
        await asyncio.to_thread(start_session, desk, other, SessionRequest())
        assert (await feed.raw()).startswith(": still here")

    watching(desk, story)


def test_a_block_is_drawn_once_for_all_who_look_at_the_same(desk, clock, monkeypatch):
    drawn = Counter()
    draw = feeds.draw_block
    monkeypatch.setattr(feeds, "draw_block", lambda page, block, *rest: drawn.update([block.name]) or draw(page, block, *rest))

    async def story(live):
        readers = [await Feed(live).opened() for _ in range(20)]
        await asyncio.to_thread(begin, desk)
        for reader in readers:
            await reader.until("bot")
        assert len(live.channels) == 1
        assert drawn["bot"] < len(readers) / 2

    watching(desk, story)


def test_different_questions_are_different_channels_that_end_with_their_readers(desk):
    async def story(live):
        one = await Feed(live, trades.PAGE, trades.TradesQuery(token="WETH")).opened()
        two = await Feed(live, trades.PAGE, trades.TradesQuery(token="AERO")).opened()
        assert len(live.channels) == 2
        await one.stream.aclose()
        await two.stream.aclose()
        assert live.channels == {}

    watching(desk, story)


def test_a_slow_reader_gets_the_newest_drawing_once():
    async def story():
        reader = feeds.Reader(1)
        reader.give({"figures": "old", "strip": "old"}, 2)
        reader.give({"figures": "new"}, 3)
        assert reader.take() == ({"figures": "new", "strip": "old"}, 3)
        assert reader.take() == ({}, 3)

    asyncio.run(story())


def test_a_burst_makes_everything_dirty_without_being_read(desk, clock, monkeypatch):
    monkeypatch.setattr(feeds, "BURST", 5)
    session = begin(desk)
    go_on(desk, clock, session, 2)
    with desk.store.read() as connection:
        assert Live(desk).ring_since(connection, 0, 0).by_account is None


def test_a_block_that_breaks_does_not_end_the_feed(desk, clock, monkeypatch, caplog):
    draw = feeds.draw_block
    broken = [True]

    def fragile(page, block, *rest):
        if broken.pop() if broken else False:
            raise ZeroDivisionError
        return draw(page, block, *rest)

    monkeypatch.setattr(feeds, "draw_block", fragile)

    async def story(live):
        feed = await Feed(live).opened()
        session = await asyncio.to_thread(begin, desk)
        await asyncio.to_thread(go_on, desk, clock, session, 1)
        await feed.until("figures")

    watching(desk, story)
    assert "ZeroDivisionError" in caplog.text


def test_a_feed_ends_at_once_when_the_server_does(desk):
    async def story(live):
        feed = await Feed(live).opened()
        waiting = asyncio.create_task(feed.raw())
        await asyncio.sleep(0)
        live.end_feeds()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await Feed(live).raw()

    watching(desk, story)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("?page=nothing", {}, 404),
        ("?after=x", {}, 422),
        ("?after=-1", {}, 422),
        ("?prices=1e3", {}, 422),
        ("?page=trades&side=up", {}, 422),
        ("?after=1", {"last-event-id": "soon"}, 422),
    ],
)
def test_a_feed_that_is_asked_for_wrongly_is_refused(client, address, headers, status):
    assert client.get(f"/paper-trading/live{address}", headers=headers).status_code == status


def test_the_header_wins_over_the_address(client, monkeypatch):
    asked = []

    async def read(self, page, account, query, cursor, prices):
        asked.append((page.name, cursor, prices))
        yield b": end\n\n"

    monkeypatch.setattr(Live, "read", read)
    client.get("/paper-trading/live?page=trades&after=5&prices=9")
    answer = client.get("/paper-trading/live?page=trades&after=5&prices=9", headers={"last-event-id": "8"})
    assert asked == [("trades", 5, 9), ("trades", 8, 0)]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"


def test_what_happens_to_sweeps_is_told_to_every_account(desk):
    with desk.store.read() as connection:
        before = reads.last_id(connection)
    request_sweep(desk, SweepRequest("sma_cross", {"fast": (5, 10)}, count=900))
    with desk.store.read() as connection:
        ring = Live(desk).ring_since(connection, before, 0)
    assert "SweepRequested" in ring.for_all
    assert ring.by_account == {}
