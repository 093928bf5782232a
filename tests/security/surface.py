"""All that can be reached, read from the application itself, so that nothing new is left out of the attacks."""

from collections.abc import Iterator
from html.parser import HTMLParser

import msgspec
from litestar import Litestar
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute

from workbench.web.api.schema import PAIRS, STREAMED, document
from workbench.web.entry import Pace
from workbench.web.pages import PAGES

HERE = "http://127.0.0.1:8000"
ROOT = "/paper-trading"
API = f"{ROOT}/api"
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
IN_ADDRESSES = {**PAIRS, "symbol": "WETH", "block": "page", "turn": "pause", "file_path": "/look.css"}
ADMIN_CHANGES = (
    "papertradingaccount/create", "paperstrategyconfiguration/edit?pk=1", "papertrade/edit?pk=1",
    "_api/paperstrategyconfiguration/inline-edit?pk=1&field=size_pct", "_api/papertradingsession/row-action?pk=1&name=stop",
    "_api/papertrade/action?pks=1&name=delete",
)  # fmt: skip
"""What the admin's site takes; it is mounted as one, so its addresses stand in no table of ours."""


class Way(msgspec.Struct, frozen=True):
    """A method and an address that something answers."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def unhurried() -> Pace:
    """Return a pace that nobody reaches, so that what lies behind it is attacked."""
    return Pace(burst=1_000_000, a_minute=60)


def ways(app: Litestar) -> list[Way]:
    """Return every HTTP address of an application with its methods, filled in; the admin's too."""
    found = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            filled = "".join(f"/{part if isinstance(part, str) else IN_ADDRESSES[part.name]}" for part in route.path_components)
            path = (filled or "/").replace("//", "/")
            if (path.startswith(ROOT) and path.count("/") == 1) or path.startswith(API):
                path += "/" if not path.endswith(".json") else ""
            found += [Way(method, path) for handler in route.route_handlers for method in handler.http_methods]
        elif isinstance(route, ASGIRoute):
            found += [Way("POST", f"{route.path}/{path}") for path in ADMIN_CHANGES]
            found += [Way("GET", f"{route.path}/{path}") for path in ("", "papertrade/list", "static/admin.css")]
    return [way for way in dict.fromkeys(found) if way.method != "OPTIONS"]


def lines(app: Litestar) -> list[str]:
    """Return the addresses of an application's WebSockets."""
    return [route.path for route in app.routes if isinstance(route, WebSocketRoute)]


def changing(app: Litestar) -> list[Way]:
    """Return every address that changes something."""
    return [way for way in ways(app) if way.method in CHANGING]


class Body(msgspec.Struct, frozen=True):
    """An address that takes JSON: its fields, and an example that is read."""

    path: str
    fields: tuple[str, ...]
    example: dict


def bodies() -> Iterator[Body]:
    """Yield what the document of the API says of every body."""
    for path, operations in document()["paths"].items():
        told = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if told:
            filled = path
            for name, value in PAIRS.items():
                filled = filled.replace(f"{{{name}}}", str(value))
            yield Body(filled, tuple(told["schema"]["properties"]), told["example"])


def questions() -> Iterator[tuple[str, str]]:
    """Yield every address of the API that is read to its end, with each text that it can be asked by; the feed has none."""
    for path, operations in document()["paths"].items():
        if path.endswith(f"/{STREAMED}"):
            continue
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] == "query":
                filled = path
                for name, value in {**PAIRS, "symbol": "WETH"}.items():
                    filled = filled.replace(f"{{{name}}}", str(value))
                yield filled, parameter["name"]


class Form(msgspec.Struct):
    """A form of a page: where it goes, how, and what its fields hold at first."""

    path: str
    method: str
    fields: dict[str, str]


class Forms(HTMLParser):
    """Reads the forms out of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form and its fields."""
        named = dict(attrs)
        if tag == "form":
            self._open = True
            self.found.append(Form(named.get("action") or "", (named.get("method") or "get").lower(), {}))
        elif self._open and tag in ("input", "select", "textarea") and named.get("name"):
            self.found[-1].fields[named["name"]] = named.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        if tag == "form":
            self._open = False


def forms_in(text: str) -> list[Form]:
    """Return the forms of a page."""
    reader = Forms()
    reader.feed(text)
    return reader.found


def page_addresses() -> list[str]:
    """Return the address of every page."""
    return [page.path for page in PAGES]
