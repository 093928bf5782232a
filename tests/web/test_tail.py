import asyncio
import random

import pytest

from tests.web.conftest import begin, go_on
from tests.web.test_live import watching
from workbench.actions.move_cash import deposit
from workbench.actions.open_account import default_account, open_account
from workbench.errors import Invalid
from workbench.store import reads
from workbench.web import tail as tails
from workbench.web.messages import message_of
from workbench.web.tail import Heard, Lens, Tail, read_cursor

SECONDS = 60


def log_of(desk, account="*"):
    """The ids of every event of an account."""
    with desk.store.read() as connection:
        rows = reads.events_after(connection, 0, limit=1_000_000)
    return [row.id for row in rows if account == "*" or row.stream == account]


def ids_of(heard):
    return [messages[0].id for messages in heard.messages]


async def read_to(tail, lens, cursor, last):
    """Read until an id is known, and return what was heard."""
    found = []
    async with asyncio.timeout(SECONDS):
        async for heard in tail.read(lens, cursor):
            found += ids_of(heard)
            if heard.until >= last:
                return found
    raise AssertionError("the reader ended")


def test_a_reader_hears_what_was_and_what_comes(desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    account = default_account(desk)
    before = log_of(desk)

    async def story(live):
        reading = asyncio.create_task(read_to(live.tail, Lens(account), 0, before[-1] + 3))
        for _ in range(3):
            await asyncio.to_thread(deposit_outside, desk, account)
        assert await reading == log_of(desk)

    watching(desk, story)


def deposit_outside(desk, account):
    """Put something into an account that has no session on its way."""
    from workbench.domain.events import Deposited
    from workbench.store.log import append
    from workbench.store.projections import Projector

    with desk.store.write(durable=False) as connection:
        book, _ = reads.account_book(connection, account)
        projector = Projector(connection)
        projector.take(append(connection, account, [Deposited(1, book.cash + 1)], desk.at))
        projector.flush()


def test_a_reader_of_some_types_hears_those_and_is_told_how_far_it_is(desk, clock, monkeypatch):
    monkeypatch.setattr(tails, "QUIET", 20)
    session = begin(desk)
    go_on(desk, clock, session, 4)
    account = default_account(desk)
    last = log_of(desk)[-1]

    async def story(live):
        lens = Lens(account, frozenset({"session_update"}))
        heard = []
        async for one in live.tail.read(lens, 0):
            heard.append(one)
            if one.until == last:
                break
        assert {messages[0].type for one in heard for messages in one.messages} == {"session_update"}
        assert heard[-1].messages == [] or heard[-1].until == last

    watching(desk, story)


def test_an_event_goes_by_the_first_of_its_names_that_was_asked_for(desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    account = default_account(desk)
    last = log_of(desk)[-1]

    async def story(live):
        for type_ in ("trade_executed", "position_updated", "order_filled"):
            async for heard in live.tail.read(Lens(account, frozenset({type_, "performance_update"})), 0):
                assert {messages[0].type for messages in heard.messages} <= {type_}
                assert heard.messages
                break
        assert await read_to(live.tail, Lens(account), last - 1, last) == [last]

    watching(desk, story)


def test_another_accounts_events_are_not_heard_but_everybodys_are(desk):
    account = default_account(desk)

    async def story(live):
        cursor = log_of(desk)[-1]
        every = asyncio.create_task(read_to(live.tail, Lens("*"), cursor, cursor + 4))
        mine = live.tail.read(Lens(account), cursor)
        first = asyncio.create_task(anext(mine))
        other = await asyncio.to_thread(open_account, desk, "other")
        await asyncio.to_thread(deposit, desk, account, 5, by="test")
        heard = await asyncio.wait_for(first, SECONDS)
        assert ids_of(heard) == [cursor + 3]
        await asyncio.to_thread(deposit, desk, other, 5, by="test")
        assert await every == [cursor + 1, cursor + 2, cursor + 3, cursor + 4]
        await mine.aclose()
        assert set(live.tail.lanes) <= {"*"}

    watching(desk, story)


def test_who_is_behind_what_is_remembered_reads_the_log(desk, monkeypatch):
    monkeypatch.setattr(tails, "KEPT", 2)
    monkeypatch.setattr(tails, "BATCH", 3)
    account = default_account(desk)

    async def story(live):
        cursor = log_of(desk)[-1]
        quick = asyncio.create_task(read_to(live.tail, Lens(account), cursor, cursor + 20))
        slow = live.tail.read(Lens(account), cursor)
        for _ in range(20):
            await asyncio.to_thread(deposit_outside, desk, account)
        assert await quick == list(range(cursor + 1, cursor + 21))
        lane_floor = cursor
        found = []
        async for heard in slow:
            lane_floor = max(lane_floor, live.tail.lanes[account].floor)
            found += ids_of(heard)
            if heard.until >= cursor + 20:
                break
        assert found == list(range(cursor + 1, cursor + 21))
        assert len(live.tail.lanes[account]._told) <= 4

    watching(desk, story)


def test_a_log_that_outruns_the_tail_is_read_by_whoever_wants_it(desk, monkeypatch):
    monkeypatch.setattr(tails, "OUTRUN", 5)
    account = default_account(desk)

    async def story(live):
        cursor = log_of(desk)[-1]
        for _ in range(30):
            await asyncio.to_thread(deposit_outside, desk, account)
        assert await read_to(live.tail, Lens(account), cursor, cursor + 30) == list(range(cursor + 1, cursor + 31))

    watching(desk, story)


def test_the_messages_of_a_batch_are_made_once_for_all_readers(desk, monkeypatch):
    account = default_account(desk)
    made = []
    tell = tails.Teller.tell
    monkeypatch.setattr(
        tails.Teller, "tell", lambda self, c, rows, *rest: made.extend(r.id for r in rows) or tell(self, c, rows, *rest)
    )

    async def story(live):
        cursor = log_of(desk)[-1]
        readers = [asyncio.create_task(read_to(live.tail, Lens(account), cursor, cursor + 5)) for _ in range(30)]
        while live.tail.newest < cursor:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.to_thread(deposit_outside, desk, account)
        for reader in readers:
            assert await reader == list(range(cursor + 1, cursor + 6))
        assert made == list(range(cursor + 1, cursor + 6))

    watching(desk, story)


def test_readers_that_are_cut_off_anywhere_miss_and_double_nothing(desk):
    account = default_account(desk)
    count = 150

    async def story(live):
        first = log_of(desk)[-1]

        async def cut_off(seed):
            chance, cursor, found = random.Random(seed), first, []
            while cursor < first + count:
                left = chance.randrange(1, 12)
                stream = live.tail.read(Lens(account), cursor)
                async for heard in stream:
                    # The line is cut in the middle of what was sent at once: the rest never arrives.
                    arrived = ids_of(heard)[:left]
                    found += arrived
                    cursor = arrived[-1] if arrived else cursor
                    left -= len(arrived)
                    if left <= 0 or cursor >= first + count:
                        break
                await stream.aclose()
            return found

        readers = [asyncio.create_task(cut_off(seed)) for seed in range(12)]
        for _ in range(count):
            await asyncio.to_thread(deposit_outside, desk, account)
        for reader in readers:
            assert await asyncio.wait_for(reader, SECONDS) == list(range(first + 1, first + count + 1))

    watching(desk, story)


def test_a_tail_that_could_not_read_reads_again_at_the_next_ring(desk, monkeypatch, caplog):
    account = default_account(desk)
    read, broken = Tail._read, [True]

    def fragile(self, *words):
        if broken.pop() if broken else False:
            raise ZeroDivisionError
        return read(self, *words)

    monkeypatch.setattr(Tail, "_read", fragile)

    async def story(live):
        cursor = log_of(desk)[-1]
        reading = asyncio.create_task(read_to(live.tail, Lens(account), cursor, cursor + 2))
        await asyncio.to_thread(deposit_outside, desk, account)
        await asyncio.to_thread(deposit_outside, desk, account)
        while broken:
            await asyncio.sleep(0)
        live.tail.ring()
        assert await reading == [cursor + 1, cursor + 2]

    watching(desk, story)
    assert "ZeroDivisionError" in caplog.text


def test_a_heartbeat_says_how_far_the_log_is(desk, monkeypatch):
    monkeypatch.setattr(tails, "BEAT_SECONDS", 0.05)
    account = default_account(desk)

    async def story(live):
        cursor = log_of(desk)[-1]
        stream = live.tail.read(Lens(account), cursor)
        heard = await asyncio.wait_for(anext(stream), SECONDS)
        assert (heard.messages, heard.until) == ([], cursor)
        await asyncio.to_thread(open_account, desk, "other")
        while heard.until < cursor + 2:
            heard = await asyncio.wait_for(anext(stream), SECONDS)
            assert heard.messages == []

    watching(desk, story)


def test_readers_end_at_once_when_the_server_does(desk):
    account = default_account(desk)

    async def story(live):
        waiting = asyncio.create_task(anext(live.tail.read(Lens(account), log_of(desk)[-1])))
        await asyncio.sleep(0)
        live.end_feeds()
        with pytest.raises(StopAsyncIteration):
            await waiting

    watching(desk, story)


def test_a_reader_begins_at_its_cursor_or_with_a_snapshot(desk, monkeypatch):
    account = default_account(desk)
    last = log_of(desk)[-1]

    async def story(live):
        assert await live.tail.begin(account, last) == (last, None)
        cursor, snapshot = await live.tail.begin(account, None)
        assert (cursor, snapshot.type, snapshot.id) == (last, "initial_snapshot", last)
        assert (await live.tail.begin(account, None))[1] is snapshot
        with pytest.raises(Invalid, match="the newest event"):
            await live.tail.begin(account, last + 1)
        monkeypatch.setattr(tails, "GAP", 0)
        cursor, snapshot = await live.tail.begin("*", 0)
        assert cursor == last
        assert b'"instead_of_events_after":0' in bytes(snapshot.data)

    watching(desk, story)


def test_other_names_of_an_event_come_before_it_and_have_no_id():
    first, second = message_of("trade_executed", {}, 5), message_of("position_updated", {}, 5)
    heard = Heard(5, [(first, second)])
    assert '"id"' not in heard.texts[0]
    assert heard.texts[1] == first.text()
    assert heard.frames == f"id: 5\nevent: trade_executed\ndata: {first.text()}\n\n".encode()


@pytest.mark.parametrize("text", ["x", "-1", "1e3", " 1", "9" * 19, "١", "1.0"])
def test_what_is_no_log_id_is_refused(text):
    with pytest.raises(Invalid):
        read_cursor(text)


def test_no_cursor_is_none():
    assert (read_cursor(""), read_cursor("7")) == (None, 7)
