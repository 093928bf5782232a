"""Run one session to its end in this process: what `workbench run` does, and tests."""

import time
from collections.abc import Callable
from typing import Any

from workbench.actions.advance_session import advance_session
from workbench.actions.start_session import start_session
from workbench.desk import Desk
from workbench.domain.sessions import SessionRequest
from workbench.store import reads
from workbench.store.rows import SessionRow


def run_session(
    desk: Desk,
    request: SessionRequest,
    cash: Any = 10_000,
    account: str | None = None,
    watch: Callable[[SessionRow], bool] | None = None,
) -> SessionRow:
    """Start a session and advance it until it ends, waiting for its bars where it is live.

    Parameters
    ----------
    request
        What is asked for.
    cash
        Of the account that the session makes for itself.
    account
        An account to trade instead of one of its own.
    watch
        Called after each advance with the session; it goes on while this returns True.
    """
    session = start_session(desk, account, request, cash).id
    while True:
        advanced = advance_session(desk, session)
        with desk.store.read() as connection:
            row = reads.session(connection, session)
        going = watch is None or watch(row)
        if advanced.due is None or not going:
            return row
        time.sleep(max(0.0, min(0.25, (advanced.due - desk.now()) / 1000)))
