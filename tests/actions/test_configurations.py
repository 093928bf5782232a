"""Saved configurations: versions, the one that is active, and what a session keeps of it."""

from decimal import Decimal

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

import workbench as wb
from tests.actions.test_sessions import go
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.rebuild_projections import rebuild_projections
from workbench.actions.start_session import start_session
from workbench.domain.commands import ChangeConfiguration
from workbench.domain.config import DEFAULT_CONFIGURATION
from workbench.domain.events import ConfigurationSaved
from workbench.domain.params import with_fields
from workbench.domain.presets import changes_between, with_preset
from workbench.domain.sessions import SessionRequest
from workbench.errors import Conflict, Invalid, NotFound
from workbench.store import reads
from workbench.store import tables as t
from workbench.store.log import append
from workbench.store.projections import Projector

BOLD = with_fields(DEFAULT_CONFIGURATION, {"name": "Bold", "size_pct": 30})


@pytest.fixture
def account(desk):
    return default_account(desk)


def look(desk, read, *given):
    with desk.store.read() as connection:
        return read(connection, *given)


def listed(desk, account, name=""):
    return [(row.name, row.version, row.is_active) for row in look(desk, reads.configurations, account, name)]


def keep(desk, account, configuration):
    """Save a configuration as it was once possible, whatever its name."""
    with desk.store.write() as connection:
        projector = Projector(connection)
        projector.take(append(connection, account, [ConfigurationSaved(configuration)], desk.at))
        projector.flush()


def test_a_new_account_has_the_default_configuration_and_no_frictions(desk, account):
    assert listed(desk, account) == [("Default", 1, True)]
    terms = look(desk, reads.terms, account)
    assert terms.configuration == DEFAULT_CONFIGURATION
    assert terms.realism == wb.PaperTradingConfig()


def test_what_is_saved_is_a_new_version_and_the_active_one(desk, account):
    wb.save_configuration(desk, account, BOLD)
    wb.save_configuration(desk, account, with_fields(BOLD, {"size_pct": 40}))
    assert listed(desk, account) == [("Bold", 2, True), ("Default", 1, False)]
    assert listed(desk, account, "Bold") == [("Bold", 2, True), ("Bold", 1, False)]
    first, second = (look(desk, reads.configuration_version, account, name) for name in ("Bold@1", "Bold"))
    assert [str(change) for change in changes_between(first.configuration, second.configuration)] == ["Size: 30 % → 40 %"]


@pytest.mark.parametrize("name", ["a/b", "/", ".", "..", "compare"])
def test_a_new_name_that_no_address_can_have_is_refused_and_an_old_one_goes_on(desk, account, name):
    with pytest.raises(Invalid, match="name: expected a name without a slash, neither of dots alone nor 'compare'"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"name": name}))
    assert listed(desk, account) == [("Default", 1, True)]
    keep(desk, account, with_fields(BOLD, {"name": name}))
    wb.activate_configuration(desk, account, "Default")
    assert wb.activate_configuration(desk, account, name).name == name
    assert wb.save_configuration(desk, account, with_fields(BOLD, {"name": name, "size_pct": 40})).version == 2


def test_spaces_around_a_new_name_are_none_of_it_and_an_old_one_keeps_its_own(desk, account):
    assert wb.save_configuration(desk, account, BOLD).name == "Bold"
    again = wb.save_configuration(desk, account, with_fields(BOLD, {"name": " Bold\t", "size_pct": 40}))
    assert (again.name, again.version, again.configuration.name) == ("Bold", 2, "Bold")
    with pytest.raises(Invalid, match="compare"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"name": " compare "}))
    old = with_fields(BOLD, {"name": " x "})
    keep(desk, account, old)
    assert wb.save_configuration(desk, account, with_fields(old, {"size_pct": 40})).name == " x "


@pytest.mark.parametrize("name", ["Default@1", "Default@12 ", "Bold@1", "@7"])
def test_a_new_name_that_reads_as_a_version_is_refused_for_it_would_hide_one(desk, account, name):
    with pytest.raises(Invalid, match="name: expected a name that does not end as versions are written, such as 'Default@1'"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"name": name}))
    assert listed(desk, account) == [("Default", 1, True)]


@pytest.mark.parametrize("name", ["me@home", "Bold@", "@1 a", "Bold@1.5"])
def test_an_at_in_a_name_is_nothing_by_itself(desk, account, name):
    assert wb.save_configuration(desk, account, with_fields(BOLD, {"name": name})).name == name


def test_saving_what_differs_in_nothing_makes_no_version(desk, account):
    for _ in range(3):
        assert wb.save_configuration(desk, account, BOLD).version == 1
    wb.activate_configuration(desk, account, "Default")
    assert wb.save_configuration(desk, account, BOLD).is_active
    assert listed(desk, account) == [("Bold", 1, True), ("Default", 1, False)]


def test_an_older_version_can_be_active_again(desk, account):
    wb.save_configuration(desk, account, BOLD)
    wb.save_configuration(desk, account, with_fields(BOLD, {"size_pct": 40}))
    assert wb.activate_configuration(desk, account, "Bold", 1).configuration.size_pct == 30
    assert listed(desk, account) == [("Bold", 1, True), ("Default", 1, False)]
    with pytest.raises(NotFound, match="There is no version of Bold '9'"):
        wb.activate_configuration(desk, account, "Bold", 9)
    with pytest.raises(NotFound, match=r"There is no configuration 'Bald'\. Did you mean 'Bold'"):
        wb.activate_configuration(desk, account, "Bald")


def test_a_name_that_looks_like_a_version_is_found_by_its_whole_name(desk, account):
    keep(desk, account, with_fields(BOLD, {"name": "Bold@1", "size_pct": 7}))
    wb.save_configuration(desk, account, BOLD)
    assert look(desk, reads.configuration_version, account, "Bold@1").configuration.size_pct == 7
    assert look(desk, reads.configuration_version, account, "Bold@1@1").configuration.size_pct == 7


def test_the_database_itself_holds_it_to_one_active_configuration(desk, account):
    row = {
        "id": 10**9, "account": account, "name": "Two", "version": 1, "is_active": True, "saved": desk.at,
        "configuration": BOLD,
    }  # fmt: skip
    with pytest.raises(IntegrityError), desk.store.write() as connection:
        connection.execute(insert(t.configurations), row)
    frictions = {"account": account, "is_active": True, "saved": desk.at, "config": wb.PaperTradingConfig()}
    both = [{"id": number, "version": number, **frictions} for number in (1, 2)]
    with pytest.raises(IntegrityError), desk.store.write() as connection:
        connection.execute(insert(t.paper_trading_configs), both)


def test_a_deleted_configuration_gives_way_to_the_newest_other_and_the_last_stays(desk, account):
    wb.save_configuration(desk, account, BOLD)
    assert wb.delete_configuration(desk, account, "Bold").name == "Default"
    assert listed(desk, account) == [("Default", 1, True)]
    with pytest.raises(Conflict, match="'Default' is its last"):
        wb.delete_configuration(desk, account, "Default")


def test_a_configuration_that_names_what_there_is_not_is_not_saved(desk, account):
    with pytest.raises(NotFound, match="Did you mean 'sma_cross'"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"strategy": "sma_cros"}))
    with pytest.raises(Invalid, match="fast: expected"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"parameters": {"fast": 1}}))
    assert listed(desk, account) == [("Default", 1, True)]


def test_a_session_keeps_the_version_that_it_began_with_until_a_command_brings_another(desk, account, clock):
    wb.save_configuration(desk, account, BOLD)
    row = start_session(desk, account, SessionRequest(configuration=look(desk, reads.terms, account).configuration))
    advance_session(desk, row.id)
    newer = wb.save_configuration(desk, account, with_preset(BOLD, "conservative"))
    go(desk, clock, row.id, 3)
    assert look(desk, reads.session, row.id).configuration == BOLD
    wb.send_command(desk, row.id, ChangeConfiguration(newer.configuration))
    go(desk, clock, row.id, 1)
    assert look(desk, reads.session, row.id).configuration == newer.configuration
    assert newer.mode == "CONSERVATIVE"
    assert wb.verify_session(desk, row.id).identical


def test_the_paper_trading_config_is_a_record_of_its_own_with_versions(desk, account):
    real = wb.PaperTradingConfig(failure_rate_pct=2, execution_delay_ms=500)
    for _ in range(2):
        assert wb.save_paper_trading_config(desk, account, real) == real
    wb.save_paper_trading_config(desk, account, wb.PaperTradingConfig())
    with desk.store.read() as connection:
        columns = t.paper_trading_configs.c
        kept = [tuple(row) for row in connection.execute(select(columns.version, columns.is_active, columns.config))]
    assert kept == [(1, False, real), (2, True, wb.PaperTradingConfig())]
    assert look(desk, reads.terms, account).realism.failure_rate_pct == Decimal(0)


def test_configurations_are_read_again_from_the_log(desk, account):
    wb.save_configuration(desk, account, BOLD)
    wb.activate_configuration(desk, account, "Default")
    wb.save_configuration(desk, account, with_fields(BOLD, {"name": "Third"}))
    wb.delete_configuration(desk, account, "Bold")
    wb.save_paper_trading_config(desk, account, wb.PaperTradingConfig(sandwich_pct=5))
    before = [look(desk, reads.table_rows, table) for table in (t.configurations, t.paper_trading_configs)]
    rebuild_projections(desk)
    assert [look(desk, reads.table_rows, table) for table in (t.configurations, t.paper_trading_configs)] == before


def test_a_name_that_differs_only_in_large_and_small_letters_is_refused(desk, account):
    wb.save_configuration(desk, account, BOLD)
    before = listed(desk, account)
    with pytest.raises(Invalid, match="expected 'Bold', to save its next version, or a name that differs from it in"):
        wb.save_configuration(desk, account, with_fields(BOLD, {"name": "BOLD", "size_pct": 5}))
    assert listed(desk, account) == before


def test_two_such_names_that_were_saved_before_are_still_saved_and_chosen_each(desk, account):
    wb.save_configuration(desk, account, BOLD)
    with desk.store.write() as connection:
        projector = Projector(connection)
        projector.take(append(connection, account, [ConfigurationSaved(with_fields(BOLD, {"name": "bold"}))], desk.at))
        projector.flush()
    wb.save_configuration(desk, account, with_fields(BOLD, {"name": "bold", "size_pct": 5}))
    wb.save_configuration(desk, account, with_fields(BOLD, {"size_pct": 6}))
    assert listed(desk, account, "bold") == [("bold", 2, False), ("bold", 1, False)]
    assert listed(desk, account, "Bold") == [("Bold", 2, True), ("Bold", 1, False)]
