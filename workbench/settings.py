"""Where things live and how they are reached: one frozen `Settings`, and the only reader of the environment."""

import difflib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import platformdirs

from workbench.errors import DoesNotFit

UTC: Final = "UTC"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workbench needs to know before it can open anything.

    Parameters
    ----------
    home
        The data folder. The server and a notebook that name the same one meet the same data.
    in_memory
        Keep the database in memory and write no file; for play and for tests.
    """

    home: Path
    in_memory: bool = False

    @property
    def database_path(self) -> Path:
        """The SQLite file that holds the log and everything read from it."""
        return self.home / "workbench.sqlite3"

    @property
    def queue_path(self) -> Path:
        """The queue's own file: beside the database and never in it."""
        return self.home / "queue.sqlite3"

    @property
    def zone_path(self) -> Path:
        """The file that names the time zone in which pages show times; UTC where there is none."""
        return self.home / "time-zone"

    @property
    def strategies_path(self) -> Path:
        """The folder with strategies of the user's own, one a file."""
        return Path(os.environ.get("WORKBENCH_STRATEGIES") or self.home / "strategies").expanduser().absolute()


def read_settings(home: str | Path | None = None) -> Settings:
    """Return the settings for a data folder.

    Parameters
    ----------
    home
        A folder, or `":memory:"`, or None for `WORKBENCH_HOME` and, without that, the platform's own place for data.
    """
    if home is not None and str(home) == ":memory:":
        return Settings(Path(":memory:"), in_memory=True)
    chosen = home or os.environ.get("WORKBENCH_HOME") or platformdirs.user_data_dir("workbench", appauthor=False)
    return Settings(Path(chosen).expanduser().absolute())


def read_token() -> str:
    """Return the token that everybody has to bring (`WORKBENCH_TOKEN`); empty where none is set."""
    return os.environ.get("WORKBENCH_TOKEN", "").strip()


def read_zone_name() -> str:
    """Return the time zone that the environment asks pages to show times in (`WORKBENCH_TIME_ZONE`); empty where it asks none."""
    return os.environ.get("WORKBENCH_TIME_ZONE", "").strip()


class NoSuchZone(DoesNotFit):
    """No time zone has that name; those that are written much like it are told."""

    def __init__(self, name: str, field: str = "time_zone") -> None:
        self.name, self.near = name, nearest_zones(name)
        found = f"found {name[:60]!r}" if name else "found nothing"
        hint = f" Did you mean {' or '.join(self.near)}?" if self.near else ""
        super().__init__(field, f"Expected a time zone by its IANA name, such as Europe/Berlin or UTC, {found}.{hint}")


@cache
def zone_names() -> tuple[str, ...]:
    """Return the IANA names of all time zones, in order."""
    return tuple(sorted(available_timezones() - {"localtime", "posixrules", "Factory"}))


def zone_named(name: str, field: str = "time_zone") -> ZoneInfo:
    """Return a time zone by its IANA name; capitals and spaces are let pass.

    Parameters
    ----------
    field
        What a refusal calls it.

    Raises
    ------
    NoSuchZone
        If there is none.

    Examples
    --------
    >>> zone_named("europe/berlin").key, zone_named("America/New York").key
    ('Europe/Berlin', 'America/New_York')
    """
    asked = _plain(name)
    found = next((known for known in zone_names() if _plain(known) == asked), None)
    if found is None:
        raise NoSuchZone(name, field)
    return ZoneInfo(found)


def nearest_zones(name: str, count: int = 3) -> list[str]:
    """Return the names that are written most like one: a city is looked for by itself too.

    Examples
    --------
    >>> nearest_zones("Berlin")
    ['Europe/Berlin']
    """
    asked = _plain(name)
    if not asked or len(asked) > 60:
        return []
    cities: dict[str, str] = {}
    for known in zone_names():
        cities.setdefault(_plain(known).rpartition("/")[2], known)
    if asked in cities:
        return [cities[asked]]
    whole = {_plain(known): known for known in zone_names()}
    near = [whole[found] for found in difflib.get_close_matches(asked, whole, n=count, cutoff=0.7)]
    near += [cities[found] for found in difflib.get_close_matches(asked.rpartition("/")[2], cities, n=count, cutoff=0.7)]
    return list(dict.fromkeys(near))[:count]


def _plain(name: str) -> str:
    return "_".join(name.split()).lower()


def market_folder() -> Path:
    """Return the folder with real candles that the tests and benchmarks use (`WORKBENCH_MARKET`)."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "market"
    return Path(os.environ.get("WORKBENCH_MARKET") or beside)
