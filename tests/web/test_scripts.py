"""The pages' own scripts in a real browser, over a server in this process with a clock that stands still until it is moved."""

import re
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.web.conftest import begin, go_on
from tests.web.test_entry import TOKEN
from tests.web.test_orders_page import price_of, session_of
from workbench.actions.open_account import default_account
from workbench.actions.place_order import place_order
from workbench.actions.request_sweep import request_sweep
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.actions.set_time_zone import set_time_zone
from workbench.domain.commands import PlaceOrder
from workbench.domain.orders import OrderType, Side
from workbench.domain.sweeps import SweepRequest
from workbench.store.sweep_runs import list_sweep_runs
from workbench.web.app import create_app
from workbench.web.serve import Server


class Site:
    """A server in a thread of its own that can be ended and begun again at the same address."""

    def __init__(self, desk, token=""):
        self.desk, self.token = desk, token
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.begin()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/paper-trading/"

    def begin(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.server = Server(create_app(self.desk, token=self.token), threading.Event())
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, daemon=True)
        self.thread.start()

    def end(self):
        self.server.should_exit = True
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def site(desk) -> Iterator[Site]:
    made = Site(desk)
    yield made
    made.end()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text) if message.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda problem: opened.said.append(str(problem)))
    yield opened
    context.close()


def live(page):
    page.wait_for_selector("#feed[data-state=live]")


def readout(page):
    return page.inner_text("#equity-chart .readout .time")


def test_the_chart_takes_in_new_points_and_stays_the_same_chart(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    page.goto(site.address)
    live(page)
    page.evaluate("window.canvas = document.querySelector('#equity-chart canvas')")
    page.evaluate("document.querySelector('#thoughts details').id = 'kept'; document.querySelector('#kept').open = true")
    before = readout(page)
    go_on(desk, clock, session, 1)
    page.wait_for_function("before => document.querySelector('#equity-chart .readout .time').innerText !== before", arg=before)
    assert page.evaluate("window.canvas.isConnected && window.canvas === document.querySelector('#equity-chart canvas')")
    assert page.said == []


def test_what_is_open_stays_open_when_news_come(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 2)
    page.goto(site.address)
    live(page)
    first = page.locator("#thoughts li").first.get_attribute("id")
    page.locator(f"#{first} summary").click()
    go_on(desk, clock, session, 0.1)
    page.wait_for_function("first => document.querySelector('#thoughts li').id !== first", arg=first)
    assert page.locator(f"#{first} details").get_attribute("open") is not None
    assert page.locator(f"#{first} table").first.is_visible()


def test_the_feed_comes_back_by_itself_and_brings_what_was_missed(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    page.goto(site.address)
    live(page)
    before = readout(page)
    site.end()
    page.wait_for_selector("#feed[data-state=reconnecting]")
    assert "stale since" in page.inner_text("#feed")
    go_on(desk, clock, session, 1)
    site.begin()
    live(page)
    page.wait_for_function("before => document.querySelector('#equity-chart .readout .time').innerText !== before", arg=before)


def test_a_page_in_the_background_rests_and_catches_up(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    page.goto(site.address)
    live(page)
    turn = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    before = readout(page)
    page.evaluate(turn, True)
    go_on(desk, clock, session, 1)
    page.evaluate(turn, False)
    page.wait_for_function("before => document.querySelector('#equity-chart .readout .time').innerText !== before", arg=before)


def test_a_strategy_brings_its_own_sliders_and_they_say_where_they_stand(page, site):
    page.goto(site.address)
    page.select_option("#bot-strategy", "bollinger_reversion")
    width = page.locator("[name='p.width']")
    width.wait_for()
    width.evaluate("slider => { slider.value = 1.5; slider.dispatchEvent(new Event('input', {bubbles: true})); }")
    assert page.inner_text("label:has([name='p.width']) output") == "1.5"


def test_a_refusal_stands_beside_its_field_and_the_rest_is_kept(page, site):
    page.goto(site.address)
    page.fill("[name=take_profit_pct]", "7")
    page.fill("[name=stop_loss_pct]", "-3")
    page.click("#bot-start")
    page.wait_for_selector("#bot .said.bad")
    assert page.inner_text(".problem").startswith("Expected a number from 0.01")
    assert page.input_value("[name=take_profit_pct]") == "7"
    assert page.input_value("[name=stop_loss_pct]") == "-3"
    assert page.evaluate("document.activeElement.className") == "said bad"


def test_the_colours_are_remembered_and_are_there_before_the_first_paint(page, site):
    page.goto(site.address)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click(".theme span:text('Dark')")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto(f"{site.address}trades/", wait_until="commit")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.click(".theme span:text('Auto')")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_filters_lead_to_an_address_with_nothing_empty_in_it(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    page.goto(f"{site.address}trades/")
    page.select_option("[name=side]", "sell")
    page.wait_for_url("**/trades/?side=sell")
    assert set(page.locator("#table .side").all_inner_texts()) == {"▼ sell"}
    page.go_back()
    page.select_option("[name=token]", "WETH")
    page.wait_for_url("**/trades/?token=WETH")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "portfolio/",
        "trades/",
        "strategies/",
        "research/",
        "thoughts/",
        "markets/",
        "markets/WETH/",
        "orders/",
        "sessions/",
        "configuration/",
        "analytics/",
        "nothing/here",
    ],
)
def test_nothing_scrolls_sideways_on_a_phone(browser, site, desk, clock, path):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(site.address + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_what_is_copied_is_said_and_the_button_names_it(browser, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(site.address)
    told = page.locator("#told")
    assert told.get_attribute("role") == "status"
    for name, text in (("the session's id", session), ("the command that verifies it", f"workbench verify {session}")):
        expect(told).to_have_text("")
        page.get_by_role("button", name=f"Copy {name}", exact=True).click()
        expect(told).to_have_text(f"Copied {name}")
        assert page.evaluate("navigator.clipboard.readText()") == text
    context.close()


def test_without_a_script_nothing_offers_to_copy(browser, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address)
    expect(page.locator("[data-copy]").first).to_be_attached()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(page.locator("[data-copy]").first).to_be_hidden()
    context.close()


def test_everything_can_be_reached_by_keyboard(page, site):
    page.goto(site.address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"bot-strategy", "p.fast", "stop_loss_pct", "bot-start", "thoughts"} <= set(reached)


def test_a_program_is_started_and_paused_without_a_reload(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.1)
    page.goto(f"{site.address}strategies/")
    live(page)
    page.evaluate("window.neverReloaded = true")
    page.select_option("#start-symbol", "AERO")
    page.select_option("#start-program", "grid")
    page.wait_for_selector("[name='p.lower']")
    low = page.input_value("[name='p.lower']")
    page.select_option("#start-symbol", "WETH")
    expect(page.locator("[name='p.lower']")).not_to_have_value(low)
    page.fill("[name='p.levels']", "1")
    page.click("#program-start")
    page.wait_for_selector("#wrong-p-levels")
    assert page.input_value("[name='p.levels']") == "1"
    assert page.evaluate("document.activeElement.className") == "said bad"
    page.fill("[name='p.levels']", "4")
    page.fill("[name='p.amount_per_level']", "20")
    page.uncheck("[name='p.stop_on_breakout'][type=checkbox]")
    page.click("#program-start")
    page.wait_for_selector("#form .said:not(.bad)")
    go_on(desk, clock, session, 0.1)
    page.wait_for_selector(".runs .chip.running")
    page.click(".runs button:text('Pause')")
    page.wait_for_selector(".runs .chip.pausing")
    assert page.evaluate("document.activeElement.className") == "said"
    go_on(desk, clock, session, 0.1)
    page.wait_for_selector(".runs .chip.paused")
    with page.expect_response("**/cancel?answer=block") as answer:
        page.click(".runs button:text('Cancel and sell')")
    assert answer.value.status == 200
    go_on(desk, clock, session, 0.3)
    page.wait_for_selector("#history .chip.cancelled")
    assert page.evaluate("window.neverReloaded") is True
    # A refusal that comes back as 422 is a resource that the browser's console tells of.
    assert [text for text in page.said if "422" not in text] == []


def test_what_was_said_of_a_start_gives_way_once_it_has_happened_and_what_is_typed_stays(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.1)
    page.goto(f"{site.address}strategies/")
    live(page)
    page.click("#program-start")
    expect(page.locator("#form .said")).to_have_text("The program starts before the next bar.")
    page.fill("[name='p.amount']", "123")
    go_on(desk, clock, session, 0.1)
    page.wait_for_selector(".runs .chip.running")
    expect(page.locator("#form .said")).to_have_count(0)
    assert page.input_value("[name='p.amount']") == "123"
    assert page.said == []


def test_what_was_said_of_an_order_gives_way_once_it_is_placed(page, site, desk, clock):
    session = session_of(desk, clock, default_account(desk))
    page.goto(f"{site.address}orders/")
    live(page)
    page.fill("[name=amount_usd]", "50")
    page.click("#order-place")
    expect(page.locator("#form .said")).to_contain_text("is placed before the next bar.")
    go_on(desk, clock, session, 0.2)
    expect(page.locator("#history")).to_contain_text("filled")
    expect(page.locator("#form .said")).to_have_count(0)
    assert page.said == []


def test_what_the_feed_has_made_give_way_an_older_answer_does_not_bring_back(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.1)
    page.goto(f"{site.address}strategies/")
    live(page)
    seen = []

    def hold_up(route):
        answer = route.fetch()
        go_on(desk, clock, session, 0.2)
        expect(page.locator(".runs .chip.running")).to_be_visible()
        seen.append(answer.text())
        route.fulfill(response=answer)

    page.route("**/start?answer=block", hold_up)
    with page.expect_response(lambda answer: "/strategies/starting" in answer.url):
        page.click("#program-start")
    expect(page.locator("#form .said")).to_have_count(0)
    assert ["The program starts" in text for text in seen] == [True]


def with_an_order_at_rest(desk, clock):
    """Start a session in which one limit order rests, and return its id."""
    session = session_of(desk, clock, default_account(desk))
    weth = next(each.key for each in desk.source("simulated").instruments() if each.symbol == "WETH")
    low = round(price_of(desk) / 2, 2)
    place_order(desk, default_account(desk), PlaceOrder(weth, Side.BUY, type=OrderType.LIMIT, amount=Decimal(100), limit_price=low))
    go_on(desk, clock, session, 0.1)
    return session


def test_an_answer_that_the_feed_overtook_does_not_undo_what_it_brought(page, site, desk, clock):
    session = with_an_order_at_rest(desk, clock)
    page.goto(f"{site.address}orders/")
    live(page)
    seen = []

    def hold_up(route):
        answer = route.fetch()
        go_on(desk, clock, session, 0.1)
        expect(page.locator("#active")).to_contain_text("No order rests.")
        seen.append(answer.text())
        route.fulfill(response=answer)

    page.route("**/cancel?answer=block", hold_up)
    page.click("#active tbody button")
    expect(page.locator("#active .said")).to_contain_text("is taken back before the next bar.")
    expect(page.locator("#active")).to_contain_text("No order rests.")
    assert page.evaluate("document.activeElement.className") == "said"
    assert ["cancelling" in text for text in seen] == [True]
    assert page.said == []


def test_what_was_said_of_a_press_stays_when_the_feed_brings_its_block(page, site, desk, clock):
    session = with_an_order_at_rest(desk, clock)
    page.goto(f"{site.address}orders/")
    live(page)
    page.click("#active tbody button")
    said = page.locator("#active .said")
    expect(said).to_contain_text("is taken back before the next bar.")
    go_on(desk, clock, session, 0.1)
    expect(page.locator("#active")).to_contain_text("No order rests.")
    expect(said).to_have_count(1)
    expect(said).to_contain_text("is taken back before the next bar.")
    # Once it could be read it goes, also where the feed brings nothing more.
    expect(said).to_have_count(0, timeout=15_000)
    assert page.said == []


def test_a_sweep_is_asked_for_and_its_news_arrive_without_a_reload(page, site, desk):
    page.goto(f"{site.address}research/")
    live(page)
    page.evaluate("window.neverReloaded = true")
    page.select_option("#sweep-strategy", "rsi_reversion")
    expect(page.locator("[name='p.fast']")).to_have_count(0)
    page.select_option("#sweep-strategy", "sma_cross")
    page.fill("[name='p.fast']", "5:x")
    page.fill("[name='count']", "900")
    page.click("#sweep-start")
    expect(page.locator("#form .said.bad")).to_contain_text("Fast: expected a range")
    page.fill("[name='p.fast']", "5, 10")
    page.fill("[name='p.slow']", "30, 40")
    page.click("#sweep-start")
    expect(page.locator("#form .said")).to_contain_text("The worker takes the sweep up")
    expect(page.locator("#going .chip")).to_have_text("waiting")
    with desk.store.read() as connection:
        (row,) = list_sweep_runs(connection)
    run_requested_sweep(desk, row.id)
    expect(page.locator("#result .heat")).to_be_visible()
    expect(page.locator(f"#ended-{row.id}")).to_be_visible()
    expect(page.locator("#going")).to_contain_text("No sweep runs")
    second = request_sweep(desk, SweepRequest("sma_cross", {"fast": (3, 4)}, count=900))
    page.click(f"#sweep-{second.id} button")
    expect(page.locator(f"#ended-{second.id} .chip")).to_have_text("cancelled")
    assert page.evaluate("window.neverReloaded") is True


def test_candles_grow_a_click_asks_why_and_older_ones_come_when_they_are_looked_for(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    page.goto(f"{site.address}markets/WETH/")
    live(page)
    page.evaluate("window.canvas = document.querySelector('#candles canvas')")
    time = page.locator("#candles .readout .time")
    before = time.inner_text()
    go_on(desk, clock, session, 1)
    expect(time).not_to_have_text(before)
    assert page.evaluate("window.canvas.isConnected && window.canvas === document.querySelector('#candles canvas')")
    page.locator("#candles .canvas").focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    chosen = time.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#why .answer")).to_contain_text("WETH")
    assert page.input_value("#ask-form [name=at]").startswith(chosen[:10])
    assert "at=" in page.url
    box = page.locator("#candles .canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    with page.expect_response("**/api/candles/WETH/**") as answer:
        page.locator("#candles .canvas").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")
    assert answer.value.status == 200
    expect(page.locator("#why .answer")).to_be_visible()
    assert page.said == []


def test_the_newest_page_of_thoughts_grows_and_an_older_one_stands_still(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 3)
    page.goto(f"{site.address}thoughts/")
    live(page)
    first = page.locator("#tape li").first.get_attribute("id")
    page.click("#tape .pager [rel=next]")
    page.wait_for_url("**/thoughts/?before=*")
    live(page)
    older = page.locator("#tape li").evaluate_all("all => all.map(li => li.id)")
    newest = page.context.new_page()
    newest.goto(f"{site.address}thoughts/")
    live(newest)
    go_on(desk, clock, session, 1)
    newest.wait_for_function("first => document.querySelector('#tape li').id !== first", arg=first)
    assert page.locator("#tape li").evaluate_all("all => all.map(li => li.id)") == older
    newest.close()


def test_a_time_that_is_being_written_does_not_filter_by_itself(page, site, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    page.goto(f"{site.address}thoughts/")
    page.fill("[name=since]", "2025-01-01T00:00:30")
    assert "since" not in page.url
    page.click("button:text('Filter')")
    page.wait_for_url("**/thoughts/?since=2025-01-01T00%3A00%3A30")
    assert page.input_value("[name=since]").startswith("2025-01-01T00:00:30")


def test_charts_and_scripts_go_by_the_zone_of_the_page_and_not_by_the_browsers(desk, clock, site, browser):
    set_time_zone(desk, "Europe/Berlin")
    go_on(desk, clock, begin(desk), 2)
    page = browser.new_page(timezone_id="Asia/Tokyo")
    page.goto(site.address)
    told = page.evaluate("""() => ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
        .map((text) => Date.parse(text) / 1000)
        .map((at) => [zone.text(at).slice(11), zone.named(at), zone.isTwice(at)])""")
    assert told == [
        ["01:59:59", "+01:00", False], ["03:00:00", "+02:00", False], ["02:30:00", "+02:00", True], ["02:30:00", "+01:00", True],
    ]  # fmt: skip
    expect(page.locator("#equity .zone")).to_have_text("Berlin")
    newest = page.evaluate("JSON.parse(document.getElementById('equity-data').textContent).equity.at(-1)[0]")
    local = datetime.fromtimestamp(newest, ZoneInfo("Europe/Berlin"))
    expect(page.locator("#equity .readout .time")).to_contain_text(f"{local:%H:%M:%S}")
    page.close()


def test_a_block_whose_login_has_expired_leads_the_page_to_the_login_and_back(page, desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 0.1)
    site = Site(desk, TOKEN)

    def log_in():
        page.fill("[name=token]", TOKEN)
        page.click("main button")

    try:
        page.goto(f"{site.address}strategies/?before=999")
        log_in()
        live(page)
        page.context.clear_cookies()
        page.select_option("#start-program", "grid")
        page.wait_for_url(re.compile(r"/login\?leads_to="))
        assert page.locator("main").count() == 1
        log_in()
        page.wait_for_url(re.compile(r"/strategies/\?before=999$"))
        live(page)
        page.context.clear_cookies()
        page.fill("[name='p.amount']", "123")
        page.click("#program-start")
        expect(page.locator("#notice")).to_contain_text("You are logged out.")
        assert page.input_value("[name='p.amount']") == "123"
        site.end()
        site.begin()
        expect(page.locator("#feed")).to_contain_text("logged out; reload the page to log in", timeout=20_000)
        page.reload()
        page.wait_for_url(re.compile(r"/login\?leads_to="))
    finally:
        site.end()
