"""Serve the app on a socket that is already bound, until Ctrl-C."""

import gc
import socket
import threading

import uvicorn
from litestar import Litestar

from workbench import jobs
from workbench.desk import Desk
from workbench.strategies import shelf as strategies
from workbench.web.app import create_app
from workbench.web.live import Live
from workbench.web.security import LOOPBACK


class Server(uvicorn.Server):
    """A server that lets its open feeds end before it waits for its connections, which would otherwise wait for the feeds.

    Parameters
    ----------
    app
        The application.
    asked_to_end
        Set by whoever wanted it to end before it listened to signals itself.
    grace_seconds
        How long requests that are still under way are waited for.
    """

    def __init__(self, app: Litestar, asked_to_end: threading.Event, grace_seconds: int = 2) -> None:
        self.live: Live = app.state.live
        self.asked_to_end = asked_to_end
        # What a WebSocket may send at once is bounded like a request's body; on loopback nothing is won by compressing it.
        config = uvicorn.Config(
            app,
            log_level="warning",
            timeout_graceful_shutdown=grace_seconds,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=1_000_000,
            ws_per_message_deflate=False,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and end at once if that was asked meanwhile."""
        await super().startup(sockets)
        self.should_exit = self.should_exit or self.asked_to_end.is_set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the feeds, then the rest."""
        self.live.end_feeds()
        await super().shutdown(sockets)


def settle() -> None:
    """Load what forms are made of, and have the garbage collector pass over all that stays for good.

    The forms are made of every strategy's parameters, and indicators take seconds to import where pandas is installed. Their
    modules are hundreds of thousands of objects; to look through them again and again would hold up every reader for 50 ms.
    """
    strategies.load()
    gc.collect()
    gc.freeze()


def serve(
    desk: Desk, listener: socket.socket, asked_to_end: threading.Event, hosts: frozenset[str] = LOOPBACK, token: str = ""
) -> None:
    """Run the server in this process until it is asked to end; `hosts` and `token` as for `create_app`."""
    jobs.bind(desk)
    threading.Thread(target=settle, daemon=True).start()
    Server(create_app(desk, hosts, token), asked_to_end).run(sockets=[listener])
