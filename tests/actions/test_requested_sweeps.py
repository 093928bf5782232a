"""Sweeps that a worker runs: asked for, run in a process of their own, cancelled, taken up again, told to everybody."""

import sqlite3
import threading

import msgspec
import polars as pl
import pytest
from msgspec.structs import replace
from sqlalchemy import select

from workbench import jobs
from workbench.actions import request_sweep as requesting
from workbench.actions import run_requested_sweep as running
from workbench.actions import run_sweep as sweeping
from workbench.actions.rebuild_projections import rebuild_projections
from workbench.actions.request_sweep import (
    bars_asked_for,
    cancel_sweep,
    request_sweep,
    tell_of_going_sweep,
    tell_of_sweep,
)
from workbench.actions.run_requested_sweep import run_requested_sweep, run_waiting_sweeps
from workbench.actions.run_sweep import run_sweep
from workbench.domain.events import SweepAdvanced, SweepCancelRequested, SweepStarted
from workbench.domain.sweeps import SweepOutcome, SweepRequest
from workbench.errors import Conflict, Invalid, NotFound, Refused
from workbench.research import trials as trials_module
from workbench.research.outcome import outcome_of
from workbench.research.trials import tally_of
from workbench.store.log import stream_events
from workbench.store.sweep_runs import find_sweep_run, list_sweep_runs, next_sweep_run
from workbench.store.tables import sweep_runs, trials

SMALL = SweepRequest("sma_cross", {"fast": (5, 10), "slow": (30, 40, 50), "fee_bps": ("7",)}, count=900)


def _kinds(desk, run):
    with desk.store.read() as connection:
        return [row.kind for row in stream_events(connection, run)]


def test_a_requested_sweep_ends_with_the_trials_of_a_sweep_run_here(desk):
    row = run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    assert (row.status, row.done, row.total, row.read) == ("FINISHED", 6, 6, 0)
    again = run_sweep(
        "sma_cross", bars_asked_for(desk, SMALL), fast=[5, 10], slow=[30, 40, 50], fee_bps=7, desk=desk, progress=False
    )
    assert again.stored == 6
    assert again.study.id == row.sweep
    assert row.outcome == outcome_of(again)


def test_what_came_of_it_is_kept_with_it_so_that_a_page_needs_no_bars(desk):
    row = run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    again = run_sweep(
        "sma_cross", bars_asked_for(desk, SMALL), fast=[5, 10], slow=[30, 40, 50], fee_bps=7, desk=desk, progress=False
    )
    best, out = again.best(), row.outcome
    assert out.values == {"fast": str(best["fast"]), "slow": str(best["slow"])}
    assert (out.return_pct, out.sharpe, out.dsr) == (best["return_pct"], best["sharpe"], best["dsr"])
    assert (out.trials_ever, out.findings) == (6, tuple(again.findings))
    assert out.overfitting == (None if again.overfitting is None else again.overfitting.probability)
    assert [line.sharpe for line in out.top] == again.frame["sharpe"].sort(descending=True).to_list()
    assert (out.surface.down, out.surface.across, out.surface.columns) == ("fast", "slow", ("30", "40", "50"))
    assert out.surface.cells[0] == tuple(round(v, 4) for v in again.frame.filter(pl.col("fast") == 5)["sharpe"])


def test_a_requested_search_draws_the_trials_that_were_asked_for(desk):
    asked = SweepRequest("sma_cross", {"fast": tuple(range(5, 25)), "slow": tuple(range(30, 100, 5))}, count=900, trials=20)
    row = run_requested_sweep(desk, request_sweep(desk, asked).id)
    assert (row.status, row.done) == ("FINISHED", 20)
    out = row.outcome
    assert (out.by, out.surface.by) == ("sharpe_in", "sharpe_in")
    before = [line.sharpe_in for line in out.top if line.sharpe_in is not None]
    assert before == sorted(before, reverse=True)
    assert out.top[0].values == out.values
    assert max(v for cells in out.surface.cells for v in cells if v is not None) == round(before[0], 4)


def test_what_came_of_a_sweep_before_it_said_by_what_is_read_as_it_was():
    old = b'{"values":{"fast":"5"},"return_pct":1.5,"sharpe":0.5,"dsr":null,"overfitting":null}'
    assert msgspec.json.decode(old, type=SweepOutcome).by == "sharpe"


def test_what_happened_to_it_is_in_the_log_and_its_row_grows_from_there(desk):
    asked = request_sweep(desk, SMALL)
    row = run_requested_sweep(desk, asked.id)
    assert _kinds(desk, asked.id) == ["SweepRequested", "SweepStarted", "SweepFinished"]
    with desk.store.read() as connection:
        before = connection.execute(select(sweep_runs)).all()
    rebuild_projections(desk)
    with desk.store.read() as connection:
        assert connection.execute(select(sweep_runs)).all() == before
        assert list_sweep_runs(connection) == [row]


def test_how_far_it_is_is_told_now_and_then(desk, clock, monkeypatch):
    monkeypatch.setattr(running, "run_sweep", _telling(clock, steps=5, by=200))
    run = request_sweep(desk, SMALL).id
    with pytest.raises(KeyboardInterrupt):
        run_requested_sweep(desk, run)
    # A fifth of a second a step: the third and no other is half a second after the last that was told.
    assert _kinds(desk, run) == ["SweepRequested", "SweepStarted", "SweepAdvanced"]
    with desk.store.read() as connection:
        assert (find_sweep_run(connection, run).done, find_sweep_run(connection, run).status) == (3, "RUNNING")


def _telling(clock, steps, by):
    def run_nothing(*_, progress, **__):
        for done in range(steps):
            progress(done, 6)
            clock.move(by)
        raise KeyboardInterrupt

    return run_nothing


@pytest.mark.parametrize(
    ("request_", "problem", "words"),
    [
        (replace(SMALL, strategy="sma_crss"), NotFound, "Did you mean 'sma_cross'"),
        (replace(SMALL, values={"fats": (5, 10)}), NotFound, "fast"),
        (replace(SMALL, values={"fast": (5, -10)}), Invalid, "fast"),
        (replace(SMALL, values={"fast": (5,)}), Refused, "nothing to try"),
        (replace(SMALL, values={"fast": ()}), Invalid, "at least one value"),
        (replace(SMALL, values={"fast": tuple(range(10_001))}), Invalid, "at most 10,000 values"),
        (replace(SMALL, dataset="feedbeef"), NotFound, "dataset"),
        (
            replace(SMALL, count=20),
            Invalid,
            r"bars: expected more than the 51 that SmaCross\(fast=5, slow=50\) looks back, found 20",
        ),
        (replace(SMALL, count=100_000_000_000), Invalid, "count: expected a whole number from 1 to 5,000,000"),
        (replace(SMALL, count=0), Invalid, "count: expected a whole number from 1 to 5,000,000"),
        (replace(SMALL, timeframe="1d", count=4_000_000), Invalid, "at most 20,089 bars of 1d, for time begins in 1970"),
        (replace(SMALL, timeframe="7q"), Invalid, "timeframe: expected"),
        (replace(SMALL, symbol="NOPE"), NotFound, "no token 'NOPE'"),
        (SweepRequest("manual", {}, trials=5), Refused, "There is nothing to search: manual has no parameter"),
        (SweepRequest("buy_and_hold", {}, trials=5), Refused, "There is nothing to search: buy_and_hold has no parameter"),
        (SweepRequest("sma_cross", {"fast": (50, 60), "slow": (10, 20)}, trials=5), Refused, "left to try: fast: expected fewer"),
        (
            SweepRequest("sma_cross", {"slow": (200,)}, trials=5, count=101),
            Refused,
            "left to try: bars: expected more than the 201",
        ),
        (SweepRequest("sma_cross", {}, trials=5, count=4), Refused, "nothing is left to try: bars: expected more than"),
        (replace(SMALL, trials=100_001), Invalid, "trials: expected a whole number from 1 to 100000"),
    ],
)
def test_a_request_that_cannot_be_run_is_refused_before_it_is_written_down(desk, request_, problem, words):
    with pytest.raises(problem, match=words):
        request_sweep(desk, request_)
    with desk.store.read() as connection:
        assert list_sweep_runs(connection) == []


@pytest.mark.parametrize(
    "asked",
    [
        replace(SMALL, timeframe="1w", count=2_000),
        replace(SMALL, timeframe="1d", count=20_000),
        replace(SMALL, count=5_000_000 // 24),
        replace(SMALL, timeframe="1w", count=2_000, trials=5),
    ],
)
def test_no_bar_is_made_to_check_a_request(desk, asked, monkeypatch):
    def made(*_, **__):
        raise AssertionError("no bars are needed to know whether a request can be run")

    monkeypatch.setattr("workbench.sources.simulated.Simulated.bars", made)
    monkeypatch.setattr("workbench.actions.request_sweep.dataset_bars", made)
    assert request_sweep(desk, asked).status == "WAITING"


def test_a_search_is_taken_where_few_of_its_draws_can_run_and_then_it_does_run(desk):
    row = request_sweep(desk, SweepRequest("sma_cross", {}, trials=3, count=200))
    assert run_requested_sweep(desk, row.id).done == 3


def test_a_sweep_that_waits_is_cancelled_at_once(desk):
    run = request_sweep(desk, SMALL).id
    assert cancel_sweep(desk, run[:8]).status == "CANCELLED"
    assert run_requested_sweep(desk, run).status == "CANCELLED"
    with pytest.raises(Conflict, match="it is CANCELLED"):
        cancel_sweep(desk, run)


def test_a_sweep_that_runs_ends_where_it_is_cancelled_and_another_one_goes_on_from_there(desk, monkeypatch):
    run = request_sweep(desk, SMALL).id
    whole = running.run_sweep

    def cancelled_on_the_way(*given, progress, **options):
        def tell(done, total):
            if done:
                cancel_sweep(desk, run)
            progress(done, total)

        return whole(*given, progress=tell, **options)

    monkeypatch.setattr(running, "run_sweep", cancelled_on_the_way)
    row = run_requested_sweep(desk, run)
    assert row.status == "CANCELLED"
    assert row.done > 0
    with desk.store.read() as connection:
        assert len(connection.execute(select(trials)).all()) == row.done
    monkeypatch.setattr(running, "run_sweep", whole)
    assert run_requested_sweep(desk, request_sweep(desk, SMALL).id).read == row.done


def test_a_sweep_whose_process_was_lost_is_found_again(desk):
    run = request_sweep(desk, SMALL).id
    tell_of_sweep(desk, run, SweepStarted(6))
    with desk.store.read() as connection:
        assert next_sweep_run(connection) == run
    assert run_requested_sweep(desk, run).status == "FINISHED"


def test_a_sweep_that_was_to_end_when_its_process_was_lost_ends(desk):
    run = request_sweep(desk, SMALL).id
    tell_of_sweep(desk, run, SweepStarted(6))
    tell_of_sweep(desk, run, SweepCancelRequested())
    assert run_requested_sweep(desk, run).status == "CANCELLED"


def test_one_is_run_at_a_time(desk):
    run = request_sweep(desk, SMALL).id
    held = sqlite3.connect(desk.settings.home / "research.lock", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Conflict, match="One sweep is run at a time, but another process runs one"):
        run_requested_sweep(desk, run)

    class EndsWhenItIsWaitedFor(threading.Event):
        def wait(self, timeout=None):
            held.close()
            return False

    assert run_waiting_sweeps(desk, EndsWhenItIsWaitedFor()) == 1
    with desk.store.read() as connection:
        assert find_sweep_run(connection, run).status == "FINISHED"


def test_a_worker_that_ends_leaves_what_runs_to_the_next_one(desk):
    run = request_sweep(desk, replace(SMALL, count=20_000)).id
    ending = threading.Event()

    class EndsOnceItRuns(threading.Event):
        def is_set(self):
            with desk.store.read() as connection:
                return ending.is_set() or find_sweep_run(connection, run).status != "WAITING"

    assert run_waiting_sweeps(desk, EndsOnceItRuns()) == 0
    assert run_requested_sweep(desk, run).status == "FINISHED"


def test_the_job_runs_what_waits_in_processes_of_their_own(desk):
    runs = [request_sweep(desk, SMALL).id, request_sweep(desk, replace(SMALL, symbol="AERO")).id]
    jobs.bind(desk)
    jobs.queue.immediate = True
    try:
        jobs.run_sweeps()
    finally:
        jobs.queue.immediate = False
        jobs._bound.clear()
    with desk.store.read() as connection:
        assert [find_sweep_run(connection, run).status for run in runs] == ["FINISHED", "FINISHED"]


def test_a_strategy_that_breaks_is_told_with_what_it_raised(desk, monkeypatch):
    def breaks(*_, **__):
        raise ZeroDivisionError("by a volume of nothing")

    monkeypatch.setattr(running, "run_sweep", breaks)
    run = request_sweep(desk, SMALL).id
    with pytest.raises(ZeroDivisionError):
        run_requested_sweep(desk, run)
    with desk.store.read() as connection:
        assert find_sweep_run(connection, run).problem == "ZeroDivisionError: by a volume of nothing"


def test_a_sweep_that_is_cancelled_just_as_a_worker_takes_it_up_stays_cancelled(desk, monkeypatch):
    run, whole = request_sweep(desk, SMALL).id, running.run_sweep

    def cancelled_before_it_begins(*given, **options):
        cancel_sweep(desk, run)
        return whole(*given, **options)

    monkeypatch.setattr(running, "run_sweep", cancelled_before_it_begins)
    assert run_requested_sweep(desk, run).status == "CANCELLED"
    assert _kinds(desk, run) == ["SweepRequested", "SweepCancelled"]
    with desk.store.read() as connection:
        assert connection.execute(select(trials)).all() == []


def test_a_sweep_that_is_cancelled_once_its_last_trial_is_done_ends_once(desk, monkeypatch):
    run, whole = request_sweep(desk, SMALL).id, running.run_sweep

    def cancelled_at_the_end(*given, **options):
        swept = whole(*given, **options)
        cancel_sweep(desk, run)
        return swept

    monkeypatch.setattr(running, "run_sweep", cancelled_at_the_end)
    assert run_requested_sweep(desk, run).status == "FINISHED"
    with pytest.raises(Conflict, match="it is FINISHED"):
        cancel_sweep(desk, run)
    with desk.store.read() as connection:
        assert next_sweep_run(connection) is None


def test_a_process_that_dies_is_told_as_a_failure_and_does_not_hold_up_the_next(desk, monkeypatch):
    run = request_sweep(desk, SMALL).id
    monkeypatch.setattr(running, "_run_in_process", lambda *_: -9)
    assert run_waiting_sweeps(desk, threading.Event()) == 1
    with desk.store.read() as connection:
        row = find_sweep_run(connection, run)
    assert row.status == "FAILED"
    assert "found that it ended with code -9" in row.problem


PEEKING = """
from typing import Annotated

import numpy as np

from workbench.engine.strategy import Candles, Param, Signals, SignalStrategy


class Peeking(SignalStrategy, frozen=True):
    wait: Annotated[int, Param(1, 9, 1, "Wait", "Bars.", "bars")] = 1

    @property
    def lookback(self) -> int:
        return self.wait + 1

    def signals(self, bars: Candles) -> Signals:
        ahead = np.append(bars.close[1:], bars.close[-1])
        rises = ahead > bars.close
        return Signals(rises, ~rises, np.full(len(rises), 50.0), np.zeros(len(rises)), {"ahead": ahead})

    def because(self, factors):
        return "the next close is higher"
"""


def test_a_strategy_of_ones_own_that_looks_ahead_fails_with_its_sentence_and_stores_no_trial(desk):
    folder = desk.settings.strategies_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peeking.py").write_text(PEEKING)
    row = run_requested_sweep(desk, request_sweep(desk, SweepRequest("peeking", {"wait": (1, 2, 3)}, count=900)).id)
    assert row.status == "FAILED"
    assert "looks ahead" in row.problem
    with desk.store.read() as connection:
        assert connection.execute(select(trials)).all() == []


def test_a_sweep_that_is_cancelled_between_the_look_and_the_word_has_not_begun(desk, monkeypatch):
    run = request_sweep(desk, SMALL).id
    look = requesting.find_sweep_run

    def cancelled_beside(connection, id_):
        row = look(connection, id_)
        # Whoever would cancel it now has to wait until the word is written: the store has one writer.
        assert sweeps_may_not_be_written(desk)
        return row

    monkeypatch.setattr(requesting, "find_sweep_run", cancelled_beside)
    assert tell_of_going_sweep(desk, run, SweepStarted(6))
    cancel_sweep(desk, run)
    assert not tell_of_going_sweep(desk, run, SweepAdvanced(3, 6))
    assert _kinds(desk, run) == ["SweepRequested", "SweepStarted", "SweepCancelRequested"]


def sweeps_may_not_be_written(desk):
    other = sqlite3.connect(desk.settings.database_path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


SLOW = PEEKING.replace("class Peeking", "class Slow").replace("np.append(bars.close[1:], bars.close[-1])", "bars.close * 1.01")


def slow(desk, before):
    folder = desk.settings.strategies_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slow.py").write_text(SLOW.replace("        ahead =", f"        {before}\n        ahead ="))
    return SweepRequest("slow", {"wait": tuple(range(1, 10))}, count=600)


def test_it_is_told_that_it_runs_before_it_is_looked_for_the_future(desk, monkeypatch):
    run = request_sweep(desk, SMALL).id
    seen = []
    monkeypatch.setattr(sweeping, "refuse_look_ahead", lambda *_, between: seen.extend(_kinds(desk, run)))
    assert run_requested_sweep(desk, run).status == "FINISHED"
    assert seen == ["SweepRequested", "SweepStarted"]


def test_a_sweep_that_is_cancelled_while_it_is_looked_for_the_future_ends_there(desk, monkeypatch):
    run = request_sweep(desk, SMALL).id
    look, looks = sweeping.refuse_look_ahead, []

    def cancelled(*given, between):
        def once_more():
            looks.append(between)
            if len(looks) == 3:
                cancel_sweep(desk, run)
            between()

        look(*given, between=once_more)

    monkeypatch.setattr(sweeping, "refuse_look_ahead", cancelled)
    monkeypatch.setattr(sweeping, "TELL_SECONDS", 0.0)
    assert run_requested_sweep(desk, run).status == "CANCELLED"
    assert len(looks) == 3


def test_trials_that_take_long_are_stored_as_they_are_done_and_those_left_are_dropped_once_it_is_cancelled(desk, monkeypatch):
    request = slow(desk, "import time; time.sleep(0.06)")
    monkeypatch.setattr(sweeping, "refuse_look_ahead", lambda *_, between: None)
    monkeypatch.setattr(trials_module, "STORE_SECONDS", 0.0)
    monkeypatch.setattr(trials_module.os, "cpu_count", lambda: 1)
    run = request_sweep(desk, request).id
    whole = running.run_sweep

    def cancelled_after_two(*given, progress, **options):
        def tell(done, total):
            if done == 2:
                cancel_sweep(desk, run)
            progress(done, total)

        return whole(*given, progress=tell, **options)

    monkeypatch.setattr(running, "run_sweep", cancelled_after_two)
    calls = []
    monkeypatch.setattr(trials_module, "tally_of", lambda *given: calls.append(given) or tally_of(*given))
    row = run_requested_sweep(desk, run)
    assert (row.status, row.done) == ("CANCELLED", 2)
    with desk.store.read() as connection:
        assert len(connection.execute(select(trials)).all()) == 2
    # The one that the thread had begun by then, and no other.
    assert len(calls) <= 4


def test_a_strategy_that_ends_the_process_fails_its_sweep_by_name(desk, monkeypatch):
    request = slow(desk, "pass")
    run = request_sweep(desk, request).id
    slow(desk, "raise SystemExit('not today')")
    row = run_requested_sweep(desk, run)
    assert (row.status, row.problem) == ("FAILED", "SystemExit: not today")
