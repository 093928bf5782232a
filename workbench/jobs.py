"""The queue and every job: a line or two each that calls an action.

Huey forgets a task when it hands it out, so what is to be done is a row first (a session's cursor and its due time). The
dispatcher looks for such rows and puts tasks in the queue; a task that is lost with its worker is simply found again.
Messages are JSON and carry ids only.

A task's name is its module and its function, so jobs stay in this file.

A program asks for one as for any task of a queue, from a process of its own too:

    from workbench.jobs import run_paper_trading_bot

    task = run_paper_trading_bot.delay(session_id="…", user_id=1, runtime_minutes=60)
    task.state  # PENDING, STARTED, SUCCESS or FAILURE
"""

import inspect
import json
import logging
import os
import signal
import threading
from datetime import datetime
from typing import Any, Final

import msgspec
from huey import Huey, crontab
from huey.api import TaskWrapper
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BlackHoleStorage, SqliteStorage

from workbench.actions.advance_session import advance_session
from workbench.actions.claim_session import claim_session
from workbench.actions.refresh_prices import refresh_prices
from workbench.actions.revalue_positions import revaluable, revalue_positions
from workbench.actions.revive_sessions import due_sessions, next_due
from workbench.actions.run_requested_sweep import run_waiting_sweeps
from workbench.actions.send_command import send_command
from workbench.desk import Desk, open_desk
from workbench.domain.commands import Stop
from workbench.domain.names import is_shown
from workbench.domain.sessions import Status
from workbench.errors import Conflict, Invalid, TryLater
from workbench.store.rows import SessionRow
from workbench.store.sweep_runs import next_sweep_run
from workbench.store.tasks import TaskRow, find_task
from workbench.strategies import shelf as strategies

log = logging.getLogger(__name__)

WORKERS: Final = 3
"""Two that advance sessions, however long a sweep holds the third."""
BAR_MS: Final = 5_000
LOOK_SECONDS: Final = 0.02
"""How often the dispatcher looks at the doorbell; a look takes a few microseconds."""


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages and results as JSON; Huey alone would pickle, and a pickle is code."""

    def _serialize(self, data: Any) -> bytes:
        if isinstance(data, Message):
            fields = {name: value for name, value in data._asdict().items() if value is not None}
            return json.dumps({"message": fields}, default=_as_text).encode()
        return json.dumps({"value": data}, default=str).encode()

    def _deserialize(self, data: bytes) -> Any:
        read = json.loads(data)
        if "message" not in read:
            return read["value"]
        fields = read["message"]
        for name in ("eta", "expires", "expires_resolved"):
            if isinstance(fields.get(name), str):
                fields[name] = datetime.fromisoformat(fields[name])
        return Message(**{**fields, "args": tuple(fields.get("args") or ())})


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a job's message carries ids and plain numbers only, found {type(value).__name__}")


class SessionTask(msgspec.Struct, frozen=True):
    """What was asked of a session; `state` tells how far it is whenever it is looked at.

    Parameters
    ----------
    id
        The session's, by which `api/tasks/<id>/` knows it too.
    """

    id: str

    def look(self) -> TaskRow:
        """Return the task as the log tells of it."""
        with bound_desk().store.read() as connection:
            return find_task(connection, self.id)

    @property
    def state(self) -> str:
        """PENDING, STARTED, SUCCESS or FAILURE."""
        return self.look().state


class Job(TaskWrapper):  # type: ignore[misc]
    """A job as its callers have it: to call it puts it in the queue; what cannot be is refused where it is asked for."""

    def __call__(self, *given: Any, **named: Any) -> SessionTask | None:
        """Put the job in the queue; one of a session is answered by what tells its state, any other by None.

        Raises
        ------
        NotFound, NotTheOwner, Conflict, Invalid
            Where there is no such session or position, it may not be had so, or it has ended.
        """
        of_the_queue = {name: named.pop(name) for name in _OF_THE_QUEUE.intersection(named)}
        asked = inspect.signature(self.func).bind(*given, **named)
        its = dict(asked.arguments)
        asked.apply_defaults()
        if "session_id" in its:
            its["session_id"] = self._claim(**asked.arguments).id
        elif "chain_id" in asked.arguments:
            if its.get("position_id", 0) is None:
                raise Invalid("position_id", "a whole number", None)
            revaluable(bound_desk(), asked.arguments["chain_id"], asked.arguments.get("position_id"))
        self.huey.enqueue(self.s(**its, **of_the_queue))
        return SessionTask(its["session_id"]) if "session_id" in its else None

    def _claim(self, session_id: str, user_id: int, runtime_minutes: float | None = None, reason: Any = None) -> SessionRow:
        """Return the session that a job is about, once it is sure that it can be done."""
        if reason is not None and not (isinstance(reason, str) and is_shown(reason)):
            raise Invalid("reason", "a text without control characters", reason)
        row = claim_session(bound_desk(), session_id, user_id, runtime_minutes)
        if reason is not None and row.status is Status.STOPPING:
            raise Conflict("a session is stopped once", f"session {row.id} is {row.status}")
        return row

    delay = __call__


_OF_THE_QUEUE: Final = frozenset(
    {"eta", "delay", "id", "retries", "retry_delay", "retry_backoff", "priority", "expires", "timeout"}
)
"""What the queue itself takes beside a job's own arguments."""


class Queue(Huey):  # type: ignore[misc]
    """The queue beside the data; who uses it unbound gets that of the platform's own place for data."""

    def get_task_wrapper_class(self) -> type[Job]:
        """Return what a job is to its callers."""
        return Job

    def enqueue(self, task: Any) -> Any:
        """Put a task in the queue."""
        bound_desk()
        return super().enqueue(task)


# The queue's file is beside the database and is made when a desk is bound, not when this module is imported. Results are
# not kept: a session would leave one every few seconds for ever, and the log tells what came of it.
queue: Huey = Queue("workbench", storage_class=BlackHoleStorage, serializer=JsonSerializer(), results=False)
_bound: dict[str, Desk] = {}
_binding = threading.Lock()
_busy: set[str] = set()
_busy_lock = threading.Lock()
_sweeping = threading.Lock()
_ending: dict[str, threading.Event] = {"worker": threading.Event()}


def bind(desk: Desk) -> None:
    """Give the queue the file beside a desk's database, and the jobs that desk."""
    queue.storage = SqliteStorage("workbench", filename=str(desk.settings.queue_path), fsync=False)
    _bound["desk"] = desk


def bound_desk() -> Desk:
    """Return the desk that the jobs work on: the one that was bound, or that of `WORKBENCH_HOME` or the platform."""
    if "desk" not in _bound:
        with _binding:
            if "desk" not in _bound:
                bind(open_desk())
    return _bound["desk"]


def hasten(session: str) -> None:
    """Put a session's next turn in the queue now, instead of when the dispatcher finds it; nothing depends on it."""
    if "desk" in _bound:
        advance(session)


# --- the jobs ------------------------------------------------------------------------------------------------------------


@queue.task(retries=0)  # type: ignore[untyped-decorator]
def advance(session: str, turn: int | None = None) -> int:
    """Advance a session by what is due; ends at once if it has moved on or is being advanced."""
    with _busy_lock:
        if session in _busy:
            return 0
        _busy.add(session)
    try:
        return advance_session(bound_desk(), session, turn).steps
    finally:
        with _busy_lock:
            _busy.discard(session)


@queue.task()  # type: ignore[untyped-decorator]
def run_paper_trading_bot(session_id: str, user_id: int = 1, runtime_minutes: float | None = None) -> int:
    """Take up a session that was asked for; from there the dispatcher keeps it going.

    Parameters
    ----------
    user_id
        Who asks; it has to be the owner of the session's account.
    runtime_minutes
        How long it runs from its start on; as it was asked for where None.
    """
    claim_session(bound_desk(), session_id, user_id, runtime_minutes)
    steps: int = advance.call_local(session_id)
    return steps


@queue.task()  # type: ignore[untyped-decorator]
def stop_paper_trading_bot(session_id: str, user_id: int = 1, reason: str = "asked to stop") -> str:
    """Ask a session to stop; `user_id` has to be the owner of its account."""
    claim_session(bound_desk(), session_id, user_id)
    return send_command(bound_desk(), session_id, Stop(reason), by="job").id


@queue.task()  # type: ignore[untyped-decorator]
def revive_sessions() -> int:
    """Put every session whose time has come in the queue; start-up and recovery are the same."""
    due = due_sessions(bound_desk())
    for found in due:
        advance(found.session, found.turn)
    return len(due)


@queue.task()  # type: ignore[untyped-decorator]
def refresh_market_prices() -> int:
    """Record the bars that have just closed."""
    return _patiently(refresh_prices)


@queue.periodic_task(crontab(minute="*/5"))  # type: ignore[untyped-decorator]
def update_all_position_prices(chain_id: int | None = None) -> int:
    """Mark the open positions of accounts without a running session at fresh prices.

    Nothing is kept of it but the prices: whoever puts it in the queue is answered with None.
    """
    return _patiently(revalue_positions, chain_id)


@queue.task()  # type: ignore[untyped-decorator]
def update_single_position_price(position_id: int, chain_id: int | None = None) -> int:
    """Mark one open position at a fresh price.

    Nothing is kept of it but the price: whoever puts it in the queue is answered with None.
    """
    return revalue_positions(bound_desk(), chain_id, position_id)


def _patiently(action: Any, *given: Any) -> int:
    """Call an action that the next run may do as well: if prices cannot be had now, say so and leave it."""
    try:
        done: int = action(bound_desk(), *given)
    except TryLater as problem:
        log.warning("%s", problem)
        return 0
    return done


@queue.task(retries=0)  # type: ignore[untyped-decorator]
def run_sweeps() -> int:
    """Run the sweeps that wait; ends at once if another job is at it."""
    if not _sweeping.acquire(blocking=False):
        return 0
    try:
        return run_waiting_sweeps(bound_desk(), _ending["worker"])
    finally:
        _sweeping.release()


# --- the worker ----------------------------------------------------------------------------------------------------------


class Dispatcher(threading.Thread):
    """Looks at the doorbell and puts what has come due in the queue: sessions, and prices at the close of each bar."""

    def __init__(self, desk: Desk, parent: int | None = None) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self.desk, self.parent, self.ended = desk, parent, threading.Event()
        self.orphaned = threading.Event()
        self._asked = 0

    def run(self) -> None:
        """Look until told to end; if the process that started this worker is gone, say so."""
        rung, wake, bar, sent = -1, 0, -1, {}  # type: ignore[var-annotated]
        while not self.ended.wait(LOOK_SECONDS):
            if self.parent is not None and os.getppid() != self.parent:
                self.orphaned.set()
                return
            now, version = self.desk.now(), self.desk.store.data_version()
            if now // BAR_MS != bar:
                bar = now // BAR_MS
                refresh_market_prices()
            if version == rung and (not wake or now < wake):
                continue
            rung = version
            self._look_for_sweeps(now)
            for found in due_sessions(self.desk):
                # The same turn is sent again only after a while, in case its worker was lost.
                turn, at = sent.get(found.session, (-1, 0))
                if turn != found.turn or now - at > 1_000:
                    sent[found.session] = found.turn, now
                    if found.session not in _busy:
                        advance(found.session, found.turn)
            wake = max(next_due(self.desk) or 0, now + 20) if next_due(self.desk) else 0

    def _look_for_sweeps(self, now: int) -> None:
        """Put the job that runs sweeps in the queue where one waits; again only after a while, in case it was lost."""
        if _sweeping.locked() or now - self._asked < 1_000:
            return
        with self.desk.store.read() as connection:
            waiting = next_sweep_run(connection)
        if waiting is not None:
            self._asked = now
            run_sweeps()


def _hear_of_interrupts(consumer: Consumer) -> None:
    """Take note of Ctrl-C from here on, that of an earlier moment included; the consumer's own handlers come once it runs."""
    signal.signal(signal.SIGINT, lambda *_: consumer.stop_flag.set())
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def work(desk: Desk, parent: int | None = None) -> None:
    """Run the worker in this process until it is told to end: the consumer's threads and the dispatcher.

    The consumer's waiting times are tuned: as they come, it takes 100 to 160 ms to begin a task after a quiet spell and
    2 s at worst; so, 4 to 7 ms for a few per cent of a core.
    """
    bind(desk)
    consumer = Consumer(
        queue, workers=WORKERS, initial_delay=0.005, max_delay=0.02, backoff=1.0, check_worker_health=True, shutdown_timeout=5
    )
    _ending["worker"] = consumer.stop_flag
    dispatcher = Dispatcher(desk, parent)

    def end_with_parent() -> None:
        dispatcher.orphaned.wait()
        consumer.stop_flag.set()

    threading.Thread(target=end_with_parent, daemon=True).start()
    # Indicators take seconds to import where pandas is installed; the first session should not wait for them.
    threading.Thread(target=strategies.load, daemon=True).start()
    dispatcher.start()
    _hear_of_interrupts(consumer)
    try:
        consumer.run()
    finally:
        dispatcher.ended.set()
        dispatcher.join(timeout=2)
