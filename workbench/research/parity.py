"""Parity: refold what a session took in, and compare what came out, event by event and to the digest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from workbench.domain.bars import Slice
from workbench.domain.commands import Command
from workbench.domain.events import EquityMarked, Event, SessionStarted, canonical, kind_of
from workbench.engine.state import State, open_state
from workbench.engine.step import Stepped, complete, digest_of, step
from workbench.engine.strategy import Reading

LIFECYCLE = frozenset({"SessionRequested", "SessionStarted", "StopRequested", "SessionFailed"})
"""Kinds that say what was done around the fold, not by it."""


class Recorded(msgspec.Struct, frozen=True):
    """One event as the log has it."""

    seq: int
    kind: str
    body: str


class Verdict(msgspec.Struct, frozen=True):
    """What came of comparing a session with its refolding.

    Parameters
    ----------
    identical
        Whether every event agrees and so does the ledger digest.
    events
        How many were compared.
    seq
        The number of the first event that differs; None where none does.
    expected, found
        What the log says, and what the refolding says.
    state
        The refolding's state at that point, as JSON.
    cause
        The class of cause: code, parameters, data revision, warm-up, cost model, lateness or platform.
    last
        Where the refolding ended, for a caller that knows where the session is.
    recorded_digest, digest
        The ledger digest that the session closed with (empty while it runs), and the refolding's.
    """

    session: str
    identical: bool
    events: int
    digest: str
    recorded_digest: str = ""
    seq: int | None = None
    expected: str = ""
    found: str = ""
    state: str = ""
    cause: str = ""
    last: State | None = None

    def __str__(self) -> str:
        if self.identical:
            return f"identical, {self.events:,} events, digest {self.digest}"
        if self.seq is None:
            return f"different: {self.cause}; digest {self.digest}, recorded {self.recorded_digest or 'none yet'}"
        return (
            f"different at event {self.seq}: the log has\n  {self.expected}\nand the refolding\n  {self.found}\n"
            f"likely cause: {self.cause}; digest {self.digest}, recorded {self.recorded_digest or 'none yet'}"
        )


Input = tuple[Slice | Command, Sequence[Reading | None]]


def refold(started: SessionStarted, inputs: Iterable[Input], ending: str) -> Iterator[tuple[State, Event]]:
    """Yield every event that the recorded inputs give, with the state after its step.

    Parameters
    ----------
    started
        The session's first event.
    inputs
        Slices with their readings, and commands, in the order in which they were taken.
    ending
        The reason that the session completed with; empty if it did not.
    """
    state = msgspec.structs.replace(open_state(started.plan, started.book, started.marks, started.carried), ts=started.after)
    for given, readings in inputs:
        stepped = step(state, given, readings) if isinstance(given, Slice) else step(state, given)
        state = stepped.state
        yield from ((state, event) for event in stepped.events)
    if ending:
        last: Stepped = complete(state, ending)
        yield from ((last.state, event) for event in last.events)


def compare(session: str, recorded: Sequence[Recorded], folded: Iterable[tuple[State, Event]], cause: Callable[[], str]) -> Verdict:
    """Return whether a session's events and those of its refolding are the same, to the letter.

    Parameters
    ----------
    cause
        Called where they differ; returns the class of cause.
    """
    stream = iter(folded)
    state, count, closed = None, 0, ""
    for row in recorded:
        if row.kind in LIFECYCLE:
            continue
        after = next(stream, None)
        if after is None:
            digest = digest_of(state) if state is not None else ""
            return Verdict(session, False, count, digest, closed, row.seq, f"{row.kind} {row.body}", "nothing more", "", cause())
        state, event = after
        body = canonical(event).decode()
        if kind_of(event) != row.kind or not _same(row, event, body):
            found = f"{kind_of(event)} {body}"
            shown = msgspec.json.encode(state).decode()
            return Verdict(
                session, False, count, digest_of(state), closed, row.seq, f"{row.kind} {row.body}", found, shown, cause()
            )
        count += 1
        closed = getattr(event, "ledger_digest", closed)
    extra = next(stream, None)
    digest = digest_of(state) if state is not None else ""
    if extra is not None:
        found = f"{kind_of(extra[1])} {canonical(extra[1]).decode()}"
        return Verdict(session, False, count, digest, closed, count + 1, "nothing more", found, "", cause())
    return Verdict(session, True, count, digest, closed, last=state)


def _same(row: Recorded, event: Event, body: str) -> bool:
    """Tell whether two events agree; who sent a command and whether a slice came late is told, not folded."""
    if row.body == body:
        return True
    if row.kind == "CommandReceived":
        return bool(msgspec.json.decode(row.body)["command"] == msgspec.json.decode(body)["command"])
    return isinstance(event, EquityMarked) and _without_late(row.body) == _without_late(body)


def _without_late(body: str) -> Any:
    return {name: value for name, value in msgspec.json.decode(body).items() if name != "late"}
