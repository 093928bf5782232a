"""A worker that is killed at any instant, and what becomes of its session."""

import time

import pytest
from msgspec.structs import replace

import workbench as wb
from tests.actions.test_sessions import COSTS, QUICK
from tests.journeys.conftest import until
from tests.make import wandering
from tests.research.test_backtest import GOLDEN
from workbench.actions.request_sweep import request_sweep
from workbench.actions.start_session import start_session
from workbench.actions.verify_session import verify_session
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts, PoolCosts
from workbench.domain.sessions import ProgramRequest, SessionRequest
from workbench.domain.sweeps import SweepRequest
from workbench.store import reads
from workbench.store.program_runs import program_runs
from workbench.store.sweep_runs import find_sweep_run

POOL = PoolCosts(fee_bps=30, max_depth_pct="0.05", spike_chance_pct=5, block_ms=12_000, tolerance_pct=2)


def progress(desk, session):
    with desk.store.read() as connection:
        return reads.session(connection, session)


@pytest.fixture
def bars():
    return wandering(12_000)


def asked_for(desk, bars):
    dataset = wb.import_dataset(desk, bars)
    return start_session(desk, None, SessionRequest(mode="replay", dataset=dataset.id, configuration=QUICK, costs=COSTS))


def test_a_worker_killed_in_the_middle_and_started_again_ends_as_if_nothing_had_happened(home, start, bars):
    with wb.open_desk(home) as desk:
        row = asked_for(desk, bars)
        for part in (0.1, 0.4, 0.7):
            worker = start("worker")
            until(lambda part=part: progress(desk, row.id).steps > part * len(bars))
            worker.kill()
            assert progress(desk, row.id).status == "RUNNING"
        start("worker")
        until(lambda: not progress(desk, row.id).is_active)
        ended = progress(desk, row.id)
        expected = wb.backtest("sma_cross", bars, parameters=QUICK.parameters, configuration=QUICK, costs=COSTS)
        assert (ended.status, ended.steps) == ("COMPLETED", len(bars))
        assert ended.ledger_digest == expected.digest
        assert verify_session(desk, row.id).identical


@pytest.mark.parametrize("name", GOLDEN)
def test_backtest_replay_and_the_real_worker_agree_on_every_real_file(name, home, start, market, golden):
    symbol, timeframe = GOLDEN[name]
    series = wb.read_bars(market / name, symbol=symbol, timeframe=timeframe)
    configuration = StrategyConfiguration(strategy="sma_cross", parameters={"fast": 20, "slow": 100})
    with wb.open_desk(home) as desk:
        dataset = wb.import_dataset(desk, series)
        request = SessionRequest(mode="replay", dataset=dataset.id, configuration=configuration, costs=ExchangeCosts(fee_bps=10))
        there = start_session(desk, None, request)
        start("worker")
        until(lambda: not progress(desk, there.id).is_active, seconds=180)
        assert progress(desk, there.id).ledger_digest == golden[name]["plain"]
        assert verify_session(desk, there.id).identical


PROGRAMS = {
    "dca": {"amount": 6000, "intervals": 600, "interval_hours": 14},
    "grid": {"lower": 7000, "upper": 70_000, "levels": 60, "amount_per_level": 150, "stop_on_breakout": False},
    "twap": {"amount": 8000, "slices": 900, "window_hours": 8000},
    "vwap": {"amount": 8000, "slices": 900, "window_hours": 8000},
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_killed_in_the_middle_ends_like_one_that_never_was(name, home, start, market):
    series = wb.read_bars(market / "btcusdt-1h-2017-2023.parquet", symbol="BTC/USDT", timeframe="1h")[20_000:30_000]
    parameters = dict(PROGRAMS[name])
    if name == "vwap":
        parameters["curve"] = list(wb.volume_curve(series[:1000]))
    undisturbed = wb.backtest(name, series[1000:], parameters=parameters, costs=POOL)
    with wb.open_desk(home) as desk:
        dataset = wb.import_dataset(desk, series[1000:])
        asked = ProgramRequest(name, parameters=parameters)
        request = SessionRequest(
            mode="replay", dataset=dataset.id, costs=POOL, configuration=StrategyConfiguration(strategy="manual"), programs=(asked,)
        )
        row = start_session(desk, None, request)
        for part in (0.3, 0.6):
            worker = start("worker")
            until(lambda part=part: progress(desk, row.id).steps > part * (len(series) - 1000))
            worker.kill()
            assert progress(desk, row.id).status == "RUNNING"
        start("worker")
        until(lambda: not progress(desk, row.id).is_active)
        ended = progress(desk, row.id)
        assert (ended.status, ended.steps, ended.ledger_digest) == ("COMPLETED", len(series) - 1000, undisturbed.digest)
        assert verify_session(desk, row.id).identical
        with desk.store.read() as connection:
            (kept,) = program_runs(connection, row.account)
        (run,) = undisturbed.runs
        assert kept.run == run
        assert run.fills > 20


def test_two_workers_never_trade_the_same_bar_twice(home, start, bars):
    with wb.open_desk(home) as desk:
        row = asked_for(desk, bars[:4000])
        start("worker")
        start("worker")
        until(lambda: not progress(desk, row.id).is_active)
        expected = wb.backtest("sma_cross", bars[:4000], parameters=QUICK.parameters, configuration=QUICK, costs=COSTS)
        assert progress(desk, row.id).ledger_digest == expected.digest


def test_a_live_session_is_stopped_within_two_seconds_whatever_its_timeframe(home, start):
    with wb.open_desk(home) as desk:
        row = start_session(desk, None, SessionRequest(configuration=QUICK, costs=COSTS, timeframe="1h", symbols=("WETH",)))
        start("worker")
        until(lambda: progress(desk, row.id).status == "RUNNING")
        asked = time.monotonic()
        wb.stop_session(desk, row.account, "enough")
        until(lambda: progress(desk, row.id).status == "STOPPED", seconds=10)
        print(f"stopped after {time.monotonic() - asked:.2f} s")


def test_a_worker_runs_the_sweeps_that_wait_and_goes_on_with_the_one_that_was_lost_with_it(home, start):
    wide = SweepRequest("sma_cross", {"fast": tuple(range(5, 25)), "slow": tuple(range(30, 221, 10))}, count=20_000)
    with wb.open_desk(home) as desk:
        runs = [request_sweep(desk, request).id for request in (wide, replace(wide, trials=32))]

        def status(run):
            with desk.store.read() as connection:
                return find_sweep_run(connection, run)

        worker = start("worker")
        until(lambda: status(runs[0]).status != "WAITING")
        worker.kill()
        start("worker")
        until(lambda: status(runs[1]).status == "FINISHED", 120)
        assert [status(run).status for run in runs] == ["FINISHED", "FINISHED"]
        assert [status(run).done for run in runs] == [400, 32]
