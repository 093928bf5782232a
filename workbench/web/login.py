"""The login page: a token is typed once, and a cookie stays."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie, State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Redirect

from workbench.errors import Refused
from workbench.web.entry import COOKIE, GOOD_SECONDS, Door, WrongToken
from workbench.web.page import ROOT
from workbench.web.render import draw_page
from workbench.web.security import client_of, is_secure

LOGIN: Final = f"{ROOT}/login"
LOGOUT: Final = f"{ROOT}/logout"
LEFT: Final = "left"


class LoginView(msgspec.Struct, frozen=True):
    """What `login.html` gets."""

    leads_to: str
    problem: str = ""
    has_left: bool = False


def login_address(path: str) -> str:
    """Return the address of the login page that leads back to a path."""
    return f"{LOGIN}?leads_to={quote(path, safe='/')}"


def own_path(path: str) -> str:
    """Return a path of our own pages; the dashboard's for anything else, so that nobody is led elsewhere.

    Examples
    --------
    >>> own_path("/paper-trading/trades/"), own_path("//evil.example"), own_path("/paper-trading/../x")
    ('/paper-trading/trades/', '/paper-trading/', '/paper-trading/')
    """
    good = path.startswith(f"{ROOT}/") and ".." not in path and "\\" not in path and path.isprintable()
    return path if good and not path.startswith((LOGIN, LOGOUT)) else f"{ROOT}/"


@get(LOGIN, name="login")
async def ask(state: State, leads_to: FromQuery[str] = "", said: FromQuery[str] = "") -> Response[Any]:
    """Ask for the token; who has just logged out is told so."""
    if state.door is None:
        return Redirect(own_path(leads_to), status_code=303)
    return _page(LoginView(own_path(leads_to), has_left=said == LEFT))


@post(LOGIN, name="login_post", status_code=200)
async def enter(request: Request[Any, Any, State], state: State) -> Response[Any]:
    """Give a cookie for the token."""
    door: Door | None = state.door
    form = await request.form()
    leads_to = own_path(str(form.get("leads_to", "")))
    if door is None:
        return Redirect(leads_to, status_code=303)
    try:
        if not door.opens(str(form.get("token", "")), client_of(request.scope)):
            raise WrongToken
    except Refused as problem:
        return _page(LoginView(leads_to, str(problem)), problem.status)
    answer: Response[Any] = Redirect(leads_to, status_code=303)
    answer.set_cookie(
        Cookie(
            COOKIE, value=door.cookie(), max_age=GOOD_SECONDS, path="/", httponly=True, samesite="strict",
            secure=is_secure(request.scope),
        )
    )  # fmt: skip
    return answer


@post(LOGOUT, name="logout", status_code=200)
async def leave(state: State) -> Response[Any]:
    """Take the cookie back."""
    answer: Response[Any] = Redirect(f"{ROOT}/" if state.door is None else f"{LOGIN}?said={LEFT}", status_code=303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _page(view: LoginView, status: int = 200) -> Response[str]:
    return Response(draw_page("login.html", view), status_code=status, media_type=MediaType.HTML)


handlers: Final[list[HTTPRouteHandler]] = [ask, enter, leave]
