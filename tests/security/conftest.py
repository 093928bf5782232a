"""A desk on which a bot has traded, an application that hurries nobody, and one behind its door."""

from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from tests.make import Clock
from tests.security.surface import HERE, unhurried
from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account
from workbench.actions.save_configuration import save_configuration
from workbench.desk import Desk, open_desk
from workbench.domain.config import StrategyConfiguration
from workbench.web.app import create_app

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="package")
def stage() -> Iterator[Desk]:
    """A desk with a running bot, its trades and a second configuration; what is refused leaves it as it is."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        save_configuration(desk, default_account(desk), StrategyConfiguration(name="Careful"))
        go_on(desk, clock, begin(desk), 4)
        yield desk


@pytest.fixture(scope="package")
def site(stage: Desk) -> Iterator[TestClient]:
    """A browser's or a program's way in, on loopback."""
    with TestClient(create_app(stage, pace=unhurried()), base_url=HERE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="package")
def guarded(stage: Desk) -> Iterator[TestClient]:
    """A way to a workbench that wants its token."""
    app = create_app(stage, frozenset({"lab.example"}), TOKEN, unhurried())
    with TestClient(app, base_url="http://10.1.2.3:8000", raise_server_exceptions=False) as made:
        yield made
