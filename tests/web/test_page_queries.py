"""How often a whole page asks the store: once or a few times a block, and as often however many rows there are."""

import pytest

from tests.make import Clock
from tests.web.conftest import begin, go_on, queries
from workbench.desk import open_desk
from workbench.web.page import draw, owner_of
from workbench.web.pages import PAGES, page_named

MOST = {"dashboard": 8, "strategies": 10, "research": 9}
"""Every page asks at most five times, but for these, which are made of more parts than that."""


def asked(desk, name):
    page = page_named(name)
    query = page.ask({})
    return queries(desk, lambda: draw(page, PAGES, desk, owner_of(desk, query), query))


@pytest.fixture(scope="module")
def longer():
    """A desk whose bot has traded for five times as long."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        go_on(desk, clock, begin(desk), 60)
        yield desk


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_asks_as_often_as_is_known_however_much_there_is(name, traded, longer):
    assert asked(traded, name) <= MOST.get(name, 5)
    assert asked(longer, name) <= MOST.get(name, 5)
