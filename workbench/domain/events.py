"""What happened, in the past tense; its canonical encoding, and the two digests.

*Canonical* means: compact JSON, keys in field order, numbers of the ledger as strings of plain digits. A JSON encoder
left to itself writes `1E-8`.

The **log digest** chains every event of a stream: it shows tampering. The **ledger digest** chains only what moved the
ledger (orders and fills, from the opening book to the final equity), so that two runs that traded alike agree, whatever
their clocks, thoughts and names.
"""

from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from workbench.domain.book import Book
from workbench.domain.breakers import Breaker
from workbench.domain.commands import Command
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.instruments import Instrument
from workbench.domain.money import CASH_DECIMALS, EXACT, NO_CASH, text, units
from workbench.domain.orders import Order, Reason, Side
from workbench.domain.programs import ProgramRun
from workbench.domain.sessions import Carried, Plan, SessionRequest
from workbench.domain.sweeps import SweepOutcome, SweepRequest
from workbench.domain.thoughts import Thought


class Event(msgspec.Struct, frozen=True):
    """Something that happened."""


class AccountOpened(Event, frozen=True):
    """An account came to be, with its first cash."""

    account: str
    name: str
    cash: Decimal
    owner: int = 1


class Deposited(Event, frozen=True):
    """Cash came in from outside."""

    amount: Decimal
    cash: Decimal


class Withdrawn(Event, frozen=True):
    """Cash went out."""

    amount: Decimal
    cash: Decimal


class PositionsRevalued(Event, frozen=True):
    """Open positions were given fresh prices while no session ran. It never enters a ledger digest."""

    marks: dict[str, Decimal]
    equity: Decimal
    ts: int


class AccountReset(Event, frozen=True):
    """A new epoch of an account began, with fresh cash and nothing held; what came before stays as it is."""

    cash: Decimal
    epoch: int


class ConfigurationSaved(Event, frozen=True):
    """A new version of a strategy configuration was written down under its name, and is the active one from here on."""

    configuration: StrategyConfiguration


class ConfigurationActivated(Event, frozen=True):
    """A version that was saved before is the active one from here on."""

    name: str
    version: int


class ConfigurationDeleted(Event, frozen=True):
    """Every version of a configuration is offered no more; sessions keep the one that they began with."""

    name: str


class PaperTradingConfigSaved(Event, frozen=True):
    """How real an account's simulation is from its next session on."""

    config: PaperTradingConfig


class SessionRequested(Event, frozen=True):
    """Somebody asked for a session; a worker will take it up."""

    session: str
    account: str
    request: SessionRequest


class SessionStarted(Event, frozen=True):
    """A session began, with the book that it found and everything that decides how it goes.

    Parameters
    ----------
    plan, book
        What it goes by, and what it found.
    marks
        The newest known price of each open position.
    after
        Open time of the last bar before its first, milliseconds UTC.
    fingerprint
        What decides how it goes, part by part.
    history
        Bars at hand before its first, by instrument key.
    arrivals
        Writes that had brought bars of each instrument when it began: what fills a hole of its history later is not of it.
    carried
        What it takes over from its account's last session.
    """

    session: str
    plan: Plan
    book: Book
    marks: dict[str, Decimal]
    after: int
    fingerprint: dict[str, str]
    history: dict[str, int]
    arrivals: dict[str, int] = {}
    carried: Carried | None = None


class StopRequested(Event, frozen=True):
    """Somebody asked the session to stop; it does so before its next slice."""

    reason: str
    by: str


class SessionPaused(Event, frozen=True):
    """Entries stopped; exits go on."""


class SessionHalted(Event, frozen=True):
    """Entries stopped, and what would have entered rests no more; exits go on."""


class BreakerTripped(Event, frozen=True):
    """Something went wrong enough to stop entries: what, by how much, and until when."""

    breaker: Breaker


class BreakerHalfOpened(Event, frozen=True):
    """A breaker's time has come: one entry, at half its size, is let through to see."""

    name: str
    ts: int


class BreakerClosed(Event, frozen=True):
    """A breaker lets entries through again, by a win or because a person reset it."""

    name: str
    ts: int
    why: str


class SessionResumed(Event, frozen=True):
    """Entries go on."""


class SessionStopped(Event, frozen=True):
    """The session ended because it was asked to."""

    reason: str
    ts: int
    equity: Decimal
    ledger_digest: str


class SessionCompleted(Event, frozen=True):
    """The session ended because its data or its time did."""

    reason: str
    ts: int
    equity: Decimal
    ledger_digest: str


class SessionFailed(Event, frozen=True):
    """The session ended because something broke."""

    error: str
    message: str
    ts: int


class RuntimeLimited(Event, frozen=True):
    """How long a session is to run was said before it began, in its account's stream."""

    session: str
    minutes: float


class SessionDeleted(Event, frozen=True):
    """A session that has ended was taken out of the lists, in its account's stream; its own events stay."""

    session: str


class ConfigurationChanged(Event, frozen=True):
    """A running session goes on with another configuration."""

    configuration: StrategyConfiguration


class CommandReceived(Event, frozen=True):
    """A person, a clock or the autopilot asked for something, and it was applied here."""

    command: Command
    by: str


class CommandRefused(Event, frozen=True):
    """What was asked for could not be done."""

    command: Command
    why: str


class OrderPlaced(Event, frozen=True):
    """An order rests, or is about to be filled."""

    order: Order


class OrderAmended(Event, frozen=True):
    """A resting order goes on as this one: a person or a program changed it, or a part of its position was sold."""

    order: Order


class OrderTriggered(Event, frozen=True):
    """The price that arms an order was seen, inside the bar that opened at `ts`, and the order did not fill at once."""

    order: int
    ts: int
    price: Decimal


class StopMoved(Event, frozen=True):
    """A trailing stop follows the price: its trigger and the best price that it has seen."""

    order: int
    ts: int
    stop_price: Decimal
    extreme: Decimal


class OrderExpired(Event, frozen=True):
    """An order's time was over when the bar at `ts` opened."""

    order: int
    ts: int


class OrderReverted(Event, frozen=True):
    """An order was sent and came back: nothing was traded, and on a chain its gas is lost.

    Parameters
    ----------
    order, instrument, ts
        Which order, of what, in which bar.
    gas
        What was paid for nothing.
    cash
        The account's cash after it.
    why
        By how much the price had run beyond what the order tolerates, or that the network failed.
    retried
        Whether it goes on resting and is sent again: everything but a market order to buy.
    ran
        Whether the price had run too far; sent again, it tolerates more.
    """

    order: int
    instrument: str
    ts: int
    gas: Decimal
    cash: Decimal
    why: str
    retried: bool = False
    ran: bool = False


class OrderFilled(Event, frozen=True, omit_defaults=True):
    """An order traded.

    Parameters
    ----------
    order, instrument, side, reason
        Which order, of what, which way and why.
    ts
        Open time of the bar that filled it, milliseconds UTC.
    price
        What was paid or received for one, with spread and slippage in it.
    quantity, notional
        How much, and price times quantity.
    fee, gas
        Cash costs, charged on top.
    spread_cost, slippage_cost
        What lies in the price, told beside it and not added again.
    realised
        For a sale, proceeds less the cost of the lots sold, before cash costs; zero for a buy.
    cash
        The account's cash after it.
    impact_cost
        What the order's own size did to its price, told beside it like the spread.
    tax
        What the token takes of every transfer, charged on top like the fee.
    left
        What the order still spends or sells and goes on resting with; zero once it is done.
    maker
        Whether it rested in the book and was met there.
    """

    order: int
    instrument: str
    side: Side
    reason: Reason
    ts: int
    price: Decimal
    quantity: Decimal
    notional: Decimal
    fee: Decimal
    gas: Decimal
    spread_cost: Decimal
    slippage_cost: Decimal
    realised: Decimal
    cash: Decimal
    impact_cost: Decimal = NO_CASH
    tax: Decimal = NO_CASH
    left: Decimal = NO_CASH
    maker: bool = False

    @property
    def paid(self) -> Decimal:
        """All cash costs of it: fee, tax and gas."""
        return EXACT.add(EXACT.add(self.fee, self.gas), self.tax)


class OrderCancelled(Event, frozen=True):
    """An order was taken back."""

    order: int
    why: str


class OrderRejected(Event, frozen=True):
    """An order could not be filled and is gone."""

    order: int
    why: str


class ProgramStarted(Event, frozen=True):
    """A program began its work."""

    run: ProgramRun


class ProgramAdvanced(Event, frozen=True):
    """A program run came further: an order of it was placed or traded, or what it waits for changed."""

    run: ProgramRun


class ProgramPaused(Event, frozen=True):
    """A program run places nothing more until it is resumed."""

    run: ProgramRun


class ProgramResumed(Event, frozen=True):
    """A program run goes on."""

    run: ProgramRun


class ProgramEnded(Event, frozen=True):
    """A program run is over: completed, cancelled or failed, as its status says."""

    run: ProgramRun


class ThoughtRecorded(Event, frozen=True):
    """The decision, the stopping gate or an order changed for a token."""

    thought: Thought


class EquityMarked(Event, frozen=True):
    """A slice was taken, and the book was valued at its closes.

    Parameters
    ----------
    ts
        Open time of the slice, milliseconds UTC.
    equity, cash
        What the book is worth, and the cash in it.
    marks
        The prices of what is held.
    late, last
        Whether the slice came after a missed stretch; whether it was a dataset's last.
    missing
        Bars absent right before it.
    absent
        Places in the plan whose bar was not there.
    """

    ts: int
    equity: Decimal
    cash: Decimal
    marks: dict[str, Decimal] = {}
    late: bool = False
    last: bool = False
    missing: int = 0
    absent: tuple[int, ...] = ()


class SweepRequested(Event, frozen=True):
    """A sweep was asked for; its stream is its own."""

    run: str
    request: SweepRequest


class SweepStarted(Event, frozen=True):
    """A worker took a sweep up, for the first time or again."""

    total: int


class SweepAdvanced(Event, frozen=True):
    """So many trials of a sweep are done."""

    done: int
    total: int


class SweepCancelRequested(Event, frozen=True):
    """A sweep is to end before it is done."""


class SweepFinished(Event, frozen=True):
    """Every trial of a sweep is done.

    Parameters
    ----------
    sweep
        The id under which its trials are kept.
    read
        How many of them were run before.
    """

    sweep: str
    done: int
    read: int
    outcome: SweepOutcome


class SweepCancelled(Event, frozen=True):
    """A sweep ended before it was done; its trials are kept."""

    done: int


class SweepFailed(Event, frozen=True):
    """A sweep could not be run."""

    problem: str


KINDS: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in Event.__subclasses__()}

SWEEP_KINDS: Final = frozenset(name for name in KINDS if name.startswith("Sweep"))
"""What happens to sweeps belongs to no account: everybody sees it."""

_encoder: Final = msgspec.json.Encoder()


def kind_of(event: Event) -> str:
    """Return the event's kind: the name of its class."""
    return type(event).__name__


def canonical(value: msgspec.Struct) -> bytes:
    """Return the canonical JSON of a struct.

    Examples
    --------
    >>> canonical(OrderCancelled(3, "by hand"))
    b'{"order":3,"why":"by hand"}'
    """
    raw = _encoder.encode(value)
    # `str(Decimal)` and plain digits differ only where there is an exponent, which is rare: look before taking it apart.
    if b"E-" in raw or b"E+" in raw:
        return _encoder.encode(_plain_digits(msgspec.to_builtins(value, builtin_types=(Decimal,))))
    return raw


def _plain_digits(value: Any) -> Any:
    match value:
        case Decimal():
            return text(value)
        case dict():
            return {key: _plain_digits(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain_digits(item) for item in value]
        case _:
            return value


def decode(kind: str, body: bytes | str) -> Event:
    """Return the event that a row of the log holds."""
    return msgspec.json.decode(body, type=KINDS[kind])


FIRST_DIGEST: Final = "0" * 64


def log_digest(previous: str, kind: str, body: bytes) -> str:
    """Return the digest that seals an event to all before it in its stream."""
    return blake2b(bytes.fromhex(previous) + kind.encode() + b"\n" + body, digest_size=32).hexdigest()


def chain(previous: str, line: str) -> str:
    """Return the ledger digest with one more line."""
    return blake2b(bytes.fromhex(previous) + line.encode(), digest_size=32).hexdigest()


def open_ledger_digest(book: Book) -> str:
    """Return the ledger digest of an opening book: its cash and its lots, in order of key."""
    lots = ";".join(
        f"{key}:{text(lot.quantity)}@{text(lot.cost)}" for key in sorted(book.positions) for lot in book.positions[key].lots
    )
    return chain(FIRST_DIGEST, f"open|{units(book.cash, CASH_DECIMALS)}|{lots}")


def add_order(digest: str, order: Order) -> str:
    """Return the ledger digest after an order was placed."""
    asked = text(order.amount) if order.amount is not None else text(order.quantity or Decimal(0))
    return chain(digest, f"order|{order.instrument}|{order.side}|{order.ts}|{asked}")


def add_fill(digest: str, fill: OrderFilled, instrument: Instrument) -> str:
    """Return the ledger digest after a fill, told in whole numbers."""
    price, quantity = units(fill.price, instrument.price_decimals), units(fill.quantity, instrument.size_decimals)
    fee, gas, cash = (units(value, CASH_DECIMALS) for value in (fill.fee, fill.gas, fill.cash))
    return chain(digest, f"fill|{fill.instrument}|{fill.side}|{fill.ts}|{price}|{quantity}|{fee}|{gas}|{cash}")


def add_revert(digest: str, reverted: OrderReverted) -> str:
    """Return the ledger digest after a swap that came back and cost its gas."""
    gas, cash = units(reverted.gas, CASH_DECIMALS), units(reverted.cash, CASH_DECIMALS)
    return chain(digest, f"revert|{reverted.instrument}|{reverted.ts}|{gas}|{cash}")


def close_ledger_digest(digest: str, equity: Decimal) -> str:
    """Return the ledger digest closed with the final equity; this is what is meant by *the digest* of a run."""
    return chain(digest, f"close|{units(equity, CASH_DECIMALS)}")
