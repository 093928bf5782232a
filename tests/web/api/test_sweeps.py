"""Sweeps over the JSON API: asked for, listed, told of, cancelled."""

import pytest

from workbench.actions.request_sweep import cancel_sweep
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.store.sweep_runs import list_sweep_runs

API = "/paper-trading/api/sweeps/"
ASKED = {"strategy": "sma_cross", "values": {"fast": [5, 10], "slow": [30, 40], "fee_bps": 7}, "count": 900}


def test_a_sweep_is_asked_for_told_of_and_its_result_read(client, desk):
    told = client.post(API, json=ASKED).json()["data"]
    assert told["status"] == "WAITING"
    assert told["request"]["values"]["fee_bps"] == [7]
    run_requested_sweep(desk, told["sweep_id"])
    one = client.get(f"{API}{told['sweep_id'][:8]}/").json()["data"]
    assert (one["status"], one["trials_done"], one["trials_total"]) == ("FINISHED", 4, 4)
    assert set(one["result"]["values"]) == {"fast", "slow"}
    assert one["result"]["best_by"] == "sharpe"
    assert len(one["result"]["top"]) == 4
    assert one["result"]["surface"]["columns"] == ["30", "40"]
    (listed,) = client.get(API).json()["data"]["items"]
    assert "top" not in listed["result"]


def test_a_list_goes_on_by_its_cursor(client, desk):
    for _ in range(3):
        cancel_sweep(desk, client.post(API, json=ASKED).json()["data"]["sweep_id"])
    first = client.get(f"{API}?limit=2").json()["data"]
    second = client.get(f"{API}?limit=2&before={first['next']}").json()["data"]
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    assert len({item["sweep_id"] for item in (*first["items"], *second["items"])}) == 3


def test_one_is_cancelled_once(client):
    id_ = client.post(API, json=ASKED).json()["data"]["sweep_id"]
    told = client.post(f"{API}{id_}/cancel/").json()["data"]
    assert (told["status"], told["message"]) == ("CANCELLED", "The sweep is cancelled; it had not begun.")
    assert client.post(f"{API}{id_}/cancel/").status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "strategy"),
        ({**ASKED, "strategy": "sma_crss"}, 404, None),
        ({**ASKED, "strategy": 5}, 422, "strategy"),
        ({**ASKED, "values": [1]}, 422, "values"),
        ({**ASKED, "values": {"fast": [[1]]}}, 422, "values"),
        ({**ASKED, "values": {"fats": [1, 2]}}, 422, "fats"),
        ({**ASKED, "count": "x"}, 422, "count"),
        ({**ASKED, "count": -3}, 422, None),
        ({**ASKED, "trials": 0}, 422, "trials"),
        ({**ASKED, "trials": 5, "sampler": "dice"}, 422, "sampler"),
        ({**ASKED, "sampler": "tpe"}, 422, "sampler"),
        ({**ASKED, "cash": "much"}, 422, "cash"),
        ({**ASKED, "seed": 0.5}, 422, "seed"),
        ({**ASKED, "wrong": 1}, 422, "wrong"),
    ],
)
def test_what_cannot_be_run_is_refused_and_nothing_is_written_down(client, desk, body, status, field):
    answer = client.post(API, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["message"].endswith((".", "?"))
    if field is not None:
        assert error["field"] == field
    with desk.store.read() as connection:
        assert list_sweep_runs(connection) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "before=-1", f"before={2**63}"])
def test_a_list_is_bounded(client, query):
    assert client.get(f"{API}?{query}").status_code == 422


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count": "2000"}, "count: expected a whole number, found the text '2000'."),
        ({"count": None}, "count: expected a whole number, found null."),
        ({"count": 2000.5}, "count: expected a whole number, found the number 2000.5."),
        ({"count": [2000]}, "count: expected a whole number, found a list."),
        ({"trials": True}, "trials: expected a whole number, found true."),
        ({"cash": 100}, "cash: expected a text, found the number 100."),
        ({"values": None}, "values: expected an object with a list or a value for each name, found null."),
        ({"values": {"fast": [[1]]}}, "values: expected true or false or a number or a text, found a list."),
        ({"values": {"fast": [None]}}, "values: expected true or false or a number or a text, found null."),
    ],
)
def test_a_value_of_another_kind_is_told_in_plain_words(client, change, sentence):
    assert client.post(API, json={**ASKED, **change}).json()["error"]["message"] == sentence


def test_a_strategy_that_is_left_out_is_told_in_plain_words(client):
    assert client.post(API, json={}).json()["error"]["message"] == "strategy: expected a value, found nothing."
