"""What may be changed is changed through an action; what may not is forbidden; what an action refuses is shown in its words."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from tests.web.conftest import go_on
from workbench.actions.open_account import default_account
from workbench.actions.save_configuration import save_configuration
from workbench.actions.start_program import start_program
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.asked import waiting_commands
from workbench.store.program_runs import program_run

READ_ONLY = [
    "papertrade", "paperposition", "paperaithoughtlog", "orders", "paperperformancemetrics", "autopilotlog",
    "autopilotperformancesnapshot", "trials", "events", "sweeps", "sweepruns", "datasets",
]  # fmt: skip


@pytest.mark.parametrize("table", READ_ONLY)
def test_nobody_writes_to_what_the_log_decides(admin, table):
    for path, asked in [
        (f"{table}/create", {}),
        (f"{table}/edit", {"pk": "1"}),
        (f"_api/{table}/inline-edit", {"pk": "1", "field": "price"}),
        (f"_api/{table}/row-action", {"pk": "1", "name": "delete"}),
        (f"_api/{table}/row-action", {"pk": "1", "name": "edit"}),
        (f"_api/{table}/action", {"pks": "1", "name": "delete"}),
    ]:
        answer = admin.post(path, {"price": "1"}, **asked)
        assert answer.status_code == 403, path
    page = admin.get(f"{table}/list").text
    assert f"{table}/create" not in page
    assert f"{table}/edit" not in page
    assert 'data-sa-name="delete"' not in page


@pytest.mark.parametrize("table", ["papertradingsession", "breakers", "programruns", "papertradingaccount", "papertradingconfig"])
def test_nobody_deletes_where_there_is_no_action_for_it(admin, table):
    assert admin.act(table, "delete", "x").status_code == 403


def test_a_form_without_its_token_changes_nothing(admin):
    answer = admin.client.post("/paper-trading/admin/papertradingaccount/create", data={"name": "A", "cash": "5"})
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_another_site_is_refused_before_anything_is_read(admin, desk, headers):
    admin.get("papertradingaccount/create")
    answer = admin.client.post("/paper-trading/admin/papertradingaccount/create", data={"name": "A"}, headers=headers)
    assert answer.status_code == 403
    assert "was refused" in answer.text
    with desk.store.read() as connection:
        assert len(reads.accounts(connection)) == 1


# --- configurations ---


def active(desk):
    with desk.store.read() as connection:
        return reads.active_configuration(connection, default_account(desk))


def form_of(row):
    from workbench.web.admin.fields import as_typed

    made = row.configuration
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    return {
        name: "on" if value is True else as_typed(value)
        for name, value in fields.items()
        if value is not False and value is not None
    }


def test_an_edit_of_a_configuration_makes_a_new_version_and_nothing_else_changes(admin, desk):
    before = active(desk)
    form = {**form_of(before), "stop_loss_pct": "7.5", "parameters": "fast=5, slow=40", "allowed_tokens": "weth, aero"}
    answer = admin.post("paperstrategyconfiguration/edit", form, pk=str(before.id))
    assert answer.status_code == 303
    after = active(desk)
    assert (after.name, after.version) == (before.name, before.version + 1)
    expected = {
        "stop_loss_pct": Decimal("7.5"), "parameters": {"fast": 5, "slow": 40}, "allowed_tokens": ("WETH", "AERO"),
    }  # fmt: skip
    for name in before.configuration.__struct_fields__:
        assert getattr(after.configuration, name) == expected.get(name, getattr(before.configuration, name)), name
    assert "7.5" in admin.get("paperstrategyconfiguration/list").text


def test_one_value_is_edited_in_its_cell(admin, desk):
    before = active(desk)
    answer = admin.post("_api/paperstrategyconfiguration/inline-edit", {"size_pct": "12"}, pk=str(before.id), field="size_pct")
    assert answer.status_code == 200, answer.text
    after = active(desk)
    assert answer.json()["pk"] == str(after.id)
    assert after.configuration.size_pct == 12
    row = admin.get("_api/paperstrategyconfiguration/inline-edit/row", pk=str(after.id))
    assert "12" in row.text


def config_form(**changes):
    from workbench.web.admin.fields import as_typed

    fields = {name: getattr(PaperTradingConfig(), name) for name in PaperTradingConfig.__struct_fields__}
    return {name: "on" if value is True else as_typed(value) for name, value in fields.items() if value is not False} | changes


def test_an_older_version_is_not_edited_for_it_would_undo_what_was_changed_since(admin, desk):
    before = active(desk)
    cell = "_api/paperstrategyconfiguration/inline-edit"
    assert admin.post(cell, {"size_pct": "11"}, pk=str(before.id), field="size_pct").status_code == 200
    since = active(desk)
    late = admin.post(cell, {"max_positions": "9"}, pk=str(before.id), field="max_positions")
    assert (late.status_code, "version 2 was saved since" in late.text) == (422, True)
    form = admin.post("paperstrategyconfiguration/edit", {**form_of(before), "max_positions": "9"}, pk=str(before.id))
    assert (form.status_code, "Load the list anew" in form.text) == (422, True)
    assert active(desk) == since


def test_a_config_is_made_once_for_an_account_and_only_where_it_changes_something(admin, desk):
    made = "papertradingconfig/create"
    same = admin.post(made, {"account": "default", **config_form()})
    assert (same.status_code, "These are the defaults" in same.text) == (422, True)
    assert admin.post(made, {"account": "default", **config_form(execution_delay_ms="250")}).status_code in (302, 303)
    again = admin.post(made, {"account": "default", **config_form(execution_delay_ms="300")})
    assert (again.status_code, "this one has version 1" in again.text) == (422, True)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("size_pct", "500", "size_pct: expected a number from 0.01 to 100, found &#39;500&#39;."),
        ("parameters", "fast=quick", "parameters: expected names and numbers"),
        ("parameters", "speed=5", "There is no parameter of sma_cross &#39;speed&#39;"),
        ("strategy", "nothing", "There is no strategy &#39;nothing&#39;"),
        ("name", "", "name: expected a name"),
        ("on_hole", "jump", "on_hole: expected one of"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_the_form_with_its_sentence(admin, desk, name, value, sentence):
    before = active(desk)
    answer = admin.post("paperstrategyconfiguration/edit", {**form_of(before), name: value}, pk=str(before.id))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert active(desk) == before


def test_a_cell_refuses_with_the_same_sentence(admin, desk):
    before = active(desk)
    answer = admin.post("_api/paperstrategyconfiguration/inline-edit", {"size_pct": "x"}, pk=str(before.id), field="size_pct")
    assert answer.status_code == 422
    assert "size_pct: expected a number" in answer.text


def test_a_configuration_is_deleted_but_never_the_last_and_never_the_active_one(admin, desk):
    first = active(desk)
    assert admin.act("paperstrategyconfiguration", "delete", str(first.id)).json() == {
        "msg": "An account keeps one configuration at least, but 'Default' is its last."
    }
    other = save_configuration(desk, default_account(desk), StrategyConfiguration(name="Other"))
    refused = admin.act("paperstrategyconfiguration", "delete", str(other.id))
    assert refused.status_code == 400
    assert refused.json()["msg"] == "A configuration is deleted while another one is active, but 'Other' is the active one."
    assert admin.act("paperstrategyconfiguration", "delete", str(first.id)).status_code == 200
    with desk.store.read() as connection:
        assert [row.name for row in reads.configurations(connection, default_account(desk))] == ["Other"]
    gone = admin.act("paperstrategyconfiguration", "delete", str(first.id))
    assert gone.json()["msg"].startswith("There is no PaperStrategyConfiguration")


def test_how_real_the_simulation_is_can_be_set_and_edited(admin, desk):
    account = default_account(desk)
    form = {"account": account, "base_slippage_pct": "0.2", "gas_price_multiplier": "1", "execution_delay_ms": "0",
            "failure_rate_pct": "0", "sandwich_pct": "0", "simulate_mev": "on"}  # fmt: skip
    answer = admin.post("papertradingconfig/create", form)
    assert answer.status_code == 303, answer.text[-2000:]
    row = admin.row("papertradingconfig")
    answer = admin.post("_api/papertradingconfig/inline-edit", {"execution_delay_ms": "250"}, pk=row, field="execution_delay_ms")
    assert answer.status_code == 200
    with desk.store.read() as connection:
        config = reads.paper_trading_config(connection, account)
    assert (config.base_slippage_pct, config.execution_delay_ms) == (Decimal("0.2"), 250)
    assert (config.simulate_mev, config.simulate_network_issues) == (True, False)
    assert "There is no account" in admin.post("papertradingconfig/create", {**form, "account": "nobody"}).text


# --- accounts ---


def test_an_account_is_opened_and_reset(admin, desk):
    assert admin.post("papertradingaccount/create", {"name": "Second", "cash": "750"}).status_code == 303
    with desk.store.read() as connection:
        second = reads.find_account(connection, "Second")
    assert admin.act("papertradingaccount", "reset", second, cash="900").status_code == 200
    with desk.store.read() as connection:
        found = reads.account(connection, second)
    assert (found.epoch, found.cash) == (2, 900)
    again = admin.post("papertradingaccount/create", {"name": "Second", "cash": "750"})
    assert again.status_code == 422
    assert "name: expected one that no account has yet" in again.text
    assert "cash: expected" in admin.act("papertradingaccount", "reset", second, cash="-1").json()["msg"]


# --- what runs ---


def status(desk, session):
    with desk.store.read() as connection:
        return reads.session(connection, session).status


def test_a_session_is_paused_resumed_and_stopped(trader, desk, clock):
    session = trader.row("papertradingsession")
    for name, expected in [("pause", "PAUSED"), ("resume", "RUNNING"), ("stop", "STOPPED")]:
        answer = trader.act("papertradingsession", name, session)
        assert answer.status_code == 200, answer.text
        assert answer.json()["redirect"].endswith("/papertradingsession/list")
        go_on(desk, clock, session, 0.5)
        assert status(desk, session) == expected
    too_late = trader.act("papertradingsession", "stop", session)
    assert too_late.status_code == 400
    assert too_late.json()["msg"] == f"A command is for a running session, but session {session} is STOPPED."
    assert 'data-sa-name="stop"' not in trader.get("papertradingsession/list").text
    with desk.store.read() as connection:
        asked = connection.execute(select(t.commands.c.by, t.commands.c.body)).all()
    assert {row.by for row in asked} == {"admin"}
    assert "stopped in the admin" in asked[-1].body


def test_what_was_done_is_said_once_on_the_next_page(trader):
    trader.act("papertradingsession", "pause", trader.row("papertradingsession"))
    assert "was asked to pause" in trader.get("papertradingsession/list").text
    assert "was asked to pause" not in trader.get("papertradingsession/list").text


def test_a_program_run_is_cancelled(trader, desk, clock):
    session = trader.row("papertradingsession")
    start_program(desk, session, "dca", "WETH", {"amount": "100"})
    go_on(desk, clock, session, 1)
    run = trader.row("programruns")
    assert trader.act("programruns", "cancel", run).status_code == 200
    go_on(desk, clock, session, 0.5)
    with desk.store.read() as connection:
        assert program_run(connection, int(run)).run.status == "CANCELLED"
    assert "can be cancelled, but" in trader.act("programruns", "cancel", run).json()["msg"]


def test_a_breaker_is_reset_by_a_command_to_its_session(trader, desk, clock):
    from workbench.domain.breakers import Breaker

    session = trader.row("papertradingsession")
    with desk.store.write() as connection:
        connection.execute(
            t.breakers.insert(),
            {"session": session, "name": "losing_streak", "account": default_account(desk), "status": "open", "closed": None,
             "why": "", "body": Breaker("losing_streak", Decimal(3), Decimal(2), 0, None)},
        )  # fmt: skip
    row = trader.row("breakers")
    assert row == f"{session}.losing_streak"
    assert trader.act("breakers", "reset", row).status_code == 200
    with desk.store.read() as connection:
        (waiting,) = waiting_commands(connection, session)
    assert type(waiting).__name__ == "ResetBreaker"
    assert waiting.name == "losing_streak"


def test_projections_are_rebuilt_while_nothing_runs(trader, desk, clock):
    refused = trader.post("_api/events/action", name="rebuild")
    assert refused.status_code == 400
    session = trader.row("papertradingsession")
    assert refused.json()["msg"] == f"Projections are rebuilt while no session runs, but session {session} is RUNNING."
    trader.act("papertradingsession", "stop", session)
    go_on(desk, clock, session, 0.5)
    with desk.store.read() as connection:
        before = reads.table_rows(connection, t.trades), reads.table_rows(connection, t.positions)
    assert trader.post("_api/events/action", name="rebuild").status_code == 200
    with desk.store.read() as connection:
        assert (reads.table_rows(connection, t.trades), reads.table_rows(connection, t.positions)) == before
    assert "were rebuilt from" in trader.get("events/list").text


def test_a_row_that_is_gone_is_said_to_be(admin):
    assert (
        admin.act("papertradingsession", "stop", "nothing").json()["msg"] == "There is no PaperTradingSession 'nothing' any more."
    )


def test_what_breaks_shows_a_number_and_neither_a_traceback_nor_a_statement(admin, desk, monkeypatch):
    def broken(*_):
        raise RuntimeError("SELECT secret FROM table")

    monkeypatch.setattr("workbench.store.browse.page", broken)
    answer = admin.get("papertrade/list")
    assert answer.status_code == 500
    assert "It is error" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_body_that_is_larger_than_any_form_is_refused(admin):
    answer = admin.post("papertradingaccount/create", {"name": "x" * 1_100_000})
    assert answer.status_code == 413
