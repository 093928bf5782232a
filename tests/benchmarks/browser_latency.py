"""How long from a commit to the changed page in the browser.

    uv run python tests/benchmarks/browser_latency.py

Aim: median under 60 ms. A real server and a real Chromium; this process commits a deposit and a mark, notes the time, and
the page notes the time at which the account's value changed in its DOM. Both read the same clock.
"""

import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from tests.browser import CHROMIUM, FLAGS
from tests.journeys.conftest import Process, free_port, until
from workbench.actions.open_account import default_account
from workbench.desk import Desk, open_desk
from workbench.domain.events import Deposited
from workbench.store import reads
from workbench.store.log import append
from workbench.store.projections import Projector

ROUNDS = 60


def deposit(desk: Desk, account: str) -> float:
    """Commit a deposit and return the moment at which it was committed, in milliseconds."""
    with desk.store.write() as connection:
        book, _ = reads.account_book(connection, account)
        projector = Projector(connection)
        projector.take(append(connection, account, [Deposited(Decimal(1), book.cash + 1)], desk.at))
        projector.flush()
    return time.time() * 1000


WATCH = """() => {
  window.changes = [];
  const figures = document.querySelector('#figures');
  let last = figures.innerText;
  new MutationObserver(() => {
    const now = figures.innerText;
    if (now !== last) { last = now; window.changes.push(performance.timeOrigin + performance.now()); }
  }).observe(figures, {subtree: true, childList: true, characterData: true});
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        port = free_port()
        process = Process("up", "--no-browser", "--port", str(port), home=home)
        address = f"http://127.0.0.1:{port}/paper-trading/"
        try:
            until(lambda: _answers(address))
            with open_desk(home) as desk, sync_playwright() as playwright:
                account = default_account(desk)
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page()
                page.goto(address)
                page.wait_for_selector("#quote-WETH .price")
                page.evaluate(WATCH)
                took = []
                for done in range(ROUNDS):
                    committed = deposit(desk, account)
                    page.wait_for_function("(n) => window.changes.length > n", arg=done)
                    took.append(page.evaluate("n => window.changes[n]", done) - committed)
                    page.wait_for_timeout(137)
                browser.close()
            took.sort()
            print(
                f"commit to changed page: median {statistics.median(took):.0f} ms, "
                f"95 % within {took[int(0.95 * len(took))]:.0f} ms, worst {took[-1]:.0f} ms, of {len(took)}"
            )
        finally:
            process.interrupt()
            process.close()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
