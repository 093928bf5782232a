"""Sessions over JSON: listed with what they made, paused, taken out of the lists, downloaded; tasks by their states."""

import csv
import io

import pytest
from litestar.testing import TestClient

from tests.actions.test_sessions import tables
from tests.web.conftest import HERE, begin, go_on
from workbench import jobs
from workbench.actions.claim_session import NotTheOwner, claim_session
from workbench.actions.stop_session import stop_session
from workbench.errors import Conflict, Invalid
from workbench.store import reads
from workbench.store.projections import rebuild
from workbench.web.app import create_app

API = "/paper-trading/api/"


@pytest.fixture
def client(desk):
    with TestClient(create_app(desk), base_url=HERE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def ended(desk, clock):
    """A session that traded and was stopped."""
    session = begin(desk)
    go_on(desk, clock, session, 5)
    with desk.store.read() as connection:
        account = reads.session(connection, session).account
    stop_session(desk, account, "enough")
    go_on(desk, clock, session, 0.2)
    return session


def test_a_session_is_told_with_what_it_made(client, ended):
    (told,) = client.get(f"{API}sessions/history/").json()["data"]["items"]
    assert told["session_id"] == ended
    assert told["status"] == "STOPPED"
    assert float(told["total_pnl"]) == pytest.approx(float(told["ending_balance"]) - float(told["starting_balance"]))
    closed = client.get(f"{API}positions/history/", params={"limit": 200}).json()["data"]["items"]
    assert told["closed_trades"] == len(closed)
    assert told["winning_trades"] == sum(float(position["pnl_usd"]) > 0 for position in closed)
    assert client.get(f"{API}sessions/{ended[:10]}/").json()["data"]["session"] == told
    assert client.get(f"{API}tasks/{ended}/").json()["data"]["state"] == "SUCCESS"


@pytest.mark.parametrize("what", ["trades", "orders", "thoughts", "equity"])
def test_what_a_session_did_is_downloaded_as_a_table(client, ended, what):
    answer = client.get(f"{API}sessions/{ended}/export/", params={"what": what})
    assert answer.headers["content-disposition"] == f'attachment; filename="session-{ended[:8]}-{what}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) > 5
    assert None not in rows[0]


def test_a_session_that_was_deleted_is_in_no_list_and_its_log_stays(client, desk, ended):
    with desk.store.read() as connection:
        before = reads.last_id(connection)
    assert client.post(f"{API}sessions/{ended}/delete/").status_code == 200
    assert client.get(f"{API}sessions/").json()["data"]["items"] == []
    assert client.get(f"{API}sessions/{ended}/").status_code == 200
    with desk.store.write() as connection:
        assert reads.last_id(connection) == before + 1
        grown = tables(desk)
        rebuild(connection)
    assert tables(desk) == grown


def test_a_session_is_deleted_once(client, desk, ended):
    assert client.post(f"{API}sessions/{ended}/delete/").status_code == 200
    with desk.store.read() as connection:
        before = reads.last_id(connection)
    again = client.post(f"{API}sessions/{ended}/delete/")
    assert (again.status_code, "out of the lists already" in again.json()["error"]["message"]) == (409, True)
    with desk.store.read() as connection:
        assert reads.last_id(connection) == before


def test_a_session_on_its_way_is_not_deleted_and_pauses(client, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.2)
    refused = client.post(f"{API}sessions/{session}/delete/")
    assert refused.status_code == 409
    assert "only a session that has ended" in refused.json()["error"]["message"].lower()
    assert client.post(f"{API}sessions/{session}/pause/").status_code == 200
    go_on(desk, clock, session, 0.2)
    assert client.get(f"{API}sessions/{session}/").json()["data"]["session"]["status"] == "PAUSED"
    assert client.get(f"{API}tasks/{session}/").json()["data"]["state"] == "STARTED"
    assert client.post(f"{API}sessions/{session}/resume/").status_code == 200
    go_on(desk, clock, session, 0.2)
    assert client.get(f"{API}sessions/{session}/").json()["data"]["session"]["status"] == "RUNNING"


@pytest.fixture
def bound(desk):
    """The jobs work on this desk, and on none afterwards."""
    jobs.bind(desk)
    yield desk
    jobs._bound.clear()


def test_only_its_owner_may_have_a_session_and_says_how_long_it_runs_before_it_begins(bound, clock):
    desk = bound
    row = begin_nothing(desk)
    with pytest.raises(NotTheOwner, match="belongs to user 1, found user 2"):
        jobs.run_paper_trading_bot.call_local(row.id, 2)
    with pytest.raises(NotTheOwner):
        jobs.stop_paper_trading_bot.call_local(row.id, 2)
    with pytest.raises(Invalid, match="runtime_minutes"):
        claim_session(desk, row.id, 1, -5)
    jobs.run_paper_trading_bot.call_local(row.id, 1, 60)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).runtime_minutes == 60
    with pytest.raises(Conflict, match="before it begins"):
        claim_session(desk, row.id, 1, 30)
    go_on(desk, clock, row.id, 61)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).ended_because == "its 60 minutes were over"


def begin_nothing(desk):
    from workbench.actions.open_account import default_account
    from workbench.actions.start_session import start_session
    from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
    from workbench.domain.sessions import SessionRequest

    configuration = StrategyConfiguration(strategy="manual")
    return start_session(desk, default_account(desk), SessionRequest(configuration=configuration, costs=DEFAULT_COSTS))


def test_the_intel_level_is_chosen_and_told_with_what_each_changes(client, desk, clock):
    told = client.get(f"{API}intel-level/").json()["data"]
    assert told["intel_level"] is None
    assert [level["level"] for level in told["levels"]] == list(range(1, 11))
    sizes = [float(level["size_percent"]) for level in told["levels"]]
    assert sizes == sorted(sizes)
    session = begin(desk)
    go_on(desk, clock, session, 0.2)
    assert client.post(f"{API}intel-level/", json={"intel_level": 3, "apply_now": True}).status_code == 200
    go_on(desk, clock, session, 0.2)
    assert client.get(f"{API}bot/status/").json()["data"]["config"]["intel_level"] == 3
    for wrong in ({"intel_level": 11}, {"intel_level": "three"}, {"intel_level": True}, {}):
        assert client.post(f"{API}intel-level/", json=wrong).status_code == 422
    assert client.get(f"{API}intel-level/").json()["data"]["intel_level"] == 3
