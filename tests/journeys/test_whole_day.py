"""A person's whole day at a desk and on a phone, on one running workbench: configure, start, watch, order, compare, download."""

import csv
import os
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import until

expect.set_options(timeout=60_000)

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SLOW = {"desktop": "4", "phone": "5"}
"""The slow average that each of them sets."""


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.fixture
def site(shared_site):
    """The running workbench, with a session that has ended and no bot that runs."""
    stop(shared_site)
    begun = httpx.post(f"{shared_site}/api/bot/start/", json={"strategy": "manual", "session_name": "Idle"}, timeout=60)
    assert begun.status_code == 200, begun.text
    until(lambda: status(shared_site) == "RUNNING")
    stop(shared_site)
    return shared_site


@pytest.fixture
def page(browser, size):
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light", accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.said, opened.name = [], size
    opened.on("console", lambda message: opened.said.append(message.text) if message.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda problem: opened.said.append(str(problem)))
    yield opened
    context.close()


def status(site):
    return httpx.get(f"{site}/api/bot/status/", timeout=60).json()["data"]["status"]


def stop(site):
    if status(site) in ("STARTING", "RUNNING", "PAUSED"):
        httpx.post(f"{site}/api/bot/stop/", json={}, timeout=60)
    until(lambda: status(site) not in ("STARTING", "RUNNING", "PAUSED", "STOPPING"))


def listed(site, path):
    return httpx.get(f"{site}/api/{path}", timeout=60).json()["data"]["items"]


def visit(page, address):
    """Go to a page, and wait until its news are live; from here on it is not to be loaded again."""
    page.goto(address)
    page.wait_for_selector("#feed[data-state=live]")
    page.evaluate("window.neverReloaded = true")


def leave(page, name):
    """See that nothing was loaded again or scrolls sideways, and keep a picture where somebody wants to look at one."""
    assert page.evaluate("window.neverReloaded") is True
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    folder = os.environ.get("WORKBENCH_PICTURES")
    for colours in ("light", "dark") if folder else ():
        page.emulate_media(color_scheme=colours)
        page.screenshot(path=Path(folder) / f"{name}-{page.name}-{colours}.png", full_page=True)
    page.emulate_media(color_scheme="light")


def configure(page, site):
    """Edit the configuration, look at what that does and at what differs, and save it under a name of its own."""
    visit(page, f"{site}/configuration/")
    page.fill("#form [name=name]", f"Quick on a {page.name}")
    page.select_option("#form [name=strategy]", "sma_cross")
    page.fill("#form [name='p.fast']", "2")
    page.fill("#form [name='p.slow']", SLOW[page.name])
    page.locator("#form [name='p.slow']").blur()
    changed = page.locator("#review .changes div", has=page.get_by_text("Parameters", exact=True))
    expect(changed.locator("ins")).to_have_text(f"fast 2, slow {SLOW[page.name]}")
    expect(page.locator("#review .effects li").first).to_be_visible()
    leave(page, "configuration-review")
    page.click("#form button.primary")
    expect(page.locator("#form .said")).to_contain_text("Saved, and active from the next session on.")
    expect(page.locator("#saved tr", has_text=f"Quick on a {page.name}")).to_contain_text("active")
    leave(page, "configuration")


def start_and_watch(page, site):
    """Start the bot as it is configured; a thought and the equity arrive by themselves."""
    visit(page, f"{site}/")
    expect(page.locator("#bot [name='p.slow']")).to_have_value(SLOW[page.name])
    page.click("#bot-start")
    expect(page.locator("#bot .chip.live")).to_be_visible()
    newest = page.locator("#thoughts li").first
    expect(newest).to_be_visible()
    seen = newest.get_attribute("id")
    expect(newest).not_to_have_attribute("id", seen)
    figure = page.locator("#figures dd").first
    value = figure.inner_text()
    expect(figure).not_to_have_text(value)
    expect(page.locator("#trades tbody tr").first).to_be_visible()
    leave(page, "dashboard")


def order(page, site):
    """Place a limit order that the next open meets, and see it fill."""
    visit(page, f"{site}/orders/")
    price = float(page.inner_text("#token-WETH .price").replace(",", ""))
    page.click(".segments label:has([value=limit])")
    page.fill("[name=amount_usd]", "123")
    page.fill("[name=limit_price]", f"{price * 1.5:.2f}")
    # The sentence gives way once it has happened, which may be at once.
    with page.expect_response(lambda answer: "/orders/place" in answer.url) as placed:
        page.click("#order-place")
    assert "Limit buy of 123.00 USDC in WETH is placed before the next bar." in placed.value.text()
    expect(page.locator("#history tbody tr", has_text="123.00").first).to_contain_text("filled")
    leave(page, "orders")


def run_a_grid(page, site):
    """Start a grid and pause it."""
    visit(page, f"{site}/strategies/")
    page.select_option("#start-symbol", "WETH")
    page.select_option("#start-program", "grid")
    page.fill("[name='p.amount_per_level']", "20")
    page.click("#program-start")
    expect(page.locator(".runs .chip.running")).to_be_visible()
    page.click(".runs button:text('Pause')")
    expect(page.locator(".runs .chip.paused")).to_be_visible()
    leave(page, "strategies")


def download(page, site):
    """Filter the trades, and take them away as they are filtered."""
    passes = {"token_symbol": "WETH", "trade_type": "buy"}
    assert any(trade["token_symbol"] != "WETH" or trade["trade_type"] != "buy" for trade in listed(site, "trades/?limit=200"))
    page.goto(f"{site}/trades/")
    page.select_option("[name=token]", "WETH")
    page.wait_for_url("**/trades/?token=WETH")
    page.select_option("[name=side]", "buy")
    page.wait_for_url("**/trades/?token=WETH&side=buy")
    page.evaluate("window.neverReloaded = true")
    shown = {
        int(id_.removeprefix("trade-")) for id_ in page.locator("#table tbody tr").evaluate_all("all => all.map(row => row.id)")
    }
    leave(page, "trades")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download").click()
    with Path(taken.value.path()).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {name: {row[name] for row in rows} for name in passes} == {name: {value} for name, value in passes.items()}
    there = [int(trade["trade_id"]) for trade in listed(site, "trades/?token=WETH&trade_type=buy&limit=200")]
    got = [int(row["trade_id"]) for row in rows]
    # The bot goes on: what it trades after the file was made is not in it.
    assert got == there[-len(got) :]
    assert shown <= set(got)


def compare(page, site):
    """Lay the session that runs beside the one that ended."""
    visit(page, f"{site}/sessions/")
    ticks = page.locator("#table .tick")
    ticks.nth(0).check()
    ticks.nth(1).check()
    page.click("#compare button")
    expect(page.locator("#lines-chart canvas").first).to_be_visible()
    differences = page.locator("#comparison tr", has=page.get_by_role("rowheader", name="Strategy", exact=True)).last
    expect(differences).to_contain_text("manual")
    expect(differences).to_contain_text("cross")
    page.evaluate("window.neverReloaded = true")
    leave(page, "sessions")


def administer(page, site):
    """Change a configuration in its cell, and be refused when a trade is to be changed."""
    page.goto(f"{site}/admin/paperstrategyconfiguration/list")
    page.locator("td[data-column='size_pct']").first.click()
    page.locator(".inline-edit-popover input").fill("11")
    page.locator("[data-sa-action='inline-edit-save']").click()
    expect(page.locator("td[data-column='size_pct']").first).to_contain_text("11")
    page.goto(f"{site}/admin/papertrade/list")
    expect(page.locator("tr[data-sa-href]").first).to_be_visible()
    assert page.get_by_role("link", name="Edit").count() == 0
    page.locator("tr[data-sa-href] td[data-column='symbol']").first.click()
    expect(page.locator(".breadcrumb-item.active")).to_have_text("Detail")
    answer = page.goto(page.url.replace("/detail", "/edit"))
    assert answer.status == 403
    expect(page.locator("h1")).to_have_text("Refused")
    page.evaluate("window.neverReloaded = true")
    leave(page, "admin-refused")


def test_a_person_configures_starts_watches_orders_compares_downloads_and_administers(page, site):
    configure(page, site)
    start_and_watch(page, site)
    order(page, site)
    run_a_grid(page, site)
    download(page, site)
    compare(page, site)
    administer(page, site)
    page.goto(f"{site}/")
    page.click("#bot-stop")
    expect(page.locator("#bot-start")).to_be_visible()
    # The browser itself tells of the one answer that was a refusal.
    assert [text for text in page.said if "403" not in text] == []
