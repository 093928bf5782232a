"""The end of the log, followed once for all who read it as messages: the JSON feed's readers and the WebSockets.

Readers of one account share a `Lane`, which keeps its newest messages in memory. A reader is nothing but a cursor: it takes
what its lane has after it, and where it has fallen further behind than the lane remembers, it reads the log itself. So a
slow reader costs no memory, and the messages of a batch are made once, however many hear them.
"""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Final

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection

from workbench.desk import Desk
from workbench.errors import Invalid
from workbench.store import reads
from workbench.web.messages import EVERYBODY, NAMES, Message, Teller, Told, message_of
from workbench.web.snapshot import EVERY_ACCOUNT, take_snapshot

log = logging.getLogger(__name__)

BATCH: Final = 500
"""So many events are read, told and sent at once."""
KEPT: Final = 2_000
"""So many messages a lane remembers, at most twice as many for a moment."""
KEPT_BYTES: Final = 8_000_000
SHARED: Final = 32
"""So many batches a lane keeps ready for who stands at the same place, until the next news."""
OUTRUN: Final = 5_000
"""Where the log has grown by more than this since the last look, as in a fast replay, lanes begin anew at its end."""
GAP: Final = 5_000
"""Who comes back after more events than this gets one snapshot instead of them."""
QUIET: Final = 1_000
"""After so many events that a reader did not ask for, it is told how far it is."""
BEAT_SECONDS: Final = 15.0
LOOKERS: Final = 2
"""So many readers at once read the log by themselves; the others wait for their turn."""
LONGEST_REST: Final = 0.25
"""After a whole batch there is a rest of as long as it took, at most this, so that a replay cannot eat the processor."""
RESUMED: Final = "Last-Event-ID"
"""The header by which who was cut off comes back."""


class Lens(msgspec.Struct, frozen=True):
    """What a reader wants to hear: whose messages, or everybody's, and of which types, or of all where there are none."""

    account: str
    types: frozenset[str] = frozenset()

    def wants(self, account: str, kind: str) -> bool:
        """Whether it wants an account's events of a kind."""
        mine = self.account in (account, EVERY_ACCOUNT) or account == EVERYBODY
        return mine and (not self.types or not self.types.isdisjoint(NAMES[kind]))


class Heard:
    """What a reader is sent at once: some events in order, and the log id up to which it then knows everything.

    Parameters
    ----------
    messages
        One tuple an event: what it goes by, and its other names.
    """

    def __init__(self, until: int, messages: list[tuple[Message, ...]]) -> None:
        self.until, self.messages = until, messages

    @property
    def last(self) -> int:
        """The log id that a reader then remembers: of the last message, or how far it is where there is none."""
        id_ = self.messages[-1][0].id if self.messages else self.until
        return self.until if id_ is UNSET else id_

    @cached_property
    def frames(self) -> bytes:
        """The messages as the JSON feed sends them."""
        return b"".join(frame(message) for message, *_ in self.messages)

    @cached_property
    def texts(self) -> list[str]:
        """The messages as a WebSocket sends them.

        The other names of an event come before it and have no id: who is cut off in between resumes at the one before.
        """
        texts = []
        for message, *others in self.messages:
            texts += [msgspec.structs.replace(other, id=UNSET).text() for other in others]
            texts.append(message.text())
        return texts


def frame(message: Message) -> bytes:
    """Return a message as an event of the feed."""
    return f"id: {message.id}\nevent: {message.type}\ndata: {message.text()}\n\n".encode()


class Lane:
    """The newest messages of an account, or of all, and those who wait for the next."""

    def __init__(self, account: str, newest: int) -> None:
        self.account = account
        self.readers = 0
        self.beats = 0
        self.news = asyncio.Event()
        self.begin(newest)

    def begin(self, newest: int) -> None:
        """Forget everything up to an id: what comes after it is kept from here on."""
        self.floor = self.newest = newest
        self._told: list[Told] = []
        self._ids: list[int] = []
        self._size = 0
        self._heard: dict[tuple[int, frozenset[str]], Heard] = {}

    def add(self, told: list[Told], newest: int) -> None:
        """Keep what has happened up to an id, and wake everybody if it is theirs."""
        self.newest = newest
        if not told:
            return
        self._told += told
        self._ids += [one.id for one in told]
        self._size += sum(_size(one) for one in told)
        self._heard.clear()
        if len(self._told) > 2 * KEPT or self._size > 2 * KEPT_BYTES:
            self._forget()
        self.wake()

    def _forget(self) -> None:
        size, first = 0, len(self._told)
        while first > max(len(self._told) - KEPT, 0) and size < KEPT_BYTES:
            first -= 1
            size += _size(self._told[first])
        if first:
            self.floor = self._ids[first - 1]
        self._told, self._ids, self._size = self._told[first:], self._ids[first:], size

    def beat(self) -> None:
        """Let everybody say that they are still here."""
        self.beats += 1
        self.wake()

    def takes(self, account: str) -> bool:
        """Whether an account's messages, or everybody's, are for those who read here."""
        return self.account in (account, EVERY_ACCOUNT) or account == EVERYBODY

    def wake(self) -> None:
        """Wake whoever waits; who comes later waits for the next time."""
        self.news.set()
        self.news = asyncio.Event()

    def after(self, cursor: int, types: frozenset[str]) -> Heard | None:
        """Return what came after a cursor, made once for all who stand there; None where that is remembered no more."""
        if cursor < self.floor:
            return None
        key = (cursor, types)
        found = self._heard.get(key)
        if found is None:
            first = bisect_right(self._ids, cursor)
            told = self._told[first : first + BATCH]
            is_all = first + len(told) == len(self._told)
            until = max(self.newest, cursor) if is_all else told[-1].id
            found = Heard(until, [heard for one in told if (heard := one.heard_as(types))])
            if told and len(self._heard) < SHARED:
                self._heard[key] = found
        return found


def _size(told: Told) -> int:
    return sum(memoryview(message.data).nbytes for message in told.messages)


class Tail:
    """Follows the log for everybody; one a process, woken by the watcher of `Live`.

    Parameters
    ----------
    desk
        Whose log it is.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.newest = 0
        self.lanes: dict[str, Lane] = {}
        self.ended = False
        self._teller = Teller()
        self._is_behind = True
        self._rung = asyncio.Event()
        self._turn = asyncio.Semaphore(LOOKERS)
        self._snapshots: dict[str, tuple[int, Message]] = {}
        self._snapping = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to follow."""
        self.ended = False
        self._rung = asyncio.Event()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._beat())]

    async def close(self) -> None:
        """End every reader and stop following."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end(self) -> None:
        """Let every reader end now."""
        self.ended = True
        for lane in self.lanes.values():
            lane.wake()

    def ring(self) -> None:
        """Say that there may be something new."""
        self._rung.set()

    # --- the one who follows ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                while self.lanes and await self._grow():
                    pass
            except Exception:  # whatever it was, the next ring finds the same events again
                log.exception("the doorbell rang and the log could not be told")

    async def _beat(self) -> None:
        # One clock for all: a timer of its own would cost every reader more than the message does.
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for lane in self.lanes.values():
                lane.beat()

    async def _grow(self) -> bool:
        """Give the lanes what has come, and return whether there is more."""
        accounts = frozenset(self.lanes)
        began = time.perf_counter()
        since = None if self._is_behind else self.newest
        self._is_behind = False
        newest, told, is_more = await asyncio.to_thread(self._read, since, accounts)
        self.newest = newest
        for lane in self.lanes.values():
            if told is None or lane.account not in accounts:
                # What nobody has listened to for it is read from the log by whoever stands there.
                lane.begin(newest)
                lane.wake()
            else:
                lane.add([one for one in told if lane.takes(one.account)], newest)
        if is_more:
            await asyncio.sleep(min(time.perf_counter() - began, LONGEST_REST))
        return is_more

    def _read(self, cursor: int | None, accounts: frozenset[str]) -> tuple[int, list[Told] | None, bool]:
        with self.desk.store.read() as connection:
            newest = reads.last_id(connection)
            if cursor is None or newest - cursor > OUTRUN:
                return newest, None, False
            rows = reads.events_after(connection, cursor, limit=BATCH)

            def is_wanted(account: str, _: str) -> bool:
                return account in accounts or account == EVERYBODY or EVERY_ACCOUNT in accounts

            told = self._teller.tell(connection, rows, is_wanted, self.desk.now())
        return rows[-1].id if rows else cursor, told, len(rows) == BATCH

    # --- those who read --------------------------------------------------------------------------------------------------

    async def read(self, lens: Lens, cursor: int) -> AsyncGenerator[Heard, None]:
        """Yield what a reader wants to hear after a cursor, batch by batch; nothing but how far it is as a heartbeat."""
        lane = self.lanes.get(lens.account)
        if lane is None:
            # While nobody reads, the log is not followed.
            self._is_behind = self._is_behind or not self.lanes
            lane = self.lanes[lens.account] = Lane(lens.account, self.newest)
            self.ring()
        lane.readers += 1
        beats, known = lane.beats, cursor
        try:
            while not self.ended:
                news = lane.news
                heard = lane.after(cursor, lens.types) or await self._look(lens, cursor)
                moved, cursor = heard.until > cursor, heard.until
                if heard.messages or beats != lane.beats or cursor - known > QUIET:
                    beats, known = lane.beats, cursor
                    yield heard
                elif not moved:
                    await news.wait()
        finally:
            lane.readers -= 1
            if not lane.readers and self.lanes.get(lens.account) is lane:
                del self.lanes[lens.account]

    async def _look(self, lens: Lens, cursor: int) -> Heard:
        """Return what the log has after a cursor, for a reader that its lane has left behind."""
        async with self._turn:
            return await asyncio.to_thread(self._heard_from_log, lens, cursor)

    def _heard_from_log(self, lens: Lens, cursor: int) -> Heard:
        with self.desk.store.read() as connection:
            rows = reads.events_after(connection, cursor, limit=BATCH)
            told = self._teller.tell(connection, rows, lens.wants, self.desk.now())
        heard = [names for one in told if (names := one.heard_as(lens.types))]
        return Heard(rows[-1].id if rows else cursor, heard)

    async def begin(self, account: str, cursor: int | None, field: str = "after") -> tuple[int, Message | None]:
        """Return where a reader begins: at its cursor, or at now with a snapshot where it has none or comes too late.

        Raises
        ------
        Invalid
            If the cursor lies beyond the newest event. Who comes back with one, as after the store was put back to an older
            copy, is told anew how all stands.
        """
        async with self._snapping:
            return await asyncio.to_thread(self._begin, account, cursor, field)

    def _begin(self, account: str, cursor: int | None, field: str) -> tuple[int, Message | None]:
        with self.desk.store.read() as connection:
            newest = reads.last_id(connection)
            if cursor is not None:
                if cursor > newest and field == RESUMED:
                    return newest, self._snapshot(connection, account, newest, None)
                if cursor > newest:
                    raise Invalid(field, f"at most {newest}, the newest event there is", cursor)
                if newest - cursor <= GAP:
                    return cursor, None
                return newest, self._snapshot(connection, account, newest, cursor)
            kept = self._snapshots.get(account)
            if kept is None or kept[0] != newest:
                if len(self._snapshots) > 100:
                    self._snapshots.clear()
                kept = self._snapshots[account] = (newest, self._snapshot(connection, account, newest, None))
            return kept

    def _snapshot(self, connection: Connection, account: str, newest: int, gap: int | None) -> Message:
        told = take_snapshot(connection, account, self.desk.now())
        return message_of("initial_snapshot", {**told, "instead_of_events_after": gap}, newest)


def read_cursor(text: str, field: str = "after") -> int | None:
    """Return the log id that somebody has read up to; None where nothing is said.

    Raises
    ------
    Invalid
        If it is not a log id.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(field, "the id of an event, a whole number", text[:80])
    return int(text)
