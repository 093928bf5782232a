"""The time zone in which pages show times, for as long as a page is drawn; inside, and in JSON, everything is UTC.

A filter of a template is a function of one value, so what it draws with is kept beside it, for each request by itself.
"""

from contextvars import ContextVar
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from workbench.desk import Desk
from workbench.domain.bars import as_datetime

_UTC: Final = ZoneInfo("UTC")
_SHOWN: Final[ContextVar[ZoneInfo]] = ContextVar("zone", default=_UTC)
_PROBLEM: Final[ContextVar[str]] = ContextVar("zone_problem", default="")


class InZone(ASGIMiddleware):
    """Lets everything that a request draws be drawn in the desk's time zone.

    Parameters
    ----------
    desk
        Whose setting it is.
    """

    scopes = (ScopeType.HTTP, ScopeType.ASGI)

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer a request."""
        show_in(self.desk.zone, self.desk.zone_problem)
        await next_app(scope, receive, send)


def show_in(zone: ZoneInfo, problem: str = "") -> None:
    """Draw times in a zone from here on, in this task or thread.

    Parameters
    ----------
    problem
        What is wrong with the zone that was asked for, in whose place this one stands.
    """
    _SHOWN.set(zone)
    _PROBLEM.set(problem)


def shown_zone() -> ZoneInfo:
    """Return the zone in which times are drawn."""
    return _SHOWN.get()


def zone_problem() -> str:
    """Return what is wrong with the zone that was asked for; empty where nothing is."""
    return _PROBLEM.get()


def zone_key() -> str:
    """Return the zone's whole name, such as `Europe/Berlin`."""
    return _SHOWN.get().key


def zone_label() -> str:
    """Return what the head of a column calls the zone: its city, or `UTC`."""
    return _SHOWN.get().key.rpartition("/")[2].replace("_", " ")


def local(ts: int) -> datetime:
    """Return a time as it is on the clocks of the zone."""
    return as_datetime(ts).astimezone(_SHOWN.get())


def is_told_twice(at: datetime) -> bool:
    """Return whether the zone's clocks show a time twice, as they do when they are put back."""
    return at.utcoffset() != at.replace(fold=not at.fold).utcoffset()
