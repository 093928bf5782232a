"""The pages' live feed: one watcher looks at the doorbell, and each dirty block is drawn once for all who look at it.

Readers with the same page, account and query share a `Channel`. A block is whole each time it is sent, so a message that
was missed heals itself, and a reader that is slow gets the newest drawing instead of a queue of old ones.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromQuery
from litestar.response import Stream
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.domain.events import SWEEP_KINDS
from workbench.errors import Invalid, NotFound
from workbench.store import reads
from workbench.web.page import PRICES_CHANGED, ROOT, Asking, Page, Query, draw_block, owner_of
from workbench.web.pages import PAGES, WebRequest, page_named
from workbench.web.tail import Tail
from workbench.web.zone import show_in

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.02
"""How often the doorbell is looked at; a look takes a few microseconds."""
WINDOW_SECONDS: Final = 0.025
"""The first news are drawn at once; what becomes dirty within this long after them is drawn together."""
QUICK_SECONDS: Final = 0.006
"""Blocks that took longer than this are drawn after the others, so that a long line does not hold up a price."""
BEAT_SECONDS: Final = 15.0
BURST: Final = 300
"""More events than this at once, as in a fast replay, are not looked at one by one: everything is dirty."""
EASE: Final = 3.0
"""After a drawing there is a rest of this many times as long, so that a fast replay cannot eat the processor."""


class Ring(msgspec.Struct, frozen=True):
    """What happened since the last look: kinds of events by account; None where it was too much to tell."""

    cursor: int
    prices: int
    by_account: dict[str, frozenset[str]] | None
    for_all: frozenset[str] = frozenset()

    def dirty(self, page: Page, account: str) -> set[str]:
        """Return the names of a page's blocks that look different now."""
        if self.by_account is None:
            return {block.name for block in page.blocks}
        kinds = self.by_account.get(account, frozenset()) | self.for_all
        return {block.name for block in page.blocks if block.dirty_on & kinds}


class Reader:
    """One open feed: what it has not been sent yet."""

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self.waiting: dict[str, str] = {}
        self.ready = asyncio.Event()
        self.behind: set[str] = set()

    def give(self, drawn: dict[str, str], cursor: int) -> None:
        """Hand over drawings that show all there was up to a cursor; a newer one of a block takes the place of an older."""
        self.waiting.update(drawn)
        self.cursor = max(self.cursor, cursor)
        self.ready.set()

    def take(self) -> tuple[dict[str, str], int]:
        """Return what waits, and the cursor that it is of."""
        taken, self.waiting = self.waiting, {}
        self.ready.clear()
        return taken, self.cursor


class Channel:
    """Those who look at the same thing, and the task that draws it for them."""

    def __init__(self, live: "Live", page: Page, account: str, query: Query) -> None:
        self.live, self.page, self.account, self.query = live, page, account, query
        self.readers: set[Reader] = set()
        self.dirty: set[str] = set()
        self.sent: dict[str, str] = {}
        self.took: dict[str, float] = {}
        self.rung = live.cursor
        self.awake = asyncio.Event()
        self.task = asyncio.create_task(self._draw_for_ever())

    def ring(self, names: Iterable[str], cursor: int = 0) -> None:
        """Mark as dirty the blocks that look different after a cursor."""
        self.rung = max(self.rung, cursor)
        self.dirty.update(names)
        if self.dirty:
            self.awake.set()

    async def _draw_for_ever(self) -> None:
        while True:
            await self.awake.wait()
            self.awake.clear()
            dirty, self.dirty, rung = self.dirty, set(), self.rung
            behind = {reader: reader.behind for reader in self.readers if reader.behind}
            for reader in behind:
                reader.behind = set()
            wanted = dirty.union(*behind.values())
            slow = {name for name in wanted if self.took.get(name, 0.0) > QUICK_SECONDS}
            began = time.perf_counter()
            try:
                for names in (wanted - slow, slow):
                    if names:
                        drawn = await asyncio.to_thread(self._draw, names)
                        # The cursor moves on once the last of the blocks is there: who is cut off before that asks again.
                        self._hand_out(drawn, 0 if slow - names else rung, behind)
            except Exception:  # a block that cannot be drawn must not end the feed of the others
                log.exception("the feed of %s could not be drawn", self.page.name)
            await asyncio.sleep(min(max(WINDOW_SECONDS, EASE * (time.perf_counter() - began)), 1.0))

    def _draw(self, names: set[str]) -> dict[str, str]:
        desk = self.live.desk
        show_in(desk.zone)
        drawn = {}
        with desk.store.read() as connection:
            asking = Asking(self.account, self.query, desk.now(), is_shared=True)
            for block in self.page.blocks:
                if block.name in names:
                    began = time.perf_counter()
                    drawn[block.name] = draw_block(self.page, block, connection, asking)
                    self.took[block.name] = time.perf_counter() - began
        return drawn

    def _hand_out(self, drawn: dict[str, str], cursor: int, behind: dict[Reader, set[str]]) -> None:
        """Give every reader what has changed, and those who were behind what they missed."""
        changed = {name: text for name, text in drawn.items() if self.sent.get(name) != text}
        self.sent.update(changed)
        for reader in self.readers:
            missed = behind.get(reader, set())
            own = {**changed, **{name: text for name, text in drawn.items() if name in missed}}
            if own:
                reader.give(own, cursor)


class Live:
    """The watcher, its channels, and the tail that tells programs what pages show; one a process.

    Parameters
    ----------
    desk
        Whose store is watched.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.tail = Tail(desk)
        self.channels: dict[tuple[str, str, Query], Channel] = {}
        self.cursor, self.prices = 0, 0
        self.ended = False
        self._accounts: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        self.ended = False
        with self.desk.store.read() as connection:
            self.cursor, self.prices = reads.how_far(connection)
        self.tail.open()
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End every feed and stop watching."""
        self.end_feeds()
        tasks = [channel.task for channel in self.channels.values()] + ([self._task] if self._task else [])
        self.channels.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self.tail.close(), return_exceptions=True)

    def end_feeds(self) -> None:
        """Let every open feed end now; a server that waits for its connections calls it when it begins to shut down."""
        self.ended = True
        self.tail.end()
        for channel in self.channels.values():
            for reader in channel.readers:
                reader.ready.set()

    async def _watch(self) -> None:
        heard = -1
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            version = self.desk.store.data_version()
            if version == heard:
                continue
            heard = version
            self.tail.ring()
            try:
                ring = await asyncio.to_thread(self._listen)
            except Exception:  # whatever it was, the next ring finds the same events again
                log.exception("the doorbell rang and the log could not be read")
                continue
            self.cursor, self.prices = ring.cursor, ring.prices
            for channel in self.channels.values():
                channel.ring(ring.dirty(channel.page, channel.account), ring.cursor)

    def _listen(self) -> Ring:
        with self.desk.store.read() as connection:
            return self.ring_since(connection, self.cursor, self.prices)

    def ring_since(self, connection: Connection, cursor: int, prices: int) -> Ring:
        """Return what happened after a cursor, and after the prices that were known then."""
        newest, fresh = reads.how_far(connection)
        for_all = frozenset({PRICES_CHANGED}) if fresh != prices else frozenset()
        if cursor > newest or newest - cursor > BURST:
            return Ring(newest, fresh, None)
        kinds: dict[str, set[str]] = {}
        for row in reads.events_after(connection, cursor, limit=BURST):
            if row.kind in SWEEP_KINDS:
                for_all |= {row.kind}
                continue
            kinds.setdefault(self._account_of(connection, row.stream), set()).add(row.kind)
        return Ring(newest, fresh, {account: frozenset(found) for account, found in kinds.items()}, for_all)

    def _account_of(self, connection: Connection, stream: str) -> str:
        """Return whose events a stream holds: a session's account, or the account itself."""
        if stream not in self._accounts:
            try:
                self._accounts[stream] = reads.session(connection, stream).account
            except NotFound:
                self._accounts[stream] = stream
        return self._accounts[stream]

    async def read(self, page: Page, account: str, query: Query, cursor: int, prices: int) -> AsyncIterator[bytes]:
        """Yield the messages of one feed: first what was missed since the cursor, then what changes."""
        if self.ended:
            return
        reader = Reader(cursor)
        key = (page.name, account, query)
        channel = self.channels.get(key)
        if channel is None:
            channel = self.channels[key] = Channel(self, page, account, query)
        channel.readers.add(reader)
        try:
            yield b"retry: 500\n\n" + beat(self.desk.now())
            missed = await asyncio.to_thread(self._missed, cursor, prices)
            reader.behind = missed.dirty(page, account)
            channel.ring(reader.behind)
            while not self.ended:
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await reader.ready.wait()
                except TimeoutError:
                    yield beat(self.desk.now())
                    continue
                drawn, at = reader.take()
                if drawn and not self.ended:
                    yield message(drawn, at)
        finally:
            channel.readers.discard(reader)
            if not channel.readers and self.channels.get(key) is channel:
                del self.channels[key]
                channel.task.cancel()

    def _missed(self, cursor: int, prices: int) -> Ring:
        with self.desk.store.read() as connection:
            return self.ring_since(connection, cursor, prices)


def message(drawn: dict[str, str], cursor: int) -> bytes:
    """Return a message with blocks for the page to take in, each into its own element."""
    partials = "".join(
        f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">{text}</hx-partial>\n' for name, text in drawn.items()
    )
    lines = "".join(f"data: {line}\n" for line in partials.splitlines())
    return f"id: {cursor}\n{lines}\n".encode()


def beat(now: int) -> bytes:
    """Return a heartbeat: a comment that keeps the connection open, and the server's clock as an event of its own."""
    return f": still here\nevent: beat\ndata: {now}\n\n".encode()


@get(f"{ROOT}/live", name="live")
async def live_feed(request: WebRequest, state: State, page: FromQuery[str] = "dashboard") -> Response[Any]:
    """Keep a page up to date; `?after=` is the cursor it was drawn at, and the `Last-Event-ID` header wins over it."""
    live: Live = state.live
    found = page_named(page)
    if found is None:
        raise NotFound("page", page, [known.name for known in PAGES], field="page")
    given = dict(request.query_params)
    query = found.ask(request.query_params.dict())
    resumed = request.headers.get("last-event-id")
    cursor = _whole(resumed or given.get("after", "0"), "Last-Event-ID" if resumed else "after")
    # Who resumes has been gone for a while: the prices that it knew are old.
    prices = 0 if resumed else _whole(given.get("prices", "0"), "prices")
    account = await asyncio.to_thread(owner_of, live.desk, query)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(live.read(found, account, query, cursor, prices), media_type="text/event-stream", headers=headers)


def _whole(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(field, "a whole number", text)
    return int(text)
