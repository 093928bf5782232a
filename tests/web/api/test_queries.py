"""No reading of the API asks the store more than five times, however many rows it tells."""

import re

import pytest
from litestar.testing import TestClient

from tests.web.conftest import HERE, queries
from workbench.store import reads
from workbench.web.api.schema import document
from workbench.web.app import create_app

MOST = 5
ASKED = {"ai-thoughts/why/": {"token": "WETH"}, "configurations/compare/": {"before": "Default", "after": "Default"}}
READINGS = [path for path, methods in document()["paths"].items() if "get" in methods and "feed" not in path]


@pytest.fixture(scope="module")
def quiet(traded):
    """A client whose application never came up, so that no feed looks at the store beside it."""
    return TestClient(create_app(traded), base_url=HERE)


@pytest.mark.parametrize("path", READINGS)
def test_a_reading_asks_at_most_five_times(path, quiet, traded):
    with traded.store.read() as connection:
        session = reads.sessions(connection)[0].id
    known = {"symbol": "WETH", "token_symbol": "WETH", "session": session, "task": session}
    address = re.sub(r"{(\w+)}", lambda match: known.get(match[1], "1"), path)
    answers = []
    asked = queries(traded, lambda: answers.append(quiet.get(address, params=ASKED.get(path.split("/api/")[1], {}))))
    assert answers[0].status_code in (200, 404), answers[0].text
    assert answers[0].status_code == 200 or "{" in path, path
    assert asked <= MOST
