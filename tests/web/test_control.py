import pytest

from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account, open_account
from workbench.domain.params import param_fields
from workbench.store import reads
from workbench.strategies import shelf

GOOD = {
    "strategy": "sma_cross",
    "p.fast": "3",
    "p.slow": "9",
    "size_pct": "20",
    "stop_loss_pct": "",
    "timeframe": "15s",
    "runtime_minutes": "30",
}


def going(desk):
    with desk.store.read() as connection:
        return reads.active_session(connection, default_account(desk))


def test_the_form_starts_a_session_as_it_says_and_leads_back(client, desk):
    answer = client.post("/paper-trading/bot/start", data=GOOD, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/paper-trading/?said=started")
    row = going(desk)
    assert row.configuration.parameters == {"fast": 3, "slow": 9}
    assert (row.configuration.size_pct, row.configuration.stop_loss_pct) == (20, None)
    assert (row.timeframe, row.runtime_minutes) == ("15s", 30)
    assert "The bot is starting" in client.get(answer.headers["location"]).text


def test_asked_for_the_block_it_answers_the_block(client):
    answer = client.post("/paper-trading/bot/start?answer=block", data=GOOD)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'id="bot-stop"' in answer.text
    assert "The bot is starting" in answer.text


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"p.fast": "90", "p.slow": "40"}, "p.fast", "fewer bars than slow"),
        ({"p.fast": "1"}, "p.fast", "a whole number from 2 to 100"),
        ({"p.fast": "x"}, "p.fast", "found"),
        ({"size_pct": "101"}, "size_pct", "from 0.01 to 100"),
        ({"size_pct": "NaN"}, "size_pct", "number"),
        ({"stop_loss_pct": "-1"}, "stop_loss_pct", "from 0.01"),
        ({"runtime_minutes": "0"}, "runtime_minutes", "from 0.01"),
    ],
    ids=str,
)
@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_value_that_cannot_be_is_told_beside_its_field_and_kept(client, desk, change, field, said, answer):
    found = client.post(f"/paper-trading/bot/start?answer={answer}", data={**GOOD, **change})
    assert found.status_code == 422
    assert ("<html" in found.text) == (answer == "page")
    place = f'id="wrong-{field.replace(".", "-")}"'
    assert place in found.text
    assert said in found.text
    assert f'value="{change[field]}"' in found.text
    assert 'value="15s"' in found.text or "<option selected>15s" in found.text
    assert going(desk) is None


@pytest.mark.parametrize(
    ("change", "status"), [({"strategy": "sma_crosss"}, 404), ({"timeframe": "7s"}, 422), ({"p.colour": "1"}, 404)], ids=str
)
def test_what_the_form_does_not_offer_is_refused(client, desk, change, status):
    found = client.post("/paper-trading/bot/start?answer=block", data={**GOOD, **change})
    assert found.status_code == status
    assert 'class="said bad"' in found.text
    assert going(desk) is None


def test_a_second_start_is_refused_and_shows_what_runs(client, desk):
    client.post("/paper-trading/bot/start?answer=block", data=GOOD)
    first = going(desk)
    answer = client.post("/paper-trading/bot/start?answer=block", data=GOOD)
    assert answer.status_code == 409
    assert 'id="bot-stop"' in answer.text
    assert going(desk) == first


def test_a_stop_with_nothing_running_is_refused_and_shows_the_form(client):
    answer = client.post("/paper-trading/bot/stop?answer=block")
    assert answer.status_code == 404
    assert "nothing to stop" in answer.text
    assert 'id="bot-start"' in answer.text


def test_a_stop_takes_effect_and_its_end_is_told(client, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    assert "running" in client.get("/paper-trading/dashboard/bot").text
    answer = client.post("/paper-trading/bot/stop?answer=block")
    assert answer.status_code == 200
    assert "disabled" in answer.text
    go_on(desk, clock, session, 1)
    text = client.get("/paper-trading/dashboard/bot").text
    assert "stopped on the dashboard" in text
    assert f"workbench verify {session[:8]}" in text


def test_an_empty_form_is_a_bare_start(client, desk):
    assert client.post("/paper-trading/bot/start?answer=block").status_code == 200
    assert going(desk).configuration.strategy == "sma_cross"


@pytest.mark.parametrize("name", shelf.names())
def test_every_strategy_has_a_slider_for_each_of_its_parameters(client, name):
    text = client.get(f"/paper-trading/dashboard/parameters?strategy={name}").text
    for field in param_fields(shelf.get(name)):
        assert f'name="p.{field.name}"' in text
    assert text.count('type="range"') == len(param_fields(shelf.get(name)))
    assert client.get(f"/paper-trading/?strategy={name}").status_code == 200


def test_an_unknown_strategy_in_the_address_is_refused(client):
    assert client.get("/paper-trading/dashboard/parameters?strategy=nope").status_code == 404


def test_the_bot_of_another_account_is_started_and_stopped_on_its_own_page(client, desk):
    second = open_account(desk, "Second", 5_000)
    answer = client.post("/paper-trading/bot/start?account=Second", data=GOOD, follow_redirects=False)
    assert answer.headers["location"] == "/paper-trading/?account=Second&said=started"
    assert going(desk) is None
    with desk.store.read() as connection:
        assert reads.active_session(connection, second).configuration.parameters == {"fast": 3, "slow": 9}
    block = client.post("/paper-trading/bot/stop?answer=block&account=Second")
    assert "The bot stops" in block.text
    assert client.post("/paper-trading/bot/start?account=nobody", data=GOOD).status_code == 404
