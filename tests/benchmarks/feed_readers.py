"""How long from a commit until the last of many readers of the JSON feed has the event, and whether any is missed or doubled.

    uv run python tests/benchmarks/feed_readers.py [READERS]

Aim: 500 readers, median under 150 ms. A real server process; this one appends deposits through the store and notes when each
was committed; a third reads with raw sockets, cuts every reader off again and again and comes back with `Last-Event-ID`. All
read the same clock.
"""

import asyncio
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

from tests.journeys.conftest import Process, free_port, until
from workbench.actions.open_account import default_account
from workbench.desk import open_desk
from workbench.domain.events import Deposited
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector

READERS = 500
EVENTS = 150
BETWEEN_SECONDS = 0.2
WAIT_SECONDS = 60.0
CUTS = 3
"""So many times each reader is cut off."""


class Reader(asyncio.Protocol):
    """One reader over as many connections as it takes: what it has heard, and when it was first heard."""

    def __init__(self, number: int, port: int, after: int, last: int) -> None:
        self.port, self.cursor, self.last = port, after, last
        self.heard: Counter[int] = Counter()
        self.at: dict[int, float] = {}
        chance = random.Random(number)
        self.cuts = sorted(chance.randrange(after + 1, last) for _ in range(CUTS))
        self.lost, self.came_in = asyncio.Event(), asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self.rest = b""

    async def run(self, opened: asyncio.Semaphore) -> None:
        """Read to the end, and come back whenever the line was cut."""
        while self.cursor < self.last:
            async with opened:
                self.lost, self.rest = asyncio.Event(), b""
                self.transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)
                head = f"GET /paper-trading/api/feed/ HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {self.cursor}\r\n\r\n"
                self.transport.write(head.encode())
            await self.lost.wait()

    def data_received(self, data: bytes) -> None:
        """Take in whole events; one that was cut in the middle counts as never heard."""
        self.came_in.set()
        *events, self.rest = (self.rest + data).split(b"\n\n")
        for event in events:
            if b"\ndata: " not in event:
                continue
            self.cursor = int(event[event.index(b"id: ") + 4 : event.index(b"\nevent: ")])
            self.heard[self.cursor] += 1
            self.at.setdefault(self.cursor, time.time())
            is_cut = bool(self.cuts) and self.cursor >= self.cuts[0]
            if is_cut or self.cursor >= self.last:
                self.cuts = self.cuts[is_cut:]
                assert self.transport is not None
                self.transport.abort()
                break

    def connection_lost(self, problem: Exception | None) -> None:
        """Let `run` go on."""
        self.lost.set()


async def listen(port: int, count: int, after: int, last: int, ready: Connection) -> list[Reader]:
    """Read with so many readers at once."""
    readers = [Reader(number, port, after, last) for number in range(count)]
    opened = asyncio.Semaphore(50)
    tasks = [asyncio.create_task(reader.run(opened)) for reader in readers]
    # What is measured is the feed, not the rush to it.
    await asyncio.gather(*(reader.came_in.wait() for reader in readers))
    ready.send(True)
    await asyncio.wait(tasks, timeout=EVENTS * BETWEEN_SECONDS + 2 * WAIT_SECONDS)
    return readers


def read_all(port: int, count: int, after: int, last: int, told: Connection) -> None:
    """What the reading process does: read, and hand over what was heard, and when the last reader had each event."""
    readers = asyncio.run(listen(port, count, after, last, told))
    ids = range(after + 1, last + 1)
    missing = sum(id_ not in reader.heard for reader in readers for id_ in ids)
    doubled = sum(times - 1 for reader in readers for times in reader.heard.values())
    latest = {id_: max((reader.at[id_] for reader in readers if id_ in reader.at), default=0.0) for id_ in ids}
    every = {id_: [reader.at[id_] for reader in readers if id_ in reader.at] for id_ in ids}
    told.send((missing, doubled, latest, every))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else READERS
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder) / "home", free_port()
        process = Process("up", "--no-browser", "--port", str(port), home=home)
        try:
            with open_desk(home) as desk:
                account = default_account(desk)
                with desk.store.read() as connection:
                    after = reads.last_id(connection)
                until(lambda: _listens(port))
                here, there = multiprocessing.Pipe()
                spawn = multiprocessing.get_context("spawn")
                reading = spawn.Process(target=read_all, args=(port, count, after, after + EVENTS, there))
                reading.start()
                if not here.poll(WAIT_SECONDS * 2):
                    raise SystemExit("the readers were never all let in")
                here.recv()
                committed = {}
                for done in range(EVENTS):
                    with desk.store.write() as connection:
                        book, _ = reads.account_book(connection, account)
                        projector = Projector(connection)
                        projector.take(append(connection, account, [Deposited(Decimal(1), book.cash + 1)], desk.at))
                        projector.flush()
                    committed[after + 1 + done] = time.time()
                    time.sleep(BETWEEN_SECONDS)
                if not here.poll(WAIT_SECONDS * 3):
                    raise SystemExit("the readers never came to the end")
                missing, doubled, latest, every = here.recv()
                reading.join()
        finally:
            process.interrupt()
            process.close()
    last = sorted(1000 * (latest[id_] - committed[id_]) for id_ in committed)
    each = sorted(1000 * (at - committed[id_]) for id_ in committed for at in every[id_])
    print(f"{count} readers, {EVENTS} events, each reader cut off {CUTS} times: {missing} missing, {doubled} doubled")
    print(f"commit to the last reader: median {statistics.median(last):.0f} ms, 95 % within {last[int(0.95 * len(last))]:.0f} ms")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"commit to any reader:      median {statistics.median(each):.0f} ms, 95 % within {each[int(0.95 * len(each))]:.0f} ms")


def _listens(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/paper-trading/api/bot/status/").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
