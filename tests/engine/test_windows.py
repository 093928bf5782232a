"""What a strategy says is checked where it comes in."""

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.make import HOUR, START, Scripted, series
from workbench.engine.strategy import Candles, Signals
from workbench.errors import BadBar, Invalid


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
