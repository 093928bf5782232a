"""A desk on which a bot has traded for a while on the simulated market, and a client of its pages."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from litestar.testing import TestClient
from sqlalchemy import event

from tests.make import Clock
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.start_session import start_session
from workbench.desk import Desk, open_desk
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.web.app import create_app
from workbench.web.page import Asking, Block, Page, Query, draw_block, owner_of

HERE = "http://127.0.0.1:8000"
MINUTE = 60_000


def begin(desk: Desk, **rules: object) -> str:
    """Start a bot that trades often, and take it up."""
    configuration = StrategyConfiguration(
        strategy="sma_cross", parameters={"fast": 2, "slow": 4}, size_pct=Decimal(15), stop_loss_pct=Decimal(5), **rules
    )
    row = start_session(desk, default_account(desk), SessionRequest(configuration=configuration, costs=DEFAULT_COSTS))
    advance_session(desk, row.id)
    return row.id


def go_on(desk: Desk, clock: Clock, session: str, minutes: float) -> None:
    """Let time pass, and the bot do what has come due."""
    clock.move(round(minutes * MINUTE))
    refresh_prices(desk)
    advance_session(desk, session, budget_seconds=60)


def queries(desk: Desk, visit: Callable[[], object]) -> int:
    """Return how many statements a visit reads with."""
    seen = []

    def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(desk.store.engine, "before_cursor_execute", count)
    try:
        visit()
    finally:
        event.remove(desk.store.engine, "before_cursor_execute", count)
    return len(seen)


def alone(desk: Desk, page: Page, block: Block, query: Query) -> str:
    """Return one block of a page as its own address answers with it."""
    account = owner_of(desk, query)
    with desk.store.read() as connection:
        return draw_block(page, block, connection, Asking(account, query, desk.now()))


@pytest.fixture(scope="module")
def traded() -> Iterator[Desk]:
    """A desk with a running bot that has made trades; tests only look at it."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        session = begin(desk)
        go_on(desk, clock, session, 12)
        yield desk


@pytest.fixture(scope="module")
def pages(traded: Desk) -> Iterator[TestClient]:
    """A client of the pages over a desk with trades."""
    with TestClient(create_app(traded), base_url=HERE) as client:
        yield client


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    """A client over an empty desk; an error that we did not mean is answered, not raised."""
    with TestClient(create_app(desk), base_url=HERE, raise_server_exceptions=False) as made:
        yield made
