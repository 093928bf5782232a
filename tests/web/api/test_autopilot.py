"""The autopilot's log over JSON: newest first, by account and session, by a cursor, and as a file."""

import csv
import io
from decimal import Decimal

import pytest

from tests.web.conftest import begin
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account, open_account
from workbench.actions.stop_session import stop_session
from workbench.client import Client
from workbench.store.tables import autopilot_log

API = "/paper-trading/api/autopilot/"


@pytest.fixture
def adjusted(desk):
    """A desk on which the autopilot has changed three things for the default account and one for another.

    The other's id, and the session of the last changes.
    """
    mine, other = default_account(desk), open_account(desk, "Second", Decimal(100))
    first = begin(desk)
    stop_session(desk, mine)
    advance_session(desk, first)
    second = begin(desk)
    of = {
        "configuration": "Default", "version": 2, "at": desk.at, "adjustment": "STOP_LOSS_TIGHTEN", "parameter": "stop_loss_pct",
        "old_value": Decimal(5), "new_value": Decimal("4.50"), "change_share": -0.1, "reason": "=losses grew",
        "trigger_metric": "win_rate", "trigger_value": 0.4, "trigger_threshold": 0.5, "before": '{"win_rate":0.4}', "after": None,
        "outcome": "PENDING", "evaluated": None, "notes": "", "trades_since": 0, "market": "{}", "confidence": 50.0,
        "is_reversal": False, "reverses": None,
    }  # fmt: skip
    judged = {**of, "after": '{"win_rate":0.6}', "outcome": "POSITIVE", "evaluated": desk.at, "notes": "better"}
    with desk.store.write() as connection:
        for id_, account, session, row in ((1, mine, first, judged), (2, other, None, of), (3, mine, second, of)):
            connection.execute(autopilot_log.insert(), {**row, "id": id_, "account": account, "session": session})
        back = {**of, "adjustment": "REVERSAL", "is_reversal": True, "reverses": 3}
        connection.execute(autopilot_log.insert(), {**back, "id": 4, "account": mine, "session": second})
    return other, second


def numbers(client, **asked):
    answer = client.get(API, params=asked)
    assert answer.status_code == 200, answer.text
    return [row["adjustment_id"] for row in answer.json()["data"]["items"]]


def test_without_an_autopilot_its_log_is_empty(client):
    assert client.get(API).json()["data"] == {"items": [], "next": None}
    assert len(client.get(f"{API}export/").text.splitlines()) == 1


def test_the_log_is_told_newest_first_by_account_and_session(client, adjusted):
    other, second = adjusted
    assert numbers(client) == [4, 3, 1]
    assert numbers(client, session=second) == [4, 3]
    assert numbers(client, account=other) == numbers(client, account="Second") == [2]
    assert client.get(API, params={"account": "nobody"}).status_code == 404
    back, pending, judged = client.get(API).json()["data"]["items"]
    assert (judged["old_value"], judged["new_value"], judged["change_percent"]) == ("5", "4.50", -10.0)
    assert (judged["performance_before"], judged["performance_after"]) == ({"win_rate": 0.4}, {"win_rate": 0.6})
    assert (judged["outcome"], judged["outcome_notes"]) == ("POSITIVE", "better")
    assert judged["evaluated_at"] == judged["created_at"]
    assert (pending["performance_after"], pending["evaluated_at"], pending["outcome"]) == (None, None, "PENDING")
    assert (back["is_reversal"], back["reverses_id"], back["session_id"]) == (True, 3, second)


def test_a_cursor_leads_through_the_log_and_the_client_follows_it(client, adjusted):
    assert client.get(API, params={"limit": 2}).json()["data"]["next"] == 3
    assert numbers(client, limit=2, before=3) == [1]
    assert [row["adjustment_id"] for row in Client(http=client).autopilot(limit=1)] == [4, 3, 1]


def test_a_file_of_the_log_is_the_list(client, adjusted):
    rows = list(csv.DictReader(io.StringIO(client.get(f"{API}export/", params={"session": adjusted[1]}).text)))
    assert [(row["adjustment_id"], row["new_value"], row["reason"]) for row in rows] == [
        ("4", "4.50", "'=losses grew"), ("3", "4.50", "'=losses grew"),
    ]  # fmt: skip
