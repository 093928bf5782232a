"""The JSON feed: every event of the log as a server-sent event, resumable by its id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import QueryParameter
from litestar.response import Stream

from workbench.desk import Desk
from workbench.web.live import Live
from workbench.web.messages import Message, read_types
from workbench.web.page import account_named
from workbench.web.snapshot import EVERY_ACCOUNT
from workbench.web.tail import RESUMED, Heard, Lens, Tail, frame, read_cursor


def whose_feed(desk: Desk, account: str) -> str:
    """Return the account that a feed is of: the default one where none is named, `*` for all of them.

    Raises
    ------
    NotFound
        If there is none of that name.
    """
    return EVERY_ACCOUNT if account == EVERY_ACCOUNT else account_named(desk, account)


async def frames(tail: Tail, lens: Lens, cursor: int, snapshot: Message | None) -> AsyncIterator[bytes]:
    """Yield the feed of one reader, from its cursor on."""
    yield b"retry: 500\n\n" + (frame(snapshot) if snapshot else beat(cursor))
    async with aclosing(tail.read(lens, cursor)) as stream:
        async for heard in stream:
            yield told(heard)


def told(heard: Heard) -> bytes:
    """Return what is heard as it is sent; what a reader did not ask for moves its cursor too."""
    if not heard.messages:
        return beat(heard.until)
    return heard.frames if heard.last == heard.until else heard.frames + f"id: {heard.until}\n\n".encode()


def beat(cursor: int) -> bytes:
    """Return a heartbeat: a comment that keeps the connection open, and the id up to which the reader knows everything."""
    return f": still here\nid: {cursor}\n\n".encode()


@get("/paper-trading/api/feed/", name="feed")
async def feed(
    request: Request[Any, Any, State],
    state: State,
    after: Annotated[str, QueryParameter(description="A log id: what came after it.")] = "",
    kinds: Annotated[str, QueryParameter(description="Message types, with commas between them; all where left out.")] = "",
    account: Annotated[str, QueryParameter(description="An account's id or name, * for all; the default one where left out.")] = "",
) -> Response[Any]:
    """Tell every event after a log id as it comes; the `Last-Event-ID` header wins over `?after=`.

    Without either it begins with now, after a snapshot of how the account stands.
    """
    live: Live = state.live
    resumed = request.headers.get("last-event-id")
    field = RESUMED if resumed else "after"
    given = read_cursor(resumed or after, field)
    types = read_types(kinds)
    owner = await asyncio.to_thread(whose_feed, live.desk, account)
    cursor, snapshot = await live.tail.begin(owner, given, field)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    stream = frames(live.tail, Lens(owner, types), cursor, snapshot)
    return Stream(stream, media_type="text/event-stream", headers=headers)


handlers = [feed]
