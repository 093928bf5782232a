"""What one live step costs at bar 1,000 and at bar 1,000,000 of a session: it must not grow with its age.

    uv run python tests/benchmarks/live_step.py

Aim: the same within 20 %. The old session is made by writing its steps' events in bulk, with the clock a million bars on;
its cursor, its book and its database are then those of a session that has run for 58 days of 5-second bars.
"""

import statistics
import time

import msgspec
from sqlalchemy import select, update

from tests.actions.test_sessions import QUICK
from tests.make import Clock
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.desk import Desk, open_desk
from workbench.domain.config import DEFAULT_COSTS
from workbench.domain.events import EquityMarked
from workbench.domain.sessions import SessionRequest
from workbench.engine.state import State
from workbench.store import tables as t
from workbench.store.log import append
from workbench.store.projections import Projector

YOUNG, OLD, SAMPLE, BAR = 1_000, 1_000_000, 300, 5_000


def begun(clock: Clock) -> tuple[Desk, str]:
    desk = open_desk(":memory:", clock=clock)
    request = SessionRequest(configuration=QUICK, costs=DEFAULT_COSTS, symbols=("WETH",))
    session = start_session(desk, default_account(desk), request).id
    advance_session(desk, session)
    return desk, session


def aged(desk: Desk, session: str, clock: Clock, bars: int) -> None:
    """Bring a session to a great age: every bar's event and equity point is in the database, and the cursor after them."""
    with desk.store.read() as connection:
        cursor = connection.execute(select(t.cursors).where(t.cursors.c.session == session)).one()
    state = msgspec.json.decode(cursor.state, type=State)
    done = 0
    while done < bars:
        count = min(20_000, bars - done)
        marks = [EquityMarked(state.ts + (i + 1) * BAR, state.equity, state.book.cash) for i in range(count)]
        with desk.store.write(durable=False) as connection:
            projector = Projector(connection)
            projector.take(append(connection, session, marks, desk.at))
            projector.flush()
        state = msgspec.structs.replace(state, ts=marks[-1].ts, steps=state.steps + count)
        done += count
    clock.move(bars * BAR)
    with desk.store.write() as connection:
        values = {"state": msgspec.json.encode(state).decode(), "turn": cursor.turn + 1, "due": desk.now()}
        connection.execute(update(t.cursors).where(t.cursors.c.session == session).values(values))
    desk.runners.clear()


def sample(desk: Desk, session: str, clock: Clock) -> float:
    took = []
    for _ in range(SAMPLE):
        clock.move(BAR)
        began = time.perf_counter()
        assert advance_session(desk, session, budget_seconds=60).steps >= 1
        took.append(time.perf_counter() - began)
    return statistics.median(took[20:])


def main() -> None:
    clocks = {name: Clock() for name in (YOUNG, OLD)}
    sessions = {name: begun(clock) for name, clock in clocks.items()}
    for age, (desk, session) in sessions.items():
        began = time.perf_counter()
        aged(desk, session, clocks[age], age)
        # The history before the first window is fetched by the first step after a long sleep; it is not what is measured.
        clocks[age].move(BAR)
        advance_session(desk, session, budget_seconds=60)
        print(f"aged {age:,} bars in {time.perf_counter() - began:.0f} s")
    # In turns, so that a busy machine is busy for both.
    figures = {age: [] for age in sessions}
    for _ in range(5):
        for age, (desk, session) in sessions.items():
            figures[age].append(sample(desk, session, clocks[age]))
    medians = {age: statistics.median(values) for age, values in figures.items()}
    for age, seconds in medians.items():
        print(f"at bar {age:>9,}: {1000 * seconds:.2f} ms a committed live step")
    print(f"ratio {medians[OLD] / medians[YOUNG]:.3f} (aim: 0.8 to 1.2)")
    for desk, _ in sessions.values():
        desk.close()


if __name__ == "__main__":
    main()
