"""The shelf of pages: each module offers one `PAGE`; adding a page is adding a module and a template.

Every page is served whole at its path, and each of its blocks alone at `/paper-trading/<page>/<block>`, drawn by the same
code. A page that lists things may have a page for each of them, at its own path and the thing's name.
"""

from collections.abc import Callable
from typing import Any, Final

from litestar import MediaType, Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec.structs import replace

from workbench.desk import Desk
from workbench.web.page import ROOT, Asking, Page, draw, draw_block, owner_of
from workbench.web.pages import (
    analytics,
    configuration,
    dashboard,
    markets,
    orders,
    portfolio,
    research,
    sessions,
    strategies,
    thoughts,
    trades,
)  # fmt: skip

PAGES: Final[tuple[Page, ...]] = (
    dashboard.PAGE, portfolio.PAGE, trades.PAGE, orders.PAGE, thoughts.PAGE, markets.PAGE, strategies.PAGE, sessions.PAGE,
    analytics.PAGE, configuration.PAGE, research.PAGE,
)  # fmt: skip
"""In the order of the navigation."""

WebRequest = Request[Any, Any, State]


def page_named(name: str) -> Page | None:
    """Return a page by name, or None."""
    every = (*PAGES, *(page.item for page in PAGES if page.item is not None))
    return next((page for page in every if page.name == name), None)


def html(text: str, status: int = 200) -> Response[str]:
    """Return an answer in HTML."""
    return Response(text, status_code=status, media_type=MediaType.HTML)


def page_handlers(page: Page) -> list[HTTPRouteHandler]:
    """Return the handlers of a page and of its blocks."""

    def whole(request: WebRequest, state: State) -> Response[str]:
        desk: Desk = state.desk
        query = page.ask(request.query_params.dict())
        return html(draw(page, PAGES, desk, owner_of(desk, query), query))

    def part(request: WebRequest, state: State, block: FromPath[str]) -> Response[str]:
        desk: Desk = state.desk
        if page.item is not None and not page.has_block(block):
            return html(_item(page.item, desk, {**request.query_params.dict(), "symbol": [block]}))
        found, query = page.block(block), page.ask(request.query_params.dict())
        account = owner_of(desk, query)
        with desk.store.read() as connection:
            return html(draw_block(page, found, connection, Asking(account, query, desk.now())))

    handlers = [_get(f"{ROOT}/{page.name}/{{block:str}}", part, f"{page.name}_block")]
    if page.item is not None:
        handlers += page_handlers(page.item)
    # The page of an item has no address without its name.
    return handlers if page.within else [_get(page.path, whole, page.name), *handlers]


def _item(page: Page, desk: Desk, given: dict[str, list[str]]) -> str:
    """Return the page of one of the things that another page lists."""
    query: Any = page.ask(given)
    account = owner_of(desk, query)
    if page.settle is not None:
        with desk.store.read() as connection:
            query = page.settle(connection, query)
    return draw(replace(page, title=query.symbol), PAGES, desk, account, query)


def _get(path: str, function: Callable[..., Response[str]], name: str) -> HTTPRouteHandler:
    handler: HTTPRouteHandler = get(path, name=name, sync_to_thread=True)(function)
    return handler


handlers: Final[list[HTTPRouteHandler]] = [handler for page in PAGES for handler in page_handlers(page)]
