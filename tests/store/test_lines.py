"""The line of who had bought at a session's first bar and held."""

import pytest

from tests.actions.test_sessions import replay
from tests.make import wandering
from workbench.actions.run_session import run_session
from workbench.store import lines, reads


@pytest.fixture
def session(desk):
    return run_session(desk, replay(desk, wandering(60)))


def test_it_begins_with_the_opening_equity_and_goes_with_the_price_from_the_first_bar_on(desk, session):
    with desk.store.read() as connection:
        times = tuple(row.ts for row in lines.equity(connection, session.account))
        whole = lines.hold_line(connection, session, times)
        late = lines.hold_line(connection, session, times[40:])
    closes = wandering(60).close
    assert [row.ts for row in whole] == list(times)
    assert float(whole[0].equity) == float(session.opening_equity)
    for row, close in zip(whole, closes, strict=True):
        assert float(row.equity) == pytest.approx(float(session.opening_equity) * close / closes[0], abs=1e-6)
    assert late == whole[40:], "a part of the line is the same line: it was bought at the first bar, not where one looks from"


def test_it_has_nothing_to_say_of_times_that_have_no_bar_and_of_no_times(desk, session):
    with desk.store.read() as connection:
        assert lines.hold_line(connection, session, ()) == []
        assert lines.hold_line(connection, session, (1, 2)) == []
        assert reads.session(connection, session.id).opening_equity is not None
