"""The database: SQLite in WAL behind SQLAlchemy, migrated when it is opened.

Readers see a snapshot and never wait. A writer takes the write lock when it begins (`BEGIN IMMEDIATE`), so two writers
queue instead of failing half way.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import QueuePool

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_MS: Final = 20_000
READS_ONLY: Final = "workbench_reads"
"""The option of a connection that sees one snapshot and writes nothing."""


class Database:
    """An open database file.

    Parameters
    ----------
    path
        The SQLite file; its folder is made where missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.engine = _engine(path)
        self._own = threading.local()
        migrate(self.engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a snapshot to read from."""
        with self.engine.connect().execution_options(**{READS_ONLY: True}) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Open a transaction that may write; it commits at the end, or leaves nothing behind.

        Parameters
        ----------
        durable
            Wait until the disk has it, as live steps do. A replay can be run again and need not.
        """
        with self.engine.connect().execution_options(workbench_writes=True) as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with connection.begin():
                yield connection

    def data_version(self) -> int:
        """Return what the doorbell of this thread says: it changes whenever anybody has committed."""
        if not hasattr(self._own, "doorbell"):
            self._own.doorbell = self.doorbell()
        return int(self._own.doorbell.version())

    def doorbell(self) -> "Doorbell":
        """Return a doorbell of one's own; what two of them say cannot be compared."""
        return Doorbell(self.engine)

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


class Doorbell:
    """The doorbell between processes: a look takes a few microseconds, at a connection that does nothing else.

    Parameters
    ----------
    engine
        Of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._connection.detach()

    def version(self) -> int:
        """Return a number that changes whenever anybody has committed."""
        cursor = self._connection.cursor()
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchall()
        return int(version[0])


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=32,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _: object) -> None:
        # The driver must not open transactions by itself: `_begin` below says which kind.
        raw.isolation_level = None
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA cache_size = -65536")
        raw.execute("PRAGMA temp_store = MEMORY")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("workbench_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def newest_revision() -> str:
    """Return the revision that the migrations lead to: the number of the last file."""
    return max(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(connection: Connection) -> str | None:
    """Return the revision that a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring a database to the newest revision; several processes may try at once.

    A revision that changes a projection says `regrows = True`: they are then all dropped and grown again from the log, which
    is the truth. Where none of those that were missing does, they stay as they are: a long log takes minutes.
    """
    with engine.connect() as connection, connection.begin():
        if current_revision(connection) == newest_revision():
            return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.connect().execution_options(workbench_writes=True) as connection, connection.begin():
        before = current_revision(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        missing = ScriptDirectory.from_config(config).iterate_revisions(current_revision(connection), before)
        if before is not None and any(getattr(revision.module, "regrows", False) for revision in missing):
            from workbench.store.projections import rebuild

            rebuild(connection)
