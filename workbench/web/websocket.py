"""The WebSocket: the messages of the feed as they come, and answers to what is asked over the same line."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Final

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from workbench.desk import Desk
from workbench.errors import Conflict, Invalid, Malformed, NotFound, Refused, WorkbenchError
from workbench.store import reads
from workbench.web.api.envelope import (
    Json,
    fields_of,
    know_fields,
    listed,
    metrics_shape,
    portfolio_shape,
    position_shape,
    read_object,
    trade_shape,
)
from workbench.web.api.feed import whose_feed
from workbench.web.errors import tell
from workbench.web.live import Live
from workbench.web.messages import Message, message_of, read_types
from workbench.web.snapshot import EVERY_ACCOUNT
from workbench.web.tail import Lens, read_cursor

log = logging.getLogger(__name__)

LARGEST: Final = 65_536
"""Bytes that a message to us may have."""
MOST_AT_ONCE: Final = 20
FLOOD_SECONDS: Final = 1.0
"""More messages than that within this time end the connection."""
MOST_TRADES: Final = 200
GOING_AWAY: Final = 1001
AGAINST_THE_RULES: Final = 1008
BROKEN: Final = 1011


class TooMany(Refused):
    """More was asked within a second than is answered."""

    status = 429


def pong(desk: Desk, account: str, asked: Json) -> Json:
    """Return the time that was sent, so that the way there and back can be measured."""
    given = asked.get("timestamp")
    if isinstance(given, dict | list):
        raise Invalid("timestamp", "a number or a text", given)
    return {"timestamp": given}


def portfolio_update(desk: Desk, account: str, asked: Json) -> Json:
    """Return how the account stands, with its open positions."""
    with desk.store.read() as connection:
        held = reads.positions(connection, account)
        figures = reads.figures(connection, account, desk.now())
    return {**fields_of(portfolio_shape(account, figures)), "positions": [position_shape(row) for row in held]}


def trade_history(desk: Desk, account: str, asked: Json) -> Json:
    """Return the newest trades, `limit` of them."""
    limit = asked.get("limit", 10)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_TRADES:
        raise Invalid("limit", f"a whole number from 1 to {MOST_TRADES}", limit)
    with desk.store.read() as connection:
        rows = reads.trades(connection, account, limit=limit)
    return fields_of(listed(map(trade_shape, rows), rows[-1].id if len(rows) == limit else None))


def open_positions(desk: Desk, account: str, asked: Json) -> Json:
    """Return the open positions, the most valuable first."""
    with desk.store.read() as connection:
        rows = reads.positions(connection, account)
    return fields_of(listed(map(position_shape, sorted(rows, key=lambda row: -row.value))))


def performance_metrics(desk: Desk, account: str, asked: Json) -> Json:
    """Return the account's figures."""
    with desk.store.read() as connection:
        return fields_of(metrics_shape(reads.figures(connection, account, desk.now())))


class Request(msgspec.Struct, frozen=True):
    """What may be asked: the type of the answer, the fields that it takes, and what answers it."""

    answer: str
    fields: tuple[str, ...]
    make: Callable[[Desk, str, Json], Json]


REQUESTS: Final = {
    "ping": Request("pong", (), pong),
    "request_portfolio_update": Request("portfolio_update", (), portfolio_update),
    "request_trade_history": Request("trade_history", ("limit",), trade_history),
    "request_open_positions": Request("open_positions", (), open_positions),
    "request_performance_metrics": Request("performance_metrics", (), performance_metrics),
}


def read_request(text: str) -> tuple[Request, Json]:
    """Return what a message asks, and its fields, which may stand beside `type` or in `data`.

    Raises
    ------
    Malformed
        If it is too large, or no JSON object.
    NotFound
        If there is no such request, or no such field.
    Invalid
        If its type is no text, or its `data` no object.
    """
    size = len(text.encode())
    if size > LARGEST:
        raise Malformed("The message", f"at most {LARGEST:,} bytes", f"{size:,}")
    asked = read_object(text, "The message")
    type_, data = asked.pop("type", None), asked.pop("data", None)
    if not isinstance(type_, str):
        raise Invalid("type", "a text such as 'ping'", type_)
    request = REQUESTS.get(type_)
    if request is None:
        raise NotFound("message", type_[:80], REQUESTS, field="type")
    if data is not None and not isinstance(data, dict):
        raise Invalid("data", "an object", data)
    asked |= data or {}
    # Every message may carry its time, as ours do.
    know_fields(asked, (*request.fields, "timestamp"))
    return request, asked


def error_of(problem: Exception) -> Message:
    """Return what is said when something asked could not be answered."""
    _, trouble = tell(problem)
    return message_of("error", msgspec.to_builtins(trouble))


class Conversation:
    """One open WebSocket: what is told, and what is asked meanwhile.

    Parameters
    ----------
    socket
        The line, accepted already.
    live
        Whose tail is told.
    """

    def __init__(self, socket: WebSocket[Any, Any, State], live: Live) -> None:
        self.socket, self.desk, self.tail = socket, live.desk, live.tail
        self.lens = Lens("")
        self._came: deque[float] = deque(maxlen=MOST_AT_ONCE)

    async def hold(self) -> None:
        """Talk and listen until either side ends it."""
        try:
            cursor, snapshot = await self._begin()
        except Refused as problem:
            await self._send(error_of(problem))
            await self.socket.close(AGAINST_THE_RULES, "The address asks for something that there is not.")
            return
        greeting = {"account_id": self.lens.account, "message": "Connected: what happens is told from here on."}
        await self._send(message_of("connection_confirmed", greeting))
        if snapshot is not None:
            await self._send(snapshot)
        tasks = {asyncio.create_task(self._talk(cursor)), asyncio.create_task(self._listen())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        code = next(iter(done)).result()
        if code is not None:
            await self.socket.close(code)

    async def _begin(self) -> tuple[int, Message | None]:
        asked = self.socket.query_params
        given = read_cursor(asked.get("after", ""))
        types = read_types(asked.get("kinds", ""))
        account = await asyncio.to_thread(whose_feed, self.desk, asked.get("account", ""))
        self.lens = Lens(account, types)
        return await self.tail.begin(account, given)

    async def _talk(self, cursor: int) -> int | None:
        async with aclosing(self.tail.read(self.lens, cursor)) as stream:
            async for heard in stream:
                for text in heard.texts:
                    await self.socket.send_text(text)
                # News that were not asked for move the cursor too, and now and then that is told.
                if not heard.messages and heard.until > cursor:
                    await self._send(message_of("heartbeat", {}, heard.until))
                cursor = heard.last
        return GOING_AWAY

    async def _listen(self) -> int | None:
        while True:
            event = await self.socket.receive()
            if event["type"] != "websocket.receive":
                return None
            if self._is_flood():
                problem = TooMany(f"More than {MOST_AT_ONCE} messages came within a second, so the connection is closed.")
                await self._send(error_of(problem))
                return AGAINST_THE_RULES
            try:
                answer = await asyncio.to_thread(self._answer, event.get("text"))
            except WorkbenchError as problem:
                answer = error_of(problem)
            await self._send(answer)

    def _is_flood(self) -> bool:
        now = asyncio.get_running_loop().time()
        is_full = len(self._came) == MOST_AT_ONCE
        too_soon = is_full and now - self._came[0] < FLOOD_SECONDS
        self._came.append(now)
        return too_soon

    def _answer(self, text: str | None) -> Message:
        if text is None:
            raise Malformed("The message", "a text", "bytes")
        request, asked = read_request(text)
        if self.lens.account == EVERY_ACCOUNT and request.answer != "pong":
            raise Conflict("what is asked is told of one account", "this connection is of all; name one in ?account=")
        return message_of(request.answer, request.make(self.desk, self.lens.account, asked))

    async def _send(self, message: Message) -> None:
        await self.socket.send_text(message.text())


@websocket("/ws/paper-trading/", name="websocket")
async def conversation(socket: WebSocket[Any, Any, State], state: State) -> None:
    """Tell what happens, and answer what is asked."""
    await socket.accept()
    try:
        await Conversation(socket, state.live).hold()
    except (WebSocketDisconnect, OSError):
        return  # the other side is gone
    except Exception:  # what breaks here must not take the server's log or the other readers with it
        log.exception("a WebSocket could not be told what happened")
        await socket.close(BROKEN)


handlers: list[WebsocketRouteHandler] = [conversation]
