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
    from workbench.actions.activate_configuration import activate_configuration
    from workbench.actions.check_parity import backtest_like
    from workbench.actions.check_parity import check_parity as parity
    from workbench.actions.delete_configuration import delete_configuration
    from workbench.actions.import_dataset import import_dataset
    from workbench.actions.move_cash import deposit, withdraw
    from workbench.actions.open_account import open_account
    from workbench.actions.open_dataset import open_dataset
    from workbench.actions.reset_account import reset_account
    from workbench.actions.run_cross_validation import run_cross_validation as cross_validate
    from workbench.actions.run_monte_carlo import run_monte_carlo as monte_carlo
    from workbench.actions.run_search import run_search as search
    from workbench.actions.run_session import run_session
    from workbench.actions.run_sweep import run_sweep as sweep
    from workbench.actions.run_walk_forward import run_walk_forward as walk_forward
    from workbench.actions.save_configuration import save_configuration
    from workbench.actions.save_paper_trading_config import save_paper_trading_config
    from workbench.actions.send_command import send_command
    from workbench.actions.start_program import start_program
    from workbench.actions.start_session import start_session
    from workbench.actions.stop_session import stop_session
    from workbench.actions.sweep_in_background import sweep_in_background
    from workbench.actions.verify_session import verify_session
    from workbench.desk import open_desk
    from workbench.domain import commands
    from workbench.domain.config import StrategyConfiguration
    from workbench.domain.costs import PaperTradingConfig
    from workbench.domain.presets import changes_between
    from workbench.engine import programs
    from workbench.engine.programs.vwap import volume_curve
    from workbench.engine.series import BarSeries
    from workbench.notebook.tune import tune, tune_like
    from workbench.research.backtest import backtest
    from workbench.research.bands import bands
    from workbench.research.causality import check
    from workbench.research.from_signals import from_signals
    from workbench.research.significance import significance
    from workbench.sources.candle_file import read_bars
    from workbench.sources.simulated import simulate_bars

__version__ = "0.1.0"

_HOMES = {
    "PaperTradingConfig": "workbench.domain.costs",
    "StrategyConfiguration": "workbench.domain.config",
    "activate_configuration": "workbench.actions.activate_configuration",
    "changes_between": "workbench.domain.presets",
    "delete_configuration": "workbench.actions.delete_configuration",
    "cross_validate": "workbench.actions.run_cross_validation:run_cross_validation",
    "deposit": "workbench.actions.move_cash",
    "monte_carlo": "workbench.actions.run_monte_carlo:run_monte_carlo",
    "open_account": "workbench.actions.open_account",
    "reset_account": "workbench.actions.reset_account",
    "save_configuration": "workbench.actions.save_configuration",
    "save_paper_trading_config": "workbench.actions.save_paper_trading_config",
    "withdraw": "workbench.actions.move_cash",
    "BarSeries": "workbench.engine.series",
    "backtest": "workbench.research.backtest",
    "backtest_like": "workbench.actions.check_parity",
    "bands": "workbench.research.bands",
    "check": "workbench.research.causality",
    "from_signals": "workbench.research.from_signals",
    "import_dataset": "workbench.actions.import_dataset",
    "open_dataset": "workbench.actions.open_dataset",
    "open_desk": "workbench.desk",
    "parity": "workbench.actions.check_parity:check_parity",
    "search": "workbench.actions.run_search:run_search",
    "send_command": "workbench.actions.send_command",
    "read_bars": "workbench.sources.candle_file",
    "run_session": "workbench.actions.run_session",
    "simulate_bars": "workbench.sources.simulated",
    "significance": "workbench.research.significance",
    "start_program": "workbench.actions.start_program",
    "start_session": "workbench.actions.start_session",
    "stop_session": "workbench.actions.stop_session",
    "sweep": "workbench.actions.run_sweep:run_sweep",
    "sweep_in_background": "workbench.actions.sweep_in_background",
    "tune": "workbench.notebook.tune",
    "tune_like": "workbench.notebook.tune",
    "verify_session": "workbench.actions.verify_session",
    "volume_curve": "workbench.engine.programs.vwap",
    "walk_forward": "workbench.actions.run_walk_forward:run_walk_forward",
}
_MODULES = {"commands": "workbench.domain.commands", "programs": "workbench.engine.programs", "strategies": "workbench.strategies"}
__all__ = [
    "BarSeries", "PaperTradingConfig", "StrategyConfiguration", "activate_configuration", "backtest", "backtest_like",
    "bands", "changes_between", "check", "commands", "cross_validate", "delete_configuration", "deposit", "from_signals",
    "import_dataset", "monte_carlo", "open_account", "open_dataset", "open_desk", "parity", "programs", "read_bars",
    "reset_account", "run_session", "save_configuration", "save_paper_trading_config", "search", "send_command",
    "significance", "simulate_bars", "start_program", "start_session", "stop_session", "strategies", "sweep",
    "sweep_in_background", "tune", "tune_like", "verify_session", "volume_curve", "walk_forward", "withdraw",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    module, _, other = _HOMES[name].partition(":")
    return getattr(import_module(module), other or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
