"""What several test files need: a desk in memory with a clock of its own, and the real candles."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.make import Clock
from workbench.desk import Desk, open_desk
from workbench.research import tried
from workbench.settings import market_folder

settings.register_profile("workbench", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("workbench")


@pytest.fixture(autouse=True)
def nothing_tried_before() -> None:
    """What one test tried by hand is no trial of the next."""
    tried.forget()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Iterator[Desk]:
    """A desk whose data are gone after the test."""
    with open_desk(":memory:", clock=clock) as made:
        yield made


@pytest.fixture(scope="session")
def kernel_is_ready() -> None:
    """The kernel, compiled: what says which engine ran does not hang on whether an earlier test waited for it."""
    from workbench.engine.kernel import is_ready

    assert is_ready(600)


@pytest.fixture(scope="session")
def market() -> Path:
    """The folder with real candles."""
    folder = market_folder()
    if not folder.is_dir():
        pytest.skip("real candles are not at hand; WORKBENCH_MARKET names their folder")
    return folder


@pytest.fixture(scope="session")
def golden() -> dict[str, dict[str, str]]:
    """The ledger digests of the real files, kept since the first day."""
    read: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "golden.json").read_text())
    return read
