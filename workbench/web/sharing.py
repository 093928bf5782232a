"""What several ask for at once is drawn once: the answer to a reading is shared by all who ask for the same in the same second.

It holds as long as nothing was committed since, by whomever, which the doorbell tells; so nobody reads less than what had been
committed when he asked. Ages on a page may be a second behind. Who sends `Cache-Control: no-cache` gets a drawing of his own.
"""

import asyncio
import re
from secrets import token_urlsafe
from typing import Final

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from workbench.desk import Desk
from workbench.web.admin.mount import ADMIN_NAME
from workbench.web.admin.nonce import with_own_nonce
from workbench.web.idempotency import FIELD
from workbench.web.page import ROOT

LARGEST: Final = 500_000
"""Bytes of an answer that is shared; a larger one is drawn for each."""
MOST: Final = 128
"""Answers that are kept at once."""
_KEY: Final = re.compile(rb'(?<=name="' + FIELD.encode() + rb'" value=")[^"]+(?=")')


class Drawn(msgspec.Struct, frozen=True):
    """An answer as it was sent."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Shared(ASGIMiddleware):
    """Lets one of those who ask for the same at once through, and answers all of them with what he gets.

    An answer that goes on and on has no length, and is everybody's own.

    Parameters
    ----------
    desk
        Whose store is shown.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, desk: Desk) -> None:
        self.desk, self._doorbell = desk, desk.store.doorbell()
        self._moment = (-1, -1, "")
        self._drawn: dict[tuple[bytes, ...], asyncio.Future[Drawn | None]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer a request with what another one was answered, or draw it for both."""
        if not _may_share(scope):
            await next_app(scope, receive, send)
            return
        # The version is looked at before anything is read: what is drawn has all that it tells of, and perhaps more.
        moment = (self._doorbell.version(), self.desk.now() // 1000, self.desk.zone.key)
        if moment != self._moment or len(self._drawn) >= MOST:
            self._moment, self._drawn = moment, {}
        asked = _asked(scope)
        drawing = self._drawn.get(asked)
        if drawing is None:
            drawing = self._drawn[asked] = asyncio.get_running_loop().create_future()
            await self._draw(drawing, scope, receive, send, next_app)
            return
        drawn = await asyncio.shield(drawing)
        if drawn is None:
            await next_app(scope, receive, send)
            return
        own = _with_own_secrets(drawn)
        await send({"type": "http.response.start", "status": 200, "headers": list(own.headers)})
        await send({"type": "http.response.body", "body": own.body, "more_body": False})

    async def _draw(
        self, drawing: asyncio.Future[Drawn | None], scope: Scope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        """Draw for who asks, and tell the others what came of it: None where it is nothing for them."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        body = bytearray()

        async def tell(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = tuple(message["headers"])
                length = int(dict(headers).get(b"content-length", b"-1"))
                if message["status"] != 200 or not 0 <= length <= LARGEST:
                    drawing.set_result(None)
            elif message["type"] == "http.response.body" and not drawing.done():
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    drawing.set_result(Drawn(headers, bytes(body)))
            await send(message)

        try:
            await next_app(scope, receive, tell)
        finally:
            if not drawing.done():
                drawing.set_result(None)


def _may_share(scope: Scope) -> bool:
    if scope["type"] != ScopeType.HTTP or scope["method"] != "GET" or not scope["raw_path"].startswith(ROOT.encode()):
        return False
    headers = Headers.from_scope(scope)
    # A page of the admin has the token of its reader's forms, who is known by his cookie.
    return "no-cache" not in headers.get("cache-control", "") and (not _is_admin(scope) or "cookie" in headers)


def _is_admin(scope: Scope) -> bool:
    return scope["route_handler"].name == ADMIN_NAME


def _asked(scope: Scope) -> tuple[bytes, ...]:
    """Return what is asked for, by which of our names, and by whom where that matters."""
    telling = (b"host", b"cookie") if _is_admin(scope) else (b"host",)
    return scope["raw_path"], scope["query_string"], *(value for name, value in scope["headers"] if name in telling)


def _with_own_secrets(drawn: Drawn) -> Drawn:
    """Return a drawing with a nonce for its scripts and keys for its forms that nobody else has; they are as long as before."""
    headers, body = with_own_nonce(drawn.headers, drawn.body)
    return Drawn(headers, _KEY.sub(lambda _: token_urlsafe().encode(), body))
