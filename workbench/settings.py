"""Where things live and how they are reached: one frozen `Settings`, and the only reader of the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


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


def market_folder() -> Path:
    """Return the folder with real candles that the tests and benchmarks use (`WORKBENCH_MARKET`)."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "market"
    return Path(os.environ.get("WORKBENCH_MARKET") or beside)
