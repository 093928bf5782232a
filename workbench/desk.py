"""The desk: the only place where real things are chosen and wired — store, sources, clock."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from workbench.domain.bars import as_datetime
from workbench.errors import Invalid, NotFound
from workbench.settings import UTC, NoSuchZone, Settings, read_settings, read_zone_name, zone_named
from workbench.sources import Source
from workbench.sources import shelf as sources
from workbench.store.database import Database
from workbench.strategies import own_folders


def wall_clock() -> int:
    """Return the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000


class Desk:
    """Everything that an action needs.

    Parameters
    ----------
    settings
        Where the data live.
    clock
        Returns milliseconds UTC; tests hand in one of their own.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int] = wall_clock) -> None:
        self.settings, self.clock = settings, clock
        self._sources: dict[str, Source] = {}
        # Nothing is kept of a desk in memory: its files go when it is closed.
        self._folder = tempfile.TemporaryDirectory(prefix="workbench-") if settings.in_memory else None
        if self._folder is not None:
            self.settings = Settings(Path(self._folder.name))
        home = self.settings.home
        if home.exists() and not home.is_dir():
            raise Invalid("home", "a folder for the data", f"the file {home.name}")
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Invalid("home", "a folder for the data that can be made and written", f"{home} ({problem.strerror})") from problem
        if not os.access(home, os.W_OK | os.X_OK):
            raise Invalid("home", "a folder for the data that can be made and written", f"{home} (may not be written)")
        self.store = Database(self.settings.database_path)
        own_folders.append(self.settings.strategies_path)
        # What a process remembers of the sessions that it advances; the cursors are the truth. Only actions look inside.
        self.runners: dict[str, object] = {}
        # Accounts by what they were asked for by: none is renamed and none goes. Whoever opens one forgets them all.
        self.accounts: dict[str, str] = {}
        self._zone: tuple[tuple[str, int, int], ZoneInfo, str] | None = None

    def now(self) -> int:
        """Return the time in milliseconds UTC."""
        return self.clock()

    @property
    def at(self) -> datetime:
        """The time as an aware datetime."""
        return as_datetime(self.clock())

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which pages show times: the environment's, the one that was chosen, or UTC."""
        return self._read_zone()[0]

    @property
    def zone_problem(self) -> str:
        """What is wrong with the zone that was asked for, in whose place UTC stands; empty where nothing is."""
        return self._read_zone()[1]

    def _read_zone(self) -> tuple[ZoneInfo, str]:
        # Another process may have chosen it: the file is looked at each time, and read where it has changed.
        fixed = read_zone_name()
        try:
            found = self.settings.zone_path.stat()
            stamp = (fixed, found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            stamp = (fixed, 0, 0)
        if self._zone is None or self._zone[0] != stamp:
            name = fixed or (self.settings.zone_path.read_text(encoding="utf-8", errors="replace").strip() if stamp[2] else UTC)
            try:
                self._zone = (stamp, zone_named(name, "WORKBENCH_TIME_ZONE" if fixed else "time_zone"), "")
            except NoSuchZone as problem:
                self._zone = (stamp, ZoneInfo(UTC), str(problem))
        return self._zone[1:]

    def source(self, name: str) -> Source:
        """Return a source of live prices by name.

        Raises
        ------
        NotFound
            If there is none.
        """
        if name not in self._sources:
            found = sources.get(name, "source")
            if not found.is_live:
                raise NotFound("live source", name, [known for known in sources.names() if sources.get(known).is_live], "source")
            self._sources[name] = found()
        return self._sources[name]

    def close(self) -> None:
        """Let go of the database and of what was kept in memory."""
        self.store.close()
        if self.settings.strategies_path in own_folders:
            own_folders.remove(self.settings.strategies_path)
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Desk({self.settings.home})"


def open_desk(home: str | Path | None = None, *, clock: Callable[[], int] = wall_clock) -> Desk:
    """Open the data that the server uses too, from whatever folder this is called in.

    Parameters
    ----------
    home
        A data folder; `":memory:"` for one that is gone when it is closed; None for `WORKBENCH_HOME` or, without that,
        the platform's own place for data.

    Examples
    --------
    >>> with open_desk(":memory:") as desk:
    ...     desk.settings.database_path.exists()
    True
    """
    return Desk(read_settings(home), clock)


@contextmanager
def desk_or_own(given: Desk | None) -> Iterator[Desk]:
    """Yield the desk that was given, or that of the platform's own place for data, which is closed afterwards.

    Raises
    ------
    Invalid
        If it is something else.
    """
    if given is None:
        with open_desk() as opened:
            yield opened
    elif isinstance(given, Desk):
        yield given
    else:
        raise Invalid("desk", "a desk, as open_desk() returns it", given)
