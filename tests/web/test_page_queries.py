"""How often a whole page asks the store: a few times, and as often however many rows there are."""

import pytest

from tests.make import Clock
from tests.web.conftest import begin, go_on, queries
from workbench.actions.request_sweep import request_sweep
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.actions.start_program import start_program
from workbench.desk import open_desk
from workbench.domain.sweeps import SweepRequest
from workbench.store import reads
from workbench.store.sweep_runs import list_sweep_runs
from workbench.web.page import draw, owner_of
from workbench.web.pages import PAGES, page_named

MOST = 5
BUSY = {"dashboard": 7}
"""A page that is made of more parts than that, and what it may ask."""
FURTHER = [
    ("dashboard", {"range": ["all"]}),
    ("analytics", {"range": ["24h"]}),
    ("trades", {"token": ["weth"], "side": ["buy"]}),
    ("orders", {"token": ["weth"], "status": ["ended"]}),
    ("thoughts", {"token": ["weth"], "decision": ["wait"]}),
    ("strategies", {"program": ["dca"], "symbol": ["WETH"], "said": ["started"]}),
    ("research", {"before": ["9"]}),
]
"""Addresses that ask for more than the page does by itself."""


def asked(desk, name, **given):
    page = page_named(name)
    query = page.ask(given)
    return queries(desk, lambda: draw(page, PAGES, desk, owner_of(desk, query), query))


@pytest.fixture(scope="module")
def longer():
    """A desk whose bot has traded for five times as long, beside programs, and on which a sweep was run."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        session = begin(desk)
        go_on(desk, clock, session, 40)
        for program in ("dca", "twap"):
            start_program(desk, session, program, "WETH", {"amount": 500})
        go_on(desk, clock, session, 20)
        asked_for = request_sweep(desk, SweepRequest("sma_cross", {"fast": (3, 5), "slow": (20, 30)}, count=300))
        run_requested_sweep(desk, asked_for.id)
        yield desk


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_asks_as_often_as_is_known_however_much_there_is(name, traded, longer):
    assert asked(traded, name) <= BUSY.get(name, MOST)
    assert asked(longer, name) <= BUSY.get(name, MOST)


@pytest.mark.parametrize(("name", "given"), FURTHER, ids=str)
def test_an_address_that_asks_for_more_asks_no_oftener(name, given, longer):
    assert asked(longer, name, **given) <= BUSY.get(name, MOST)


def test_one_sweep_one_session_and_sessions_beside_each_other_ask_no_oftener(longer):
    with longer.store.read() as connection:
        (session,) = reads.sessions(connection)
        (sweep,) = list_sweep_runs(connection)
    assert asked(longer, "research", sweep=[sweep.id[:8]]) <= MOST
    assert asked(longer, "trades", session=[session.id]) <= MOST
    assert asked(longer, "thoughts", session=[session.id]) <= MOST
    assert asked(longer, "sessions", compare=[session.id]) <= MOST


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_of_an_account_that_is_named_asks_no_oftener_once_the_name_is_known(name, longer):
    asked(longer, name, account=["Paper account"])
    assert asked(longer, name, account=["Paper account"]) <= BUSY.get(name, MOST)
