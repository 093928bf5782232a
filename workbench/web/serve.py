"""Serve the app on a socket that is already bound, until Ctrl-C."""

import socket

import uvicorn

from workbench import jobs
from workbench.desk import Desk
from workbench.web.app import create_app


def serve(desk: Desk, listener: socket.socket) -> None:
    """Run the server in this process.

    An open feed would hold up the end for ever, so there is a limit to how long it is waited for.
    """
    jobs.bind(desk)
    config = uvicorn.Config(create_app(desk), log_level="warning", timeout_graceful_shutdown=2, access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
