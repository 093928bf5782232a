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
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from workbench.desk import Desk
from workbench.web.idempotency import FIELD
from workbench.web.page import ROOT

LARGEST: Final = 2_000_000
"""Bytes of an answer that is shared; a larger one is drawn for each."""
MOST: Final = 512
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
        self._moment = (-1, -1)
        self._drawn: dict[tuple[str, bytes], asyncio.Future[Drawn | None]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer a request with what another one was answered, or draw it for both."""
        if not _may_share(scope):
            await next_app(scope, receive, send)
            return
        # The version is looked at before anything is read: what is drawn has all that it tells of, and perhaps more.
        moment = (self._doorbell.version(), self.desk.now() // 1000)
        if moment != self._moment or len(self._drawn) >= MOST:
            self._moment, self._drawn = moment, {}
        asked = (scope["path"], scope["query_string"])
        drawing = self._drawn.get(asked)
        if drawing is None:
            drawing = self._drawn[asked] = asyncio.get_running_loop().create_future()
            await self._draw(drawing, scope, receive, send, next_app)
            return
        drawn = await asyncio.shield(drawing)
        if drawn is None:
            await next_app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(drawn.headers)})
        await send({"type": "http.response.body", "body": _with_own_keys(drawn.body), "more_body": False})

    async def _draw(
        self, drawing: asyncio.Future[Drawn | None], scope: Scope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        """Draw for who asks, and tell the others what came of it: None where it is nothing for them."""
        headers: tuple[tuple[bytes, bytes], ...] | None = None

        async def tell(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = tuple(message["headers"])
                length = int(dict(headers).get(b"content-length", b"-1"))
                if message["status"] != 200 or not 0 <= length <= LARGEST:
                    drawing.set_result(None)
            elif message["type"] == "http.response.body" and not drawing.done():
                drawing.set_result(None if headers is None or message["more_body"] else Drawn(headers, message["body"]))
            await send(message)

        try:
            await next_app(scope, receive, tell)
        finally:
            if not drawing.done():
                drawing.set_result(None)


def _may_share(scope: Scope) -> bool:
    return (
        scope["type"] == ScopeType.HTTP
        and scope["method"] == "GET"
        and scope["path"].startswith(ROOT)
        and isinstance(scope["route_handler"], HTTPRouteHandler)
        and "no-cache" not in Headers.from_scope(scope).get("cache-control", "")
    )


def _with_own_keys(body: bytes) -> bytes:
    """Return a drawing with keys for its forms that nobody else has; they are of the same length."""
    return _KEY.sub(lambda _: token_urlsafe().encode(), body)
