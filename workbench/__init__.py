"""A paper-trading research workbench: one exact engine under the notebook, the backtest and the live bot.

The names a notebook needs are here, each found on first use, so that importing the package costs nothing:

>>> import workbench as wb
>>> bars = wb.simulate_bars("WETH", "1h", 500)
>>> result = wb.backtest(wb.strategies.SmaCross(fast=5, slow=20), bars, fee_bps=10)
>>> result.stats["bars"]
500
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import strategies
    from workbench.actions.import_dataset import import_dataset
    from workbench.actions.run_session import run_session
    from workbench.actions.send_command import send_command
    from workbench.actions.start_program import start_program
    from workbench.actions.start_session import start_session
    from workbench.actions.stop_session import stop_session
    from workbench.actions.verify_session import verify_session
    from workbench.desk import open_desk
    from workbench.domain import commands
    from workbench.engine import programs
    from workbench.engine.programs.vwap import volume_curve
    from workbench.engine.series import BarSeries
    from workbench.notebook.tune import tune
    from workbench.research.backtest import backtest
    from workbench.research.bands import bands
    from workbench.sources.candle_file import read_bars
    from workbench.sources.simulated import simulate_bars

__version__ = "0.1.0"

_HOMES = {
    "BarSeries": "workbench.engine.series",
    "backtest": "workbench.research.backtest",
    "bands": "workbench.research.bands",
    "import_dataset": "workbench.actions.import_dataset",
    "open_desk": "workbench.desk",
    "send_command": "workbench.actions.send_command",
    "read_bars": "workbench.sources.candle_file",
    "run_session": "workbench.actions.run_session",
    "simulate_bars": "workbench.sources.simulated",
    "start_program": "workbench.actions.start_program",
    "start_session": "workbench.actions.start_session",
    "stop_session": "workbench.actions.stop_session",
    "tune": "workbench.notebook.tune",
    "verify_session": "workbench.actions.verify_session",
    "volume_curve": "workbench.engine.programs.vwap",
}
_MODULES = {"commands": "workbench.domain.commands", "programs": "workbench.engine.programs", "strategies": "workbench.strategies"}
__all__ = [
    "BarSeries", "backtest", "bands", "commands", "import_dataset", "open_desk", "programs",
    "read_bars", "run_session", "send_command",
    "simulate_bars", "start_program", "start_session", "stop_session", "strategies", "tune", "verify_session", "volume_curve",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
