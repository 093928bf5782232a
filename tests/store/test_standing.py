"""What surrounds a page is read at once, and is what its parts say of themselves."""

import pytest

from tests.make import Clock
from tests.web.conftest import MINUTE, begin, go_on, queries
from workbench.actions.open_account import default_account, open_account
from workbench.desk import open_desk
from workbench.domain.bars import DAY
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.standing import standing


@pytest.fixture(scope="module")
def stands():
    """A desk with an account that has traded over midnight, and two that have not; one of them with a session asked for."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        clock.move(DAY - desk.now() % DAY - 10 * MINUTE)
        go_on(desk, clock, begin(desk), 15)
        open_account(desk, "second")
        open_account(desk, "third")
        yield desk


READINGS = (reads.active_session, reads.active_configuration)


def test_each_part_is_as_it_says_of_itself(stands):
    for owner in (default_account(stands), *_others(stands)):
        now = stands.now()
        with stands.store.read() as alone, stands.store.read() as together:
            found = standing(together, owner, now)
            for reading in READINGS:
                assert reading(together, owner) == reading(alone, owner)
            assert reads.figures(together, owner, now) == reads.figures(alone, owner, now)
            assert reads.day_before(together, owner, now) == reads.day_before(alone, owner, now)
            assert reads.newest_close(together) == reads.newest_close(alone) is not None
            assert (found.cursor, found.prices) == reads.how_far(alone)
            assert list(found.accounts) == reads.accounts(alone)


def test_the_day_before_is_known_of_who_traded_over_midnight_alone(stands):
    with stands.store.read() as connection:
        assert reads.day_before(connection, default_account(stands), stands.now()) is not None
        assert reads.day_before(connection, _others(stands)[0], stands.now()) is None


def test_it_takes_one_statement_and_what_it_found_none(stands):
    def visit():
        with stands.store.read() as connection:
            standing(connection, default_account(stands), stands.now())
            for reading in (*READINGS, reads.account_row):
                reading(connection, default_account(stands))
            reads.figures(connection, default_account(stands), stands.now())
            reads.newest_close(connection)

    assert queries(stands, visit) == 1


def test_the_account_that_is_looked_at_is_there_however_old_it_is(stands):
    with stands.store.read() as connection:
        found = standing(connection, default_account(stands), stands.now(), most=1)
    assert [row.name for row in found.accounts] == ["third", "Paper account"]


def test_an_account_that_is_not_there_is_told_so(stands):
    with stands.store.read() as connection, pytest.raises(NotFound, match="nobody"):
        standing(connection, "nobody", stands.now())


def _others(desk):
    with desk.store.read() as connection:
        return [row.id for row in reads.accounts(connection) if row.id != default_account(desk)]
