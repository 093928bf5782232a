"""What a person does: open the dashboard, start the bot, watch it trade, stop it; and ask programs' questions by curl."""

import subprocess

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import until
from workbench.actions.verify_session import verify_session
from workbench.desk import open_desk

expect.set_options(timeout=60_000)


@pytest.fixture
def page(browser, site):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text) if message.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda problem: opened.said.append(str(problem)))
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


def slide(page, name, value):
    page.locator(f"#bot [name='p.{name}']").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def test_the_bot_is_started_watched_and_stopped_in_the_browser(page, site, home):
    page.goto(f"{site}/")
    page.evaluate("window.neverReloaded = true")
    price = page.locator("#quote-WETH .price")
    before = price.inner_text()
    expect(price).not_to_have_text(before)
    slide(page, "fast", "2")
    slide(page, "slow", "4")
    page.click("#bot-start")
    page.wait_for_selector("#bot .chip.live")
    page.wait_for_selector("#thoughts li")
    page.wait_for_selector("#trades tbody tr")
    page.wait_for_selector("#positions tbody tr, #figures dd")
    expect(page.locator("#trades tbody tr").nth(1)).to_be_visible()
    figure = page.locator("#figures dd").first
    value = figure.inner_text()
    expect(figure).not_to_have_text(value)
    page.locator("#thoughts summary").first.click()
    page.wait_for_selector("#thoughts details[open] table")
    other = page.context.new_page()
    other.goto(f"{site}/trades/")
    rows = other.locator("#table tbody tr")
    expect(rows.nth(rows.count())).to_be_visible()
    other.close()
    page.click("#bot-stop")
    page.wait_for_selector("#bot-start")
    assert page.evaluate("window.neverReloaded") is True
    assert page.said == []
    session = httpx.get(f"{site}/api/bot/status/").json()["data"]
    assert session["status"] == "STOPPED"
    with open_desk(home) as desk:
        assert verify_session(desk, session["session_id"]).identical


def test_a_page_works_without_script(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for path in (
        "/", "/trades/", "/portfolio/", "/strategies/", "/research/", "/thoughts/", "/markets/", "/orders/", "/sessions/",
        "/configuration/", "/analytics/",
    ):  # fmt: skip
        assert page.goto(f"{site}{path}").status == 200
        assert page.locator("h1").count() == 1
    # A market has candles from its first bar on.
    until(lambda: page.goto(f"{site}/markets/WETH/").ok and page.locator("#candles noscript svg, #candles svg").count() == 1)
    page.goto(f"{site}/")
    page.click("#bot-start")
    assert page.locator("#bot-stop").count() == 1
    page.click("#bot-stop")
    until(lambda: page.goto(f"{site}/").ok and page.locator("#bot-start").count() == 1)
    context.close()


def test_the_three_curl_calls_work_as_they_are_written(site):
    def curl(*words):
        return subprocess.run(["curl", "-s", *words], capture_output=True, text=True, check=True).stdout

    json = ("-H", "Content-Type: application/json", "-d")
    started = curl("-X", "POST", f"{site}/api/bot/start/", *json, '{"runtime_minutes": 60}')
    assert '"success":true' in started
    assert '"status":"' in curl(f"{site}/api/bot/status/")
    stopped = curl("-X", "POST", f"{site}/api/bot/stop/", *json, '{"reason": "User requested stop"}')
    assert '"success":true' in stopped
    until(lambda: '"status":"STOPPED"' in curl(f"{site}/api/bot/status/"))
    assert "User requested stop" in curl(f"{site}/api/bot/status/")


def test_ctrl_c_ends_server_and_worker(start, home):
    up = start("up", "--no-browser", "--port", "0")
    log = home.parent / "up.log"
    until(lambda: "is at" in log.read_text())
    until(lambda: (home / "queue.sqlite3").exists())
    assert up.interrupt() == 0
    left = subprocess.run(["pgrep", "-f", f"worker --home {home}"], capture_output=True, text=True)
    assert left.stdout == ""


def test_ctrl_c_while_it_is_still_starting_is_not_lost(start, home):
    up = start("up", "--no-browser", "--port", "0")
    until(lambda: (home / "workbench.sqlite3").exists())
    assert up.interrupt() == 0


def test_ctrl_c_while_the_worker_is_still_starting_ends_both_without_a_traceback(start, home):
    up = start("up", "--no-browser", "--port", "0")
    until(lambda: subprocess.run(["pgrep", "-f", f"worker --home {home}"], capture_output=True, text=True).stdout)
    assert up.interrupt() == 0
    assert "Traceback" not in (home.parent / "up.log").read_text()


def test_a_worker_that_dies_is_started_again(start, home):
    start("up", "--no-browser", "--port", "0")

    def workers():
        return subprocess.run(["pgrep", "-f", f"worker --home {home}"], capture_output=True, text=True).stdout.split()

    first = until(workers)
    subprocess.run(["kill", "-KILL", *first], check=True)
    until(lambda: workers() and workers() != first)
