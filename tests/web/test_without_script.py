"""Every page without JavaScript: whatever is pressed or followed is answered by a whole page, or by a file."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import msgspec
import pytest
from litestar.testing import TestClient

from tests.web.conftest import HERE, begin, go_on
from workbench.actions.open_account import default_account, open_account
from workbench.actions.place_order import place_order
from workbench.actions.request_sweep import request_sweep
from workbench.actions.save_configuration import save_configuration
from workbench.actions.start_program import running_session, start_program
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import PlaceOrder
from workbench.domain.config import StrategyConfiguration
from workbench.domain.orders import OrderType, Side
from workbench.domain.sweeps import SweepRequest
from workbench.store import reads
from workbench.web.app import create_app
from workbench.web.entry import Pace
from workbench.web.pages import PAGES

ROOT = "/paper-trading"
CONFIGURATION = f"{ROOT}/configuration/"
SECOND = "Second one"
NEVER_ENDS = f"{ROOT}/api/feed/"


class Press(msgspec.Struct, frozen=True):
    """What a browser without script sends when a link is followed or a button is pressed."""

    method: str
    address: str
    values: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> tuple[object, ...]:
        """What it is but for the numbers in it, so that one of each kind is tried."""
        split = urlsplit(self.address)
        asked = [*parse_qsl(split.query, keep_blank_values=True), *(self.values if self.method == "get" else ())]
        names = tuple(sorted({f"{name}={value}" if name in ("answer", "account") else name for name, value in asked}))
        path = "/".join("7" if part.isdigit() or len(part) > 30 else part for part in split.path.split("/"))
        return self.method, path, names


class Reader(HTMLParser):
    """Reads what can be pressed on a page, as a browser without script understands it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.fields: list[tuple[int | str, str, str]] = []
        self.buttons: list[tuple[int | str, dict[str, str]]] = []
        self._form: int | None = None
        self._select: tuple[int | str, str] | None = None
        self._options: list[tuple[str | None, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        owner = named.get("form", self._form)
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        elif tag == "form":
            self._form = len(self.forms)
            self.forms.append(named)
        elif owner is None or "disabled" in named:
            return
        elif tag == "button" and named.get("type", "submit") == "submit":
            self.buttons.append((owner, named))
        elif tag == "input" and "name" in named:
            if named.get("type") not in ("checkbox", "radio") or "checked" in named:
                self.fields.append((owner, named["name"], named.get("value", "")))
        elif tag == "select":
            self._select, self._options = (owner, named["name"]), []
        elif tag == "option" and self._select is not None:
            self._options.append((named.get("value"), "selected" in named))

    def handle_data(self, data: str) -> None:
        # An option without a value is worth its text.
        if self._select is not None and self._options and self._options[-1][0] is None:
            self._options[-1] = (data.strip(), self._options[-1][1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select" and self._select is not None:
            owner, name = self._select
            offered = sorted(self._options, key=lambda option: not option[1])
            self.fields += [(owner, name, value or "") for value, _ in offered[:1]]
            self._select = None


def presses(address: str, text: str) -> Iterator[Press]:
    """Yield all that can be pressed or followed on a page."""
    reader = Reader()
    reader.feed(text)
    for link in reader.links:
        target = urlsplit(urljoin(address, link))
        if target.netloc == urlsplit(HERE).netloc:
            yield Press("get", target._replace(fragment="").geturl().removeprefix(HERE))
    for number, form in enumerate(reader.forms):
        owners = (number, form.get("id", number))
        fields = [(name, value) for owner, name, value in reader.fields if owner in owners]
        pressed = [named for owner, named in reader.buttons if owner in owners]
        assert pressed, f"{address}: nothing sends the form {form}"
        for button in pressed:
            values = [*fields, *([(button["name"], button.get("value", ""))] if "name" in button else [])]
            method = button.get("formmethod", form.get("method", "get")).lower()
            target = urlsplit(urljoin(address, button.get("formaction") or form.get("action") or address))
            if method == "get":
                # A form that is asked for replaces whatever its action asks.
                target = target._replace(query=urlencode(values))
            yield Press(method, target._replace(fragment="").geturl().removeprefix(HERE), () if method == "get" else tuple(values))


def send(client: TestClient, press: Press):
    """Send what a browser without script sends; no header of htmx, and redirects are followed."""
    assert press.method in ("get", "post")
    if press.method == "get":
        return client.get(press.address)
    return client.post(
        press.address, content=urlencode(press.values), headers={"content-type": "application/x-www-form-urlencoded"}
    )


def is_whole(answer) -> bool:
    """Return whether an answer is a whole page or a file."""
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("text/html"):
        return "attachment" in answer.headers.get("content-disposition", "") or kind.startswith("application/json")
    text = answer.text.lstrip().lower()
    return text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")


@pytest.fixture
def busy(desk, clock):
    """A desk where every table has a row and every form is drawn: a bot that runs, and one of another account that ended."""
    account = default_account(desk)
    save_configuration(desk, account, StrategyConfiguration(name="Careful", size_pct=Decimal(3)))
    first = begin(desk)
    go_on(desk, clock, first, 3)
    stop_session(desk, account, "enough", True)
    go_on(desk, clock, first, 1)
    session = begin(desk)
    go_on(desk, clock, session, 3)
    going = running_session(desk, account)
    start_program(desk, going, "dca", "WETH", {"amount": 100})
    with desk.store.read() as connection:
        weth = next(quote.instrument.key for quote in reads.quotes(connection, count=1) if quote.instrument.symbol == "WETH")
    place_order(desk, account, PlaceOrder(weth, Side.BUY, amount="50", type=OrderType.LIMIT, limit_price="10"))
    go_on(desk, clock, session, 1)
    request_sweep(desk, SweepRequest("sma_cross", {"fast": (5, 6)}))
    open_account(desk, SECOND, 1_000, unique=True)
    return desk


@pytest.fixture
def plain(busy):
    """A browser without script, in no hurry."""
    app = create_app(busy, pace=Pace(burst=1_000_000, a_minute=60))
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as made:
        yield made


def drawn(client: TestClient) -> dict[tuple[object, ...], Press]:
    """Return one of each kind of press on all pages, of both accounts and of the things that they list."""
    first = [f"{page.path}{asked}" for page in PAGES for asked in ("", f"?{urlencode({'account': SECOND})}")]
    found: dict[tuple[object, ...], Press] = {}
    for address in [*first, f"{ROOT}/markets/WETH", f"{ROOT}/nowhere"]:
        for press in presses(HERE + address, client.get(address).text):
            found.setdefault(press.kind, press)
    return found


def test_whatever_is_pressed_or_followed_is_answered_by_a_whole_page_or_a_file(plain):
    every = drawn(plain)
    assert len(every) > 100
    assert sum(press.method == "post" for press in every.values()) > 20
    # What stops or takes away something comes last, so that the others still find it.
    late = ("stop", "delete", "cancel")
    torn = []
    for press in sorted(every.values(), key=lambda press: (press.method == "post", any(word in press.address for word in late))):
        if urlsplit(press.address).path == NEVER_ENDS:
            continue
        answer = send(plain, press)
        assert answer.status_code < 500, f"{press}: {answer.text[:300]}"
        if not is_whole(answer):
            torn.append(f"{press.method} {press.address}: {answer.status_code} {answer.text[:60]}")
    assert torn == []


def test_the_review_stands_in_its_page_with_what_was_typed_into_the_form(plain):
    text = plain.get(CONFIGURATION).text
    (review,) = (press for press in presses(HERE + CONFIGURATION, text) if "/review" in press.address)
    typed = {**dict(review.values), "name": "Bold", "size_pct": "20", "apply_now": "yes"}
    answer = plain.post(review.address, data=typed)
    assert answer.status_code == 200
    assert is_whole(answer)
    for told in ("<del>3 %</del>", "<ins>20 %</ins>"):
        assert told in answer.text
    for kept in ('name="name" value="Bold"', 'name="size_pct" value="20"', 'name="apply_now" value="yes" checked'):
        assert kept in answer.text
    assert "Saved, and active" not in answer.text
    wrong = plain.post(review.address, data={**typed, "size_pct": "many"})
    assert wrong.status_code == 422
    assert is_whole(wrong)
    assert 'name="size_pct" value="many"' in wrong.text


def test_the_review_is_of_the_configuration_that_is_loaded(plain):
    address = f"{CONFIGURATION}?load=Default@1"
    (review,) = (press for press in presses(HERE + address, plain.get(address).text) if "/review" in press.address)
    assert f'action="{CONFIGURATION}save?answer=page&load=Default%401"' in unescape(send(plain, review).text)


def test_whatever_is_pressed_or_followed_stays_with_the_account_that_is_looked_at(plain):
    lost = []
    for page in PAGES:
        address = f"{page.path}?{urlencode({'account': SECOND})}"
        for press in presses(HERE + address, plain.get(address).text):
            if press.address.startswith((f"{ROOT}/api/", f"{ROOT}/admin/", "/static/")):
                continue
            if f"selected>{SECOND}</option>" not in send(plain, press).text:
                lost.append(f"{page.name}: {press.method} {press.address}")
    assert lost == []
