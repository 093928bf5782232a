"""The fingerprint of a session: everything that decides how it goes, so that two of them can be compared."""

from hashlib import blake2b

import msgspec

from workbench.domain.book import Book
from workbench.domain.events import canonical, open_ledger_digest
from workbench.domain.sessions import Carried, Plan, SessionRequest
from workbench.engine.strategy import SignalStrategy
from workbench.engine.version import source_version
from workbench.strategies import shelf

_RULES = ("domain", "engine", "strategies")


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
        "configuration": _short(canonical(plan.configuration)),
        "costs": f"{plan.costs.__struct_config__.tag}:{_short(canonical(plan.costs))}",
        "realism": _short(canonical(plan.realism)),
        "instruments": _short(b"".join(canonical(instrument) for instrument in plan.instruments)),
        "timeframe": plan.timeframe,
        "memory": str(strategy.memory),
        "history": _short(repr(sorted(history.items())).encode()),
        "book": open_ledger_digest(book)[:16],
        "source": f"{request.source}:{request.dataset[:16]}",
        "seed": str(request.seed),
        "carried": _short(canonical(carried)) if carried else "",
        "programs": _short(msgspec.json.encode(request.programs)),
    }


def _short(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
