"""Parity: one digest under backtest, sweep, replay and live session; and where two part, where and why."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from sqlalchemy import delete, func, select, update

import workbench as wb
from tests.make import Clock, wandering
from tests.test_shelf import write
from workbench.actions.advance_session import advance_session
from workbench.actions.import_dataset import import_dataset
from workbench.actions.run_session import run_session
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import Halt, Resume, Stop
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import ExchangeCosts
from workbench.domain.events import FIRST_DIGEST, log_digest
from workbench.domain.sessions import ProgramRequest, SessionRequest
from workbench.engine.series import BarSeries
from workbench.errors import Broken, Conflict, Invalid, LogBroken, NotFound
from workbench.sources import Source
from workbench.store import reads
from workbench.store import tables as t

RULES = {"stop_loss_pct": 4, "take_profit_pct": 9, "size_pct": 30}
COSTS = ExchangeCosts(fee_bps=10, half_spread_bps=2, slippage_bps=3, gas="0.05")
TRADED = StrategyConfiguration(strategy="sma_cross", parameters={"fast": 5, "slow": 15}, **RULES)
FILES = {
    "btcusdt-1h-2017-2023.parquet": ("BTC/USDT", "1h"),
    "ethusdt-1h-2017-2023.parquet": ("ETH/USDT", "1h"),
    "uniswap-pool-1h-2021-2022.parquet": ("POOL/USD", "1h"),
    "btc-perp-1m-2022-01.csv.gz": ("BTC/USDT", "1m"),
}


class Tape(Source):
    """A live source whose prices are a file's: bars are there once they have closed by the desk's clock."""

    is_live = True

    def __init__(self, series: BarSeries, clock: Clock) -> None:
        self.series, self.clock = series, clock

    def instruments(self):
        return [self.series.instrument]

    def bars(self, instrument, timeframe, start, end):
        return self.series.between(start, min(end, self.clock() - self.series.step + 1))

    def check_timeframe(self, timeframe):
        assert timeframe == self.series.timeframe


def live_session(desk, clock, bars, since, configuration=TRADED, costs=COSTS, *, programs=(), orders=None, stride=40):
    """Trade a tape live, from a bar on to its end, as a worker would; `orders` are commands by the stride after which they come."""
    desk._sources["tape"] = Tape(bars, clock)
    clock.now = int(bars.ts[since])
    request = SessionRequest(
        source="tape", symbols=(bars.instrument.symbol,), timeframe=bars.timeframe, configuration=configuration, costs=costs,
        programs=programs,
    )  # fmt: skip
    row = start_session(desk, None, request)
    advance_session(desk, row.id)
    strides = 0
    while clock.now < int(bars.ts[-1]) + bars.step + 5_000:
        clock.move(bars.step * stride)
        while advance_session(desk, row.id).steps:
            pass
        for command in (orders or {}).get(strides, ()):
            wb.send_command(desk, row.id, command)
        while advance_session(desk, row.id).steps:
            pass
        strides += 1
    with desk.store.read() as connection:
        if not reads.session(connection, row.id).is_active:
            return row.id
    stop_session(desk, row.account, "the tape has ended")
    advance_session(desk, row.id)
    return row.id


@pytest.mark.parametrize("name", FILES)
def test_backtest_sweep_replay_and_live_session_give_one_digest_on_real_candles(desk, clock, market, name):
    symbol, timeframe = FILES[name]
    bars = wb.read_bars(market / name, symbol=symbol, timeframe=timeframe)[-1600:]
    begin = 500
    options = {"fee_bps": 10, "half_spread_bps": 2, "slippage_bps": 3, "gas": "0.05", **RULES}
    compiled = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 15}, engine="kernel", **options)
    folded = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 15}, engine="step", **options)
    swept = wb.sweep("sma_cross", bars, fast=[3, 5], slow=[15, 30], desk=desk, progress=False, **options)
    place = next(i for i, one in enumerate(swept.frame.iter_rows(named=True)) if (one["fast"], one["slow"]) == (5, 15))
    row = swept.frame.row(place, named=True)
    request = SessionRequest(mode="replay", dataset=import_dataset(desk, bars).id, configuration=TRADED, costs=COSTS)
    replayed = run_session(desk, request)
    assert compiled.stats["trades"] > 20
    assert {compiled.digest, folded.digest, swept.backtest(place).digest, replayed.ledger_digest} == {compiled.digest}
    assert row["final_equity"] == float(compiled.final_equity)
    # A live session begins somewhere: the run that it is compared to begins there too, with the same history.
    session = live_session(desk, clock, bars, begin)
    since = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 15}, since=int(bars.ts[begin]), **options)
    with desk.store.read() as connection:
        live = reads.session(connection, session)
    assert live.steps == len(bars) - begin
    assert live.ledger_digest == since.digest == wb.tune_like(session, desk=desk).result.digest
    assert wb.parity(session, desk=desk).identical
    assert wb.parity(session, since, desk=desk).identical


@pytest.fixture
def session(desk, clock):
    return live_session(desk, clock, wandering(900, seed=2), 300)


@pytest.fixture
def bars():
    return wandering(900, seed=2)


def like(bars, **options):
    values = {"fee_bps": 10, "half_spread_bps": 2, "slippage_bps": 3, "gas": "0.05", **RULES, "since": int(bars.ts[300]), **options}
    parameters = values.pop("parameters", {"fast": 5, "slow": 15})
    return wb.backtest("sma_cross", bars, parameters=parameters, **values)


def revised(bars, place):
    close = bars.close.copy()
    close[place] = bars.low[place] if bars.close[place] != bars.low[place] else bars.high[place]
    prices = {"open": bars.open, "high": bars.high, "low": bars.low, "close": close}
    return BarSeries(bars.instrument, bars.timeframe, bars.ts, prices, bars.volume)


def test_a_backtest_of_the_same_is_identical_fill_by_fill(desk, session, bars):
    verdict = wb.parity(session, like(bars), desk=desk)
    assert verdict.identical
    assert str(verdict) == f"identical, {verdict.events:,} fills"
    assert verdict.events > 10


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            {"parameters": {"fast": 6, "slow": 15}},
            "parameters (the session went by sma_cross {'fast': 5, 'slow': 15}, the backtest by",
        ),
        ({"stop_loss_pct": 1}, "parameters (Stop loss: 4 % → 1 %: from the session to the backtest)"),
        ({"fee_bps": 20}, "cost model (fee_bps 10 → 20: from the session to the backtest)"),
        ({"costs": "pool", "half_spread_bps": None}, "cost model (ExchangeCosts → PoolCosts"),
        ({"cash": 5000}, "parameters (the session began with 10000"),
        ({"since": 330}, "warm-up (the backtest trades from another bar on)"),
    ],
)
def test_where_a_backtest_parts_from_a_session_the_first_fill_and_the_cause_are_named(desk, session, bars, change, cause):
    if change.get("costs") == "pool":
        result = wb.backtest("sma_cross", bars, parameters={"fast": 5, "slow": 15}, costs="pool", since=int(bars.ts[300]), **RULES)
    elif "since" in change:
        first = like(bars).filled[0].ts
        result = like(bars, since=first + bars.step)
    else:
        result = like(bars, **change)
    verdict = wb.parity(session, result, desk=desk)
    assert not verdict.identical
    assert verdict.cause.startswith(cause)
    assert verdict.seq == verdict.events + 1
    assert verdict.expected.startswith("OrderFilled {")
    assert "likely cause: " + verdict.cause in str(verdict)
    assert verdict.before and verdict.state and verdict.recorded_state  # noqa: PT018 - all three, whatever they hold


def test_other_prices_are_a_data_revision_and_another_history_a_warm_up(desk, session, bars):
    places = np.flatnonzero(np.isin(bars.ts, [fill.ts for fill in like(bars).filled]))
    for place in range(int(places[0]) - 1, int(places[0]) + 40):
        verdict = wb.parity(session, like(revised(bars, place)), desk=desk)
        if not verdict.identical:
            break
    assert verdict.cause == "data revision (bars of BTC/USDT up to there differ)"
    shorter = like(bars[290:], since=int(bars.ts[300]))
    verdict = wb.parity(session, shorter, desk=desk)
    if not verdict.identical:
        assert verdict.cause == "warm-up (the backtest has less history before its first bar)"


def test_where_one_of_them_ends_they_agree_so_far(desk, session, bars):
    fills = like(bars).filled
    shorter = wb.parity(session, like(bars, until=fills[8].ts), desk=desk)
    assert not shorter.identical
    assert shorter.seq == 9
    assert shorter.cause.startswith("data revision (they agree as far as both go: the backtest ends at 20")
    # What comes after the session's own bars is nothing that it could have done.
    longer = BarSeries.from_frame(wandering(1400, seed=2).frame, bars.instrument, "1h")
    assert longer[:900].close.tolist() == bars.close.tolist()
    longer = wb.parity(session, like(longer), desk=desk)
    assert not longer.identical
    assert longer.cause.startswith("data revision (they agree as far as both go")


def test_other_instruments_programs_and_volumes_are_told_as_such(desk, session, bars):
    other = wandering(900, seed=2, symbol="ETH/USDT")
    verdict = wb.parity(session, like(other), desk=desk)
    assert verdict.cause == "parameters (the session traded BTC/USDT, the backtest ETH/USDT)"
    programs = [wb.programs.Dca(amount=100)]
    assert (
        wb.parity(session, like(bars, programs=programs), desk=desk).cause
        == "parameters (the session had no program, the backtest dca)"
    )
    thinner = BarSeries(
        bars.instrument, bars.timeframe, bars.ts, {name: getattr(bars, name) for name in ("open", "high", "low", "close")},
        bars.volume / 2,
    )  # fmt: skip
    assert wb.parity(session, like(thinner), desk=desk).identical, "nothing here reads the volume"


def test_volume_that_costs_read_is_a_data_revision(desk, clock, bars):
    costs = ExchangeCosts(fee_bps=10, volume_impact_bps=50)
    session = live_session(desk, clock, bars, 300, costs=costs)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    thinner = BarSeries(bars.instrument, bars.timeframe, bars.ts, prices, bars.volume * 1_000_000)
    options = {"costs": costs, "since": int(bars.ts[300]), "parameters": {"fast": 5, "slow": 15}, **RULES}
    assert wb.parity(session, wb.backtest("sma_cross", bars, **options), desk=desk).identical
    verdict = wb.parity(session, wb.backtest("sma_cross", thinner, **options), desk=desk)
    assert verdict.cause == "data revision (volume or liquidity of BTC/USDT up to there differs)"


def test_a_command_is_a_cause_only_after_it_came(desk, clock, bars):
    desk._sources["tape"] = Tape(bars, clock)
    clock.now = int(bars.ts[300])
    request = SessionRequest(source="tape", symbols=("BTC/USDT",), timeframe="1h", configuration=TRADED, costs=COSTS)
    row = start_session(desk, None, request)
    advance_session(desk, row.id)

    def until(place):
        while clock.now < int(bars.ts[place]) + bars.step + 5_000:
            clock.move(bars.step * 20)
            while advance_session(desk, row.id).steps:
                pass

    until(700)
    wb.send_command(desk, row.id, wb.commands.Halt())
    until(890)
    own = like(bars)
    halted = wb.parity(row.id, own, desk=desk)
    assert halted.cause == "parameters (the session was given 1 command up to there that a backtest does not know)"
    places = np.flatnonzero(np.isin(bars.ts, [fill.ts for fill in own.filled]))
    for place in range(int(places[0]) - 1, int(places[0]) + 40):
        verdict = wb.parity(row.id, like(revised(bars, place)), desk=desk)
        if verdict.seq is not None and verdict.seq < halted.seq:
            break
    assert verdict.cause == "data revision (bars of BTC/USDT up to there differ)"


def test_an_edited_file_of_ones_own_is_the_cause(desk, clock, bars):
    path = write(desk)
    configuration = StrategyConfiguration(strategy="rising", parameters={"count": 1})
    session = live_session(desk, clock, bars, 300, configuration=configuration)
    options = {"costs": COSTS, "since": int(bars.ts[300]), "parameters": {"count": 1}}
    assert wb.parity(session, wb.backtest("rising", bars, **options), desk=desk).identical
    path.write_text(path.read_text().replace("~up", "up"))
    verdict = wb.parity(session, wb.backtest("rising", bars, **options), desk=desk)
    assert verdict.cause == "code (the file of rising is not what it was when the session began)"


@pytest.mark.parametrize("given", [(5,), ("x", 3), (None, None)])
def test_what_is_no_session_or_no_backtest_is_refused(desk, given):
    with pytest.raises(Invalid, match="expected a"):
        wb.parity(*given, desk=desk)
    for ask in (wb.tune_like, wb.backtest_like):
        with pytest.raises(Invalid, match="session: expected a session's id"):
            ask(3, desk=desk)


def test_tuning_like_a_session_begins_with_its_digest_and_moves_on_from_it(desk, session, bars):
    panel = wb.tune_like(session, desk=desk)
    assert panel.result.digest == like(bars).digest == wb.backtest_like(session, desk=desk).digest
    assert panel.sliders["fast"].value == 5
    assert panel.sliders["stop_loss_pct"].value == 4
    panel.sliders["stop_loss_pct"].value = 0
    assert panel.result.plan.configuration.stop_loss_pct is None
    panel.sliders["fast"].value = 8
    assert panel.result.digest == like(bars, stop_loss_pct=None, parameters={"fast": 8, "slow": 15}).digest


def test_a_session_that_found_a_book_is_tuned_with_that_book(desk, clock, bars):
    first = live_session(desk, clock, bars[:600], 300)
    with desk.store.read() as connection:
        account = reads.session(connection, first).account
    desk._sources["tape"] = Tape(bars, clock)
    request = SessionRequest(source="tape", symbols=("BTC/USDT",), timeframe="1h", configuration=TRADED, costs=COSTS)
    row = start_session(desk, account, request)
    advance_session(desk, row.id)
    clock.move(bars.step * 200)
    while advance_session(desk, row.id).steps:
        pass
    stop_session(desk, account, "enough")
    advance_session(desk, row.id)
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
    panel = wb.tune_like(row.id, desk=desk)
    assert panel.result.cash != Decimal(10_000)
    assert panel.result.digest == ended.ledger_digest


def test_a_session_that_is_not_there_or_has_seen_nothing_is_refused(desk, clock, bars):
    with pytest.raises(NotFound):
        wb.tune_like("nothing", desk=desk)
    desk._sources["tape"] = Tape(bars, clock)
    clock.now = int(bars.ts[300])
    request = SessionRequest(source="tape", symbols=("BTC/USDT",), timeframe="1h", configuration=TRADED, costs=COSTS)
    row = start_session(desk, None, request)
    with pytest.raises(Conflict, match="once it has taken a bar"):
        wb.tune_like(row.id, desk=desk)


# --- stores that were changed ----------------------------------------------------------------------------------------------


@pytest.fixture
def tape():
    return wandering(364, seed=2)


def change(desk, *statements):
    with desk.store.write() as connection:
        for statement in statements:
            connection.execute(statement)


def edit_body(desk, session, kind, old, new):
    """Edit the first event of a kind, and seal the log anew as a forger would."""
    columns, digest, done = t.events.c, FIRST_DIGEST, False
    with desk.store.write() as connection:
        for row in connection.execute(select(t.events).where(columns.stream == session).order_by(columns.seq)).all():
            body = row.body.replace(old, new) if row.kind == kind and not done else row.body
            done = done or row.kind == kind
            digest = log_digest(digest, row.kind, body.encode())
            connection.execute(update(t.events).where(columns.id == row.id).values(body=body, digest=digest))


def replayed(desk, bars):
    request = SessionRequest(mode="replay", dataset=import_dataset(desk, bars).id, configuration=TRADED, costs=COSTS)
    return run_session(desk, request).id


@pytest.mark.parametrize("stride", [1, 40])
def test_live_bars_that_were_changed_in_the_store_are_a_data_revision_however_late_they_came(desk, clock, tape, stride):
    session = live_session(desk, clock, tape, 300, stride=stride)
    change(
        desk,
        update(t.bars).where(t.bars.c.ts == int(tape.ts[340])).values(close=t.bars.c.close + 10**9, high=t.bars.c.high + 10**9),
    )
    assert wb.parity(session, desk=desk).cause == "data revision (the bars are not those that the session saw)"
    verdict = wb.parity(session, wb.backtest("manual", tape, since=int(tape.ts[300])), desk=desk)
    assert not verdict.identical
    for ask in (wb.backtest_like, wb.tune_like):
        with pytest.raises(Broken, match="saw cannot be had: expected those that it took in"):
            ask(session, desk=desk)


def test_a_backtest_beside_bars_that_were_changed_in_the_store_is_told_so(desk, clock, tape):
    session = live_session(desk, clock, tape, 300)
    own = wb.backtest_like(session, desk=desk)
    change(desk, update(t.bars).where(t.bars.c.ts == int(tape.ts[300])).values(volume=7))
    assert wb.parity(session, own, desk=desk).identical, "fills are those of the log"
    later = wb.backtest("sma_cross", tape, configuration=TRADED, parameters=TRADED.parameters, costs=COSTS, since=int(tape.ts[330]))
    assert wb.parity(session, later, desk=desk).cause.startswith("data revision (the bars that are stored are not those")


@pytest.mark.parametrize("what", ["series", "bars"])
def test_bars_that_are_gone_are_a_data_revision(desk, clock, tape, what):
    session = live_session(desk, clock, tape, 300)
    change(desk, delete(getattr(t, what)))
    assert wb.parity(session, desk=desk).cause.startswith("data revision")
    with pytest.raises(Broken, match="cannot be had"):
        wb.backtest_like(session, desk=desk)


def test_a_bar_that_is_gone_is_a_data_revision_even_where_a_hole_would_have_stopped_the_session(desk, clock, tape):
    careful = msgspec.structs.replace(TRADED, on_hole="raise")
    session = live_session(desk, clock, tape, 300, careful)
    assert wb.parity(session, desk=desk).identical
    change(desk, delete(t.bars).where(t.bars.c.ts == int(tape.ts[350])))
    assert wb.parity(session, desk=desk).cause.startswith("data revision (the bars are not those that the session saw)")


@pytest.mark.parametrize("gone", [True, False])
def test_another_history_before_the_first_bar_is_a_warm_up(desk, clock, tape, gone):
    session = live_session(desk, clock, tape, 300)
    before = t.bars.c.ts.between(int(tape.ts[294]), int(tape.ts[299]))
    change(desk, delete(t.bars).where(before) if gone else update(t.bars).where(before).values(close=t.bars.c.low))
    found = "now there are" if gone else "are not those that the session began with"
    verdict = wb.parity(session, desk=desk)
    assert verdict.cause.startswith("warm-up (the ")
    assert found in verdict.cause
    with pytest.raises(Broken, match="cannot be had"):
        wb.backtest_like(session, desk=desk)


def test_another_dataset_in_the_row_of_a_replay_is_a_data_revision(desk, tape):
    session, other = replayed(desk, tape), import_dataset(desk, wandering(364, seed=9)).id
    columns = t.trading_sessions.c
    with desk.store.read() as connection:
        request = connection.execute(select(columns.request).where(columns.id == session)).scalar_one()
    edited = msgspec.structs.replace(request, dataset=other)
    change(desk, update(t.trading_sessions).where(columns.id == session).values(request=edited))
    assert wb.parity(session, desk=desk).cause.startswith("data revision (the session began on the bars of dataset:")


def test_a_command_that_is_gone_is_a_missing_command(desk, clock, tape):
    session = live_session(desk, clock, tape, 300, orders={1: [Halt()], 2: [Resume()]}, stride=20)
    assert wb.parity(session, desk=desk).identical
    change(desk, delete(t.commands))
    assert wb.parity(session, desk=desk).cause == "missing command (the log has Halt after 40 slices, the store none more)"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [('"fast":5', '"fast":6', "parameters (the configuration"), ('"fee_bps":"10"', '"fee_bps":"20"', "cost model (the costs")],
)
def test_a_first_event_that_was_edited_no_longer_fits_its_fingerprint(desk, tape, old, new, cause):
    session = replayed(desk, tape)
    edit_body(desk, session, "SessionStarted", old, new)
    assert wb.parity(session, desk=desk).cause.startswith(f"{cause} that the log says it began with: expected ")
    assert wb.parity(session, wb.backtest_like(session, desk=desk), desk=desk).cause.startswith(cause)


def test_an_event_that_was_edited_and_sealed_anew_is_found_where_the_state_is_still_what_it_was(desk, tape):
    session = replayed(desk, tape)
    edit_body(desk, session, "OrderFilled", '"fee":"', '"fee":"1')
    with pytest.raises(LogBroken, match="the events that its inputs give, to where the session is, found OrderFilled, sealed anew"):
        wb.parity(session, desk=desk)


def test_a_thought_that_another_library_words_otherwise_is_left_to_the_platform_and_late_only_where_it_came_late(desk, clock, tape):
    for stride, cause in ((1, "platform"), (40, "lateness")):
        session = live_session(desk, clock, tape, 300, stride=stride)
        edit_body(desk, session, "ThoughtRecorded", '"reason":"', '"reason":"!')
        assert wb.parity(session, desk=desk).cause.startswith(cause)


def test_the_log_is_held_to_its_digests_wherever_a_session_is_compared(desk, tape):
    session = replayed(desk, tape)
    own = wb.backtest_like(session, desk=desk)
    mine = (t.events.c.stream == session, t.events.c.kind == "OrderFilled")
    change(desk, update(t.events).where(*mine).values(body=func.replace(t.events.c.body, '"buy"', '"sell"')))
    for ask in (wb.parity, wb.backtest_like, wb.tune_like, lambda *given, desk: wb.parity(*given, own, desk=desk)):
        with pytest.raises(LogBroken, match="damaged at event"):
            ask(session, desk=desk)


@pytest.mark.parametrize(
    ("broken", "error", "sentence"),
    [
        (lambda _: [delete(t.cursors)], Broken, "expected the state that its worker kept, found none"),
        (lambda _: [update(t.cursors).values(state="")], Broken, "the state that its worker kept, found what cannot be read"),
        (lambda _: [delete(t.events)], LogBroken, "event 1: expected that it was asked for, found no event at all"),
        (lambda _: [delete(t.events).where(t.events.c.seq > 1)], LogBroken, "expected that it began, found nothing more"),
        (lambda last: [delete(t.events).where(t.events.c.seq > last - 2)], LogBroken, "expected the event that ended it"),
    ],
)
def test_a_damaged_store_is_told_in_a_sentence(desk, clock, tape, broken, error, sentence):
    session = live_session(desk, clock, tape, 300)
    with desk.store.read() as connection:
        last = connection.execute(select(func.max(t.events.c.seq)).where(t.events.c.stream == session)).scalar_one()
    change(desk, *broken(last))
    for ask in (wb.parity, wb.backtest_like):
        with pytest.raises(error, match=sentence):
            ask(session, desk=desk)


def test_only_a_session_that_goes_on_has_no_digest_in_its_row(desk, tape):
    session = replayed(desk, tape)
    change(desk, update(t.trading_sessions).values(ledger_digest=""))
    verdict = wb.parity(session, desk=desk)
    assert not verdict.identical
    assert verdict.cause == "the session's row was edited: its digest is not that of its events"


def test_a_stop_that_sells_is_a_command_that_a_backtest_does_not_know(desk, clock, tape):
    session = live_session(desk, clock, tape, 300, orders={60: [Stop("enough", close_positions=True)]}, stride=1)
    like = wb.backtest_like(session, desk=desk)
    verdict = wb.parity(session, like, desk=desk)
    assert verdict.found == "no fill"
    assert verdict.cause == "parameters (the session was given 1 command up to there that a backtest does not know)"
    assert like.findings[0] == "The session was given what this does not repeat: Stop."
    assert wb.tune_like(session, desk=desk).message == like.findings[0]


@pytest.mark.parametrize("text", [None, "def broken(:", "Rising = 3"])
def test_a_session_whose_strategy_is_gone_or_broken_has_other_code(desk, tape, text):
    path = write(desk)
    configuration = StrategyConfiguration(strategy="rising", parameters={"count": 1})
    row = run_session(desk, SessionRequest(mode="replay", dataset=import_dataset(desk, tape[:100]).id, configuration=configuration))
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    verdict = wb.parity(row.id, desk=desk)
    assert not verdict.identical
    assert verdict.cause.startswith("code (There is no strategy 'rising'" if text is None else "code (rising.py")
    assert str(verdict).startswith("different: code (")


def test_programs_that_a_session_began_with_are_part_of_its_backtest(desk, clock, tape):
    dca = ProgramRequest("dca", "", {"amount": 500, "intervals": 5})
    session = live_session(desk, clock, tape, 300, programs=(dca,))
    like, panel = wb.backtest_like(session, desk=desk), wb.tune_like(session, desk=desk)
    with desk.store.read() as connection:
        ended = reads.session(connection, session)
    assert like.runs[0].program == "dca"
    assert {like.digest, panel.result.digest} == {ended.ledger_digest}
    assert wb.parity(session, like, desk=desk).identical
    assert panel.message == ""
    other = wb.backtest("sma_cross", tape, configuration=TRADED, parameters=TRADED.parameters, costs=COSTS, since=int(tape.ts[300]),
                        programs=[wb.programs.Dca(amount=400, intervals=5)])  # fmt: skip
    assert wb.parity(session, other, desk=desk).cause.startswith("parameters (the session had dca in 0:BTC/USDT by {")


def test_a_program_in_one_of_several_instruments_is_left_out_of_the_backtest_with_a_sentence(desk, clock):
    request = SessionRequest(
        symbols=("WETH", "AERO"), configuration=StrategyConfiguration(strategy="manual"), costs=COSTS,
        programs=(ProgramRequest("twap", "AERO", {"amount": 500}),),
    )  # fmt: skip
    row = start_session(desk, None, request)
    for _ in range(30):
        advance_session(desk, row.id)
        clock.move(5_000)
    like = wb.backtest_like(row.id, desk=desk)
    assert like.runs == ()
    assert like.findings[0] == "The session was given what this does not repeat: twap in AERO alone."
    assert wb.tune_like(row.id, desk=desk).message == like.findings[0]
