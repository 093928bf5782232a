import json
from datetime import UTC, datetime

import pytest
from huey.registry import Message
from huey.storage import BlackHoleStorage

from tests.actions.test_sessions import QUICK
from workbench import jobs
from workbench.actions.claim_session import NotTheOwner
from workbench.actions.open_account import default_account
from workbench.actions.start_session import start_session
from workbench.desk import open_desk
from workbench.domain.sessions import SessionRequest
from workbench.errors import Conflict, Invalid, NotFound
from workbench.store import reads


@pytest.fixture
def unbound(tmp_path, monkeypatch):
    """A process that has bound no desk, as a program's own is; its data are a folder of its own."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(jobs.queue, "storage", BlackHoleStorage("workbench"))
    jobs._bound.clear()
    yield
    jobs.bound_desk().close()
    jobs._bound.clear()


@pytest.fixture
def queue(desk, monkeypatch):
    """The queue over a desk, every task run at once where it is called."""
    jobs.bind(desk)
    jobs.queue.immediate = True
    yield jobs.queue
    jobs.queue.immediate = False
    jobs._bound.clear()


def test_messages_are_json_and_read_back_the_same():
    message = Message("id", "workbench.jobs.advance", datetime(2026, 1, 2, tzinfo=UTC), 0, 0, None, ("session", 3), {"turn": 4})
    raw = jobs.JsonSerializer().serialize(message)
    assert json.loads(raw)["message"]["args"] == ["session", 3]
    assert jobs.JsonSerializer().deserialize(raw) == message


def test_a_message_carries_plain_values_only():
    with pytest.raises(TypeError, match="ids and plain numbers only, found object"):
        jobs.JsonSerializer().serialize(Message("id", "x", args=(object(),)))


def test_the_jobs_keep_the_names_that_their_callers_know():
    names = set(jobs.queue._registry._registry)
    for name in (
        "run_paper_trading_bot",
        "stop_paper_trading_bot",
        "update_all_position_prices",
        "update_single_position_price",
        "advance",
    ):
        assert f"workbench.jobs.{name}" in names


def test_position_prices_are_updated_every_five_minutes():
    (task,) = [task for task in jobs.queue._registry.periodic_tasks if task.name == "update_all_position_prices"]
    due = [minute for minute in range(60) if task.validate_datetime(datetime(2026, 1, 1, 3, minute, tzinfo=UTC))]
    assert due == list(range(0, 60, 5))


def test_a_session_is_started_advanced_and_stopped_by_jobs(queue, desk, clock):
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    jobs.run_paper_trading_bot(row.id)
    for _ in range(5):
        clock.move(5_000)
        jobs.revive_sessions()
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).steps == 5
    jobs.stop_paper_trading_bot(row.id, reason="by a job")
    jobs.revive_sessions()
    with desk.store.read() as connection:
        ended = reads.session(connection, row.id)
    assert (ended.status, ended.ended_because) == ("STOPPED", "by a job")


def test_a_session_that_is_being_advanced_is_left_to_who_does_it(queue, desk):
    row = start_session(desk, default_account(desk), SessionRequest(symbols=("WETH",)))
    jobs._busy.add(row.id)
    try:
        assert jobs.advance.call_local(row.id) == 0
    finally:
        jobs._busy.discard(row.id)


def test_open_positions_without_a_session_get_fresh_prices_and_their_book_stays(queue, desk, clock):
    hold = {"strategy": "buy_and_hold", "parameters": {}}
    configuration = type(QUICK)(**{**{n: getattr(QUICK, n) for n in QUICK.__struct_fields__}, **hold})
    row = start_session(desk, default_account(desk), SessionRequest(configuration=configuration, symbols=("WETH",)))
    jobs.run_paper_trading_bot(row.id)
    for _ in range(3):
        clock.move(5_000)
        jobs.revive_sessions()
    assert jobs.update_all_position_prices.call_local() == 0, "a running session marks its own positions"
    jobs.stop_paper_trading_bot(row.id)
    jobs.revive_sessions()
    with desk.store.read() as connection:
        (before,) = reads.positions(connection, row.account)
        book, _ = reads.account_book(connection, row.account)
    clock.move(3_600_000)
    assert jobs.update_all_position_prices.call_local() == 1
    assert jobs.update_all_position_prices.call_local(chain_id=1) == 0
    with desk.store.read() as connection:
        (after,) = reads.positions(connection, row.account)
        figures = reads.figures(connection, row.account, desk.now())
        assert reads.account_book(connection, row.account)[0] == book
    assert after.price != before.price
    assert figures.value == book.cash + after.value
    assert jobs.update_single_position_price.call_local(after.id) == 1


def test_market_prices_are_recorded_once(queue, desk, clock):
    assert jobs.refresh_market_prices.call_local() == 8 * 60
    assert jobs.refresh_market_prices.call_local() == 0
    clock.move(5_000)
    assert jobs.refresh_market_prices.call_local() == 8


def test_the_queue_keeps_nothing_of_what_was_done(desk):
    jobs.bind(desk)
    try:
        jobs.refresh_market_prices()
        task = jobs.queue.dequeue()
        assert jobs.queue.execute(task) == 8 * 60
        assert len(jobs.queue) == 0
        assert jobs.queue.result_count() == 0
    finally:
        jobs._bound.clear()


def test_a_program_of_its_own_hands_a_session_to_the_worker_and_reads_its_state(unbound):
    with open_desk() as desk:
        row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    task = jobs.run_paper_trading_bot.delay(session_id=row.id, user_id=1, runtime_minutes=60)
    assert (task.id, task.state) == (row.id, "PENDING")
    with open_desk() as desk:  # the worker's side
        jobs.bind(desk)
        jobs.queue.execute(jobs.queue.dequeue())
        assert task.state == "STARTED"
        assert task.look().started is not None
        asked = jobs.stop_paper_trading_bot(session_id=row.id, user_id=1, reason="a program's wish")
        jobs.queue.execute(jobs.queue.dequeue())
        jobs.advance.call_local(row.id)
        assert (asked.state, asked.look().result) == ("SUCCESS", "a program's wish")
        jobs._bound.clear()


@pytest.mark.parametrize("job", ["run_paper_trading_bot", "stop_paper_trading_bot"])
def test_a_session_that_is_not_there_is_refused_where_it_is_asked_for(unbound, job):
    with pytest.raises(NotFound, match="nowhere"):
        getattr(jobs, job).delay(session_id="nowhere", user_id=1)
    with pytest.raises(NotFound, match="nowhere"):
        getattr(jobs, job).call_local("nowhere")
    assert len(jobs.queue) == 0


def test_a_session_of_somebody_else_and_a_time_out_of_bounds_are_refused_where_they_are_asked_for(unbound):
    desk = jobs.bound_desk()
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    with pytest.raises(NotTheOwner, match="belongs to user 1, found user 2"):
        jobs.run_paper_trading_bot(row.id, user_id=2)
    with pytest.raises(Invalid, match="runtime_minutes"):
        jobs.run_paper_trading_bot(row.id, runtime_minutes=-1)
    with pytest.raises(TypeError, match="user"):
        jobs.run_paper_trading_bot(row.id, user=1)
    assert len(jobs.queue) == 0


def test_a_session_that_is_named_by_its_first_letters_is_whole_in_the_queue(unbound):
    desk = jobs.bound_desk()
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    assert jobs.run_paper_trading_bot(row.id[:8], priority=3).id == row.id
    task = jobs.queue.dequeue()
    assert (task.kwargs, task.priority) == ({"session_id": row.id}, 3)
    jobs.queue.execute(task)
    assert jobs.stop_paper_trading_bot.delay(row.id[:6], reason="by its letters").id == row.id
    jobs.queue.execute(jobs.queue.dequeue())
    jobs.advance.call_local(row.id)
    with desk.store.read() as connection:
        assert reads.session(connection, row.id).ended_because == "by its letters"


@pytest.mark.parametrize("job", ["run_paper_trading_bot", "stop_paper_trading_bot"])
@pytest.mark.parametrize(
    ("named", "field"),
    [
        ({"session_id": 5}, "session_id"), ({"session_id": None}, "session_id"), ({"user_id": "1"}, "user_id"),
        ({"user_id": True}, "user_id"), ({"user_id": None}, "user_id"),
    ],
)  # fmt: skip
def test_what_is_no_id_is_refused_by_its_name_where_it_is_asked_for(unbound, job, named, field):
    desk = jobs.bound_desk()
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    with pytest.raises(Invalid) as refusal:
        getattr(jobs, job).delay(**{"session_id": row.id, "user_id": 1, **named})
    assert refusal.value.field == field
    assert len(jobs.queue) == 0


@pytest.mark.parametrize("reason", [5, "a\0b"])
def test_a_reason_that_is_no_text_is_refused_where_it_is_asked_for(unbound, reason):
    desk = jobs.bound_desk()
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    with pytest.raises(Invalid, match="reason"):
        jobs.stop_paper_trading_bot.delay(row.id, reason=reason)
    assert len(jobs.queue) == 0


def test_a_session_that_has_ended_is_neither_run_nor_stopped_and_one_is_stopped_once(unbound):
    desk = jobs.bound_desk()
    row = start_session(desk, default_account(desk), SessionRequest(configuration=QUICK, symbols=("WETH",)))
    jobs.stop_paper_trading_bot.call_local(row.id)
    with pytest.raises(Conflict, match=r"stopped once.*STOPPING"):
        jobs.stop_paper_trading_bot.delay(row.id)
    jobs.advance.call_local(row.id)
    for job in (jobs.run_paper_trading_bot, jobs.stop_paper_trading_bot):
        with pytest.raises(Conflict, match="is STOPPED"):
            job.delay(row.id)
    with pytest.raises(Conflict, match="is STOPPED"):
        jobs.run_paper_trading_bot.delay(row.id, runtime_minutes=30)
    assert len(jobs.queue) == 0


@pytest.mark.parametrize(
    ("named", "error", "field"),
    [
        ({"position_id": "nope"}, Invalid, "position_id"), ({"position_id": True}, Invalid, "position_id"),
        ({"position_id": None}, Invalid, "position_id"),
        ({"position_id": 4711}, NotFound, "position_id"), ({"position_id": 2**70}, NotFound, "position_id"),
        ({"position_id": 1, "chain_id": "x"}, Invalid, "chain_id"), ({"chain_id": "x"}, Invalid, "chain_id"),
    ],
)  # fmt: skip
def test_a_position_or_a_chain_that_is_none_is_refused_where_it_is_asked_for(unbound, named, error, field):
    job = jobs.update_single_position_price if "position_id" in named else jobs.update_all_position_prices
    with pytest.raises(error) as refusal:
        job.delay(**named)
    assert refusal.value.field == field
    assert len(jobs.queue) == 0


def test_of_a_task_of_prices_nothing_is_told(unbound):
    assert jobs.update_all_position_prices.delay() is None
    assert "None" in jobs.update_all_position_prices.func.__doc__
    assert "None" in jobs.update_single_position_price.func.__doc__


def test_what_the_queue_takes_beside_a_jobs_own_arguments_goes_to_the_queue(unbound):
    jobs.update_all_position_prices(chain_id=8453, priority=3)
    task = jobs.queue.dequeue()
    assert (task.kwargs, task.priority) == ({"chain_id": 8453}, 3)
