"""Strategies of the user's own: in the folder of the data, found like those that come with the workbench."""

import os
import subprocess
import sys
import textwrap

import pytest

import workbench as wb
from tests.make import wandering
from workbench.actions.import_dataset import import_dataset
from workbench.actions.run_session import run_session
from workbench.actions.start_session import start_session
from workbench.actions.verify_session import verify_session
from workbench.domain.config import StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.engine.strategy import SignalStrategy
from workbench.errors import NotFound, Refused
from workbench.settings import read_settings
from workbench.strategies import make_strategy, shelf

RISING = '''
    """In after so many rising closes, out after a falling one."""

    from collections.abc import Mapping
    from typing import Annotated, ClassVar

    import numpy as np

    from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy


    class Rising(SignalStrategy, frozen=True):
        """In after rising closes."""

        title: ClassVar[str] = "Rising closes"
        summary: ClassVar[str] = "In after so many rising closes."
        count: Annotated[int, Param(1, 10, 1, "Count", "Rising closes.", "bars")] = 2

        @property
        def lookback(self) -> int:
            return self.count + 1

        def signals(self, bars: Candles) -> Signals:
            up = np.diff(bars.close, prepend=bars.close[:1]) > 0
            runs = np.array([up[max(i - self.count + 1, 0) : i + 1].all() for i in range(len(up))], np.bool_)
            sure = np.full(len(up), 80.0)
            return Signals(runs, ~up, sure, runs * 1.0, {"rising": up * 1.0})

        def because(self, factors: Mapping[str, float | None]) -> str:
            return "closes rose" if factors["rising"] else "the close fell"
'''


def write(desk, name="rising", text=RISING):
    folder = desk.settings.strategies_path
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_file_in_the_folder_of_the_data_is_on_the_shelf_while_the_desk_is_open(desk):
    assert "rising" not in shelf.names()
    write(desk)
    assert "rising" in shelf.names()
    assert make_strategy("rising", {"count": 3}).count == 3
    assert wb.strategies.Rising(count=1).lookback == 2
    result = wb.backtest("rising", wandering(300), parameters={"count": 1})
    assert result.stats["trades"] > 5
    desk.close()
    assert "rising" not in shelf.names()


def test_a_file_that_was_edited_is_read_again(desk):
    path = write(desk)
    assert make_strategy("rising").count == 2
    path.write_text(path.read_text().replace('"bars")] = 2', '"bars")] = 5'))
    assert make_strategy("rising").count == 5


def test_a_session_trades_a_strategy_of_ones_own_by_name_and_verify_knows_when_its_file_was_changed(desk):
    path = write(desk)
    bars = wandering(400)
    dataset = import_dataset(desk, bars).id
    configuration = StrategyConfiguration(strategy="rising", parameters={"count": 1})
    row = run_session(desk, SessionRequest(mode="replay", dataset=dataset, configuration=configuration))
    assert row.ledger_digest == wb.backtest("rising", bars, parameters={"count": 1}).digest
    assert verify_session(desk, row.id).identical
    path.write_text(path.read_text().replace("~up", "up"))
    verdict = verify_session(desk, row.id)
    assert not verdict.identical
    assert verdict.cause == "code (the file of rising is not what it was when the session began)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def broken(:", r"rising\.py, line 1 cannot be imported: SyntaxError"),
        ("import nowhere_to_be_found", r"rising\.py cannot be imported: ModuleNotFoundError: No module named"),
        ("Rising = 3", r"rising\.py: expected the strategy that its name promises, class Rising\(SignalStrategy, frozen=True\)"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_when_it_is_asked_for_and_spoils_nothing_else(desk, text, sentence):
    write(desk, text=text)
    with pytest.raises(Refused, match=sentence):
        shelf.get("rising")
    assert list(shelf.problems()) == ["rising"]
    assert "sma_cross" in shelf.offered()
    assert "rising" not in shelf.offered()


def test_a_file_cannot_stand_in_for_a_strategy_that_comes_with_the_workbench(desk):
    write(desk, "sma_cross", RISING.replace("Rising", "SmaCross"))
    assert shelf.get("sma_cross").__module__ == "workbench.strategies.sma_cross"

    (sentence,) = shelf.problems().values()
    assert sentence.startswith("sma_cross.py: expected a name of its own, found that of a strategy which comes with the workbench")


def test_a_class_that_is_called_like_a_shipped_one_is_meant_itself():
    class SmaCross(wb.strategies.BuyAndHold, frozen=True):
        """Called like another one."""

        size: int = 3

    bars = wandering(300)
    made = wb.backtest(SmaCross, bars, parameters={"size": 5})
    assert type(made.strategy) is SmaCross
    assert made.strategy.size == 5
    assert made.digest == wb.backtest("buy_and_hold", bars).digest
    with pytest.raises(NotFound, match="no parameter of sma_cross 'fast'"):
        wb.backtest(SmaCross, bars, parameters={"fast": 5})


def test_a_file_may_have_a_dataclass_with_annotations_as_text(desk):
    extra = """from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Band:
    width: float = 1.0

BAND = Band(2.0)
"""
    path = write(desk)
    path.write_text(extra + path.read_text().replace('"""In after so many rising closes, out after a falling one."""', "", 1))
    assert shelf.get("rising").__module__ == "workbench_own.rising"
    assert wb.backtest("rising", wandering(300)).stats["bars"] == 300


def test_a_file_that_ends_the_process_is_a_problem_and_the_one_before_it_is_forgotten(desk):
    path = write(desk)
    assert shelf.get("rising")
    path.write_text("raise SystemExit('not today')")
    with pytest.raises(Refused, match=r"rising\.py cannot be imported: SystemExit: not today"):
        shelf.get("rising")
    path.write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        shelf.get("rising")
    write(desk)
    assert shelf.get("rising")


def test_an_unknown_name_is_told_the_nearest_of_ones_own(desk):
    write(desk)
    with pytest.raises(NotFound, match="Did you mean 'rising'"):
        shelf.get("risin")


class InCell(SignalStrategy, frozen=True):
    """Stands for a class that was typed into a notebook."""

    @property
    def lookback(self) -> int:
        return 1


def test_a_class_of_a_cell_is_found_by_name_but_no_worker_can_be_asked_to_trade_it(desk, monkeypatch):
    monkeypatch.setattr(InCell, "__module__", "__main__")
    assert shelf.get("in_cell") is InCell
    request = SessionRequest(configuration=StrategyConfiguration(strategy="in_cell"))
    with pytest.raises(Refused, match=r"InCell lives in this notebook only.*in_cell\.py; the worker finds it there by its name"):
        start_session(desk, None, request)


def test_the_folder_can_be_named_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_STRATEGIES", str(tmp_path))
    assert read_settings().strategies_path == tmp_path


def test_the_command_line_and_another_process_find_it_too(tmp_path):
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "rising.py").write_text(textwrap.dedent(RISING))
    (folder / "torn.py").write_text("def (")
    told = subprocess.run(
        [sys.executable, "-m", "workbench", "strategies"],
        env={**os.environ, "WORKBENCH_HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "rising\n  In after so many rising closes." in told
    assert "! torn.py, line 1 cannot be imported" in told
