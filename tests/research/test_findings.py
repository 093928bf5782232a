"""Findings: each is said where it holds, and only there."""

from typing import Annotated

import numpy as np
import pytest

import workbench as wb
from tests.engine.cases import Noise
from tests.make import series, wandering
from workbench.domain.params import Param
from workbench.research import findings


class FiveParameters(Noise, frozen=True):
    """Noise with two parameters more, which do nothing."""

    one: Annotated[int, Param(0, 9)] = 1
    other: Annotated[int, Param(0, 9)] = 1


def ranging(count):
    """Bars that open in the middle of a wide range."""
    bars = wandering(count)
    prices = {"open": bars.close, "high": bars.close * 102 // 100, "low": bars.close * 98 // 100, "close": bars.close}
    return type(bars)(bars.instrument, bars.timeframe, bars.ts, prices, bars.volume)


def traded(closes, enter, leave, **options):
    """A run over closes, with entries and exits at these bars."""
    bars = series(closes)
    into, out = np.zeros(len(closes), bool), np.zeros(len(closes), bool)
    into[list(enter)] = True
    out[list(leave)] = True
    return wb.from_signals(bars, into, out, **options)


def sawtooth(trips: int, up: float = 1.0) -> list[float]:
    return [100.0 + up * (i % 4 in (1, 2)) for i in range(4 * trips + 4)]


def many(trips: int, **options):
    return traded(sawtooth(trips), range(0, 4 * trips, 4), range(1, 4 * trips + 1, 4), **options)


def test_one_trade_that_makes_the_profit_is_named():
    closes = [100.0, 100, 101, 101, 100, 100, 180, 180, 100, 100, 101, 101, 100, 100]
    result = traded(closes, [1, 5, 9], [2, 6, 10])
    results = result.run.trips.result
    said = findings.one_trade(result)
    assert said == f"One round trip, closed 2023-11-15T07:00:00Z, makes {results[1] / results.sum():.0%} of the profit."
    assert results[1] / results.sum() > 0.9
    assert findings.one_trade(many(40)) == ""
    assert findings.one_trade(traded(closes[:5], [1], [2])) == "", "one of one says nothing"


def test_too_few_round_trips_are_counted():
    assert findings.few_trades(many(5)).startswith("Only 5 round trips were closed")
    assert findings.few_trades(many(30)) == ""
    assert findings.few_trades(wb.backtest("buy_and_hold", wandering(100))).startswith("No round trip was closed")


def test_parameters_need_round_trips_to_carry_them():
    strategy = FiveParameters(entries=60, exits=40)
    some = wb.backtest(strategy, wandering(120))
    assert 30 <= some.stats["trades"] < 50
    said = f"5 parameters are more than {some.stats['trades']} round trips can carry: 10 for each are the least."
    assert findings.too_many_parameters(some) == said
    assert findings.too_many_parameters(wb.backtest(strategy, wandering(400))) == ""
    assert findings.too_many_parameters(wb.backtest(strategy, wandering(40))) == "", "that they are too few is said already"


def test_what_moves_with_the_market_is_told():
    held = wb.backtest("buy_and_hold", wandering(2000), size_pct=100)
    assert findings.like_buy_and_hold(held).startswith("It holds in 100% of the bars and moves with buy and hold")
    assert findings.like_buy_and_hold(wb.backtest("sma_cross", wandering(2000))) == ""


def test_a_thin_edge_is_measured_in_basis_points():
    # Four basis points a round trip are two a fill.
    thin = traded(sawtooth(40, 0.04), range(0, 160, 4), range(1, 161, 4))
    assert findings.thin_edge(thin) == "About 2.0 bps more a fill take the whole profit."
    assert findings.thin_edge(many(40)) == "", "fifty basis points are an edge"
    assert findings.thin_edge(traded(sawtooth(40, -1.0), range(0, 160, 4), range(1, 161, 4))) == "", "a loss has no edge"


def test_holes_inside_round_trips_are_told():
    bars = wandering(400)
    keep = np.ones(400, bool)
    keep[100:103] = keep[300] = False
    holed = bars[keep]
    enter, leave = np.zeros(len(holed), bool), np.zeros(len(holed), bool)
    enter[90], leave[150] = True, True
    said = findings.hole_in_trade(wb.from_signals(holed, enter, leave))
    assert said.startswith("Bars are missing inside round trips: 3 in 1 places")
    assert findings.hole_in_trade(wb.from_signals(bars, np.zeros(400, bool))) == ""


def test_bars_that_cannot_tell_are_told():
    tight = wb.backtest("buy_and_hold", ranging(500), stop_loss_pct="0.5", take_profit_pct="0.5")
    assert tight.run.ambiguous > 100
    assert findings.ambiguous_bars(tight).startswith(f"{tight.run.ambiguous} bars reached stop and target both")
    assert findings.ambiguous_bars(wb.backtest("buy_and_hold", ranging(500), stop_loss_pct=20, take_profit_pct=20)) == ""


@pytest.mark.parametrize("engine", ["step", "kernel"])
def test_findings_are_shown_beside_the_figures(engine):
    result = wb.backtest("sma_cross", wandering(400), engine=engine)
    assert result.findings
    assert result.findings[0] in result._repr_html_()
