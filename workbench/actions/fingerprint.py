"""The fingerprint of a session: everything that decides how it goes, so that two of them can be compared."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.domain.bars import parse_timeframe
from workbench.domain.book import Book
from workbench.domain.events import SessionStarted, canonical, open_ledger_digest
from workbench.domain.sessions import Carried, Plan, SessionRequest
from workbench.engine.series import BarSeries
from workbench.engine.strategy import SignalStrategy
from workbench.engine.version import source_version
from workbench.engine.windows import window_start
from workbench.store import recorded
from workbench.strategies import shelf

_RULES = ("domain", "engine", "strategies")
_COSTS: Final = ("costs", "realism", "seed")
NO_SERIES: Final = -1
"""Stands for the number of a series that the store has not."""


def code_version() -> str:
    """Return the version and a hash over the source of everything that the ledger depends on."""
    return source_version(_RULES)


def fingerprint(
    plan: Plan, request: SessionRequest, strategy: SignalStrategy, book: Book, history: dict[str, int], carried: Carried | None
) -> dict[str, str]:
    """Return what decides a session, part by part."""
    return {
        "code": code_version(),
        "strategy": plan.configuration.strategy,
        **({"strategy_source": own} if (own := shelf.source_digest(plan.configuration.strategy)) else {}),
        **opening_parts(plan, book, history, carried),
        "memory": str(strategy.memory),
        "source": source_part(request.source, request.dataset),
        "programs": _short(msgspec.json.encode(request.programs)),
    }


def opening_parts(plan: Plan, book: Book, history: dict[str, int], carried: Carried | None) -> dict[str, str]:
    """Return the parts of a fingerprint that a session's first event tells anew: one that was edited no longer fits its own."""
    return {
        "configuration": _short(canonical(plan.configuration)),
        "costs": f"{plan.costs.__struct_config__.tag}:{_short(canonical(plan.costs))}",
        "realism": _short(canonical(plan.realism)),
        "instruments": _short(b"".join(canonical(instrument) for instrument in plan.instruments)),
        "timeframe": plan.timeframe,
        "history": _short(repr(sorted(history.items())).encode()),
        "book": open_ledger_digest(book)[:16],
        "seed": str(plan.seed),
        "carried": _short(canonical(carried)) if carried else "",
    }


def source_part(source: str, dataset: str) -> str:
    """Return the part of a fingerprint that says where the bars come from."""
    return f"{source}:{dataset[:16]}"


def edited_opening(started: SessionStarted) -> str:
    """Return the class of cause where a session's first event is not what its fingerprint was taken of; empty where it is."""
    prints = started.fingerprint
    for part, now in opening_parts(started.plan, started.book, started.history, started.carried).items():
        if prints.get(part, now) != now:
            kind = "cost model" if part in _COSTS else "parameters"
            return f"{kind} (the {part} that the log says it began with: expected {prints[part]} by its fingerprint, found {now})"
    return ""


def history_bars(
    connection: Connection, source: str, plan: Plan, memory: int, after: int, arrivals: dict[str, int]
) -> list[BarSeries]:
    """Return the bars that were at hand before a live session's first, instrument by instrument; none of a series that is gone.

    Parameters
    ----------
    memory
        That of the strategy that it began with.
    after, arrivals
        Open time of the last bar before its first slice, and the writes that had brought bars when it began.
    """
    begin = window_start(after + parse_timeframe(plan.timeframe), plan.timeframe, memory)
    numbers = recorded.find_series(connection, source, plan.timeframe)
    return [
        recorded.read_bars(connection, numbers.get(i.key, NO_SERIES), i, plan.timeframe, begin, after + 1, arrivals.get(i.key))
        for i in plan.instruments
    ]


def bars_part(windows: Sequence[BarSeries]) -> str:
    """Return the part of a fingerprint that seals the bars before the first; the digest of inputs begins with the first."""
    columns = [column for one in windows for column in (one.ts, one.open, one.high, one.low, one.close, one.volume, one.liquidity)]
    return _short(b"".join(b"-" if column is None else column.tobytes() for column in columns))


def _short(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
