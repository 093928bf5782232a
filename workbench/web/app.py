"""The application: pages and their live feed, the bot's buttons, the JSON API and its feeds, static files; one gatekeeper."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from litestar import Litestar, get
from litestar.datastructures import CacheControlHeader, State
from litestar.exceptions import InternalServerException
from litestar.response import Redirect
from litestar.static_files import create_static_files_router

from workbench.desk import Desk
from workbench.web import api, configurations, control, login, orders, pages, programs, sessions, sweeps, websocket
from workbench.web.admin.mount import admin_handler
from workbench.web.api import feed, schema
from workbench.web.api.allowed import options_handler
from workbench.web.api.envelope import know_query
from workbench.web.entry import Door, Pace
from workbench.web.errors import answer_error, answer_no_file
from workbench.web.idempotency import Once
from workbench.web.live import Live, live_feed
from workbench.web.page import ROOT
from workbench.web.render import STATIC, STATIC_URL
from workbench.web.security import LONGEST_BODY, LOOPBACK, Gatekeeper, guard_answer
from workbench.web.sharing import Shared
from workbench.web.zone import InZone

_YEAR: Final = 31_536_000


@get("/", name="root")
async def root() -> Redirect:
    """Lead to the dashboard."""
    return Redirect(f"{ROOT}/", status_code=302)


@get("/favicon.ico", name="favicon")
async def favicon() -> Redirect:
    """Lead to the sign that browsers ask for by this name."""
    return Redirect(f"{STATIC_URL}/icon.svg", status_code=302)


def create_app(desk: Desk, hosts: frozenset[str] = LOOPBACK, token: str = "", pace: Pace | None = None) -> Litestar:
    """Return the application over a desk.

    Parameters
    ----------
    desk
        Whose store is shown; handlers find it as `state.desk`.
    hosts
        The names by which it may be called.
    token
        The secret that everybody has to bring; nobody is asked where empty, as on loopback.
    pace
        How fast one address may change things.
    """
    live, door = Live(desk), Door(token) if token else None

    @asynccontextmanager
    async def watching(_: Litestar) -> AsyncIterator[None]:
        await live.open()
        try:
            yield
        finally:
            await live.close()

    # Every address of a static file carries a stamp of its content, so it may be kept for ever.
    static = create_static_files_router(
        STATIC_URL,
        [STATIC],
        name="static",
        cache_control=CacheControlHeader(public=True, max_age=_YEAR, immutable=True),
        # What no file can be called, with a NUL in it or thousands of letters, is looked for on the disk all the same.
        exception_handlers={ValueError: answer_no_file, InternalServerException: answer_no_file},
    )
    return Litestar(
        route_handlers=[
            root,
            favicon,
            static,
            live_feed,
            *login.handlers,
            *pages.handlers,
            *control.handlers,
            *programs.handlers,
            *sweeps.handlers,
            *configurations.handlers,
            *orders.handlers,
            *sessions.handlers,
            options_handler([*api.handlers, *schema.handlers, *feed.handlers]),
            *api.handlers,
            *schema.handlers,
            *feed.handlers,
            *websocket.handlers,
            admin_handler(desk),
        ],
        state=State({"desk": desk, "live": live, "door": door}),
        lifespan=[watching],
        middleware=[Gatekeeper(hosts, door, pace), InZone(desk), Once(desk), Shared(desk)],
        before_request=know_query,
        before_send=[guard_answer],
        exception_handlers={Exception: answer_error},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=LONGEST_BODY,
        debug=False,
    )
