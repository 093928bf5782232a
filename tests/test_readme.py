"""What the README says is so."""

import re
from pathlib import Path

from workbench.__main__ import main
from workbench.domain.config import StrategyConfiguration
from workbench.domain.params import param_fields
from workbench.engine.intel import PROFILES
from workbench.engine.programs import shelf as programs
from workbench.strategies import shelf

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_both_commands_stand_there_as_they_are_to_be_typed():
    assert "\npip install uv && uv run workbench up\n" in README
    assert "\npip install uv && uv run pytest\n" in README


def test_every_strategy_is_in_the_table_with_its_parameters_and_defaults():
    for name in shelf.names():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", README, re.MULTILINE)
        for field in param_fields(shelf.get(name)):
            assert f"`{field.name}` {field.default:g}".rstrip("0").rstrip(".") in row


def test_every_program_is_in_the_table_with_its_parameters_and_defaults():
    for name in programs.names():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", README, re.MULTILINE)
        if name == "vwap":
            assert "the same" in row
            continue
        for field in param_fields(programs.get(name)):
            has_default = field.default is not None and field.default > 0
            assert (f"`{field.name}` {field.default:g}" if has_default else f"`{field.name}`") in row


def test_every_command_is_told():
    for name, command in main.commands.items():
        if not command.hidden:
            assert f"`workbench {name}" in README, name


def test_every_statistic_named_there_exists():
    from workbench.analytics.metrics import shelf as metrics

    for name in re.search(r"result\.stats\s+# (.*), …", README)[1].split(", "):
        assert name in metrics.names()


def test_the_benchmarks_that_are_named_exist():
    for name in re.findall(r"`(?:uv run python tests/benchmarks/)?(\w+\.py)`", README):
        if (Path(__file__).parent / "benchmarks" / name).exists():
            continue
        assert name.startswith("engine/") or name == "backtesting.py"


def test_every_assumption_names_a_test_that_exists():
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    named = re.findall(r"\| `(test_\w+)` \|", README)
    assert len(named) > 15
    for name in named:
        assert f"\ndef {name}(" in tests, name


def test_every_breaker_is_in_the_table():
    for name in (
        "daily_loss_pct",
        "drawdown_pct",
        "losing_streak",
        "volatility_pct",
        "stale_bars",
        "error_rate_pct",
        "stoploss_guard",
    ):
        assert name in StrategyConfiguration.__struct_fields__
        assert f"\n| `{name}` |" in README


def test_the_table_of_levels_has_every_level():
    for level, profile in PROFILES.items():
        assert len(re.findall(rf"^\| {level} \| {profile.name} \|", README, re.MULTILINE)) == 1
