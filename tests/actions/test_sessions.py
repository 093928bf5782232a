"""A session from request to verdict, on real SQLite, in one process."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

import workbench as wb
from tests.make import HOUR, START, Clock, bar, reading, wandering
from tests.make import state as fresh_state
from workbench.actions.advance_session import advance_session
from workbench.actions.import_dataset import import_dataset
from workbench.actions.open_account import default_account
from workbench.actions.rebuild_projections import rebuild_projections
from workbench.actions.request_sweep import request_sweep
from workbench.actions.revive_sessions import due_sessions
from workbench.actions.run_session import run_session
from workbench.actions.send_command import send_command
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.actions.verify_session import verify_session
from workbench.desk import open_desk
from workbench.domain import commands as c
from workbench.domain.bars import Slice
from workbench.domain.config import DEFAULT_CONFIGURATION, DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.orders import OrderType, Side
from workbench.domain.sessions import SessionRequest
from workbench.domain.sweeps import SweepRequest
from workbench.engine.step import step
from workbench.errors import Conflict, Invalid, LogBroken, NotFound, SourceUnavailable
from workbench.sources.simulated import Simulated
from workbench.store import lines, reads, recorded
from workbench.store import tables as t
from workbench.store.log import append
from workbench.store.program_runs import program_runs
from workbench.store.projections import Projector
from workbench.store.thoughts import newest_thoughts

QUICK = StrategyConfiguration(strategy="sma_cross", parameters={"fast": 5, "slow": 15}, stop_loss_pct=3, size_pct=30)
COSTS = ExchangeCosts(fee_bps=10, half_spread_bps=2, gas="0.05")


def replay(desk, bars, **fields):
    dataset = import_dataset(desk, bars)
    return SessionRequest(mode="replay", dataset=dataset.id, configuration=QUICK, costs=COSTS, **fields)


def tables(desk):
    with desk.store.read() as connection:
        return {table.name: reads.table_rows(connection, table) for table in t.PROJECTIONS}


def test_a_replay_gives_the_digest_of_the_backtest_and_verifies(desk):
    bars = wandering(1500)
    row = run_session(desk, replay(desk, bars))
    result = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 15}, configuration=QUICK, costs=COSTS)
    assert row.status == "COMPLETED"
    assert row.ledger_digest == result.digest
    assert row.equity == result.final_equity
    assert row.trades == result.stats["fills"] > 20
    verdict = verify_session(desk, row.id)
    assert verdict.identical
    assert verdict.digest == result.digest
    assert str(verdict).startswith("identical, ")


def test_a_real_file_replays_to_its_golden_digest(desk, market, golden):
    bars = wb.read_bars(market / "uniswap-pool-1h-2021-2022.parquet", symbol="POOL/USD", timeframe="1h")
    plain = StrategyConfiguration(strategy="sma_cross", parameters={"fast": 20, "slow": 100})
    request = SessionRequest(
        mode="replay", dataset=import_dataset(desk, bars).id, configuration=plain, costs=ExchangeCosts(fee_bps=10)
    )
    assert run_session(desk, request).ledger_digest == golden["uniswap-pool-1h-2021-2022.parquet"]["plain"]


def test_the_same_file_imported_twice_is_one_dataset(desk):
    assert import_dataset(desk, wandering(50)).id == import_dataset(desk, wandering(50), "again").id
    assert import_dataset(desk, wandering(51)).id != import_dataset(desk, wandering(50)).id


def live(desk, **fields):
    values = {n: getattr(DEFAULT_CONFIGURATION, n) for n in DEFAULT_CONFIGURATION.__struct_fields__}
    quick = StrategyConfiguration(**{**values, "parameters": {"fast": 2, "slow": 4}})
    request = SessionRequest(configuration=quick, costs=DEFAULT_COSTS, symbols=("WETH", "AERO"), **fields)
    return start_session(desk, default_account(desk), request)


def go(desk, clock: Clock, session, bars):
    for _ in range(bars):
        clock.move(5_000)
        advance_session(desk, session)


def test_a_live_session_trades_bar_by_bar_and_verifies(desk, clock):
    row = live(desk)
    assert row.status == "STARTING"
    assert advance_session(desk, row.id).steps == 0
    go(desk, clock, row.id, 40)
    with desk.store.read() as connection:
        going = reads.session(connection, row.id)
        assert (going.status, going.steps) == ("RUNNING", 40)
        assert reads.trades(connection, row.account)
        assert {thought.symbol for thought in newest_thoughts(connection, row.account, row.id, 1).latest} == {"WETH", "AERO"}
        assert all(thought.reason for thought in newest_thoughts(connection, row.account, row.id, 1).latest)
    stop_session(desk, row.account, "enough")
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).status == "STOPPED"
    assert verify_session(desk, row.id).identical


def test_a_missed_stretch_is_traded_on_return_and_marked_late(desk, clock):
    row = live(desk)
    advance_session(desk, row.id)
    go(desk, clock, row.id, 5)
    clock.move(5_000 * 60)
    advance_session(desk, row.id, budget_seconds=60)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).steps == 65
        late = [event.event.late for event in reads.events_after(connection, 0, 5000, ["EquityMarked"])]
    assert late.count(True) >= 58
    assert late[-1] is False
    assert verify_session(desk, row.id).identical


def test_a_session_taken_up_by_another_process_goes_on_as_if_nothing_had_happened(desk, clock):
    uninterrupted = live(desk)
    advance_session(desk, uninterrupted.id)
    go(desk, clock, uninterrupted.id, 50)
    with open_desk(":memory:", clock=Clock()) as other:
        again = live(other)
        advance_session(other, again.id)
        for _ in range(50):
            other.clock.move(5_000)
            other.runners.clear()
            advance_session(other, again.id)
        for one, row in ((desk, uninterrupted), (other, again)):
            stop_session(one, row.account)
            advance_session(one, row.id)
        with desk.store.read() as mine, other.store.read() as theirs:
            assert reads.session(mine, uninterrupted.id).ledger_digest == reads.session(theirs, again.id).ledger_digest


class Lagging(Simulated):
    """A market whose AERO comes some milliseconds after its bar has closed, and at first has a hole in its history."""

    def __init__(self, clock, lag, hole):
        super().__init__()
        self.clock, self.lag, self.hole = clock, lag, hole

    def bars(self, instrument, timeframe, start, end):
        found = super().bars(instrument, timeframe, start, end)
        if instrument.symbol != "AERO":
            return found
        there = found.ts + 5_000 + self.lag <= self.clock()
        return found[there & ~np.isin(found.ts, self.hole)]


def lagging_session(desk, clock, lag=0, hole=()):
    desk._sources["simulated"] = source = Lagging(clock, lag, hole)
    row = live(desk)
    advance_session(desk, row.id)
    return source, row


def somebody_else_fetches(desk, clock):
    """Record the stragglers, and what was missing of the history."""
    with desk.store.write() as connection:
        for instrument in desk.source("simulated").instruments():
            series = Simulated().bars(instrument, "5s", clock.now - 400 * 5_000, clock.now)
            recorded.record(connection, recorded.series_id(connection, "simulated", instrument, "5s"), series, desk.at)


def marks_of(desk, session):
    with desk.store.read() as connection:
        rows = reads.events_after(connection, 0, 5000, ["EquityMarked"])
    return [row.event for row in rows if row.stream == session]


def test_a_slice_waits_a_little_for_stragglers_and_then_goes_on_without_them(desk, clock):
    source, row = lagging_session(desk, clock, lag=1_000)
    clock.move(5_000)
    assert advance_session(desk, row.id).steps == 0
    clock.move(1_000)
    assert advance_session(desk, row.id).steps == 1
    assert marks_of(desk, row.id)[-1].absent == ()
    source.lag = 4_000
    clock.move(4_000)
    assert advance_session(desk, row.id).steps == 0
    clock.move(1_250)
    assert advance_session(desk, row.id).steps == 1
    assert marks_of(desk, row.id)[-1].absent == (1,)


def test_bars_that_come_after_their_slice_are_not_part_of_what_the_session_saw(desk, clock):
    """Neither after a restart, nor for verify: a hole that is filled later stays a hole for those who met it."""
    wrote = []
    for restarts in (False, True):
        with open_desk(":memory:", clock=(clock := Clock())) as desk:
            source, row = lagging_session(desk, clock, hole=np.arange(clock.now - 40 * 5_000, clock.now, 15_000))
            for i in range(60):
                source.lag = 4_000 if i % 3 == 0 else 0
                clock.move(5_000)
                if restarts:
                    desk.runners.clear()
                advance_session(desk, row.id)
                clock.move(1_250)
                advance_session(desk, row.id)
                clock.move(-1_250)
                somebody_else_fetches(desk, clock)
            absent = [mark.absent for mark in marks_of(desk, row.id)]
            stop_session(desk, row.account)
            advance_session(desk, row.id)
            assert absent.count((1,)) == 20
            assert verify_session(desk, row.id).identical
            with desk.store.read() as connection:
                assert reads.session(connection, row.id).trades > 0
                kinds = ["ThoughtRecorded", "OrderFilled", "EquityMarked"]
                wrote.append([event.body for event in reads.events_after(connection, 0, 5000, kinds)])
    assert wrote[0] == wrote[1]


def every_command(key):
    """What is asked after so many steps; a function is told the number of the newest resting order of a kind."""
    configuration = msgspec.structs.replace(QUICK, parameters={"fast": 3, "slow": 9}, take_profit_pct=None)
    limit = {"type": OrderType.LIMIT, "limit_price": "0.5"}
    far = c.PlaceOrder(key, Side.SELL, quantity="0.01", type=OrderType.LIMIT, limit_price="99999")
    near = c.PlaceOrder(key, Side.SELL, quantity="0.01", type=OrderType.STOP, stop_price="0.01")
    trail = c.PlaceOrder(key, Side.SELL, quantity="0.01", type=OrderType.TRAILING_STOP, trail_pct="2", reduce_only=True)
    return [
        (3, c.Deposit("500.25")),
        (5, c.PlaceOrder(key, Side.BUY, amount="250", stop_loss="0.02")),
        (9, c.PlaceOrder(key, Side.BUY, amount="10")),
        (9, lambda number: c.CancelOrder(number("market"))),
        (12, c.StartProgram("dca", key, {"amount": 100, "interval_hours": 1})),
        (12, c.PlaceOrder(key, Side.BUY, amount="20", **limit)),
        (14, lambda number: c.AmendOrder(number("limit"), limit_price="0.6")),
        (16, lambda number: c.CancelOrder(number("limit"))),
        (17, lambda number: c.CancelOrder(number("stop"))),
        (18, c.PlaceOco(far, near)),
        (19, trail),
        (17, c.StartProgram("twap", key, {"quantity": "0.02", "slices": 4, "window_hours": "0.01"})),
        (19, c.PauseProgram(2)),
        (20, c.ResumeProgram(2)),
        (20, c.CancelProgram(1, sell=True)),
        (20, c.PauseProgram(7)),
        (20, c.Pause()),
        (40, c.Resume()),
        (45, c.Resume()),
        (50, c.StartProgram("spot", key, {"quantity": "0.01"})),
        (60, c.ForceExit()),
        (70, c.Withdraw("100")),
        (80, c.ChangeConfiguration(configuration)),
        (90, c.Halt()),
        (95, c.Resume()),
        (100, c.ResetBreaker("volatility")),
        (105, c.StartProgram("grid", key, {"lower": "0.5", "upper": "90000", "levels": 3, "amount_per_level": 20})),
        (110, c.Stop("done", close_positions=True)),
    ]


def resting_order(desk, kind):
    wanted = (t.orders.c.status.in_(("open", "triggered")), t.orders.c.reason.in_(("manual", "stop_loss")), t.orders.c.type == kind)
    with desk.store.read() as connection:
        return connection.execute(select(t.orders.c.number).where(*wanted).order_by(t.orders.c.number.desc())).scalars().first()


def test_a_session_with_every_kind_of_command_refolds_to_the_same_digest(desk, clock):
    # A strategy that never sells by itself, so that what a person asked for is still there when it is to be changed.
    plan = StrategyConfiguration(strategy="buy_and_hold", size_pct=20, volatility_pct="0.01", breaker_minutes=None)
    request = SessionRequest(configuration=plan, costs=DEFAULT_COSTS, symbols=("WETH", "AERO"))
    row = start_session(desk, default_account(desk), request)
    advance_session(desk, row.id)
    weth = desk.source("simulated").instruments()[0].key
    planned = every_command(weth)
    sent = set()
    for steps in range(1, 112):
        clock.move(5_000)
        advance_session(desk, row.id)
        for after, command in planned:
            if after == steps:
                asked = command(lambda kind: resting_order(desk, kind)) if callable(command) else command
                send_command(desk, row.id, asked)
                sent.add(type(asked))
                advance_session(desk, row.id)
    assert sent == set(c.Command.__args__)
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
        kinds = {event.kind for event in reads.events_after(connection, 0, 10_000)}
    assert (ended.status, ended.error) == ("STOPPED", "")
    assert {
        "Deposited",
        "Withdrawn",
        "SessionPaused",
        "SessionResumed",
        "ConfigurationChanged",
        "OrderAmended",
        "OrderCancelled",
        "StopMoved",
        "BreakerTripped",
        "BreakerClosed",
        "SessionHalted",
        "CommandRefused",
        "ProgramStarted",
        "ProgramAdvanced",
        "ProgramPaused",
        "ProgramResumed",
        "ProgramEnded",
    } <= kinds
    verdict = verify_session(desk, row.id)
    assert verdict.identical, str(verdict)
    assert verdict.digest == ended.ledger_digest
    with desk.store.read() as connection:
        runs = [(run.run.program, run.run.status.value, run.run.fills) for run in program_runs(connection, row.account)]
    assert runs == [("grid", "CANCELLED", 0), ("spot", "COMPLETED", 1), ("twap", "COMPLETED", 4), ("dca", "CANCELLED", 0)]
    before = tables(desk)
    rebuild_projections(desk)
    assert tables(desk) == before


def test_projections_dropped_and_rebuilt_from_the_log_are_the_same(desk, clock):
    run_session(desk, replay(desk, wandering(600)))
    row = live(desk)
    advance_session(desk, row.id)
    go(desk, clock, row.id, 30)
    request_sweep(desk, SweepRequest("sma_cross", {"fast": (5, 10)}, count=900))
    before = tables(desk)
    assert all(rows for name, rows in before.items() if name not in ("breakers", "program_runs", "paper_trading_configs"))
    rebuild_projections(desk)
    assert tables(desk) == before


def test_a_log_that_was_tampered_with_is_found(desk):
    row = run_session(desk, replay(desk, wandering(300)))
    with desk.store.write() as connection:
        body = connection.execute(select(t.events.c.body).where(t.events.c.stream == row.id, t.events.c.seq == 40)).scalar_one()
        connection.execute(update(t.events).where(t.events.c.stream == row.id, t.events.c.seq == 40).values(body=body + " "))
    with pytest.raises(LogBroken, match="damaged at event 40"):
        verify_session(desk, row.id)


def test_bars_that_were_changed_afterwards_are_found_with_the_first_event_that_differs(desk):
    row = run_session(desk, replay(desk, wandering(300)))
    with desk.store.write() as connection:
        third = connection.execute(select(t.bars.c.ts).order_by(t.bars.c.ts).offset(150).limit(1)).scalar_one()
        connection.execute(update(t.bars).where(t.bars.c.ts == third).values(close=t.bars.c.close + 1))
    verdict = verify_session(desk, row.id)
    assert not verdict.identical
    assert verdict.seq is not None
    assert verdict.expected != verdict.found
    assert "different at event" in str(verdict)


def test_an_account_has_one_running_session_at_most(desk):
    live(desk)
    with pytest.raises(Conflict, match="one running session at most"):
        live(desk)


def test_a_stop_with_nothing_running_is_not_found_and_a_second_one_a_conflict(desk):
    account = default_account(desk)
    with pytest.raises(NotFound, match="running session of account 'default'"):
        stop_session(desk, account)
    live(desk)
    stop_session(desk, account)
    with pytest.raises(Conflict, match="is STOPPING"):
        stop_session(desk, account)


class NoPrices(Simulated):
    """A market that is out of reach."""

    def bars(self, *_):
        raise SourceUnavailable("simulated", "the line is dead")


def test_a_session_whose_prices_cannot_be_had_waits_and_can_be_stopped(desk, clock):
    reachable = desk.source("simulated")
    row = live(desk)
    desk._sources["simulated"] = NoPrices()
    waiting = advance_session(desk, row.id)
    assert waiting.due == desk.now() + 2_000
    stop_session(desk, row.account, "no patience")
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
    assert (ended.status, ended.ended_because) == ("STOPPED", "no patience")
    desk._sources["simulated"] = reachable
    again = live(desk)
    advance_session(desk, again.id)
    go(desk, clock, again.id, 3)
    desk._sources["simulated"] = NoPrices()
    clock.move(20_000)
    assert advance_session(desk, again.id).due == desk.now() + 2_000
    desk._sources["simulated"] = reachable
    clock.move(2_000)
    assert advance_session(desk, again.id).steps == 4
    before = tables(desk)
    rebuild_projections(desk)
    assert tables(desk) == before


class Interrupted(Simulated):
    """A market with a long history: somebody loses patience while the first token's is fetched."""

    def __init__(self, stop):
        super().__init__()
        self.stop, self.asked = stop, []

    def bars(self, instrument, timeframe, start, end):
        if not self.asked:
            self.stop()
        self.asked.append(instrument.symbol)
        return super().bars(instrument, timeframe, start, end)


def test_a_session_that_is_stopped_while_its_history_is_fetched_fetches_no_more_of_it(desk):
    row = live(desk)
    source = desk._sources["simulated"] = Interrupted(lambda: stop_session(desk, row.account, "no patience"))
    assert advance_session(desk, row.id).due == desk.now()
    assert source.asked == ["WETH"]
    assert advance_session(desk, row.id).due is None
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
    assert (ended.status, ended.ended_because) == ("STOPPED", "no patience")


def test_a_session_takes_over_positions_that_an_earlier_one_left_and_keeps_those_it_does_not_trade(desk, clock):
    first = start_session(
        desk, default_account(desk),
        SessionRequest(configuration=StrategyConfiguration(strategy="buy_and_hold"), costs=COSTS, symbols=("WETH", "AERO")),
    )  # fmt: skip
    advance_session(desk, first.id)
    go(desk, clock, first.id, 3)
    stop_session(desk, first.account)
    advance_session(desk, first.id)
    selling = StrategyConfiguration(strategy="buy_and_hold", max_hold_hours="0.001", max_positions=1)
    second = start_session(desk, first.account, SessionRequest(configuration=selling, costs=COSTS, symbols=("AERO", "DEGEN")))
    advance_session(desk, second.id)
    go(desk, clock, second.id, 4)
    stop_session(desk, first.account)
    advance_session(desk, second.id)
    with desk.store.read() as connection:
        book, _ = reads.account_book(connection, first.account)
        closed = reads.closed_positions(connection, first.account)
        assert [row.instrument.symbol for row in closed] == ["AERO"]
        assert {row.instrument.symbol for row in reads.positions(connection, first.account)} == {"WETH"}
        assert reads.account_row(connection, first.account).closed == 1
    book.check()
    assert verify_session(desk, first.id).identical
    assert verify_session(desk, second.id).identical
    before = tables(desk)
    rebuild_projections(desk)
    assert tables(desk) == before


def test_a_long_equity_line_is_thinned_evenly_and_keeps_its_newest_point(desk):
    row = run_session(desk, replay(desk, wandering(900)))
    with desk.store.read() as connection:
        whole = lines.equity(connection, row.account)
        thin = lines.equity(connection, row.account, limit=100)
        assert (len(whole), thin[-1]) == (900, whole[-1])
        assert 90 <= len(thin) <= 101
        assert set(thin) <= set(whole)
        later = lines.equity(connection, row.account, since=whole[450].ts)
        assert later == whole[450:]
        assert lines.equity(connection, row.account, session="another") == []


@pytest.mark.parametrize(
    ("fields", "error", "sentence"),
    [
        ({"configuration": StrategyConfiguration(strategy="smacross2")}, NotFound, "no strategy 'smacross2'"),
        ({"configuration": StrategyConfiguration(parameters={"fast": 1})}, Invalid, "fast: expected a whole number from 2 to 100"),
        ({"source": "simulatd"}, NotFound, "Did you mean 'simulated'"),
        ({"source": "candle_file"}, NotFound, "no live source 'candle_file'"),
        ({"symbols": ("WETHH",)}, NotFound, "Did you mean 'WETH'"),
        ({"timeframe": "7s"}, Invalid, "timeframe"),
        ({"timeframe": "25s"}, Invalid, "timeframe: expected 5s, 10s, 15s, 20s, 30s or whole minutes"),
        ({"timeframe": "1d"}, Invalid, "timeframe: expected at most 1h for a session on the simulated market, found '1d'"),
        ({"timeframe": "5200w"}, Invalid, "timeframe"),
        ({"timeframe": "soon"}, Invalid, "timeframe: expected a whole number and one of"),
        ({"mode": "replay"}, NotFound, "no dataset ''"),
        ({"mode": "replay", "dataset": "feed"}, NotFound, "no dataset 'feed'"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_and_leaves_nothing(desk, fields, error, sentence):
    account = default_account(desk)
    before = tables(desk)
    with pytest.raises(error) as refused:
        start_session(desk, account, SessionRequest(**fields))
    assert sentence in str(refused.value)
    assert tables(desk) == before


def test_a_session_ends_when_its_minutes_are_over(desk, clock):
    row = live(desk, runtime_minutes=1)
    advance_session(desk, row.id)
    go(desk, clock, row.id, 13)
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
    assert (ended.status, ended.ended_because) == ("COMPLETED", "its 1 minutes were over")
    assert verify_session(desk, row.id).identical


def test_the_runtime_ends_a_session_between_two_bars(desk, clock):
    row = live(desk, runtime_minutes=1, timeframe="15m")
    advance_session(desk, row.id)
    due = advance_session(desk, row.id).due
    assert due == desk.now() + 60_000
    clock.move(60_000)
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).ended_because == "its 1 minutes were over"


def test_a_session_that_was_down_when_its_runtime_ended_trades_the_bars_that_it_missed(clock):
    ended = []
    for missed in (False, True):
        clock.now = Clock().now
        with open_desk(":memory:", clock=clock) as desk:
            row = live(desk, runtime_minutes=1)
            advance_session(desk, row.id)
            for _ in range(3 if missed else 30):
                clock.move(5_000)
                advance_session(desk, row.id)
            if missed:
                desk.runners.clear()
                clock.move(600_000)
                for _ in range(10):
                    advance_session(desk, row.id)
            with desk.store.read() as connection:
                done = reads.session(connection, row.id)
            assert verify_session(desk, row.id).identical
            ended.append((done.status, done.steps, done.ledger_digest))
    assert ended[0] == ended[1]
    assert ended[0][:2] == ("COMPLETED", 12)


def test_a_replay_at_a_speed_keeps_to_the_clock(desk, clock):
    request = replay(desk, wandering(200), speed=3600.0)
    row = start_session(desk, None, request)
    advance_session(desk, row.id)
    clock.move(10_000)
    assert advance_session(desk, row.id).steps == 10
    assert advance_session(desk, row.id).steps == 0
    clock.move(500_000)
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).status == "COMPLETED"
    assert verify_session(desk, row.id).identical


def test_a_turn_that_was_overtaken_leaves_nothing(desk, clock):
    row = live(desk)
    advance_session(desk, row.id)
    stale = desk.runners[row.id]
    with desk.store.write() as connection:
        connection.execute(update(t.cursors).values(turn=7))
    clock.move(5_000)
    assert advance_session(desk, row.id, turn=1).steps == 0
    before = tables(desk)
    stale.turn = 7
    with desk.store.write() as connection:
        connection.execute(update(t.cursors).values(turn=8))
    assert tables(desk) == before


def test_a_session_that_breaks_stops_loudly_and_keeps_nothing_of_the_turn(desk, clock):
    row = live(desk)
    advance_session(desk, row.id)
    go(desk, clock, row.id, 3)
    runner = desk.runners[row.id]
    wrong = msgspec.structs.replace(runner.state.book, cash=runner.state.book.cash + 1)
    runner.state = msgspec.structs.replace(runner.state, book=wrong)
    send_command(desk, row.id, c.PlaceOrder(desk.source("simulated").instruments()[0].key, Side.BUY, amount="100"))
    clock.move(5_000)
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        broken = reads.session(connection, row.id)
    assert broken.status == "ERROR"
    assert "cash" in broken.error
    assert due_sessions(desk) == []


@pytest.mark.parametrize("gone", [1, 30])
def test_a_log_whose_end_is_gone_is_found(desk, gone):
    row = run_session(desk, replay(desk, wandering(300)))
    columns = t.events.c
    with desk.store.write() as connection:
        last = connection.execute(select(func.max(columns.seq)).where(columns.stream == row.id)).scalar_one()
        connection.execute(delete(t.events).where(columns.stream == row.id, columns.seq > last - gone))
    with pytest.raises(LogBroken, match="to where the session is"):
        verify_session(desk, row.id)


def test_a_row_that_was_edited_is_found(desk):
    row = run_session(desk, replay(desk, wandering(300)))
    with desk.store.write() as connection:
        connection.execute(update(t.trading_sessions).where(t.trading_sessions.c.id == row.id).values(ledger_digest="00"))
    verdict = verify_session(desk, row.id)
    assert not verdict.identical
    assert "the session's row was edited" in str(verdict)


@pytest.mark.parametrize("change", ["volume", "close"])
def test_bars_of_a_dataset_that_were_changed_are_found_and_named_as_the_cause(desk, change):
    row = run_session(desk, replay(desk, wandering(300)))
    value = t.bars.c.volume * 100 if change == "volume" else t.bars.c.low
    with desk.store.write() as connection:
        connection.execute(update(t.bars).values({change: value}))
    verdict = verify_session(desk, row.id)
    assert not verdict.identical
    assert verdict.cause.startswith("data revision")
    assert verdict.recorded_digest == row.ledger_digest


@pytest.mark.parametrize("configuration", [{"strategy": "nope"}, {"parameters": {"fast": 200, "slow": 4}}])
def test_a_configuration_that_cannot_be_traded_is_refused_before_it_is_recorded(desk, clock, configuration):
    row = live(desk)
    advance_session(desk, row.id)
    with pytest.raises((NotFound, Invalid)):
        send_command(desk, row.id, c.ChangeConfiguration(StrategyConfiguration(**configuration)))
    go(desk, clock, row.id, 2)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).status == "RUNNING"


# --- random commands and bars --------------------------------------------------------------------------------------------

BTC = fresh_state().plan.instruments[0].key
amounts = st.decimals("0.00000001", 3000, places=8)
orders = st.one_of(
    st.builds(c.PlaceOrder, st.just(BTC), st.just(Side.BUY), amount=amounts),
    st.builds(c.PlaceOrder, st.just(BTC), st.just(Side.SELL), quantity=st.decimals("0.00000001", 40, places=8)),
)
commands = st.one_of(
    orders,
    st.builds(c.Deposit, amounts),
    st.builds(c.Withdraw, amounts),
    st.builds(c.CancelOrder, st.integers(1, 20)),
    st.just(c.ForceExit()),
    st.just(c.Pause()),
    st.just(c.Resume()),
    st.builds(c.ChangeConfiguration, st.builds(StrategyConfiguration, stop_loss_pct=st.sampled_from([None, 2, 10]))),
)
moves = st.tuples(st.floats(0.7, 1.4), st.floats(1, 1.2), st.floats(0.8, 1), st.booleans(), st.booleans(), st.integers(1, 3))


@settings(max_examples=60)
@given(
    st.lists(st.one_of(moves, commands), min_size=5, max_size=40),
    st.sampled_from([ExchangeCosts(), COSTS, ExchangeCosts(500, 100, 50, "7")]),
)
def test_the_identity_is_exact_after_every_input_and_the_log_gives_the_same_projections(inputs, costs):
    state = fresh_state(costs=costs, stop_loss_pct=8, take_profit_pct=15, trailing_stop_pct=9, size_pct=60)
    price, ts, events = 100.0, START, []
    for given_input in inputs:
        if isinstance(given_input, tuple):
            change, up, down, enter, leave, gap = given_input
            before, price, ts = price, round(price * change, 6), ts + gap * HOUR
            high, low = round(max(before, price) * up, 6), round(min(before, price) * down, 6)
            stepped = step(state, Slice(ts, (bar(ts, before, high, low, price),)), [reading(enter, leave)])
        else:
            stepped = step(state, given_input)
        state, events = stepped.state, events + list(stepped.events)
        state.book.check()
        assert state.equity == state.book.equity(state.marks)
        assert state.book.cash >= 0
    projected = _projected(fresh_state(costs=costs), events)
    assert projected == state.book


def _projected(opening, events):
    """Write the events as a session's log would have them, project them, and return the book of the account's row."""
    from workbench.actions.open_account import open_account
    from workbench.domain.events import SessionRequested, SessionStarted

    with open_desk(":memory:", clock=Clock()) as desk:
        account = open_account(desk, "property", 10_000)
        first = [
            SessionRequested("s", account, SessionRequest()),
            SessionStarted("s", opening.plan, opening.book, {}, -1, {}, {}),
        ]
        with desk.store.write() as connection:
            projector = Projector(connection)
            projector.take(append(connection, "s", [*first, *events], desk.at))
            projector.flush()
        with desk.store.read() as connection:
            book, _ = reads.account_book(connection, account)
        rebuild_projections(desk)
        with desk.store.read() as connection:
            assert reads.account_book(connection, account)[0] == book
        return book


def traded(desk, session):
    with desk.store.read() as connection:
        return [(row.ts, row.price) for row in reads.trades(connection, reads.session(connection, session).account)]


@pytest.mark.parametrize("late", [0, 1, 2_500, 4_999])
def test_what_is_asked_while_a_bar_is_under_way_trades_at_the_next_one_to_open_and_not_at_the_open_that_is_past(desk, clock, late):
    manual = StrategyConfiguration(strategy="manual")
    clock.move(-(clock() % 5_000))
    row = start_session(desk, default_account(desk), SessionRequest(configuration=manual, symbols=("WETH",)))
    advance_session(desk, row.id)
    clock.move(5_000 + late)
    advance_session(desk, row.id)
    (weth,) = [each.key for each in desk.source("simulated").instruments() if each.symbol == "WETH"]
    asked = clock()
    send_command(desk, row.id, c.PlaceOrder(weth, Side.BUY, amount=Decimal(100)))
    for _ in range(4):
        advance_session(desk, row.id)
        clock.move(2_500)
    advance_session(desk, row.id)
    ((ts, _),) = traded(desk, row.id)
    assert asked <= ts < asked + 5_000


def test_what_is_asked_of_a_session_that_has_to_catch_up_trades_in_no_bar_that_was_over(desk, clock):
    manual = StrategyConfiguration(strategy="manual")
    row = start_session(desk, default_account(desk), SessionRequest(configuration=manual, symbols=("WETH",)))
    advance_session(desk, row.id)
    clock.move(3_600_000)
    (weth,) = [each.key for each in desk.source("simulated").instruments() if each.symbol == "WETH"]
    asked = clock()
    send_command(desk, row.id, c.PlaceOrder(weth, Side.BUY, amount=Decimal(100)))
    advance_session(desk, row.id, budget_seconds=60)
    assert traded(desk, row.id) == []
    clock.move(15_000)
    advance_session(desk, row.id, budget_seconds=60)
    ((ts, _),) = traded(desk, row.id)
    assert asked <= ts < asked + 5_000
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).cursor >= asked


def test_what_waits_for_a_bar_to_open_does_not_keep_the_session_awake(desk, clock):
    manual = StrategyConfiguration(strategy="manual")
    row = start_session(desk, default_account(desk), SessionRequest(configuration=manual, symbols=("WETH",)))
    advance_session(desk, row.id)
    clock.move(7_000 - clock() % 5_000)
    advance_session(desk, row.id)
    (weth,) = [each.key for each in desk.source("simulated").instruments() if each.symbol == "WETH"]
    send_command(desk, row.id, c.PlaceOrder(weth, Side.BUY, amount=Decimal(100)))
    assert advance_session(desk, row.id).due > clock()
    send_command(desk, row.id, c.Pause())
    assert advance_session(desk, row.id).turn > 0
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).status == "PAUSED", "what trades nothing is done at once"


def test_what_selling_at_the_end_cost_stands_in_the_equity_line_and_in_the_drawdown(desk, clock):
    holds = StrategyConfiguration(strategy="buy_and_hold", size_pct=50)
    row = start_session(desk, default_account(desk), SessionRequest(configuration=holds, symbols=("WETH",), costs=COSTS))
    advance_session(desk, row.id)
    for _ in range(4):
        clock.move(5_000)
        advance_session(desk, row.id)
    stop_session(desk, row.account, close_positions=True)
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        figures = reads.figures(connection, row.account, desk.now())
        line = lines.equity(connection, row.account)
        ended = reads.session(connection, row.id)
    assert line[-1].equity == figures.value == figures.cash == ended.equity
    assert (line[-1].ts, line[-1].cash) == (line[-2].ts, figures.cash)
    assert line[-1].equity < line[-2].equity
    assert figures.worst_drawdown == pytest.approx(figures.drawdown)
    assert figures.drawdown < 0
    rebuild_projections(desk)
    with desk.store.read() as connection:
        assert lines.equity(connection, row.account) == line
