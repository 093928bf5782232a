"""What a program does: it reads the feed and the WebSocket of a real server while a real worker trades."""

import httpx
import pytest

from tests.journeys.conftest import free_port, until
from workbench.desk import open_desk
from workbench.store.log import events_after

QUICK = {"parameters": {"fast": 2, "slow": 4}}
CONNECT = """(address) => {
  window.heard = [];
  window.line = new WebSocket(address);
  window.line.onmessage = (event) => {
    const data = JSON.parse(event.data);
    window.heard.push({type: data.type, id: data.id});
    if (data.type === 'trade_executed') { window.traded = data; }
  };
}"""
NEWS = "window.heard.filter((one) => one.id !== undefined && one.type !== 'initial_snapshot').map((one) => one.id)"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_browsers_websocket_sees_the_bot_think_and_trade_and_comes_back_without_a_gap(browser, site, home, name):
    address = site.replace("127.0.0.1", name)
    # The snippet that people know says localhost, whichever name the page was opened by.
    socket = site.replace("127.0.0.1", "localhost").replace("http:", "ws:").replace("/paper-trading", "/ws/paper-trading/")
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/")
    page.evaluate(CONNECT, socket)
    page.wait_for_function("() => window.heard.length >= 2")
    assert page.evaluate("window.heard.map((one) => one.type).slice(0, 2)") == ["connection_confirmed", "initial_snapshot"]
    first = page.evaluate("window.heard[1].id")
    assert httpx.post(f"{site}/api/bot/start/", json=QUICK).status_code == 200
    page.wait_for_function("() => window.traded !== undefined && window.heard.some((one) => one.type === 'ai_thought')")
    assert page.evaluate("typeof window.traded.data.price_usd") == "string"
    page.evaluate("window.line.onmessage = null; window.line.close()")
    ids = page.evaluate(NEWS)
    with open_desk(home) as desk:

        def log():
            with desk.store.read() as connection:
                return [row.id for row in events_after(connection, first, limit=100_000)]

        until(lambda: len(log()) > len(ids) + 5)
        page.evaluate(CONNECT, f"{socket}?after={ids[-1]}")
        page.wait_for_function(f"() => {NEWS}.length > 10")
        ids += page.evaluate(NEWS)
        assert ids == log()[: len(ids)]
    page.close()


def test_feeds_and_sockets_end_with_the_server(start, home):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    port = free_port()
    process = start("up", "--no-browser", "--port", str(port))

    def answers():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/paper-trading/api/bot/status/").status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    feed = f"http://127.0.0.1:{port}/paper-trading/api/feed/"
    with connect(f"ws://127.0.0.1:{port}/ws/paper-trading/") as line, httpx.stream("GET", feed, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 500"
        assert "connection_confirmed" in line.recv(timeout=60)
        assert process.interrupt() == 0
        assert list(lines)
        with pytest.raises(ConnectionClosed):
            until(lambda: line.recv(timeout=60) is None)
    said = (home.parent / "up.log").read_text()
    assert "Traceback" not in said
    assert "Cancel" not in said
