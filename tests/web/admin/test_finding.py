"""Filters, search, sorting, paging and the file: asked of the database, never of a whole table."""

import csv
import importlib
import io
import pkgutil
import re

import pytest
from sqlalchemy import select, text

from workbench.store import browse
from workbench.store import tables as t
from workbench.store.browse import Reach
from workbench.web.admin import views
from workbench.web.admin.finding import NUMBERS
from workbench.web.admin.listing import Listing


def rows(admin, table, **asked):
    return re.findall(r'data-sa-pk="([^"]+)"', admin.get(f"{table}/list", **asked).text)


def column(admin, table, name, **asked):
    page = admin.get(f"{table}/list", **asked).text
    cells = re.findall(rf'<td data-column="{name}"[^>]*>(.*?)</td>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]


def test_trades_come_newest_first_and_in_pages(full):
    found = [int(row) for row in rows(full, "papertrade")]
    assert found == sorted(found, reverse=True)
    assert len(found) == 25
    second = [int(row) for row in rows(full, "papertrade", page=2)]
    assert max(second) < min(found)
    assert len(rows(full, "papertrade", page_size=50)) > 25
    assert rows(full, "papertrade", page=10**12) == []


def test_a_page_of_another_size_is_refused(full):
    assert full.get("papertrade/list", page_size=1_000_000).status_code == 400


def test_money_is_sorted_as_numbers(full):
    shown = column(full, "papertrade", "notional", sort="notional__desc")
    values = [float(value.replace(",", "")) for value in shown]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("asked", "name", "allowed"),
    [
        ("side__one_of=buy", "side", r"▲ buy"),
        ("side__one_of=sell AND reason__one_of=exit_signal,stop_loss", "reason", r"exit signal|stop loss"),
        ("symbol__is=WETH", "symbol", "WETH"),
        ("symbol__contains=we", "symbol", ".*WE.*"),
        ("(symbol__is=WETH OR symbol__is=AERO)", "symbol", "WETH|AERO"),
    ],
)
def test_a_filter_leaves_what_it_asks_for(full, asked, name, allowed):
    found = column(full, "papertrade", name, filter=asked)
    assert found
    assert all(re.fullmatch(allowed, value) for value in found)


def test_numbers_and_times_are_filtered(full):
    dear = column(full, "papertrade", "price", filter="price__at_least=100")
    cheap = column(full, "papertrade", "price", filter="price__at_most=100")
    assert all(float(value.replace(",", "")) >= 100 for value in dear)
    assert all(float(value.replace(",", "")) <= 100 for value in cheap)
    assert dear
    assert cheap
    assert rows(full, "papertrade", filter="result__at_least=1000000") == []
    assert rows(full, "papertrade", filter="ts__since=2100-01-01T00:00") == []
    assert len(rows(full, "papertrade", filter="ts__until=2100-01-01T00:00")) == 25
    assert rows(full, "papertradingsession", filter="requested__since=2100-01-01T00:00") == []
    assert rows(full, "paperposition", filter="is_open__yes")
    assert rows(full, "papertradingaccount", filter="win_rate__at_most=1")


@pytest.mark.parametrize(
    "asked",
    ["price__at_least=much", "price__at_least=nan", "price__equals=1e400", "id__equals=99999999999999999999",
     "side__one_of=left", "ts__since=soon",
     "nothing__is=1", "symbol__contains=" + "x" * 300, "symbol", "(" * 30, " AND ".join(["symbol__is=WETH"] * 60),
     "symbol__eq=1;DROP TABLE trades"],
)  # fmt: skip
def test_a_filter_that_cannot_be_is_refused_in_words(full, asked):
    answer = full.get("papertrade/list", filter=asked)
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert "SELECT" not in answer.text


def test_the_search_looks_at_words(full):
    assert set(column(full, "papertrade", "symbol", q="weth")) == {"<mark>WETH</mark>"} or set(
        column(full, "papertrade", "symbol", q="weth")
    ) == {"WETH"}
    assert rows(full, "papertrade", q="no such thing") == []
    assert rows(full, "papertrade", q="%") == []
    assert "Nothing matches" in full.get("papertrade/list", q="x" * 5000).text


SOUGHT = {
    "papertrade": ("symbol", "account", "session", "reason", "side"),
    "orders": ("symbol", "account", "session", "status", "type", "side"),
    "paperposition": ("symbol", "account", "session", "is_open", "entry_reason"),
    "paperaithoughtlog": ("symbol", "account", "session", "decision", "stopped_by"),
    "programruns": ("symbol", "account", "session", "status", "program"),
    "breakers": ("account", "session", "status", "name"),
    "papertradingsession": ("symbols", "account", "id", "status", "strategy", "name"),
    "papertradingaccount": ("name",),
    "paperstrategyconfiguration": ("account", "name", "strategy", "is_active"),
    "papertradingconfig": ("account", "is_active"),
    "paperperformancemetrics": ("account", "session"),
    "autopilotlog": ("account", "session", "outcome", "parameter"),
    "autopilotperformancesnapshot": ("account", "session", "configuration"),
    "trials": ("market", "family", "sweep"),
    "sweeps": ("market", "family", "status"),
    "sweepruns": ("strategy", "status"),
    "datasets": ("symbol", "name", "timeframe"),
    "events": ("kind", "stream"),
}
"""What a person looks for in each table."""


@pytest.mark.parametrize("table", SOUGHT)
def test_every_table_can_be_filtered_and_sorted_by_what_a_person_looks_for(full, table):
    page = full.get(f"{table}/list").text
    for name in SOUGHT[table]:
        assert f"filter={name}" in page or f'value="{name}"' in page, name
        if table == "events":
            continue
        assert f"sort={name}__asc" in page, name
        for way in ("asc", "desc"):
            assert full.get(f"{table}/list", sort=f"{name}__{way}").status_code == 200
            assert rows(full, table, sort=f"{name}__{way}")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("orders", "weth"), ("orders", "market"), ("orders", "default"), ("orders", "entry signal"), ("paperposition", "weth"),
        ("paperposition", "exit signal"), ("paperposition", "default"), ("paperaithoughtlog", "cash"),
        ("paperaithoughtlog", "sma_cross"), ("programruns", "dca"), ("programruns", "running"), ("programruns", "default"),
        ("breakers", "open"), ("breakers", "default"), ("papertrade", "paper acc"), ("papertradingsession", "running"),
        ("papertrade", "session 1"), ("orders", "Paper account"), ("paperposition", "session 1"),
        ("papertradingsession", "sma_cross"), ("papertradingsession", "default"), ("paperstrategyconfiguration", "default"),
        ("paperstrategyconfiguration", "sma_cross"), ("papertradingconfig", "default"), ("paperperformancemetrics", "default"),
        ("sweepruns", "sma_cross"), ("sweepruns", "waiting"), ("datasets", "btc/usdt"), ("trials", "555"),
    ],
)  # fmt: skip
def test_the_search_finds_tokens_accounts_and_where_things_stand(full, table, words):
    assert rows(full, table, q=words), words


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("orders", "symbol__is=WETH"), ("orders", "account__is=default"), ("orders", "session__contains=session"),
        ("orders", "account__contains=paper"),
        ("paperposition", "symbol__contains=we"), ("paperposition", 'account__is="PAPER ACCOUNT"'),
        ("paperposition", "value__at_least=1"),
        ("paperposition", "opened__since=2020-01-01T00:00"), ("paperposition", "exit_reason__one_of=exit_signal,stop_loss"),
        ("paperaithoughtlog", "confidence__at_least=1"), ("paperaithoughtlog", "stopped_by__is=signal"),
        ("programruns", "done__at_least=0"), ("programruns", "started__since=2020-01-01T00:00"), ("breakers", "value__equals=3"),
        ("papertradingsession", "mode__one_of=live"), ("paperstrategyconfiguration", "strategy__is=sma_cross"),
        ("papertradingaccount", "cash__at_least=0"),
    ],
)  # fmt: skip
def test_what_a_struct_holds_is_filtered_like_the_rest(full, table, asked):
    assert rows(full, table, filter=asked), asked
    name, _, _ = asked.partition("=")
    never = {"is": "nobody", "contains": "nobody", "at_least": "1e15", "equals": "1e15", "since": "2100-01-01T00:00"}
    kind = name.rpartition("__")[2]
    if kind in never:
        assert rows(full, table, filter=f"{name}={never[kind]}") == []


LISTINGS = {
    found.key: found
    for _, name, _ in pkgutil.iter_modules(views.__path__)
    for found in vars(importlib.import_module(f"{views.__name__}.{name}")).values()
    if isinstance(found, Listing)
}


@pytest.mark.parametrize("table", LISTINGS)
def test_every_number_is_sorted_and_filtered_by_what_is_shown_of_it(full, table):
    listing = LISTINGS[table]
    numbers = [column for column in listing.columns if column.filters is NUMBERS]
    sought = [listing.sought(column.name).label(f"sought_{column.name}") for column in numbers]
    with full.client.app.state.desk.store.read() as connection:
        found = connection.execute(select(listing.reach.table, *sought)).all()
    assert found
    for column in numbers:
        # A trial's return is shown as a share of one, and asked for in percent as it is kept.
        scale = 100 if (table, column.name) == ("trials", "return_pct") else 1
        shown = [float(column.read(row) or 0) * scale for row in found]
        assert [row._mapping[f"sought_{column.name}"] or 0 for row in found] == pytest.approx(shown, abs=1e-8), column.name


def test_what_a_program_holds_is_found_by_it(full):
    assert rows(full, "programruns", filter="held__at_least=0.0001") == rows(full, "programruns") != []
    assert rows(full, "programruns", filter="held__at_least=1000") == []


def test_results_are_sorted_as_they_are_shown(full):
    for table, name in (("paperposition", "result"), ("paperposition", "unrealised"), ("papertradingsession", "result")):
        shown = [value for value in column(full, table, name, sort=f"{name}__desc") if value != "–"]
        values = [float(value[2:].replace(",", "").replace("−", "-")) for value in shown]
        assert values == sorted(values, reverse=True)
        assert values or name == "unrealised"


@pytest.mark.parametrize("table", SOUGHT)
def test_every_cell_of_a_column_of_numbers_stands_at_the_right_below_its_head(full, table):
    page = full.get(f"{table}/list").text
    numbers = re.findall(r'<th scope="col" class="num" data-column="([^"]+)"', page)
    assert numbers or table in ("events", "datasets")
    for name in numbers:
        for cell in re.findall(rf'<td data-column="{name}"[^>]*>(.*?)</td>', page, re.DOTALL):
            assert re.search(r'class="cell num\b', cell), f"{name}: {cell.strip()}"


def test_columns_can_be_chosen(full):
    page = full.get("papertrade/list", cols="symbol,price").text
    assert '<td data-column="price"' in page
    assert '<td data-column="fee"' not in page


def test_what_is_shown_can_be_taken_away_as_csv(full):
    full.post("_api/papertrade/action", name="nothing")
    asked = {"name": "export", "_list_query": "?filter=side__one_of=buy&page_size=50"}
    answer = full.post("_api/papertrade/action", {"format": "csv", "scope": "page"}, **asked)
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert {line["Side"] for line in lines} == {"buy"}
    assert len(lines) == len(rows(full, "papertrade", filter="side__one_of=buy", page_size=50))
    assert re.fullmatch(r"\d+(\.\d+)?", lines[0]["Price"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", lines[0]["Bar"])


def test_a_file_has_nothing_that_a_spreadsheet_would_run(full):
    answer = full.post("_api/datasets/action", {"format": "csv", "scope": "page"}, name="export")
    assert next(csv.DictReader(io.StringIO(answer.text)))["Name"] == "'=btc.csv"


def test_more_than_a_file_may_have_is_refused_in_words(full, monkeypatch):
    monkeypatch.setattr("workbench.store.browse.count", lambda *_: 100_000)
    answer = full.post("_api/papertrade/action", {"format": "csv", "scope": "selected"}, name="export", all="1")
    assert answer.status_code == 303
    monkeypatch.undo()
    assert "Export would return 100000 rows" in full.get("papertrade/list").text


# --- bounded reads ---


@pytest.fixture
def log(desk):
    with desk.store.write() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                " INSERT INTO events (stream, seq, at, kind, body, digest) SELECT 's', i, i, 'OrderFilled', '{}', '' FROM n"
            )
        )
    return Reach(t.events, t.events.c.id, is_large=True, is_dense=True)


def test_the_log_is_counted_by_its_end_and_paged_by_its_ids(desk, log, monkeypatch):
    monkeypatch.setattr(browse, "MOST", 1000)
    with desk.store.read() as connection:
        assert browse.count(connection, log) == 3000
        assert [row.id for row in browse.page(connection, log, skip=2990, limit=5)] == [10, 9, 8, 7, 6]
        assert browse.count(connection, log, t.events.c.stream == "s") == 1000
        assert [row.id for row in browse.page(connection, log, order=[t.events.c.id.asc()], limit=1)] == [2001]


def test_a_large_table_is_sought_in_its_newest_rows(desk, log, monkeypatch):
    monkeypatch.setattr(browse, "MOST", 1000)
    sparse = Reach(t.events, t.events.c.id, is_large=True)
    with desk.store.read() as connection:
        assert browse.count(connection, sparse) == 1000
        assert browse.count(connection, sparse, t.events.c.seq < 2005) == 4
        assert [row.id for row in browse.page(connection, sparse, order=[t.events.c.seq.asc()], limit=2)] == [2001, 2002]
        assert browse.page(connection, sparse, skip=1000) == []
        small = Reach(t.events, t.events.c.id)
        assert browse.count(connection, small, t.events.c.seq < 2005) == 1000


@pytest.mark.parametrize("given", ["", "x", "-1", "1.5", "9" * 40, "٣"])
def test_a_key_that_is_no_number_is_of_no_row(desk, log, given):
    with desk.store.read() as connection:
        assert browse.find(connection, t.events, {"id": given}) is None
        assert browse.find(connection, t.events, {"id": "3"}).seq == 3
