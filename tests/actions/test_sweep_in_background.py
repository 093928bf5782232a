"""A sweep left to the worker from a notebook: the same rows, looked at while it runs."""

from decimal import Decimal

import numpy as np
import pytest

import workbench as wb
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.errors import Conflict, Invalid, NotFound
from workbench.store.sweep_runs import list_sweep_runs


@pytest.fixture(scope="module")
def bars():
    return wb.simulate_bars("WETH", "1h", 900)


def test_its_rows_are_those_of_a_sweep_run_here_and_are_not_run_again(desk, bars):
    fee = Decimal("7.5")
    asked = wb.sweep_in_background("sma_cross", bars, fast=range(5, 11, 5), slow=np.array([30, 40]), fee_bps=fee, desk=desk)
    assert repr(asked).endswith(": WAITING")
    with pytest.raises(Conflict, match="it is WAITING"):
        asked.result()
    run_requested_sweep(desk, asked.id)
    assert "FINISHED, 4 of 4 trials: best fast=" in repr(asked)
    result = asked.result()
    assert result.stored == 4
    here = wb.sweep("sma_cross", bars, fast=range(5, 11, 5), slow=[30, 40], fee_bps=fee, desk=desk, progress=False)
    assert result.frame.equals(here.frame)


def test_the_parameters_of_an_instance_stay(desk, bars):
    asked = wb.sweep_in_background(wb.strategies.SmaCross(fast=7, slow=33), bars, stop_loss_pct=[2, 4], desk=desk)
    assert asked.row.request.values == {"fast": (7,), "slow": (33,), "stop_loss_pct": (2, 4)}


def test_a_search_gives_the_trials_of_a_search_run_here(desk, bars):
    asked = wb.sweep_in_background("sma_cross", bars, fast=range(5, 20), slow=range(30, 90), trials=18, desk=desk)
    run_requested_sweep(desk, asked.id)
    assert len(asked.result()) == 18


def test_it_is_cancelled_from_the_notebook(desk, bars):
    asked = wb.sweep_in_background("sma_cross", bars, fast=[5, 10], desk=desk)
    assert asked.cancel().status == "CANCELLED"


def test_a_dataset_is_opened_by_the_first_letters_of_its_id(desk, bars):
    kept = wb.import_dataset(desk, bars)
    assert wb.open_dataset(kept.id[:8], desk).ts.tolist() == bars.ts.tolist()
    with pytest.raises(NotFound):
        wb.open_dataset("nothing", desk)


@pytest.mark.parametrize(
    ("options", "problem", "words"),
    [
        ({"fats": [1, 2]}, NotFound, "fast"),
        ({"fast": [object(), 2]}, Invalid, "numbers and texts"),
        ({"costs": {"fee": 1}}, Invalid, "numbers and texts"),
        ({"fast": []}, Invalid, "at least one"),
        ({"fast": range(10**9)}, Invalid, "at most 10,000 values to try"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(desk, bars, options, problem, words):
    with pytest.raises(problem, match=words):
        wb.sweep_in_background("sma_cross", bars, desk=desk, **options)
    with desk.store.read() as connection:
        assert list_sweep_runs(connection) == []


def test_a_class_of_the_notebook_is_refused_with_the_way_to_a_file(desk, bars):
    class InACell(wb.strategies.SmaCross, frozen=True):
        """Only here."""

    with pytest.raises(Exception, match="strategies"):
        wb.sweep_in_background(InACell, bars, fast=[5, 10], desk=desk)


def test_bars_of_several_tokens_are_refused(desk, bars):
    with pytest.raises(Invalid, match="one token"):
        wb.sweep_in_background("sma_cross", [bars, wb.simulate_bars("AERO", "1h", 900)], fast=[5, 10], desk=desk)
