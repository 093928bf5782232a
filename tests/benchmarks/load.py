"""Every page and every reading of the JSON API over millions of rows, first page and deep in, by eight readers at once.

    uv run python tests/benchmarks/load.py [--share 1.0] [--home FOLDER] [--only TEXT] [--rounds 10] [--own]

Aim: at most 50 ms at the 95th percentile, beside a bare `SELECT 1` through the same server; at most 5 queries a request, which
`tests/web/test_queries.py` counts. The data are made once and kept in FOLDER: real sessions of random bars, run by the worker's
own actions, and copied with other ids and times until there are 1,000,000 trades, 2,000,000 thoughts and 5,000,000 events; the
digests of a copy are those of what it was copied from. Readers who ask for the same in the same second share one drawing of it,
as they do in use; with `--own` nobody shares. What is asked is read from the application itself, so that a new page
is measured too. The readers are a process of their own on the same two cores, which is part of what is measured.
"""

import argparse
import http.client
import json
import multiprocessing
import re
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import text

from tests.journeys.conftest import free_port, until
from tests.make import wandering
from workbench.actions.advance_session import advance_session
from workbench.actions.import_dataset import import_dataset
from workbench.actions.open_account import default_account
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.run_sweep import run_sweep
from workbench.actions.start_session import start_session
from workbench.desk import Desk, open_desk
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.sessions import ProgramRequest, SessionRequest

TRADES, THOUGHTS, EVENTS, SESSIONS = 1_000_000, 2_000_000, 5_000_000, 4
READERS, AIM_MS = 8, 50.0
OWN = {"cache-control": "no-cache"}
MINUTE = 60_000
SYMBOLS = ("WETH/USDC", "BTC/USDC", "ARB/USDC", "LINK/USDC")


# --- the data ------------------------------------------------------------------------------------------------------------


def make(home: Path, share: float) -> None:
    """Fill a folder: a few real sessions, then as many copies of them as the share of all asks for."""
    began = time.perf_counter()
    with open_desk(home) as desk:
        account = default_account(desk)
        for number, symbol in enumerate(SYMBOLS):
            _run(desk, account, symbol, number)
        bars = wandering(2_000, seed=9, symbol="WETH/USDC")
        run_sweep("sma_cross", bars, fast=range(5, 25), slow=range(30, 221, 10), desk=desk, progress=False)
        refresh_prices(desk)
    with sqlite3.connect(home / "workbench.sqlite3", isolation_level=None) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000;")
        connection.execute("BEGIN")
        counts = _copy(connection, share)
        connection.execute("COMMIT")
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA optimize;")
    with open_desk(home) as desk:
        # A session on its way, with orders that rest and a program, so that every part of a page has something to show.
        row = start_session(desk, account, _request(desk, SessionRequest(name="on its way")))
        advance_session(desk, row.id)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"made {told} in {time.perf_counter() - began:.0f} s")


def _request(desk: Desk, request: SessionRequest) -> SessionRequest:
    quick = StrategyConfiguration(
        strategy="sma_cross", parameters={"fast": 2, "slow": 4}, size_pct=Decimal(15), stop_loss_pct=Decimal(5)
    )
    return msgspec.structs.replace(request, configuration=quick, costs=DEFAULT_COSTS)


def _run(desk: Desk, account: str, symbol: str, number: int) -> None:
    bars = wandering(1_500, seed=number, symbol=symbol)
    programs = (ProgramRequest("dca", symbol, {"amount": 1000}),) if number == 0 else ()
    request = SessionRequest(mode="replay", dataset=import_dataset(desk, bars).id, programs=programs, name=f"copied {number}")
    row = start_session(desk, account, _request(desk, request))
    while advance_session(desk, row.id, budget_seconds=60).due is not None:
        pass


def _copy(connection: sqlite3.Connection, share: float) -> dict[str, int]:
    """Copy what the sessions left, with ids, sessions and times moved on; return how many rows there are now."""

    def count(table: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    span = int(connection.execute("SELECT max(id) FROM events").fetchone()[0])
    copies = max(1, round(share * max(TRADES / count("trades"), THOUGHTS / count("thoughts"))))
    # Equity is marked at every bar, which is more than is asked for: as many of those as make the events five millions.
    marks = int(connection.execute("SELECT count(*) FROM events WHERE kind = 'EquityMarked'").fetchone()[0])
    others = count("events") - marks
    every = max(1, round(marks / max(share * EVENTS / copies - others, 1)))
    # A copy is a day and an hour of one-minute bars; the last one ends about now.
    last, length = int(time.time() * 1000), 1_500 * MINUTE
    oldest = int(connection.execute("SELECT min(ts) FROM equity_points").fetchone()[0])
    connection.execute("CREATE TEMP TABLE copies (n INTEGER PRIMARY KEY, id INTEGER, ts INTEGER)")
    connection.executemany(
        "INSERT INTO copies VALUES (?, ?, ?)", ((n, n * span, last - (copies - n + 1) * length) for n in range(1, copies + 1))
    )
    session, ts = "substr({0}.session, 1, 23) || '-' || printf('%012d', copies.n)", f"copies.ts + ({{0}} - {oldest}) / 60"
    moved = {
        "events": {"id": "events.id + copies.id", "stream": session.replace(".session", ".stream").format("events")},
        "trading_sessions": {
            "id": "substr(trading_sessions.id, 1, 23) || '-' || printf('%012d', copies.n)",
            "number": f"trading_sessions.number + {SESSIONS} * copies.n",
        },
        "orders": {"id": "orders.id + copies.id", "placed": ts.format("placed"), "ended": ts.format("ended")},
        "program_runs": {"id": "program_runs.id + copies.id"},
        "trades": {"id": "trades.id + copies.id", "ts": ts.format("trades.ts")},
        "positions": {"id": "positions.id + copies.id", "marked": ts.format("marked"), "is_open": "0"},
        "thoughts": {
            "id": "thoughts.id + copies.id", "ts": ts.format("thoughts.ts"),
            "thought": f"json_set(thought, '$.ts', {ts.format('thoughts.ts')})",
        },
        "equity_points": {"id": "equity_points.id + copies.id", "ts": ts.format("equity_points.ts")},
    }  # fmt: skip
    for table, changes in moved.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        if "session" in columns:
            changes.setdefault("session", session.format(table))
        picked = ", ".join(changes.get(name, f'{table}."{name}"') for name in columns)
        wanted = {
            "events": f"(kind <> 'EquityMarked' OR seq % {every} = 0) AND stream IN (SELECT id FROM trading_sessions)",
            "equity_points": f"id % {every} = 0",
        }.get(table, "true")
        connection.execute(f"CREATE TEMP TABLE pattern AS SELECT * FROM {table} WHERE {wanted} ORDER BY id")
        connection.execute(
            f"INSERT INTO {table} SELECT {picked.replace(f'{table}.', 'pattern.')} FROM copies, pattern ORDER BY copies.n"
        )
        connection.execute("DROP TABLE pattern")
    numbers = ", ".join(f"{name} = {name} * {copies + 1}" for name in ("trades", "closed", "wins"))
    connection.execute(f"UPDATE accounts SET {numbers}")
    return {table: count(table) for table in (*moved, "bars", "trials")}


# --- the server ----------------------------------------------------------------------------------------------------------


def serve(home: str, port: int) -> None:
    """Serve the folder with one address more: a bare `SELECT 1`."""
    from litestar import get

    from workbench.web.app import create_app
    from workbench.web.serve import Server, settle

    settle()
    with open_desk(home) as desk, socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:

        @get("/bare", sync_to_thread=True)
        def bare() -> str:
            with desk.store.read() as connection:
                return str(connection.execute(text("SELECT 1")).scalar())

        app = create_app(desk)
        app.register(bare)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        Server(app, threading.Event()).run(sockets=[listener])


# --- what is asked -------------------------------------------------------------------------------------------------------


QUERIES = {"ai-thoughts/why": {"token": SYMBOLS[0]}, "configurations/compare": {"before": "Default", "after": "Default"}}
"""What a reading asks for and its path does not name."""
ADMIN = "/paper-trading/admin/"


def asked(port: int, desk: Desk) -> Iterator[tuple[str, str]]:
    """Yield a name and an address for every page and every reading, and one for deep in each list that has more."""
    yield "SELECT 1", "/bare"
    for address in addresses(port, desk):
        name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", address.removeprefix("/paper-trading"))
        status, body = answer(port, address)
        assert status == 200, (address, status, body[:300])
        yield name, address
        following = _deeper(address, body)
        if following:
            assert answer(port, following)[0] == 200, following
            yield f"{name} (deep)", following


def addresses(port: int, desk: Desk) -> list[str]:
    """Return the address of every page and of every reading, with what it has to be asked for filled in."""
    from workbench.web.api.schema import document
    from workbench.web.pages import PAGES

    found = [page.path for page in PAGES]
    found.append(f"/paper-trading/markets/{SYMBOLS[0].replace('/', '-')}")
    with desk.store.read() as connection:
        known = {
            "session": connection.execute(text("SELECT id FROM trading_sessions LIMIT 1 OFFSET 2")).scalar(),
            "number": connection.execute(text("SELECT max(id) FROM program_runs")).scalar(),
            "order": connection.execute(text("SELECT max(id) FROM orders")).scalar(),
            "sweep": connection.execute(text("SELECT max(id) FROM sweep_runs")).scalar(),
            "command": connection.execute(text("SELECT max(id) FROM commands")).scalar(),
            "task": connection.execute(text("SELECT max(id) FROM trading_sessions")).scalar(),
            "symbol": SYMBOLS[0].replace("/", "-"), "token_symbol": "WETH",
        }  # fmt: skip
    for path, methods in document()["paths"].items():
        # A file of all that was asked for is no page of it, and the feed has no end.
        if "get" in methods and not path.endswith(("export/", "feed/")):
            known_here = {**known, "number": known["order"]} if "/orders/" in path else known
            if all(known_here[name] for name in re.findall(r"{(\w+)}", path)):
                short = path.removeprefix("/paper-trading/api/").strip("/")
                asking = f"?{urlencode(QUERIES[short])}" if short in QUERIES else ""
                found.append(path.format(**known_here) + asking)
    status, overview = answer(port, ADMIN)
    assert status == 200
    return [*found, ADMIN, *dict.fromkeys(re.findall(rf'href="[^"]*({ADMIN}[a-z]+/list)"', overview.decode()))]


def _deeper(address: str, body: bytes) -> str:
    """Return the address of a page in the middle of a list; nothing where there is none."""
    if body[:1] == b"{":
        data = json.loads(body).get("data")
        following = data.get("next") if isinstance(data, dict) else None
        # Candles go back in time, everything else in ids.
        deep = following if "/candles/" in address else following // 2 if isinstance(following, int) else ""
        return f"{address}?before={deep}" if deep else ""
    link = re.search(r'href="([^"]*[?&](?:amp;)?before=)(\d+)', body.decode(errors="replace"))
    return f"{link[1].replace('&amp;', '&')}{int(link[2]) // 2}" if link else ""


def answer(port: int, address: str) -> tuple[int, bytes]:
    """Return the status and the body of one answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    line.request("GET", address)
    got = line.getresponse()
    body = got.read()
    line.close()
    return got.status, body


def cookie(port: int) -> dict[str, str]:
    """Return the header by which a browser is known to the admin, as its first page gives it."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    line.request("GET", f"{ADMIN}papertrade/list")
    got = line.getresponse()
    got.read()
    line.close()
    given = [value.partition(";")[0] for name, value in got.getheaders() if name.lower() == "set-cookie"]
    return {"cookie": "; ".join(value for value in given if not value.endswith('=""'))}


def read(port: int, wanted: list[tuple[str, str]], rounds: int, headers: dict[str, str], told: Any) -> None:
    """Ask for each address with eight lines at once, kept open; tell the milliseconds of every answer."""
    for name, address in wanted:
        lines = [http.client.HTTPConnection("127.0.0.1", port, timeout=300) for _ in range(READERS)]
        took: list[float] = []

        def ask(line: http.client.HTTPConnection, address: str = address, took: list[float] = took) -> None:
            for _ in range(rounds):
                began = time.perf_counter()
                line.request("GET", address, headers=headers)
                line.getresponse().read()
                took.append(1000 * (time.perf_counter() - began))

        threads = [threading.Thread(target=ask, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for line in lines:
            line.close()
        assert len(took) == READERS * rounds, name
        told.send((name, sorted(took)))
    told.send(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="Of the data; they are made anew where the folder is empty.")
    parser.add_argument("--home", type=Path, help="Where the data are, and stay.")
    parser.add_argument("--only", default="", help="Ask only for addresses with this in them.")
    parser.add_argument("--own", action="store_true", help="Have every answer drawn for each reader alone.")
    parser.add_argument("--rounds", type=int, default=10, help="How often each reader asks.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "home"
        if not (home / "workbench.sqlite3").exists():
            make(home, given.share)
        port, spawn = free_port(), multiprocessing.get_context("spawn")
        server = spawn.Process(target=serve, args=(str(home), port), daemon=True)
        server.start()
        try:
            until(lambda: _listens(port))
            with open_desk(home) as desk:
                wanted = [pair for pair in asked(port, desk) if given.only in pair[1] or pair[1] == "/bare"]
            here, there = multiprocessing.Pipe()
            reading = spawn.Process(
                target=read, args=(port, wanted, given.rounds, {**cookie(port), **(OWN if given.own else {})}, there), daemon=True
            )
            reading.start()
            found = []
            while (one := here.recv()) is not None:
                found.append(one)
        finally:
            server.terminate()
            server.join()
    slow = 0
    whose = "each with a drawing of his own" if given.own else "sharing what they ask for in the same second"
    print(f"{READERS} readers, {given.rounds} times each, {whose}; aim {AIM_MS:.0f} ms at the 95th percentile")
    for name, took in sorted(found, key=lambda pair: -_at(pair[1], 0.95)):
        late = _at(took, 0.95)
        slow += late > AIM_MS and name != "SELECT 1"
        print(f"{late:9.1f} ms  median {statistics.median(took):8.1f} ms  {name}")
    print(f"{len(found) - 1 - slow} of {len(found) - 1} within {AIM_MS:.0f} ms")


def _at(took: list[float], share: float) -> float:
    return took[min(int(share * len(took)), len(took) - 1)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
