"""Parity: refold what a session took in, and compare what came out, event by event and to the digest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workbench.domain.bars import Slice
from workbench.domain.commands import Command
from workbench.domain.events import EquityMarked, Event, OrderFilled, SessionStarted, canonical, kind_of
from workbench.domain.orders import Side
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
    before
        The last state that both agreed on, as JSON.
    state
        The refolding's state at that point, as JSON; beside a backtest, its book there.
    recorded_state
        Beside a backtest, the session's book at that point, as JSON.
    cause
        The class of cause: code, parameters, data revision, warm-up, missing command, cost model, lateness or platform.
    last
        Where the refolding came to, for a caller that knows where the session is.
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
    before: str = ""
    recorded_state: str = ""

    def __str__(self) -> str:
        if self.identical:
            counted = f"{self.events:,} events, digest {self.digest}" if self.digest else f"{self.events:,} fills"
            return f"identical, {counted}"
        if self.seq is None:
            return f"different: {self.cause}; digest {self.digest or 'none'}, recorded {self.recorded_digest or 'none yet'}"
        if not self.digest:
            return (
                f"different at fill {self.seq}: the session has\n  {self.expected}\nand the backtest\n  {self.found}\n"
                f"likely cause: {self.cause}"
            )
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


def compare(session: str, recorded: Sequence[Recorded], folded: Iterable[tuple[State, Event]]) -> Verdict:
    """Return whether a session's events and those of its refolding are the same, to the letter.

    Where they differ, what is left of `folded` can be folded on from `last`; the cause is for the caller to find.
    """
    stream = iter(folded)
    state, count, closed = None, 0, ""
    before: State | None = None
    for row in recorded:
        if row.kind in LIFECYCLE:
            continue
        after = next(stream, None)
        if after is None:
            digest = digest_of(state) if state is not None else ""
            return Verdict(session, False, count, digest, closed, row.seq, f"{row.kind} {row.body}", "nothing more", last=state)
        before = state
        state, event = after
        body = canonical(event).decode()
        if kind_of(event) != row.kind or not _same(row, event, body):
            found = f"{kind_of(event)} {body}"
            shown = msgspec.json.encode(state).decode()
            return Verdict(
                session, False, count, digest_of(state), closed, row.seq, f"{row.kind} {row.body}", found, shown, last=state,
                before="" if before is None else msgspec.json.encode(before).decode(),
            )  # fmt: skip
        count += 1
        closed = getattr(event, "ledger_digest", closed)
    extra = next(stream, None)
    digest = digest_of(state) if state is not None else ""
    if extra is not None:
        found = f"{kind_of(extra[1])} {canonical(extra[1]).decode()}"
        return Verdict(session, False, count, digest, closed, count + 1, "nothing more", found, last=extra[0])
    return Verdict(session, True, count, digest, closed, last=state)


def compare_fills(
    session: str, recorded: Sequence[OrderFilled], found: Sequence[OrderFilled], cause: Callable[[int], str]
) -> Verdict:
    """Return whether a session and a backtest made the same fills, to the last digit, and where they part.

    Parameters
    ----------
    recorded, found
        Fills of the session and of the backtest, in order.
    cause
        Called with the bar time at which they part; returns the class of cause.
    """
    for place in range(max(len(recorded), len(found))):
        one = recorded[place] if place < len(recorded) else None
        other = found[place] if place < len(found) else None
        if one is not None and other is not None and _ledger_line(one) == _ledger_line(other):
            continue
        when = min(fill.ts for fill in (one, other) if fill is not None)
        return Verdict(
            session, False, place, "", "", place + 1, _fill_text(one), _fill_text(other), _held_after(found[: place + 1]),
            cause(when), before=_held_after(recorded[:place]), recorded_state=_held_after(recorded[: place + 1]),
        )  # fmt: skip
    return Verdict(session, True, len(recorded), "")


def _ledger_line(fill: OrderFilled) -> tuple[Any, ...]:
    """What of a fill the ledger digest is made of."""
    return (fill.instrument, fill.side, fill.ts, fill.price, fill.quantity, fill.fee, fill.gas)


def _fill_text(fill: OrderFilled | None) -> str:
    return "no fill" if fill is None else f"OrderFilled {canonical(fill).decode()}"


def _held_after(fills: Sequence[OrderFilled]) -> str:
    """Return what is held after fills, as JSON: quantity and cost by instrument, and the cash that moved."""
    held: dict[str, Decimal] = {}
    for fill in fills:
        moved = fill.quantity if fill.side is Side.BUY else -fill.quantity
        held[fill.instrument] = held.get(fill.instrument, Decimal(0)) + moved
    positions = {key: format(quantity, "f") for key, quantity in held.items() if quantity}
    return msgspec.json.encode({"fills": len(fills), "held": positions}).decode()


def _same(row: Recorded, event: Event, body: str) -> bool:
    """Tell whether two events agree; who sent a command and whether a slice came late is told, not folded."""
    if row.body == body:
        return True
    if row.kind == "CommandReceived":
        return bool(msgspec.json.decode(row.body)["command"] == msgspec.json.decode(body)["command"])
    return isinstance(event, EquityMarked) and _without_late(row.body) == _without_late(body)


def _without_late(body: str) -> Any:
    return {name: value for name, value in msgspec.json.decode(body).items() if name != "late"}
