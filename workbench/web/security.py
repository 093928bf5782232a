"""Who may talk to us, and what a page may do.

The workbench listens on loopback, where any page in the same browser can reach it. So: a request must name us by a
loopback name (a foreign name that resolves to us is DNS rebinding), and one that changes state must not come from another
site. Tools such as curl send no Origin, and are let through.
"""

from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import Refused
from workbench.web.entry import Door, Pace, TooFast, Unauthorized

POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
)
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_SPELLED: Final = ("127.0.0.1", "localhost")
"""The names of one place: a program in a page at one of them may open a WebSocket at the other."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME: Final = frozenset({"same-origin", "none"})


class Forbidden(Refused):
    """It came from where it may not come from."""

    status = 403

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"{what} was refused: expected {expected}, found {found!r}.")


_BEHIND: Final[ContextVar[bool]] = ContextVar("behind", default=False)


class TooLarge(HTTPException):
    """A request's body is larger than any form or document here."""

    status_code = 413


LONGEST_BODY: Final = 1_000_000
OPEN: Final = ("/static/", "/paper-trading/login", "/favicon.ico")
"""What is answered to anybody: the login page and what it is drawn with."""


class Gatekeeper(ASGIMiddleware):
    """Lets a request in, or refuses it before anything looks at it.

    Parameters
    ----------
    hosts
        The names by which we may be called.
    door
        Tells those who have the token; None on loopback, where nobody is asked.
    pace
        How fast one address may change things.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET, ScopeType.ASGI)

    def __init__(self, hosts: frozenset[str] = LOOPBACK, door: Door | None = None, pace: Pace | None = None) -> None:
        self.hosts, self.door, self.pace = hosts, door, pace or Pace()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Check a request's Host, and its origin where it could change something."""
        headers = Headers.from_scope(scope)
        host = headers.get("host", "")
        name = _name(host)
        # A foreign name that leads to us is never a bare address, so behind the door every address is ours.
        if name not in self.hosts and not (self.door is not None and _is_address(name)):
            raise Forbidden("The request's host", "one of " + ", ".join(sorted(self.hosts)), host)
        # A WebSocket handshake is a GET that opens a way in, so it is held to the same.
        if scope["type"] != ScopeType.HTTP:
            check_origin(headers, host, twins_of(host) if self.door is None else ())
        elif scope["method"] not in _SAFE:
            check_origin(headers, host)
        _BEHIND.set(self.door is not None)
        # What is mounted sees its own part of the path only, and the admin has a folder `static` too.
        is_open = isinstance(scope["route_handler"], HTTPRouteHandler) and scope["path"].startswith(OPEN)
        door = None if is_open else self.door
        if door is not None and not door.knows(headers, cookies_of(headers), client_of(scope)):
            raise Unauthorized
        if _said_length(headers) > LONGEST_BODY:
            raise TooLarge
        if scope["type"] == ScopeType.HTTP and scope["method"] not in _SAFE:
            wait = self.pace.take(client_of(scope))
            if wait:
                raise TooFast(wait)
        await next_app(scope, receive, send)


def is_behind_a_door() -> bool:
    """Return whether the request that is being answered had to bring a token."""
    return _BEHIND.get()


def _said_length(headers: Headers) -> int:
    """Return how long a request says that its body is; who does not say it is measured while it is read."""
    said = headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0


def cookies_of(headers: Headers) -> dict[str, str]:
    """Return the cookies of a request; none where they cannot be read."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def client_of(scope: Scope) -> str:
    """Return the address that a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def is_secure(scope: Scope) -> bool:
    """Return whether a request came over TLS."""
    return scope.get("scheme") in ("https", "wss")


def check_origin(headers: Headers, host: str, twins: tuple[str, ...] = ()) -> None:
    """Refuse a request that another site has sent.

    Parameters
    ----------
    twins
        Other names of this place, whose pages may send it too.

    Raises
    ------
    Forbidden
        If its Origin is foreign or `null`, or its Sec-Fetch-Site is not our own.
    """
    origin = headers.get("origin")
    place = host.lower() if origin is None else _place(origin)
    if place in twins and place != host.lower():
        return
    if place != host.lower():
        raise Forbidden("The request's origin", f"this site ({host}) or none", str(origin))
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _SAME:
        raise Forbidden("The request's Sec-Fetch-Site", "same-origin or none", site)


def twins_of(host: str) -> tuple[str, ...]:
    """Return the ways to write a loopback name with its port; none for a name that is not one of them.

    Examples
    --------
    >>> twins_of("localhost:8000")
    ('127.0.0.1:8000', 'localhost:8000')
    >>> twins_of("lab.example:8000")
    ()
    """
    name, colon, port = host.lower().partition(":")
    return tuple(f"{one}{colon}{port}" for one in _SPELLED) if name in _SPELLED and (not port or port.isdecimal()) else ()


def policy_for(host: str) -> str:
    """Return what a page at this place may do.

    `'self'` is the name that stands in the address bar, and a snippet that says `ws://localhost:8000` is to work on a page
    at `127.0.0.1:8000` as well, which is the same server.
    """
    lines = " ".join(f"ws://{twin}" for twin in twins_of(host))
    return POLICY.replace("connect-src 'self'", f"connect-src 'self' {lines}") if lines else POLICY


def _place(origin: str) -> str:
    """Return an Origin header's host and port; nothing for one that is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(host: str) -> str:
    """Return a Host header without its port; nothing of one whose port is none."""
    name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    colon, port = host[len(name) : len(name) + 1], host[len(name) + 1 :]
    is_port = not port or (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65_536)
    return name.strip("[]").lower() if is_port and colon in ("", ":") else ""


async def guard_answer(message: Message, scope: Scope) -> None:
    """Put the headers on every answer, errors too; call it before a message is sent."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        policy = policy_for(Headers.from_scope(scope).get("host", ""))
        for name, value in (("content-security-policy", policy), *HEADERS):
            if name not in headers:
                headers[name] = value
        if scope["path"].startswith("/paper-trading") and "cache-control" not in headers:
            headers["cache-control"] = "no-store"
