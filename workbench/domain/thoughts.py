"""Why the bot did what it did: a `Thought` with its gates, their margins and the factors it looked at."""

from enum import StrEnum

import msgspec


class Decision(StrEnum):
    """What came of looking at one token at one close."""

    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"
    SKIP = "skip"
    WAIT = "wait"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


class Gate(msgspec.Struct, frozen=True, gc=False):
    """One condition, by how much it held, and whether it stopped the decision.

    Parameters
    ----------
    name
        Such as `"confidence"`.
    value, threshold
        What was found and what was asked; None where it could not be known or nothing is asked.
    margin
        How much room was left, in the gate's own unit: negative where it was missed; None where there is no limit.
    passed
        False for a gate that stopped it.
    """

    name: str
    value: float | None
    threshold: float | None
    margin: float | None
    passed: bool


class Size(msgspec.Struct, frozen=True, gc=False):
    """One step on the way to an entry's size: what is looked at, and what it allows, in the quote currency."""

    name: str
    amount: str


class Thought(msgspec.Struct, frozen=True, omit_defaults=True):
    """One evaluation of one token at one close.

    Parameters
    ----------
    ts
        Open time of the bar, milliseconds UTC.
    instrument, symbol, strategy
        What was looked at, and by which strategy.
    decision
        What came of it.
    stopped_by
        The first gate that did not pass; empty where all did.
    confidence
        0 to 100, as the strategy gave it.
    gates
        The conditions, in the order in which they are asked.
    factors
        The strategy's own named values at this bar; None where one is not defined yet.
    order
        The order that was placed or filled for it; None where there was none.
    reason
        The whole of it in a sentence.
    sizing
        How an entry's size came about: the wish first, then every cap; the smallest of them is spent.
    run, execution
        Where programs may be picked for an entry: the run of the one that was, None where it is bought at once; and why.
    """

    ts: int
    instrument: str
    symbol: str
    strategy: str
    decision: Decision
    stopped_by: str
    confidence: float
    gates: tuple[Gate, ...]
    factors: dict[str, float | None]
    order: int | None = None
    reason: str = ""
    sizing: tuple[Size, ...] = ()
    run: int | None = None
    execution: str = ""
