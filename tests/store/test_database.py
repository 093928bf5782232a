import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, inspect, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from workbench.domain.config import DEFAULT_CONFIGURATION
from workbench.domain.events import AccountOpened, ConfigurationSaved, canonical
from workbench.domain.instruments import pair
from workbench.store import reads
from workbench.store.database import _MIGRATIONS, Database, current_revision, migrate, newest_revision
from workbench.store.tables import PROJECTIONS, metadata
from workbench.store.types import AwareTime, Exact, Frozen


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "deep" / "folder" / "workbench.sqlite3")
    yield opened
    opened.close()


def test_the_migrations_lead_to_the_tables_as_they_are_written(database):
    with database.read() as connection:
        assert current_revision(connection) == newest_revision()
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_an_older_version_is_brought_up_and_its_tables_are_grown_from_its_log(tmp_path):
    path = tmp_path / "old.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0001")
    opened = canonical(AccountOpened("default", "Paper account", Decimal(700))).decode()
    saved = canonical(ConfigurationSaved(DEFAULT_CONFIGURATION)).decode()
    with engine.begin() as connection:
        for seq, (kind, body) in enumerate([("AccountOpened", opened), ("ConfigurationSaved", saved)], 1):
            values = {"seq": seq, "kind": kind, "body": body}
            insert = "INSERT INTO events (stream, seq, at, kind, body, digest) VALUES ('default', :seq, 5, :kind, :body, '')"
            connection.execute(text(insert), values)
    engine.dispose()
    database = Database(path)
    with database.read() as connection:
        assert current_revision(connection) == newest_revision() > "0001"
        assert [row.cash for row in reads.accounts(connection)] == [700]
        assert reads.active_configuration(connection, "default").configuration == DEFAULT_CONFIGURATION
        assert [row.number for row in reads.epochs(connection, "default")] == [1]
    database.close()


def revisions():
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return list(reversed([*ScriptDirectory.from_config(config).walk_revisions()]))


def test_a_revision_that_changes_a_projection_and_no_other_has_them_grown_again(monkeypatch):
    monkeypatch.setattr("workbench.store.projections.rebuild", lambda _: None)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    before, first = {}, True
    for revision in revisions():
        migrate(engine, revision.revision)
        with engine.connect() as connection:
            known = inspect(connection)
            there = {table.name for table in PROJECTIONS} & set(known.get_table_names())
            shape = {name: sorted(column["name"] for column in known.get_columns(name)) for name in there}
        assert getattr(revision.module, "regrows", False) == (not first and shape != before), revision.revision
        before, first = shape, False


@pytest.mark.parametrize(("revision", "grown"), [("0009", 1), ("0010", 0)])
def test_what_the_log_decides_is_grown_again_only_where_a_revision_changes_it(tmp_path, monkeypatch, revision, grown):
    path = tmp_path / "old.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, revision)
    engine.dispose()
    rebuilt = []
    monkeypatch.setattr("workbench.store.projections.rebuild", rebuilt.append)
    for _ in range(2):
        Database(path).close()
    assert len(rebuilt) == grown


def test_it_is_in_wal_and_a_second_opening_finds_it_migrated(database, tmp_path):
    again = Database(database.path)
    with again.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert current_revision(connection) == newest_revision()
    again.close()


def test_many_may_open_an_empty_folder_at_once(tmp_path):
    problems = []

    def open_and_close():
        try:
            Database(tmp_path / "new.sqlite3").close()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=open_and_close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_the_doorbell_rings_when_somebody_else_has_committed(database):
    before = database.data_version()
    assert database.data_version() == before
    with database.write() as connection:
        connection.execute(text("CREATE TABLE bell (id INTEGER)"))
    assert database.data_version() != before


def test_a_transaction_that_fails_leaves_nothing(database):
    def write_and_fail():
        with database.write() as connection:
            connection.execute(text("CREATE TABLE gone (id INTEGER)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.read() as connection:
        assert not connection.dialect.has_table(connection, "gone")


@pytest.fixture
def kept(database):
    table = Table(
        "kept", MetaData(), Column("id", Integer, primary_key=True), Column("amount", Exact), Column("at", AwareTime),
        Column("what", Frozen(type(pair("A/B")))),
    )  # fmt: skip
    with database.write() as connection:
        table.create(connection)

    def keep(**values):
        with database.write() as connection:
            connection.execute(table.delete())
            connection.execute(table.insert(), values)
        with database.read() as connection:
            return connection.execute(select(table)).one()

    return keep


@pytest.mark.parametrize("digits", ["12345678901234567.12345678", "0.00000001", "-0.10", "0E-8", "677.000000000000000001"])
def test_a_decimal_comes_back_to_the_last_digit(kept, digits):
    amount = kept(id=1, amount=Decimal(digits)).amount
    assert amount == Decimal(digits)
    assert amount.as_tuple().exponent == Decimal(digits).as_tuple().exponent


def test_a_time_comes_back_aware_and_in_utc(kept):
    noon = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=timezone(timedelta(hours=5)))
    found = kept(id=1, at=noon).at
    assert found == noon
    assert found.tzinfo is UTC


def test_a_naive_time_is_a_mistake_and_loud(kept):
    with pytest.raises(StatementError, match="expected an aware datetime"):
        kept(id=1, at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_a_struct_comes_back_as_it_was(kept):
    assert kept(id=1, what=pair("BTC/USDT")).what == pair("BTC/USDT")
