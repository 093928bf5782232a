"""What is sent twice is done once: a request that changes something may bring a key, and its answer is kept under that.

Programs send it as `Idempotency-Key`, forms as a hidden field that is drawn with them. Whatever is answered is what
the same request is answered from then on, without anything being done. Who is told to try later has changed nothing, and keeps
his key; what broke is not done again under it, for nobody knows whether it was done.
"""

import hashlib
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPRequestEvent, Message, Receive, Scope, Send

from workbench.actions.answer_once import claim_key, free_key, keep_answer
from workbench.desk import Desk
from workbench.errors import Invalid
from workbench.store.answers import Answer
from workbench.web.page import ROOT
from workbench.web.security import OPEN

HEADER: Final = "Idempotency-Key"
FIELD: Final = "idempotency_key"
REPLAYED: Final = "Idempotency-Replayed"
LONGEST: Final = 200
CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_API: Final = f"{ROOT}/api/"


class Once(ASGIMiddleware):
    """Lets a request that brings a key through once, and answers it from then on as it was answered first.

    A handler that changes nothing, though it is posted to, says so with `changes_nothing=True` and takes a key for nothing.

    Parameters
    ----------
    desk
        Whose store keeps the answers.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = "changes_nothing"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Do a request, or repeat what it was answered."""
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        key = await _key_of(request) if _may_change(scope, request.method) else None
        if key is None:
            await next_app(scope, receive, send)
            return
        body = await request.body()
        told = fingerprint(request.method, scope["path"], scope["query_string"], body)
        found = await sync_to_thread(claim_key, self.desk, key, told)
        if isinstance(found, Answer):
            await _replay(found, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        async def again() -> HTTPRequestEvent:
            return {"type": "http.request", "body": body, "more_body": False}

        await next_app(scope, again, hold)
        # It is kept before it is sent: who has it and asks again finds it.
        answer = _answer_in(held)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            await sync_to_thread(free_key, self.desk, found)
        else:
            await sync_to_thread(keep_answer, self.desk, found, answer)
        for message in held:
            await send(message)


def fingerprint(method: str, path: str, query: bytes, body: bytes) -> str:
    """Return the digest by which a request is known again."""
    return hashlib.blake2b(msgspec.json.encode((method, path, query, body)), digest_size=32).hexdigest()


def _may_change(scope: Scope, method: str) -> bool:
    # What is mounted, as the admin is, reads its requests by itself; and whoever has not come in leaves nothing behind here.
    return method in CHANGING and isinstance(scope["route_handler"], HTTPRouteHandler) and not scope["path"].startswith(OPEN)


async def _key_of(request: Request[Any, Any, Any]) -> str | None:
    """Return the key that a request brings, or None.

    Raises
    ------
    Invalid
        If it is none that can be taken.
    """
    given: object
    if request.scope["path"].startswith(_API):
        headers = request.headers.getall(HEADER, [])
        given = ", ".join(headers) if headers else None
    else:
        # The body first: it is read once, and both the form and whoever comes after this are made of it.
        await request.body()
        # A form that was drawn for several readers has the field, and nothing in it.
        given = (await request.form()).get(FIELD) or None
    if given is None:
        return None
    key = given.strip() if isinstance(given, str) else ""
    if not (1 <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Invalid(FIELD, f"1 to {LONGEST} printable ASCII characters", key[:80])
    return key


def _answer_in(messages: list[Message]) -> Answer:
    status, headers, body = 500, Headers(), b""
    for message in messages:
        if message["type"] == "http.response.start":
            status, headers = message["status"], Headers(message["headers"])
        elif message["type"] == "http.response.body":
            body += message["body"]
    return Answer(status, headers.get("content-type", ""), headers.get("location", ""), body)


async def _replay(answer: Answer, send: Send) -> None:
    headers = {"content-type": answer.content_type, "location": answer.location, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in {**headers, REPLAYED.lower(): "true"}.items() if value]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
