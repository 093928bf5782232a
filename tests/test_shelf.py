"""Strategies of the user's own: in the folder of the data, found like those that come with the workbench."""

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

import workbench as wb
from tests.make import Clock, wandering
from workbench.actions.advance_session import advance_session
from workbench.actions.import_dataset import import_dataset
from workbench.actions.request_sweep import strategy_asked_for
from workbench.actions.run_session import run_session
from workbench.actions.send_command import send_command
from workbench.actions.start_session import start_session
from workbench.actions.verify_session import verify_session
from workbench.desk import open_desk
from workbench.domain.commands import ChangeConfiguration
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.sessions import SessionRequest
from workbench.domain.sweeps import SweepRequest
from workbench.engine.series import BarSeries
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Conflict, NotFound, Refused
from workbench.settings import read_settings
from workbench.sources import Source
from workbench.store import reads
from workbench.strategies import make_strategy, name_of, shelf

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


class Tape(Source):
    """A live source whose prices are a series: bars are there once they have closed by the desk's clock."""

    is_live = True

    def __init__(self, series: BarSeries, clock: Clock) -> None:
        self.series, self.clock = series, clock

    def instruments(self):
        return [self.series.instrument]

    def bars(self, instrument, timeframe, start, end):
        return self.series.between(start, min(end, self.clock() - self.series.step + 1))

    def check_timeframe(self, timeframe):
        assert timeframe == self.series.timeframe


COSTS = ExchangeCosts(fee_bps=10, half_spread_bps=2)
ONE = StrategyConfiguration(strategy="rising", parameters={"count": 1})


def begin_live(desk, clock, bars):
    desk._sources["tape"] = Tape(bars, clock)
    clock.now = int(bars.ts[200])
    request = SessionRequest(
        source="tape", symbols=(bars.instrument.symbol,), timeframe=bars.timeframe, configuration=ONE, costs=COSTS
    )
    session = start_session(desk, None, request).id
    advance_session(desk, session)
    return session


def go_on(desk, clock, session, bars, slices):
    for _ in range(slices):
        clock.move(bars.step)
        while advance_session(desk, session).steps:
            pass
    with desk.store.read() as connection:
        return reads.session(connection, session)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text(path.read_text().replace("~up", "up")),
        lambda path: path.write_text(path.read_text() + "\ndef x(:"),
        lambda path: path.unlink(),
    ],
    ids=["edited", "torn", "deleted"],
)
def test_a_session_keeps_the_code_that_it_began_with_whatever_becomes_of_the_file(desk, clock, spoil):
    bars = wandering(300, seed=2)
    path = write(desk)
    text = path.read_text()
    session = begin_live(desk, clock, bars)
    go_on(desk, clock, session, bars, 30)
    spoil(path)
    # What a process remembers is thrown away where the database was busy; the code is not.
    desk.runners.clear()
    row = go_on(desk, clock, session, bars, 50)
    assert (row.status, row.steps, row.error) == ("RUNNING", 80, "")
    path.write_text(text)
    assert verify_session(desk, session).identical


def test_another_process_ends_a_session_loudly_rather_than_trade_other_code(desk, clock, monkeypatch):
    bars = wandering(300, seed=2)
    path = write(desk)
    session = begin_live(desk, clock, bars)
    go_on(desk, clock, session, bars, 10)
    before = shelf.source_digest("rising")
    path.write_text(path.read_text().replace("~up", "up"))
    desk.runners.clear()
    monkeypatch.setattr(shelf, "_kept", {})
    row = go_on(desk, clock, session, bars, 1)
    assert row.status == "ERROR"
    assert row.error.startswith("rising.py: expected the text that the session began with, of digest " + before[:8])
    assert f"found one of digest {shelf.source_digest('rising')[:8]}" in row.error


def test_another_process_goes_on_with_a_file_that_is_as_it_was(desk, clock, monkeypatch):
    bars = wandering(300, seed=2)
    write(desk)
    session = begin_live(desk, clock, bars)
    go_on(desk, clock, session, bars, 10)
    desk.runners.clear()
    monkeypatch.setattr(shelf, "_kept", {})
    assert go_on(desk, clock, session, bars, 10).status == "RUNNING"


def test_a_configuration_that_changes_to_a_file_goes_by_it_as_it_was_when_it_was_asked_for(desk, clock, monkeypatch):
    bars = wandering(300, seed=2)
    write(desk)
    session = begin_live(desk, clock, bars)
    other = write(desk, "other", RISING.replace("Rising(", "Other("))
    send_command(desk, session, ChangeConfiguration(StrategyConfiguration(strategy="other")))
    assert go_on(desk, clock, session, bars, 2).configuration.strategy == "other"
    other.write_text(other.read_text().replace("~up", "up"))
    assert go_on(desk, clock, session, bars, 2).status == "RUNNING"
    desk.runners.clear()
    monkeypatch.setattr(shelf, "_kept", {})
    assert go_on(desk, clock, session, bars, 1).error.startswith("other.py: expected the text that the session began with")


def test_a_session_of_a_file_that_was_edited_takes_another_stop_loss_and_refuses_other_parameters(desk, clock):
    bars = wandering(300, seed=2)
    path = write(desk)
    session = begin_live(desk, clock, bars)
    path.write_text(path.read_text().replace("~up", "up"))
    with pytest.raises(Conflict, match=r"A session keeps the code of rising that it began with.*start another session to trade it"):
        send_command(desk, session, ChangeConfiguration(StrategyConfiguration(strategy="rising", parameters={"count": 3})))
    tighter = StrategyConfiguration(strategy="rising", parameters={"count": 1}, stop_loss_pct=2)
    send_command(desk, session, ChangeConfiguration(tighter))
    row = go_on(desk, clock, session, bars, 3)
    assert (row.status, row.configuration.stop_loss_pct) == ("RUNNING", 2)


def test_a_strategy_that_ends_the_process_stops_its_session_and_not_its_worker(desk, clock):
    bars = wandering(300, seed=2)
    write(desk, text=RISING.replace("up = np.diff", "raise SystemExit(3)\n            up = np.diff"))
    row = go_on(desk, clock, begin_live(desk, clock, bars), bars, 1)
    assert (row.status, row.error) == ("ERROR", "An unexpected SystemExit; the log says where.")


def test_what_cannot_be_read_in_the_folder_is_a_problem_and_spoils_nothing_else(desk, tmp_path):
    folder = write(desk).parent
    (folder / "linked.py").symlink_to(tmp_path / "nowhere.py")
    (folder / "folder.py").mkdir()
    write(desk, "gone", "raise GeneratorExit('now')")
    assert shelf.problems() == {
        "folder": "folder.py cannot be read: Is a directory.",
        "gone": "gone.py cannot be imported: GeneratorExit: now",
        "linked": "linked.py cannot be read: No such file or directory.",
    }
    assert "rising" in shelf.offered()
    assert shelf.source_digest("linked") == shelf.source_digest("folder") == ""
    with pytest.raises(Refused, match=r"linked\.py cannot be read"):
        shelf.get("linked")


def test_a_file_that_is_deleted_between_two_looks_is_a_problem(desk, monkeypatch):
    gone = write(desk).with_name("gone.py")
    monkeypatch.setattr(shelf, "_every_file", lambda first=None: iter([("gone", gone)]))
    assert shelf.problems() == {"gone": "gone.py cannot be read: No such file or directory."}


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [("Rsi2", "Rsi2", "rsi2"), ("MyCross", "MyCross", "my_cross"), ("with-dash", "WithDash", "with_dash"), ("a_b", "AB", "a_b"),
     ("my_2x", "My2x", "my_2x"), ("ABCross", "ABCross", "abcross")],
)  # fmt: skip
def test_a_file_is_known_by_its_name_in_small_letters_and_offers_the_class_of_that_name(desk, file, kind, name):
    write(desk, file, RISING.replace("Rising(", f"{kind}("))
    assert name in shelf.names()
    assert shelf.get(name) is shelf.get(kind) is getattr(wb.strategies, kind)
    assert shelf.get(name).__name__ == kind
    assert name_of(make_strategy(name)) == name
    assert shelf.source_digest(kind)
    assert shelf.problems() == {}


def test_a_file_whose_name_no_class_can_have_is_a_problem(desk):
    path = write(desk, "two words")
    assert list(shelf.problems()) == [f"two words ({path})"]
    assert "found 'two words.py'; it is not looked at" in shelf.problems()[f"two words ({path})"]


def test_a_desks_sessions_and_sweeps_go_by_its_own_folder_and_a_name_of_two_folders_is_a_problem(desk):
    write(desk)
    bars = wandering(400, seed=2)
    request = SessionRequest(mode="replay", dataset=import_dataset(desk, bars).id, configuration=ONE, costs=COSTS)
    alone = run_session(desk, request)
    assert shelf.problems() == {}
    with open_desk(":memory:") as other:
        path = write(other)
        path.write_text(path.read_text().replace("= 2\n", "= 4\n").replace("~up", "up"))
        assert make_strategy("rising").count == 4
        assert make_strategy("rising", folder=desk.settings.strategies_path).count == 2
        assert run_session(desk, request).ledger_digest == alone.ledger_digest
        assert strategy_asked_for(desk, SweepRequest("rising", {})).count == 2
        (sentence,) = shelf.problems().values()
        assert (
            sentence
            == f"rising.py: expected a name of its own, found that of {path}, which is looked at first; it is not looked at."
        )


def test_a_file_is_not_seen_half_read_by_another_thread(desk):
    write(desk, text="import time\ntime.sleep(0.2)\n" + textwrap.dedent(RISING))
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(shelf.get, ["rising", "rising"])
    assert first is second


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
