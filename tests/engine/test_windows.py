"""What a strategy says is checked where it comes in."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.make import HOUR, START, Scripted, series
from workbench.engine.strategy import Candles, Signals
from workbench.errors import BadBar, Invalid, Refused


class Wrong(Scripted, frozen=True):
    """Says something that no strategy may say."""

    what: str = ""

    def signals(self, bars: Candles) -> Signals:
        said = super().signals(bars)
        arrays = {name: getattr(said, name).copy() for name in ("enter", "exit", "confidence", "edge")}
        match self.what:
            case "nan":
                arrays["confidence"][2] = np.nan
            case "sure":
                arrays["confidence"][2] = 1e9
            case "short":
                arrays["enter"] = arrays["enter"][:-1]
            case "list":
                arrays["enter"] = arrays["enter"].tolist()
            case "float":
                arrays["exit"] = arrays["exit"].astype(float)
        factors = {"odd": np.zeros(1)} if self.what == "factor" else {}
        return Signals(**arrays, factors=factors)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("nan", "Wrong.confidence: expected numbers from 0 to 100, found nan at 20"),
        ("sure", "expected numbers from 0 to 100, found 1000000000.0"),
        ("short", "Wrong.enter: expected an array of bool with one value a bar, 5 of them, found bool of shape (4,)"),
        ("list", "found 'list'"),
        ("float", "Wrong.exit: expected an array of bool"),
        ("factor", "Wrong factor odd: expected an array of float64"),
    ],
)
def test_arrays_that_are_not_what_they_have_to_be_are_refused_by_name(what, sentence):
    with pytest.raises(Invalid) as refused:
        wb.backtest(Wrong(what), series([100, 101, 102, 103, 104]))
    assert sentence in str(refused.value)


def test_a_token_worth_next_to_nothing_that_grew_can_be_traded():
    prices = [5.13e-10, 5.13e-10, 8.1e-9, 7.123456e-6, 8.8123456e-5, 2.1e-5]
    frame = pl.DataFrame({"ts": [START + i * HOUR for i in range(6)], **dict.fromkeys(("open", "high", "low", "close"), prices)})
    result = wb.backtest("buy_and_hold", frame, size_pct=100)
    assert result.stats["fills"] == 1
    assert result.state.plan.instruments[0].size_decimals == 2


def test_a_volume_that_is_no_number_is_refused_with_its_bar():
    rows = {"ts": [START, START + HOUR], **{n: [1.0, 1.0] for n in ("open", "high", "low", "close")}}
    with pytest.raises(BadBar, match="the bar of 2023-11-15T01:00:00Z"):
        wb.BarSeries.from_frame(pl.DataFrame({**rows, "volume": [1.0, float("nan")]}))


class Breaks(Scripted, frozen=True):
    """Raises where it says."""

    where: str = ""

    def signals(self, bars: Candles) -> Signals:
        said = super().signals(bars)
        if self.where == "signals":
            _divided(0)
        if self.where == "ours":
            raise Invalid("edge", "one", "none")
        edge = (lambda: {}["gone"]) if self.where == "column" else said.edge
        return Signals(said.enter, said.exit, said.confidence, edge, {})


def _divided(by):
    return 1 / by


@pytest.mark.parametrize(
    ("where", "line", "words"),
    [("signals", "return 1 / by", "ZeroDivisionError: division by zero"), ("column", "edge = (lambda", "KeyError: 'gone'")],
)
def test_what_a_strategy_raises_is_told_with_its_name_its_file_and_the_line(where, line, words):
    with pytest.raises(Refused) as refused:
        wb.backtest(Breaks(where), series([100, 101, 102, 103, 104]))
    told = str(refused.value)
    number = int(re.search(r"line (\d+)", told)[1])
    assert told == f"Breaks broke in test_windows.py, line {number}: expected what it says about its bars, found {words}."
    assert line in Path(__file__).read_text().splitlines()[number - 1]
    assert type(refused.value.__cause__).__name__ == words.partition(":")[0]


def test_what_a_strategy_refuses_in_words_of_its_own_passes_as_it_is():
    with pytest.raises(Invalid, match="edge: expected one, found 'none'"):
        wb.backtest(Breaks("ours"), series([100, 101, 102, 103, 104]))
