"""What every program on the shelf must keep; a new one is tested here without a line being added but its example."""

from decimal import Decimal

import msgspec
import pytest

import workbench as wb
from tests.make import wandering
from workbench.domain.book import open_book
from workbench.domain.commands import StartProgram
from workbench.domain.events import CommandRefused, OrderPlaced, ProgramEnded
from workbench.domain.orders import Reason, Side
from workbench.domain.params import param_fields
from workbench.domain.programs import RunStatus
from workbench.engine.fold import slices
from workbench.engine.programs import make_program, name_of, parameters_of, shelf
from workbench.engine.state import State, open_state
from workbench.engine.step import complete, digest_of, step
from workbench.engine.windows import read_series
from workbench.strategies import make_strategy

BARS = wandering(900)
CURVE = tuple(range(1, 25))
LOW, HIGH = BARS.bar(int(BARS.low.argmin())).low, BARS.bar(int(BARS.high.argmax())).high
EXAMPLES = {
    "dca": {"amount": 1000, "intervals": 12, "interval_hours": 24},
    "grid": {"lower": LOW, "upper": HIGH, "levels": 16, "amount_per_level": 200, "stop_on_breakout": False},
    "spot": {"amount": 700},
    "twap": {"amount": 2000, "slices": 40, "window_hours": 200},
    "vwap": {"amount": 2000, "slices": 40, "window_hours": 200, "curve": CURVE},
}
COSTS = {"costs": "pool", "fee_bps": 30, "tolerance_pct": "0.6", "block_ms": 12_000, "token_tax_bps": 10}


@pytest.fixture(params=shelf.names())
def program(request):
    return make_program(request.param, EXAMPLES[request.param])


def run_through(program, again_at=(), asked=(), bars=BARS, **options):
    """Fold a program over bars; at some of them the state is written down and read again, and commands are given."""
    plan = wb.backtest("manual", bars[:1], **options).plan
    state = open_state(plan, open_book(Decimal(10_000)))
    state = step(state, StartProgram(name_of(program), bars.instrument.key, parameters_of(program))).state
    events = []
    for place, (given, said) in enumerate(slices([bars], [read_series(make_strategy("manual"), bars)])):
        for at, command in asked:
            if at == place:
                stepped = step(state, command)
                state, events = stepped.state, events + list(stepped.events)
        if place in again_at:
            state = msgspec.json.decode(msgspec.json.encode(state), type=State)
        stepped = step(state, given, said)
        state, events = stepped.state, events + list(stepped.events)
        state.book.check()
        assert state.book.cash >= 0
    last = complete(state, "the data ended")
    return last.state, [*events, *last.events]


def test_it_has_words_bounds_and_an_example(program):
    assert program.title
    assert program.summary.endswith(".")
    for field in param_fields(type(program)):
        assert field.param.help.endswith("."), field.name
    assert set(EXAMPLES) == set(shelf.names())


def test_it_comes_back_from_its_parameters_as_it_was(program):
    assert make_program(name_of(program), msgspec.json.decode(msgspec.json.encode(parameters_of(program)))) == program


def test_a_state_that_is_written_down_and_read_again_at_every_bar_ends_the_same(program):
    state, events = run_through(program, **COSTS)
    other, again = run_through(program, again_at=range(len(BARS)), **COSTS)
    assert digest_of(other) == digest_of(state)
    assert again == events
    assert any(isinstance(event, OrderPlaced) for event in events)


def test_the_future_cut_off_changes_nothing_before_it(program):
    whole = wb.backtest(program, BARS, **COSTS)
    for cut in (2, 50, 300, 899):
        part = wb.backtest(program, BARS[:cut], **COSTS)
        before = int(BARS.ts[cut - 1])
        assert [fill for fill in whole.filled if fill.ts <= before] == list(part.filled)


def test_its_orders_are_ordinary_ones_that_carry_its_number_and_its_books_are_those_of_its_fills(program):
    result = wb.backtest(program, BARS, **COSTS)
    (run,) = result.runs
    fills = result.filled
    assert fills
    assert {fill.reason for fill in fills} == {Reason.PROGRAM}
    bought = sum(fill.quantity for fill in fills if fill.side is Side.BUY)
    assert run.held == result.state.book.quantity(BARS.instrument.key)
    assert (run.bought, run.fills) == (bought, len(fills))
    assert run.costs == sum(fill.paid for fill in fills)
    mark = result.state.marks[BARS.instrument.key]
    assert run.result(mark) + reverted_gas(result) == result.final_equity - 10_000


def reverted_gas(result):
    return -(result.state.book.costs - sum(fill.paid for fill in result.filled))


def test_paused_it_has_nothing_resting_and_places_nothing_and_resumed_it_goes_on(program):
    from workbench.domain.commands import PauseProgram, ResumeProgram

    _, events = run_through(program, asked=[(1, PauseProgram(1)), (400, ResumeProgram(1))])
    paused = [e.order.ts for e in events if isinstance(e, OrderPlaced) and BARS.ts[0] < e.order.ts < BARS.ts[399]]
    assert paused == []
    assert any(isinstance(e, OrderPlaced) and e.order.ts >= BARS.ts[399] for e in events)


def test_cancelled_it_is_over_and_what_it_holds_is_sold_if_that_was_asked(program):
    from workbench.domain.commands import CancelProgram

    state, events = run_through(program, asked=[(100, CancelProgram(1, sell=True))])
    ended = [event.run for event in events if isinstance(event, ProgramEnded)]
    refused = [event for event in events if isinstance(event, CommandRefused)]
    if refused:
        assert ended[0].status is RunStatus.COMPLETED
        return
    assert [run.status for run in ended] == [RunStatus.CANCELLED]
    assert ended[0].held == state.book.quantity(BARS.instrument.key) == 0
    assert not any(isinstance(e, OrderPlaced) and e.order.ts > BARS.ts[100] for e in events)
