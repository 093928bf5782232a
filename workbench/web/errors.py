"""What a person or a program is told when something goes wrong; one of the three places where errors are caught.

A refusal is its own sentence with its own status. What we did not mean to happen gets a number that the log has, and
never a traceback. Under `/paper-trading/api/` the answer is the JSON envelope, elsewhere a calm page.
"""

import errno
import logging
from html import escape
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.response import Redirect

from workbench.errors import Invalid, Refused, TryLater, WorkbenchError, unlisted
from workbench.web.api.envelope import timestamp, values_of
from workbench.web.entry import Unauthorized
from workbench.web.login import login_address, own_path
from workbench.web.misread import Bare, expected_kind
from workbench.web.page import ROOT, Link, View, links
from workbench.web.pages import PAGES
from workbench.web.render import draw_page

log = logging.getLogger(__name__)
API: Final = f"{ROOT}/api"
TO_NOTICE: Final = {"hx-retarget": "#notice", "hx-reswap": "innerHTML"}
"""Puts what is answered to htmx into the page's notice, wherever else it was meant for."""

_SENTENCES: Final = {
    400: "The request could not be read.",
    404: "There is nothing at this address.",
    405: "This address does not take such a request.",
    413: "The request is too large.",
    415: "The request's body is of a kind that is not taken here.",
}

_TITLES: Final = {403: "Refused", 404: "Not found", 500: "Something broke", 503: "Try again in a moment"}


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, as callers of the API see it."""

    code: str
    message: str
    field: str | None = None


class Envelope(msgspec.Struct, frozen=True):
    """The JSON of an answer that is an error."""

    success: bool
    error: Trouble
    timestamp: str


class ErrorView(View, frozen=True, kw_only=True):
    """What `error.html` gets."""

    status: int
    title: str
    message: str
    navigation: tuple[Link, ...]


def answer_error(request: Request[Any, Any, Any], problem: Exception) -> Response[Any]:
    """Return the answer to a request that went wrong."""
    status, trouble = tell(_in_words(request, problem))
    headers = dict(problem.headers) if isinstance(problem, HTTPException) and problem.headers else {}
    wait = getattr(problem, "wait", None)
    if wait is not None:
        headers["retry-after"] = str(wait)
    if isinstance(problem, Unauthorized):
        headers["www-authenticate"] = "Bearer"
        if not path_of(request).startswith(API):
            answer = _lead_to_login(request, status, headers)
            if answer is not None:
                return answer
    if path_of(request).startswith(API):
        body = msgspec.json.encode(Envelope(False, trouble, timestamp()))
        return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)
    if request.query_params.get("answer") == "block":
        # What no handler has drawn a block for: the page stays as it is, with what was typed into its forms.
        headers |= TO_NOTICE
        return Response(escape(trouble.message), status_code=status, media_type=MediaType.HTML, headers=headers)
    view = ErrorView(status=status, title=_title(status), message=trouble.message, navigation=links(PAGES))
    return Response(draw_page("error.html", view), status_code=status, media_type=MediaType.HTML, headers=headers)


def _lead_to_login(request: Request[Any, Any, Any], status: int, headers: dict[str, str]) -> Response[Any] | None:
    """Return what leads to the login page and back; None for what is answered as other errors are.

    A redirection that htmx is answered with it follows by itself, and then the login page stands in the block that was asked
    for. So it is told to lead the whole page there. Who sends a form keeps what is typed into it, and logs in beside it.
    """
    back = login_address(own_path(_path_in(request.headers.get("hx-current-url", ""))))
    is_block = "hx-request" in request.headers
    if is_block and request.method == "GET":
        return Response("", status_code=status, media_type=MediaType.HTML, headers=headers | {"hx-redirect": back})
    if is_block:
        told = f'You are logged out. <a href="{escape(back)}" target="_blank">Log in in another tab</a>, and press again here.'
        return Response(told, status_code=status, media_type=MediaType.HTML, headers=headers | TO_NOTICE)
    if request.method == "GET" and not path_of(request).endswith("/live"):
        return Redirect(login_address(asked_address(request)), status_code=303)
    return None


def _path_in(address: str) -> str:
    """Return the path and the query of an address; nothing of one that is none."""
    try:
        return urlsplit(address)._replace(scheme="", netloc="", fragment="").geturl()
    except ValueError:
        return ""


def answer_no_file(request: Request[Any, Any, Any], problem: Exception) -> Response[Any]:
    """Return the answer to a request for a file that could not be looked for: a name that no file can have is not found."""
    cause = problem.__cause__
    is_no_name = isinstance(problem, ValueError) or (isinstance(cause, OSError) and cause.errno == errno.ENAMETOOLONG)
    return answer_error(request, NotFoundException() if is_no_name else problem)


def path_of(request: Request[Any, Any, Any]) -> str:
    """Return the path that was asked for; the whole address cannot be read where its host is no place."""
    return str(request.scope.get("root_path", "") + request.scope["path"])


def asked_address(request: Request[Any, Any, Any]) -> str:
    """Return the path and the query that were asked for, with the slash that the router takes off."""
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0] or path_of(request)
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def tell(problem: Exception) -> tuple[int, Trouble]:
    """Return an error's status and what is told of it."""
    match problem:
        case Refused():
            return problem.status, Trouble(problem.code, str(problem), problem.field)
        case TryLater():
            return 503, Trouble(problem.code, str(problem))
        case HTTPException() if problem.status_code < 500:
            status = problem.status_code
            return status, Trouble(_code(status), _SENTENCES.get(status, f"{HTTPStatus(status).phrase}."))
    number = uuid4().hex[:8]
    log.error("error %s", number, exc_info=problem)
    code = problem.code if isinstance(problem, WorkbenchError) else "broken"
    return 500, Trouble(code, f"Something broke on our side. It is error {number} in the log.")


def _in_words(request: Request[Any, Any, Any], problem: Exception) -> Exception:
    """Return the refusal of a parameter that could not be read as one of our own; whatever else as it is."""
    found = problem.extra[0] if isinstance(problem, ValidationException) and isinstance(problem.extra, list) else None
    if not isinstance(found, dict) or "key" not in found:
        return problem
    name = str(found["key"])
    declared = request.route_handler.parsed_fn_signature.parameters.get(name)
    if declared is not None and (known := values_of(declared)):
        return unlisted(name, request.query_params.get(name, ""), known)
    return Invalid(name, expected_kind(str(found["message"])) or "another value", request.query_params.get(name, Bare("nothing")))


def _code(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def _title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)
