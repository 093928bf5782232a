"""What may be asked of an address of the API: the methods of all its handlers, for one reads it and another writes."""

import re
from collections.abc import Iterable
from typing import Any

from litestar import Request, Response, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import Method


def options_handler(handlers: Iterable[HTTPRouteHandler]) -> HTTPRouteHandler:
    """Return what answers OPTIONS of every address that these handlers have.

    It has to be registered before them: where an address has none yet, the router makes one that knows the first handler only.
    """
    methods: dict[str, set[Method]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    allowed = {_template(path): ", ".join(sorted(found)) for path, found in methods.items()}

    @route(sorted(methods), http_method=HttpMethod.OPTIONS, status_code=204, include_in_schema=False)
    async def options(request: Request[Any, Any, State]) -> Response[None]:
        """Tell what may be asked of an address."""
        return Response(None, status_code=204, headers={"Allow": allowed[_template(request.scope["path_template"])]})

    return options


def _template(path: str) -> str:
    """Return an address with its names in braces, without their kinds."""
    return re.sub(r":\w+}", "}", path).rstrip("/")
