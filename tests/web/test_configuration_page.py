"""The configuration's page: every field with its bounds, what it does, what differs; saved, chosen, deleted, refused."""

from decimal import Decimal

import pytest
from sqlalchemy import event

from tests.actions.test_sessions import tables
from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account
from workbench.actions.save_configuration import save_configuration
from workbench.domain.config import StrategyConfiguration
from workbench.domain.terms import REALISM, RULES, Terms
from workbench.store import reads
from workbench.web.configuring import effects_of, form_of, read_terms
from workbench.web.page import draw
from workbench.web.pages import PAGES, configuration

PATH = "/paper-trading/configuration/"


@pytest.fixture
def client(desk, client):
    """A client over a desk whose account is there already."""
    default_account(desk)
    return client


def active(desk):
    with desk.store.read() as connection:
        return reads.active_configuration(connection, default_account(desk))


def post(client, what, answer="block", **values):
    return client.post(f"{PATH}{what}?answer={answer}", data=values, follow_redirects=False)


def test_every_rule_and_every_friction_is_a_field_of_the_form(client):
    page = client.get(PATH).text
    for name in (*RULES, *REALISM, "name", "strategy"):
        assert f'name="{name}"' in page, name
    for level in ("1 Ultra Cautious", "10 Autonomous AI"):
        assert level in page


def test_the_form_as_it_is_shown_reads_back_as_what_it_shows(desk):
    with desk.store.read() as connection:
        terms = reads.terms(connection, default_account(desk))
    form = form_of(terms, {})
    values = {"name": form.name, "strategy": form.strategy, "intel_level": form.level}
    values |= {entry.name: entry.value for entry in form.parameters}
    values |= {entry.name: entry.value for group in form.groups for entry in group.entries}
    assert read_terms(values, Terms()).configuration == terms.configuration
    assert read_terms(values, Terms()).realism == terms.realism


def test_a_change_is_shown_with_what_it_does_before_it_is_saved(client, desk):
    before = tables(desk)
    told = post(client, "review", size_pct="20", stop_loss_pct="3", intel_level="")
    assert told.status_code == 200
    for word in ("An entry buys for 2,000.00 (20 % of equity).", "A stop loses about 60.00", "<del>10 %</del>", "<ins>20 %</ins>"):
        assert word in told.text
    assert tables(desk) == before


def test_it_is_saved_under_its_name_as_a_new_version_and_another_name_beside_it(client, desk):
    assert "Saved, and active" in post(client, "save", name="Default", size_pct="12").text
    assert (active(desk).version, active(desk).configuration.size_pct) == (2, Decimal(12))
    moved = post(client, "save", "page", name="Careful", intel_level="2")
    assert (moved.status_code, moved.headers["location"]) == (303, f"{PATH}?said=saved")
    assert (active(desk).name, active(desk).configuration.intel_level, active(desk).configuration.size_pct) == ("Careful", 2, 12)
    page = client.get(moved.headers["location"]).text
    assert "Saved, and active" in page
    assert page.count("<tr data-row>") == 2
    assert "Nothing differs" in post(client, "save", name="Careful").text


def test_one_is_chosen_loaded_and_deleted_but_never_the_last(client, desk):
    post(client, "save", name="Careful", size_pct="3")
    assert "Chosen" in post(client, "choose", name="Default@1").text
    assert active(desk).name == "Default"
    loaded = client.get(f"{PATH}?load=Careful@1").text
    assert 'name="size_pct" value="3"' in loaded
    assert "<ins>3 %</ins>" in loaded
    assert "Deleted" in post(client, "delete", name="Careful").text
    refused = post(client, "delete", name="Default")
    assert refused.status_code == 409
    assert "one configuration at least" in refused.text
    assert 'aria-label="Delete' not in client.get(PATH).text


def test_a_preset_fills_the_form_and_saves_nothing(client, desk):
    before = tables(desk)
    page = client.get(f"{PATH}?mode=CONSERVATIVE").text
    assert 'name="intel_level" value="3" checked' in page
    assert 'name="max_positions" value="3"' in page
    assert tables(desk) == before


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"size_pct": "0"}, "from 0.01 to 100"), ({"size_pct": "many"}, "xpected a number"), ({"name": "  "}, "a name"),
        ({"intel_level": "11"}, "from 1 to 10"), ({"sizing": "all"}, "one of"), ({"p.fast": "1"}, "from 2 to 100"),
        ({"p.fast": "50", "p.slow": "20"}, "fewer bars than slow"), ({"strategy": "sma_cros"}, "sma_cross"),
        ({"allowed_tokens": "WETH", "blocked_tokens": "weth"}, "not allowed as well"),
        ({"failure_rate_pct": "101"}, "from 0 to 100"),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_said_beside_its_field_keeps_what_was_typed_and_saves_nothing(client, desk, values, sentence):
    before = tables(desk)
    answer = post(client, "save", **values)
    assert answer.status_code in (404, 422)
    assert sentence in answer.text
    whole = post(client, "save", "page", **values)
    assert sentence in whole.text
    assert "<html" in whole.text
    for typed in values.values():
        assert typed.strip() in whole.text
    assert tables(desk) == before


def test_a_running_session_takes_it_when_it_is_asked_to(client, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.2)
    assert 'name="apply_now"' in client.get(PATH).text
    assert "running session takes it" in post(client, "save", size_pct="7", apply_now="yes").text
    go_on(desk, clock, session, 0.2)
    with desk.store.read() as connection:
        assert reads.session(connection, session).configuration.size_pct == 7


def test_what_is_written_into_a_field_is_text_and_nothing_else(client):
    answer = post(client, "save", "page", name="<script>alert(1)</script>", size_pct="<img src=x>")
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sizing": "fixed", "size_amount": 150}, "An entry buys for 150.00."),
        ({"size_pct": 50, "max_trade_size": 1000}, "An entry buys for 1,000.00: 50 % of equity is cut off there."),
        ({"stop_loss_pct": 2, "take_profit_pct": 4}, "A stop loses about 20.00, a target gains 40.00, before costs."),
        ({}, "Nothing stops a loss but the strategy's own exit."),
        ({"intel_level": 5}, "Level 5 wants 70 % confidence, considers an entry every 3 bars"),
        ({"daily_loss_pct": 5}, "After a day's loss of 500.00 no more entries are made."),
        ({}, "No breaker is set: whatever is lost, entries go on."),
    ],
)
def test_what_a_configuration_means_is_told_in_sentences(given, sentence):
    assert any(told.startswith(sentence) for told in effects_of(StrategyConfiguration(**given), Decimal(10_000)))


def test_the_page_asks_the_database_a_few_times_whatever_is_saved(desk):
    account = default_account(desk)

    def asked() -> int:
        statements = []
        listen = lambda *given: statements.append(given[2])  # noqa: E731
        event.listen(desk.store.engine, "before_cursor_execute", listen)
        draw(configuration.PAGE, PAGES, desk, account, configuration.ConfigurationQuery())
        event.remove(desk.store.engine, "before_cursor_execute", listen)
        return sum(statement.lstrip().upper().startswith("SELECT") for statement in statements)

    few = asked()
    for number in range(5):
        save_configuration(desk, account, StrategyConfiguration(name=f"Number {number}", size_pct=number + 1))
    assert asked() == few
    # What every page asks for its frame, and its own five and one more for the frictions.
    assert few <= 12
