"""What a person does with orders: start the bot, place one that fills, see it fill, take another one back."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import until

expect.set_options(timeout=60_000)


@pytest.fixture
def running(site):
    """A running bot that places nothing by itself."""
    assert httpx.post(f"{site}/api/bot/start/", json={"strategy": "manual"}).status_code == 200
    until(lambda: httpx.get(f"{site}/api/bot/status/").json()["data"]["status"] == "RUNNING")
    return site


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desktop", "phone"])
def test_an_order_fills_before_the_eyes_and_another_is_taken_back(browser, running, size):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.set_default_timeout(60_000)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.goto(f"{running}/orders/")
    page.wait_for_selector("#feed[data-state=live]")
    page.evaluate("window.neverReloaded = true")
    price = float(page.inner_text("#token-WETH .price").replace(",", ""))

    # A limit above the market is met at the next open.
    page.click(".segments label:has([value=limit])")
    expect(page.locator("[name=stop_price]")).to_be_hidden()
    page.fill("[name=amount_usd]", "250")
    page.fill("[name=limit_price]", f"{price * 1.5:.2f}")
    expect(page.locator("#summary")).to_contain_text("The price is there already")
    # The sentence gives way once it has happened, which may be at once.
    with page.expect_response(lambda answer: "/orders/place" in answer.url) as placed:
        page.click("#order-place")
    assert "Limit buy of 250.00 USDC in WETH is placed before the next bar." in placed.value.text()
    expect(page.locator("#history tbody tr").first).to_contain_text("filled")
    expect(page.locator("#token-WETH small")).to_contain_text("held")

    # One below it rests, and is taken back.
    page.fill("[name=amount_usd]", "100")
    page.fill("[name=limit_price]", f"{price / 2:.2f}")
    page.click("#order-place")
    expect(page.locator("#active tbody tr")).to_contain_text("100.00")
    expect(page.locator("#active tbody tr")).to_have_count(1)
    page.click("#active tbody button")
    expect(page.locator("#active")).to_contain_text("No order rests.")
    expect(page.locator("#history tbody tr").first).to_contain_text("cancelled by hand")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.neverReloaded") is True
    assert said == []
    context.close()
