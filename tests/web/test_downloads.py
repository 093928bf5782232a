"""Every table can be downloaded as it is filtered: the link stands on its page, and its file is the list over JSON."""

import csv
import html
import io
import re
from decimal import Decimal

import pytest

from workbench.actions.open_account import open_account
from workbench.domain.sweeps import SweepRequest
from workbench.store.tables import sweep_runs

ROOT = "/paper-trading"
LINKED = {
    "trades/?side=sell": ["trades/export/?trade_type=sell"],
    "portfolio/": ["positions/open/export/", "positions/history/export/"],
    "strategies/": ["strategies/export/?status=ended"],
    "sessions/": ["sessions/export/"],
    "orders/?status=filled": ["orders/export/?status=active", "orders/export/?status=filled"],
    "thoughts/?token=WETH": ["ai-thoughts/export/?symbol=WETH"],
    "markets/": ["series/export/", "datasets/export/"],
    "markets/weth/": ["trades/export/?token=WETH"],
    "analytics/": ["analytics/export/?what=days", "analytics/export/"],
    "research/": ["sweeps/export/?status=ended"],
}


def links(text):
    return [html.unescape(found) for found in re.findall(r'href="/paper-trading/api/([^"]*export/[^"]*)"[^>]* download', text)]


def rows_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("page", LINKED)
def test_a_page_leads_to_its_tables_as_files_filtered_as_they_are(page, pages):
    shown = pages.get(f"{ROOT}/{page}")
    assert shown.status_code == 200, shown.text
    found = [link for link in links(shown.text) if not link.startswith("sessions/") or link.startswith("sessions/export/")]
    assert found == LINKED[page]
    for link in found:
        rows_of(pages.get(f"{ROOT}/api/{link}"))


def test_the_links_stay_with_the_account_that_is_looked_at(client, desk):
    open_account(desk, "Second one", Decimal(100))
    for page in ("portfolio/", "strategies/", "sessions/", "orders/", "analytics/", "trades/"):
        found = links(client.get(f"{ROOT}/{page}", params={"account": "Second one"}).text)
        assert found, page
        assert all(re.search(r"[?&]account=Second\+one$", link) for link in found), page
        for link in found:
            assert rows_of(client.get(f"{ROOT}/api/{link}")) == []


@pytest.mark.parametrize(
    ("path", "key", "told"),
    [
        ("positions/open/", "position_id", ("token_symbol", "quantity", "current_value_usd", "pnl_usd")),
        ("positions/history/", "position_id", ("token_symbol", "quantity", "closed_at", "pnl_usd")),
        ("sessions/", "session_id", ("session_name", "status", "total_pnl", "total_trades")),
        ("series/", "token_symbol", ("timeframe", "bars", "missing_bars", "last_bar")),
    ],
)
def test_a_file_has_the_rows_and_the_numbers_of_its_list(path, key, told, pages):
    listed = pages.get(f"{ROOT}/api/{path}", params={} if path in ("positions/open/", "series/") else {"limit": 200}).json()["data"]
    assert listed["items"]
    assert listed["next"] is None
    wanted = [[str(item[name]) for name in (key, *told)] for item in listed["items"]]
    assert [[row[name] for name in (key, *told)] for row in rows_of(pages.get(f"{ROOT}/api/{path}export/"))] == wanted


def test_a_file_of_sweeps_has_a_row_each_and_says_what_was_tried(client, desk):
    row = {"request": SweepRequest("sma_cross", {"fast": (5, 6)}), "done": 0, "total": 2, "sweep": "", "read": 0, "problem": ""}
    with desk.store.write() as connection:
        for number, status in ((1, "CANCELLED"), (2, "WAITING")):
            own = {"id": f"s{number}", "number": number, "status": status, "outcome": None, "requested": desk.at}
            connection.execute(sweep_runs.insert(), {**row, **own})
    every = rows_of(client.get(f"{ROOT}/api/sweeps/export/"))
    assert [(line["sweep_id"], line["strategy"], line["values"]) for line in every] == [
        ("s2", "sma_cross", '{"fast":[5,6]}'), ("s1", "sma_cross", '{"fast":[5,6]}'),
    ]  # fmt: skip
    for status, sweep in (("ended", "s1"), ("active", "s2")):
        assert [line["sweep_id"] for line in rows_of(client.get(f"{ROOT}/api/sweeps/export/", params={"status": status}))] == [
            sweep
        ]
    assert client.get(f"{ROOT}/api/sweeps/export/", params={"status": "asleep"}).status_code == 400
