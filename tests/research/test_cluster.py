"""Trials on a Dask cluster: real workers in processes of their own, and the same rows as here."""

import subprocess
import sys
import warnings

import pytest

import workbench as wb
from tests.make import wandering
from tests.test_shelf import write
from workbench.errors import Refused
from workbench.store.trials import ledger
from workbench.strategies.sma_cross import SmaCross

distributed = pytest.importorskip("distributed")
AXES = {"fast": [3, 5, 8], "slow": [15, 25, 40, 60, 70, 80, 90]}


@pytest.fixture(scope="module")
def address():
    """The address of a scheduler with two workers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
        ) as cluster:
            yield cluster.scheduler_address


@pytest.fixture(scope="module")
def bars():
    return wandering(1500, seed=3)


pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_sweep_on_a_cluster_gives_the_rows_that_it_gives_here(desk, bars, address):
    there = wb.sweep("sma_cross", bars, **AXES, fee_bps=5, desk=desk, progress=False, executor=address)
    with wb.open_desk(":memory:") as other:
        here = wb.sweep("sma_cross", bars, **AXES, fee_bps=5, desk=other, progress=False)
    assert there.frame.equals(here.frame)
    again = wb.sweep("sma_cross", bars, **AXES, fee_bps=5, desk=desk, progress=False)
    assert again.stored == 21


def test_a_search_on_a_cluster_draws_the_trials_that_it_draws_here(desk, bars, address):
    there = wb.search("sma_cross", bars, trials=20, desk=desk, progress=False, executor=address)
    with wb.open_desk(":memory:") as other:
        here = wb.search("sma_cross", bars, trials=20, desk=other, progress=False)
    assert there.frame.equals(here.frame)


def test_a_strategy_of_ones_own_travels_to_the_workers(desk, bars, address):
    write(desk)
    there = wb.sweep("rising", bars, count=[1, 2, 3], desk=desk, progress=False, executor=address)
    with wb.open_desk(":memory:") as other:
        here = wb.sweep(wb.strategies.Rising, bars, count=[1, 2, 3], desk=other, progress=False)
    assert there.frame.equals(here.frame)


class InCell(SmaCross, frozen=True):
    """Stands for a class of a notebook's cell."""


def test_a_class_of_a_cell_cannot_travel_and_says_so_before_anything_runs(desk, bars, address, monkeypatch):
    monkeypatch.setattr(InCell, "__module__", "__main__")
    with pytest.raises(Refused, match="InCell lives in this notebook only, and no worker of a cluster can import it"):
        wb.sweep(InCell, bars, **AXES, desk=desk, progress=False, executor=address)
    with desk.store.read() as connection:
        assert list(ledger(connection, "in_cell", f"{bars.instrument.key}|1h")) == []


@pytest.mark.parametrize(
    "where", ["tcp://127.0.0.1:9", "nonsense", "tcp://", "tcp://nowhere.invalid:8786", "http://127.0.0.1:1", "tcp://127.0.0.1:port"]
)
def test_an_address_that_does_not_answer_is_one_sentence_and_stores_nothing(desk, bars, where, monkeypatch):
    monkeypatch.setattr("workbench.research.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(Refused, match="No Dask scheduler answers at"):
        wb.sweep("sma_cross", bars, **AXES, desk=desk, progress=False, executor=where)
    with desk.store.read() as connection:
        assert list(ledger(connection, "sma_cross", f"{bars.instrument.key}|1h")) == []


def test_what_is_no_address_is_told_at_once_and_leaves_nothing_behind(desk, bars):
    command = [sys.executable, "-m", "workbench", "sweep", "--try", "fast=3,5", "--count", "500", "--home", ":memory:"]
    ended = subprocess.run([*command, "--executor", "banana"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    said = "workbench: No Dask scheduler answers at 'banana': expected an address such as 'tcp://10.0.0.5:8786'"
    (line,) = ended.stderr.splitlines()
    assert line.startswith(said)
