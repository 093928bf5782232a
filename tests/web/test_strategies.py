"""The page of programs: they are started, watched, paused, resumed and cancelled on it, with script and without."""

import re
from decimal import Decimal

import pytest

from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account, open_account
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.send_command import send_command
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import Withdraw
from workbench.domain.config import StrategyConfiguration
from workbench.domain.params import param_fields
from workbench.domain.sessions import SessionRequest
from workbench.engine.programs import shelf
from workbench.store.asked import waiting_commands
from workbench.store.program_runs import program_runs
from workbench.web.pages import strategies
from workbench.web.starting import flags_of

PAGE = "/paper-trading/strategies"
DCA = {"program": "dca", "symbol": "WETH", "p.amount": "900", "p.intervals": "3", "p.interval_hours": "0.01"}
GRID = {
    "program": "grid", "symbol": "AERO", "p.lower": "0.2", "p.upper": "20", "p.levels": "4", "p.amount_per_level": "50",
    "p.max_cycles": "", "p.profit_target": "", "p.stop_on_breakout": "yes",
}  # fmt: skip


@pytest.fixture
def session(desk):
    """A running session in which only people and programs trade."""
    asked = SessionRequest(configuration=StrategyConfiguration(strategy="manual"), symbols=("WETH", "AERO"))
    row = start_session(desk, default_account(desk), asked)
    advance_session(desk, row.id)
    return row.id


def bars(desk, clock, session, count):
    for _ in range(count):
        clock.move(5_000)
        refresh_prices(desk)
        advance_session(desk, session, budget_seconds=60)


def runs(desk, **wanted):
    with desk.store.read() as connection:
        return program_runs(connection, default_account(desk), **wanted)


def begun(client, desk, clock, session, form):
    """Start a program by its form, let it begin, and return its run."""
    assert client.post(f"{PAGE}/start?answer=block", data=form).status_code == 200
    bars(desk, clock, session, 2)
    return runs(desk)[0]


def test_a_program_is_started_watched_and_ends_on_the_page(client, desk, clock, session):
    bars(desk, clock, session, 1)
    answer = client.post(f"{PAGE}/start", data=DCA, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/?said=started")
    text = client.get(answer.headers["location"]).text
    assert "The program starts before the next bar." in text
    assert "DCA in WETH starts before the next bar." in text
    bars(desk, clock, session, 1)
    (row,) = runs(desk, active=True)
    text = client.get(f"{PAGE}/active").text
    assert f'id="run-{row.id}"' in text
    assert " of 3 slices" in text
    assert "starts before" not in text
    bars(desk, clock, session, 2)
    text = client.get(f"{PAGE}/active").text
    assert "1 of 3 slices" in text
    assert "<dd data-live>300.00</dd>" in text
    assert "The next slice is due at" in text
    assert "nothing runs" not in client.get(f"{PAGE}/figures").text
    bars(desk, clock, session, 18)
    assert runs(desk, active=True) == []
    history = client.get(f"{PAGE}/history").text
    assert f'id="ended-{row.id}"' in history
    assert "all 3 slices were traded" in history
    assert "900.00" in client.get(f"{PAGE}/figures").text
    assert "No program runs. The form" in client.get(f"{PAGE}/active").text


def test_a_program_is_paused_resumed_and_cancelled_by_its_buttons(client, desk, clock, session):
    row = begun(client, desk, clock, session, GRID)
    assert "0 round trips" in client.get(f"{PAGE}/active").text
    for turn, word, status in (("pause", "pausing", "PAUSED"), ("resume", "resuming", "RUNNING")):
        answer = client.post(f"{PAGE}/{row.id}/{turn}?answer=block")
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert f'<span class="chip {word}">{word}</span>' in answer.text
        assert "disabled>Cancel<" in answer.text
        bars(desk, clock, session, 1)
        assert runs(desk)[0].run.status == status
        assert f'<span class="chip {status.lower()}">' in client.get(f"{PAGE}/active").text
    assert client.post(f"{PAGE}/{row.id}/cancel?answer=block").status_code == 200
    bars(desk, clock, session, 1)
    assert runs(desk)[0].run.status == "CANCELLED"
    assert '<span class="chip cancelled">cancelled</span>' in client.get(f"{PAGE}/history").text


def test_cancel_and_sell_sells_what_the_program_bought(client, desk, clock, session):
    row = begun(client, desk, clock, session, DCA)
    bars(desk, clock, session, 1)
    assert runs(desk)[0].run.held > 0
    answer = client.post(f"{PAGE}/{row.id}/cancel?answer=block", data={"sell": "yes"})
    assert "what it holds is sold" in answer.text
    bars(desk, clock, session, 3)
    (after,) = runs(desk, active=False)
    assert (after.run.status, after.run.held) == ("CANCELLED", 0)
    assert after.run.received > 0


@pytest.mark.parametrize(
    ("turn", "form", "said"),
    [
        ("pause", {}, "paused"),
        ("cancel", {}, "cancelled"),
        ("cancel", {"sell": "yes"}, "sold"),
    ],
    ids=str,
)
def test_without_script_a_button_leads_back_to_the_page_which_says_what_will_be(client, desk, clock, session, turn, form, said):
    row = begun(client, desk, clock, session, GRID)
    answer = client.post(f"{PAGE}/{row.id}/{turn}", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/?said={said}")
    assert strategies.SAID[said].text in client.get(answer.headers["location"]).text
    bars(desk, clock, session, 2)
    assert strategies.SAID[said].text not in client.get(answer.headers["location"]).text


def test_without_script_a_paused_program_goes_on(client, desk, clock, session):
    row = begun(client, desk, clock, session, GRID)
    client.post(f"{PAGE}/{row.id}/pause?answer=block")
    bars(desk, clock, session, 1)
    answer = client.post(f"{PAGE}/{row.id}/resume", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/?said=resumed")
    assert strategies.SAID["resumed"].text in client.get(answer.headers["location"]).text


@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_button_of_no_program_is_refused(client, session, answer):
    for number in (7, 10**30):
        for turn in ("pause", "resume", "cancel"):
            found = client.post(f"{PAGE}/{number}/{turn}?answer={answer}")
            assert found.status_code == 404
            assert ("<html" in found.text) == (answer == "page")
            assert f"There is no program run &#39;{number}&#39;." in found.text
    assert client.post(f"{PAGE}/x/pause").status_code == 404


@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_button_at_the_wrong_moment_is_refused(client, desk, clock, session, answer):
    row = begun(client, desk, clock, session, GRID)
    found = client.post(f"{PAGE}/{row.id}/resume?answer={answer}")
    assert found.status_code == 409
    assert "Only a program run that is PAUSED can be resumed" in found.text
    assert ("<html" in found.text) == (answer == "page")
    client.post(f"{PAGE}/{row.id}/cancel?answer=block")
    bars(desk, clock, session, 1)
    for turn in ("pause", "resume", "cancel"):
        found = client.post(f"{PAGE}/{row.id}/{turn}?answer={answer}")
        assert found.status_code == 409
        assert f"program run {row.id} is CANCELLED" in found.text


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"p.amount": "0"}, "p-amount", "from 0.01"),
        ({"p.amount": ""}, "p-amount", "a number from"),
        ({"p.amount": "x"}, "p-amount", "found"),
        ({"p.amount": "NaN"}, "p-amount", "number"),
        ({"p.intervals": "1"}, "p-intervals", "a whole number from 2 to 1000"),
        ({"p.intervals": "2.5"}, "p-intervals", "a whole number"),
        ({"p.interval_hours": "0.001"}, "program", "at least one bar"),
    ],
    ids=str,
)
@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_value_that_cannot_be_is_told_beside_its_field_and_kept(client, desk, session, change, field, said, answer):
    found = client.post(f"{PAGE}/start?answer={answer}", data={**DCA, **change})
    assert found.status_code == 422
    assert ("<html" in found.text) == (answer == "page")
    assert f'id="wrong-{field}"' in found.text
    assert said in found.text
    assert 'class="said bad"' in found.text
    for key, value in {**DCA, **change}.items():
        if key.startswith("p."):
            assert f'name="{key}" value="{value}"' in found.text
    with desk.store.read() as connection:
        assert waiting_commands(connection, session) == []


def test_parameters_that_do_not_go_together_are_told_beside_one_of_them(client, session):
    found = client.post(f"{PAGE}/start?answer=block", data={**GRID, "p.lower": "30", "p.stop_on_breakout": "no"})
    assert found.status_code == 422
    assert 'id="wrong-p-lower"' in found.text
    assert 'name="p.stop_on_breakout" value="yes">' in found.text
    nothing = {"program": "twap", "symbol": "WETH", "p.amount": "", "p.quantity": ""}
    found = client.post(f"{PAGE}/start?answer=block", data=nothing)
    assert "an amount to spend or else a quantity to sell" in found.text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"program": "dcaa"}, 404),
        ({"symbol": "BTC"}, 404),
        ({"symbol": ""}, 422),
        ({"p.colour": "1"}, 404),
        ({"p.curve": "1"}, 404),
    ],
    ids=str,
)
def test_what_the_form_does_not_offer_is_refused(client, session, change, status):
    found = client.post(f"{PAGE}/start?answer=block", data={**DCA, **change})
    assert found.status_code == status
    assert 'class="said bad"' in found.text


def test_what_the_session_refuses_is_told_until_another_program_starts(client, desk, clock, session):
    bars(desk, clock, session, 1)
    send_command(desk, session, Withdraw(Decimal(9_500)))
    told = client.post(f"{PAGE}/start?answer=block", data={**DCA, "p.amount": "9000"})
    assert told.status_code == 200, "it still fits when it is asked for"
    bars(desk, clock, session, 1)
    assert "DCA in WETH was not started: expected at most the" in client.get(f"{PAGE}/active").text
    begun(client, desk, clock, session, {**DCA, "p.amount": "300"})
    assert "was not started" not in client.get(f"{PAGE}/active").text


def test_what_cannot_be_paid_for_is_refused_where_it_is_asked_for_and_not_a_bar_later(client, desk, clock, session):
    bars(desk, clock, session, 1)
    answer = client.post(f"{PAGE}/start?answer=block", data={**DCA, "p.amount": "900000"})
    assert answer.status_code == 422
    assert "Expected at most the 10000.00000000 cash at hand, found 900000, 890000.00000000 too much." in answer.text
    assert 'value="900000"' in answer.text
    with desk.store.read() as connection:
        assert waiting_commands(connection, session) == []


def test_a_vwap_is_started_with_the_curve_of_the_stored_bars(client, desk, clock, session):
    form = {"program": "vwap", "symbol": "WETH", "p.amount": "500", "p.quantity": "", "p.slices": "4", "p.window_hours": "1"}
    row = begun(client, desk, clock, session, form)
    assert len(row.run.parameters["curve"]) == 24


def test_a_box_that_is_not_ticked_is_no(client, desk, clock, session):
    row = begun(client, desk, clock, session, {**GRID, "p.stop_on_breakout": "no"})
    assert row.run.parameters["stop_on_breakout"] is False
    assert "Stop on breakout" in client.get(f"{PAGE}/parameters?program=grid").text


@pytest.mark.parametrize("name", shelf.names())
def test_every_program_has_a_field_for_each_of_its_parameters(client, desk, session, name):
    refresh_prices(desk)
    text = client.get(f"{PAGE}/parameters?program={name}&symbol=AERO").text
    found = set(re.findall(r'name="p\.(\w+)"', text))
    program = shelf.get(name)
    assert found == {*(field.name for field in param_fields(program)), *flags_of(program)}
    whole = client.get(f"{PAGE}/?program={name}&symbol=aero").text
    assert f'<option value="{name}" selected>' in whole
    assert "<option selected>AERO</option>" in whole


@pytest.mark.parametrize("name", shelf.names())
def test_the_form_as_it_is_offered_starts_every_program_that_buys(client, desk, clock, session, name):
    bars(desk, clock, session, 1)
    text = client.get(f"{PAGE}/form?program={name}").text
    form = dict(re.findall(r'name="([\w.]+)" value="([^"]*)"', text))
    row = begun(client, desk, clock, session, {"program": name, "symbol": "WETH", **form})
    assert row.run.program == name
    assert row.run.status in ("RUNNING", "COMPLETED")


def test_an_address_that_names_what_there_is_not_is_refused(client, session):
    for query in ("program=nope", "symbol=BTC"):
        assert client.get(f"{PAGE}/parameters?{query}").status_code == 404
    for query in ("before=-1", "before=x", "said=nope"):
        assert client.get(f"{PAGE}/?{query}").status_code == 422


@pytest.mark.parametrize("answer", ["block", "page"])
def test_without_a_session_the_page_leads_to_the_bot(client, answer):
    text = client.get(f"{PAGE}/").text
    assert "No session runs, so there is nowhere to start a program." in text
    assert 'href="/paper-trading/#bot"' in text
    assert 'id="program-start"' not in text
    found = client.post(f"{PAGE}/start?answer={answer}", data=DCA)
    assert found.status_code == 409
    assert "nowhere to start a program" in found.text


def test_while_the_session_stops_nothing_can_be_started(client, desk, clock, session):
    row = begun(client, desk, clock, session, GRID)
    stop_session(desk, default_account(desk))
    assert "The bot is stopping" in client.get(f"{PAGE}/form").text
    assert client.post(f"{PAGE}/start?answer=block", data=DCA).status_code == 409
    assert client.post(f"{PAGE}/{row.id}/pause?answer=block").status_code == 409
    bars(desk, clock, session, 1)
    assert "No program runs; programs trade while the bot does." in client.get(f"{PAGE}/active").text
    assert f'id="ended-{row.id}"' in client.get(f"{PAGE}/history").text


def test_ended_programs_come_in_pages(client, desk, clock, session, monkeypatch):
    monkeypatch.setattr(strategies, "ROWS", 2)
    for _ in range(3):
        row = begun(client, desk, clock, session, GRID)
        client.post(f"{PAGE}/{row.id}/cancel?answer=block")
        bars(desk, clock, session, 1)
    numbers = [row.id for row in runs(desk)]
    first = client.get(f"{PAGE}/").text
    assert [int(found) for found in re.findall(r'id="ended-(\d+)"', first)] == numbers[:2]
    older = re.search(r'href="([^"]+before=\d+)"', first).group(1)
    second = client.get(older).text
    assert [int(found) for found in re.findall(r'id="ended-(\d+)"', second)] == numbers[2:]
    assert f'href="{PAGE}/" rel="prev"' in second
    assert "before=" in re.search(r'hx-sse:connect="([^"]+)"', second).group(1)


def test_the_page_hears_of_whatever_a_program_does():
    heard = {block.name: block.dirty_on for block in strategies.PAGE.blocks}
    for name in ("figures", "active", "history"):
        assert {"ProgramStarted", "ProgramAdvanced", "ProgramPaused", "ProgramResumed", "ProgramEnded", "EquityMarked"} <= heard[
            name
        ]
    assert "CommandRefused" in heard["active"]


def test_a_program_of_another_account_is_started_and_steered_on_its_own_page(client, desk, clock):
    second = open_account(desk, "Second", 5_000)
    asked = SessionRequest(configuration=StrategyConfiguration(strategy="manual"), symbols=("WETH", "AERO"))
    session = start_session(desk, second, asked).id
    advance_session(desk, session)
    bars(desk, clock, session, 1)
    assert client.post(f"{PAGE}/start?answer=block", data=DCA).status_code == 409
    answer = client.post(f"{PAGE}/start?account=Second", data=DCA, follow_redirects=False)
    assert answer.headers["location"] == f"{PAGE}/?account=Second&said=started"
    bars(desk, clock, session, 1)
    assert runs(desk) == []
    with desk.store.read() as connection:
        (row,) = program_runs(connection, second)
    text = client.get(f"{PAGE}/?account=Second").text
    assert f'action="{PAGE}/{row.id}/pause?account=Second"' in text
    assert f'hx-post="{PAGE}/{row.id}/pause?answer=block&amp;account=Second"' in text
    block = client.post(f"{PAGE}/{row.id}/pause?answer=block&account=Second").text
    assert f'id="run-{row.id}"' in block
    assert "pausing" in block
