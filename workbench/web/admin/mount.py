"""The admin as a handler of the application: its place, its policy, and what becomes of its errors."""

from collections.abc import Awaitable, Callable
from typing import Final

from anyio import Lock, to_thread
from litestar import asgi
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPResponseStartEvent, Message, Receive, ReceiveMessage, Scope, Send

from workbench.desk import Desk
from workbench.web.admin.cells import ADMIN
from workbench.web.admin.nonce import fresh_nonce
from workbench.web.security import LONGEST_BODY, TooLarge

ADMIN_NAME: Final = "admin"
"""Of its handler."""
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FILES: Final = "/static/"
_BROKEN: Final = 500


def policy(nonce: str) -> str:
    """Return what a page of the admin may do: its own scripts by nonce, styles inline too, nothing from outside."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def admin_handler(desk: Desk) -> ASGIRouteHandler:
    """Return the handler of everything below the admin's address."""
    made: list[Callable[..., Awaitable[None]]] = []
    making = Lock()

    async def site() -> Callable[..., Awaitable[None]]:
        # Its libraries take half a second to import: whoever comes first waits for them, and nobody who starts the app.
        async with making:
            if not made:
                made.append(await to_thread.run_sync(_make_site, desk))
        return made[0]

    @asgi(ADMIN, is_mount=True, copy_scope=True, name=ADMIN_NAME)
    async def admin(scope: Scope, receive: Receive, send: Send) -> None:
        inner = scope["path"]
        if not inner.startswith("/") or scope["type"] != ScopeType.HTTP:
            raise NotFoundException
        # The router has taken the prefix off and put a slash at the end; the site would redirect to take it off again.
        scope["path"] = ADMIN + (inner.rstrip("/") or "/")
        scope["raw_path"] = scope["path"].encode()
        nonce, is_file = fresh_nonce(), inner.startswith(_FILES)
        held: list[Message] = []
        whole = None if scope["method"] in _BODILESS else await _read(receive)

        async def receive_again() -> ReceiveMessage:
            nonlocal whole
            if whole is None:
                return await receive()
            body, whole = whole, None
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_guarded(message: Message) -> None:
            if held or (message["type"] == "http.response.start" and message["status"] == _BROKEN):
                # What broke is told by the application's own handler, if it hears of it.
                held.append(message)
                return
            if message["type"] == "http.response.start":
                _guard(message, nonce, is_file)
            await send(message)

        await (await site())(scope, receive_again, send_guarded)
        for message in held:
            if message["type"] == "http.response.start":
                _guard(message, nonce, is_file)
            await send(message)

    return admin


def _make_site(desk: Desk) -> Callable[..., Awaitable[None]]:
    from workbench.web.admin.site import make_site

    return make_site(desk)


async def _read(receive: Receive) -> bytes:
    body, goes_on = b"", True
    while goes_on:
        message = await receive()
        if message["type"] != "http.request":
            break
        body, goes_on = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > LONGEST_BODY:
            raise TooLarge
    return body


def _guard(message: HTTPResponseStartEvent, nonce: str, is_file: bool) -> None:
    headers = MutableScopeHeaders.from_message(message)
    headers["content-security-policy"] = policy(nonce)
    # Files are named with a version, but a page is never the same for long.
    headers["cache-control"] = "private, max-age=3600" if is_file else "no-store"
