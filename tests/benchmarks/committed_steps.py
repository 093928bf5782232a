"""How many full steps a second are committed: events, projections, cursor and latest thought, each in the database.

    uv run python tests/benchmarks/committed_steps.py

Live steps commit one by one and wait for the disk; a replay commits once for up to 512. Beside them, in the same run, a
bare loop that commits two short rows a step to a file of its own.
"""

import sqlite3
import tempfile
import time
from pathlib import Path

from tests.actions.test_sessions import COSTS, QUICK
from tests.make import Clock, wandering
from workbench.actions.advance_session import advance_session
from workbench.actions.import_dataset import import_dataset
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.desk import open_desk
from workbench.domain.config import DEFAULT_COSTS
from workbench.domain.sessions import SessionRequest

LIVE, REPLAY = 400, 20_000


def bare(count: int) -> float:
    """Commits a second of two short rows, waiting for the disk."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.sqlite3", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
        began = time.perf_counter()
        for _ in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (body) VALUES (?)", [("x" * 200,), ("y" * 200,)])
            connection.execute("COMMIT")
        return count / (time.perf_counter() - began)


def live(tokens: tuple[str, ...]) -> float:
    """Live steps a second, one transaction each."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        request = SessionRequest(configuration=QUICK, costs=DEFAULT_COSTS, symbols=tokens)
        session = start_session(desk, default_account(desk), request).id
        advance_session(desk, session)
        began = time.perf_counter()
        for _ in range(LIVE):
            clock.move(5_000)
            assert advance_session(desk, session).steps == 1
        return LIVE / (time.perf_counter() - began)


def replay() -> float:
    """Replayed steps a second."""
    with open_desk(":memory:", clock=Clock()) as desk:
        dataset = import_dataset(desk, wandering(REPLAY))
        request = SessionRequest(mode="replay", dataset=dataset.id, configuration=QUICK, costs=COSTS)
        session = start_session(desk, None, request).id
        began, steps, due = time.perf_counter(), 0, 0
        while due is not None:
            advanced = advance_session(desk, session)
            steps, due = steps + advanced.steps, advanced.due
        assert steps == REPLAY
        return REPLAY / (time.perf_counter() - began)


def main() -> None:
    yardstick = bare(2000)
    print(f"bare, 2 rows         {yardstick:>10,.0f} commits/s")
    for tokens in (("WETH",), ("WETH", "cbBTC", "cbETH", "AERO", "DEGEN", "BRETT", "VIRTUAL", "TOSHI")):
        rate = live(tokens)
        name = f"live, {len(tokens)} tokens"
        print(f"{name:<20} {rate:>10,.0f} steps/s, one commit each, {yardstick / rate:.0f} x as long as a bare commit")
    print(f"replay, 1 token      {replay():>10,.0f} steps/s")


if __name__ == "__main__":
    main()
