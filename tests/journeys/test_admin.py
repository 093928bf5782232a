"""What a person does in the admin: change a configuration, try to change a trade, stop a session, in both colours."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import until

expect.set_options(timeout=60_000)


@pytest.fixture
def page(browser, site):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    opened = context.new_page()
    opened.said, opened.asked = [], []
    opened.on("console", lambda message: opened.said.append(message.text) if message.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda problem: opened.said.append(str(problem)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


def picture(page, name):
    """Keep a picture where somebody wants to look at one."""
    folder = os.environ.get("WORKBENCH_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=False)


def test_a_configuration_is_edited_a_trade_is_not_and_a_session_is_stopped(page, site, home):
    started = httpx.post(f"{site}/api/bot/start/", timeout=60, json={"strategy": "sma_cross", "parameters": {"fast": 2, "slow": 4}})
    assert started.status_code < 300, started.text
    session = started.json()["data"]["session_id"]

    # From the dashboard to the overview.
    page.goto(f"{site}/")
    page.get_by_role("link", name="Admin").click()
    expect(page.locator("h1")).to_have_text("Admin")
    picture(page, "overview-light")

    # A value in its cell, then the whole form; a value that cannot be is refused beside it.
    page.goto(f"{site}/admin/paperstrategyconfiguration/list")
    page.locator("td[data-column='size_pct']").first.click()
    box = page.locator(".inline-edit-popover input")
    box.fill("12")
    page.locator("[data-sa-action='inline-edit-save']").click()
    expect(page.locator("td[data-column='size_pct']").first).to_contain_text("12")
    picture(page, "configurations-light")
    page.goto(f"{site}/admin/paperstrategyconfiguration/list")
    page.get_by_role("link", name="Edit").first.click()
    page.locator("#stop_loss_pct").fill("500")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".alert-danger")).to_contain_text("stop_loss_pct: expected a number")
    picture(page, "refused-light")
    page.locator("#stop_loss_pct").fill("4.5")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".alert-success")).to_contain_text("was changed")
    active = httpx.get(f"{site}/api/configuration/", timeout=60).json()["data"]["configuration"]
    assert (active["version"], active["size_pct"], active["stop_loss_pct"]) == (3, "12", "4.5")

    # A trade may only be looked at.
    until(lambda: len(httpx.get(f"{site}/api/trades/recent/", timeout=60).json()["data"]["items"]) > 2)
    page.goto(f"{site}/admin/papertrade/list")
    assert page.get_by_role("link", name="Edit").count() == 0
    picture(page, "trades-light")
    page.locator("tr[data-sa-href] td[data-column='symbol']").first.click()
    expect(page.locator(".breadcrumb-item.active")).to_have_text("Detail")
    picture(page, "trade-light")
    answer = page.goto(page.url.replace("/detail", "/edit"))
    assert answer.status == 403
    expect(page.locator("h1")).to_have_text("Refused")

    # Filters, columns and pages work without a handler in an attribute.
    page.goto(f"{site}/admin/papertrade/list?filter=side__one_of=buy")
    expect(page.locator("td[data-column='side']").first).to_contain_text("buy")
    page.locator("[data-go]").select_option(label="50")
    page.wait_for_url("**page_size=50**")
    page.get_by_role("button", name="Columns").click()
    page.locator("#column-visibility-dropdown input[value='fee']").uncheck()
    page.locator("[data-columns]").click()
    page.wait_for_url("**cols=**")
    assert page.locator("td[data-column='fee']").count() == 0
    page.get_by_role("button", name="Filters").click()
    expect(page.locator("[data-sa-hook='filter-row']").first).to_be_visible()
    picture(page, "filters-light")

    # The session, with a confirmation; then the other colours, which are remembered.
    page.goto(f"{site}/admin/papertradingsession/list")
    picture(page, "sessions-light")
    page.get_by_role("link", name="Stop").first.click()
    expect(page.locator("#modal-action")).to_be_visible()
    picture(page, "stop-light")
    page.get_by_role("button", name="Stop session").click()
    expect(page.locator(".alert-success")).to_contain_text("was asked to stop")
    until(lambda: httpx.get(f"{site}/api/bot/status/", timeout=60).json()["data"]["status"] == "STOPPED")
    assert httpx.get(f"{site}/api/bot/status/", timeout=60).json()["data"]["session_id"] == session

    page.locator("[data-theme-switch] span", has_text="Dark").click()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    for name, path in [("overview", ""), ("trades", "papertrade/list"), ("configurations", "paperstrategyconfiguration/list"),
                       ("accounts", "papertradingaccount/list"), ("events", "events/list")]:  # fmt: skip
        page.goto(f"{site}/admin/{path}")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
        picture(page, f"{name}-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/admin/papertrade/list")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "trades-phone")
    page.get_by_role("link", name="Back to the workbench").click()
    expect(page.locator("h1")).to_have_text("Dashboard")

    # The browser itself says which answers were refusals: the form's and the trade's.
    refusals = [line for line in page.said if "status of 422" in line or "status of 403" in line]
    assert [line for line in page.said if line not in refusals] == []
    assert len(refusals) == 2
    here = urlsplit(site).netloc
    assert {urlsplit(address).netloc for address in page.asked if not address.startswith("data:")} == {here}
