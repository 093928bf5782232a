import csv
import io
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from workbench.actions.open_account import default_account
from workbench.store import reads
from workbench.store import thoughts as store
from workbench.store.thoughts import Wanted, held_thought, read_thoughts, search_thoughts
from workbench.web.filters import sentence
from workbench.web.pages import thoughts

PATH = "/paper-trading/thoughts/"


def ids(text):
    return [int(found) for found in re.findall(r'id="thought-(\d+)"', text)]


@pytest.fixture(scope="module")
def every(traded):
    with traded.store.read() as connection:
        return reads.thoughts(connection, default_account(traded), limit=10_000)


def shown(pages, **asked):
    """The ids on all pages that an address leads to, one after the other."""
    found, address, params = [], PATH, asked
    while address:
        text = pages.get(address, params=params).text
        found += ids(text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        address, params = (following.group(1).replace("&amp;", "&"), None) if following else ("", None)
    return found


def moment(ts):
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    "asked", [{}, {"token": "weth"}, {"decision": "buy"}, {"gate": "exit_signal"}, {"token": "AERO", "decision": "sell"}]
)
def test_thoughts_are_found_by_every_filter_on_pages_that_meet(asked, pages, every):
    def passes(row):
        return (
            row.symbol.lower() == asked.get("token", row.symbol).lower()
            and row.decision == asked.get("decision", row.decision)
            and row.stopped_by == asked.get("gate", row.stopped_by)
        )

    expected = [row.id for row in every if passes(row)]
    assert len(expected) > 5
    assert shown(pages, **asked) == expected


def test_a_stretch_of_time_is_cut_at_its_ends(pages, every):
    since, until = every[300].ts, every[100].ts
    expected = [row.id for row in every if since <= row.ts < until]
    assert shown(pages, since=moment(since), until=moment(until)) == expected
    assert shown(pages, since=str(since), until=str(until)) == expected


def test_a_session_has_its_own_thoughts_and_another_none(pages, every):
    assert shown(pages, session=every[0].session) == [row.id for row in every]
    assert "No thought passes these filters." in pages.get(PATH, params={"session": "other"}).text


def test_newer_pages_lead_back_to_the_first(pages, every):
    text = pages.get(PATH, params={"before": every[199].id}).text
    assert ids(text) == [row.id for row in every[200 : 200 + thoughts.ROWS]]
    back = re.search(r'href="([^"]+)" rel="prev"', text).group(1).replace("&amp;", "&")
    assert ids(pages.get(back).text) == [row.id for row in every[200 - thoughts.ROWS : 200]]


def test_the_oldest_come_first_where_that_is_asked(pages, every):
    first = [row.id for row in reversed(every)]
    text = pages.get(PATH, params={"sort": "time"}).text
    assert ids(text) == first[: thoughts.ROWS]
    onwards = re.search(r'href="([^"]+)" rel="prev"', text).group(1).replace("&amp;", "&")
    assert ids(pages.get(onwards).text) == first[thoughts.ROWS : 2 * thoughts.ROWS]


def test_a_search_that_would_look_too_far_says_where_it_goes_on(pages, every, monkeypatch, traded):
    monkeypatch.setattr(store, "LOOKED_THROUGH", 100)
    wanted = [row.id for row in every if row.stopped_by == "cash"]
    account = default_account(traded)
    with traded.store.read() as connection:
        found = search_thoughts(connection, account, Wanted(gate="nothing_like_it"), limit=5)
        assert (found.rows, found.went_to) == ((), every[99].id)
        assert [row.id for row in read_thoughts(connection, account, Wanted(gate="cash"), limit=1000)] == wanted
    text = pages.get(PATH, params={"gate": "nothing_like_it"}).text
    assert "None of those that were looked at" in text
    assert f"before={every[99].id}" in text
    assert shown(pages, gate="exit_signal") == [row.id for row in every if row.stopped_by == "exit_signal"]


def test_a_list_over_json_answers_after_one_look_and_says_how_far_it_got(pages, every, monkeypatch):
    monkeypatch.setattr(store, "LOOKED_THROUGH", 100)
    address, seen, before = "/paper-trading/api/ai-thoughts/", [], None
    none = pages.get(address, params={"stopped_by": "breaker_of_nothing"}).json()["data"]
    assert none == {"items": [], "next": every[99].id}
    while before is None or before > 0:
        asked = {"stopped_by": "cash", "limit": 3} | ({"before": before} if before else {})
        page = pages.get(address, params=asked).json()["data"]
        assert len(page["items"]) <= 3
        seen += [item["thought_id"] for item in page["items"]]
        before = page["next"] or 0
    assert seen == [row.id for row in every if row.stopped_by == "cash"]


def test_a_line_has_its_decision_its_confidence_and_opens_to_its_gates(pages, every):
    text = pages.get(PATH).text
    first = text[text.index(f'id="thought-{every[0].id}"') : text.index(f'id="thought-{every[1].id}"')]
    assert f'<span class="chip {every[0].decision}">' in first
    assert "<meter" in first
    assert sentence(every[0].reason).replace("'", "&#39;") in first
    assert first.count("<tr class=") == len(every[0].gates)


def test_the_file_has_what_the_filters_leave(pages, every):
    text = pages.get(PATH, params={"gate": "exit_signal", "token": "WETH"}).text
    address = re.search(r'href="([^"]+)" download', text).group(1).replace("&amp;", "&")
    read = list(csv.DictReader(io.StringIO(pages.get(address).text)))
    expected = [row.id for row in every if row.stopped_by == "exit_signal" and row.symbol == "WETH"]
    assert [int(row["thought_id"]) for row in read] == expected
    items = pages.get("/paper-trading/api/ai-thoughts/", params={"stopped_by": "exit_signal", "symbol": "WETH"}).json()["data"]
    assert [item["thought_id"] for item in items["items"]] == expected[:20]


def test_why_shows_the_thought_that_held_then_and_until_when(pages, every):
    later, earlier = [row for row in every if row.symbol == "WETH"][1:3]
    text = pages.get(f"{PATH}why", params={"of": "weth", "at": str(later.ts - 1)}).text
    assert sentence(earlier.reason).replace("'", "&#39;") in text
    assert "until <time" in text
    assert moment(later.ts)[11:] in text
    assert text.count("<tr class=") == len(earlier.gates)
    newest = pages.get(PATH, params={"of": "WETH"}).text
    assert "nothing newer is recorded" in newest
    assert "Nothing was thought of WETH by 2001-01-01" in pages.get(PATH, params={"of": "WETH", "at": "2001-01-01"}).text


def test_a_thought_holds_from_its_bar_on(traded, every):
    later, earlier = [row for row in every if row.symbol == "AERO"][3:5]
    account = default_account(traded)
    with traded.store.read() as connection:
        at = held_thought(connection, account, "AERO", later.ts)
        before = held_thought(connection, account, "aero", later.ts - 1)
    assert (at.row.id, before.row.id, before.until) == (later.id, earlier.id, later.ts)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"gate": "A B"}, "gate"),
        ({"since": "soon"}, "since"),
        ({"at": "x", "of": "WETH"}, "at"),
    ],
)
def test_nonsense_in_the_address_is_a_sentence(asked, field, pages):
    answer = pages.get(PATH, params=asked)
    assert answer.status_code == 422
    assert field in answer.text


def test_an_empty_page_says_what_fills_it(client):
    text = client.get(PATH).text
    assert "No thoughts yet." in text
    assert 'href="/paper-trading/#bot"' in text


@pytest.fixture
def queries(traded):
    """What the database is asked while a test runs."""
    asked = []

    def hear(connection, cursor, statement, parameters, context, many):
        if not statement.startswith("BEGIN"):
            asked.append((statement, parameters))

    event.listen(traded.store.engine, "before_cursor_execute", hear)
    yield asked
    event.remove(traded.store.engine, "before_cursor_execute", hear)


SHELL = 7
"""What surrounds every page: whose it is, its state, the cursors, and the accounts to choose from."""


def test_a_page_of_thoughts_asks_the_database_five_times_at_most_beside_its_shell(pages, queries, every):
    asked = {"token": "WETH", "decision": "buy", "session": every[0].session, "since": "2024-01-01", "gate": "cash", "of": "WETH"}
    pages.get(PATH, params=asked)
    assert len(queries) <= SHELL + 5
    queries.clear()
    pages.get(f"{PATH}tape", params=asked)
    assert len(queries) <= 5


def test_no_query_of_thoughts_looks_through_a_whole_table(traded, queries, every):
    account = default_account(traded)
    with traded.store.read() as connection:
        search_thoughts(connection, account, Wanted(session=every[0].session, since=1, until=2**40, gate="cash"), limit=9)
        search_thoughts(connection, account, Wanted(symbol="WETH", decision="buy"), limit=9, after=5, oldest=True)
        search_thoughts(connection, account, Wanted(decision="buy"), limit=9, before=10**9)
        held_thought(connection, account, "WETH", every[5].ts)
        plans = [
            row.detail
            for statement, parameters in list(queries)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert any("ix_thoughts_account_symbol_ts" in line for line in plans)
    assert [line for line in plans if line.startswith("SCAN") and "anon" not in line] == []
    assert [line for line in plans if "TEMP B-TREE" in line] == []
