"""Every table can be downloaded as it is filtered: the link stands on its page, and its file is the list over JSON."""

import csv
import html
import io
import re
from decimal import Decimal

import pytest

from tests.web.conftest import begin, go_on
from workbench.actions.open_account import default_account, open_account
from workbench.actions.stop_session import stop_session
from workbench.domain.sweeps import SweepRequest
from workbench.store.tables import sweep_runs

ROOT = "/paper-trading"
LINKED = {
    "trades/?side=sell": ["trades/export/?trade_type=sell"],
    "portfolio/": ["positions/open/export/", "positions/history/export/"],
    "strategies/": ["strategies/export/?status=active", "strategies/export/?status=ended"],
    "sessions/": ["sessions/export/"],
    "orders/?status=filled": ["orders/export/?status=active", "orders/export/?status=filled"],
    "thoughts/?token=WETH": ["ai-thoughts/export/?symbol=WETH"],
    "markets/": ["series/export/", "datasets/export/"],
    "markets/weth/": ["trades/export/?token=WETH"],
    "analytics/": [f"analytics/export/?what={what}" for what in ("ratios", "trips", "tokens", "exits", "hours", "days")]
    + ["analytics/export/"],
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
            # Ratios are there before anything was traded, and say so.
            rows = rows_of(client.get(f"{ROOT}/api/{link}"))
            assert all("figure" in row and not float(row["value"] or 0) for row in rows)


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
    assert client.get(f"{ROOT}/api/sweeps/export/", params={"status": "asleep"}).status_code == 422


def amounts(text):
    return [float(cell.replace(",", "").replace("−", "-")) for cell in text]


@pytest.mark.parametrize(
    ("what", "kind", "title"),
    [("tokens", "token_symbol", "by token"), ("exits", "exit_reason", "by exit"), ("hours", "utc_hour", "by hour, utc")],
)
def test_a_table_of_analytics_has_the_rows_of_its_file(what, kind, title, pages):
    page = pages.get(f"{ROOT}/analytics/").text
    table = re.search(rf'aria-label="Table {title}".*?</table>', page, re.DOTALL)[0]
    shown = re.findall(
        r'<th scope="row">([^<]*)</th><td class="num">(\d+)</td><td class="num">[^<]*</td><td[^>]*>([^<]*)</td>', table
    )
    told = rows_of(pages.get(f"{ROOT}/api/analytics/export/", params={"what": what}))
    assert [(line[kind], line["round_trips"]) for line in told] == [(name, trips) for name, trips, _ in shown]
    assert [float(line["pnl_usd"]) for line in told] == pytest.approx(amounts(result for _, _, result in shown), abs=0.006)
    assert all(0 <= int(line["winning_trades"]) <= int(line["round_trips"]) for line in told)


@pytest.mark.parametrize("what", ["ratios", "trips"])
def test_a_file_of_figures_has_those_that_the_api_tells(what, pages):
    told = pages.get(f"{ROOT}/api/performance/").json()["data"]
    lines = rows_of(pages.get(f"{ROOT}/api/analytics/export/", params={"what": what}))
    assert len(lines) > 5
    assert [line["value"] for line in lines] == [
        "" if told[line["figure"]] is None else str(told[line["figure"]]) for line in lines
    ]


def test_sessions_that_lie_beside_each_other_are_downloaded_as_they_are_compared(client, desk, clock):
    first = begin(desk, name="=Bold")
    go_on(desk, clock, first, 1)
    stop_session(desk, default_account(desk))
    go_on(desk, clock, first, 0.2)
    second = begin(desk, take_profit_pct=Decimal(3))
    go_on(desk, clock, second, 1)
    page = client.get(f"{ROOT}/sessions/", params={"compare": [second, first]}).text
    files = [link for link in links(page) if link.startswith("sessions/compare/")]
    assert len(files) == 3
    lines, figures, differences = (rows_of(client.get(f"{ROOT}/api/{file}")) for file in files)
    assert [row["session_id"] for row in figures] == [second, first]
    for row in figures:
        listed = client.get(f"{ROOT}/api/sessions/{row['session_id']}/").json()["data"]["session"]
        assert (row["total_pnl"], row["total_trades"]) == (listed["total_pnl"], str(listed["total_trades"]))
        assert float(row["worst_drawdown_percent"]) <= 0
    drawn = {id_: [row for row in lines if row["session_id"] == id_] for id_ in (first, second)}
    for points in drawn.values():
        assert len(points) > 5
        assert [int(point["elapsed_seconds"]) for point in points] == sorted(int(point["elapsed_seconds"]) for point in points)
    profit = [(row["session_id"], row["value"]) for row in differences if row["setting"] == "Take profit"]
    assert profit == [(second, "3 %"), (first, "none")]


@pytest.mark.parametrize(("asked", "status"), [("a,b,c,d,e", 422), ("nobody", 404)])
def test_a_comparison_of_too_many_or_of_what_there_is_not_is_refused(asked, status, client):
    answer = client.get(f"{ROOT}/api/sessions/compare/export/", params={"sessions": asked})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
