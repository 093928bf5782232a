"""Lists over JSON: filters, cursors, times, files; figures that are those of the store."""

import csv
import io
from datetime import UTC, datetime

import pytest

from workbench.actions.open_account import default_account
from workbench.store import lines, performance

API = "/paper-trading/api/"


def items(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["items"]


def every_item(pages, path, **params):
    """All pages of a list, by its cursor."""
    found, before = [], None
    while True:
        asked = {"limit": 90, **params, **({"before": before} if before else {})}
        data = pages.get(f"{API}{path}", params=asked).json()["data"]
        found += data["items"]
        before = data["next"]
        if before is None:
            return found


def test_trades_are_filtered_by_token_side_session_and_time(pages, traded):
    every = every_item(pages, "trades/")
    assert len(every) > 200
    token = every[0]["token_symbol"]
    mine = every_item(pages, "trades/", token=token.lower())
    assert mine == [trade for trade in every if trade["token_symbol"] == token]
    sales = every_item(pages, "trades/", trade_type="sell")
    assert sales == [trade for trade in every if trade["trade_type"] == "sell"]
    middle = every[len(every) // 2]["executed_at"]
    late = every_item(pages, "trades/", since=middle)
    early = every_item(pages, "trades/", until=middle)
    assert late + early == every
    assert every_item(pages, "trades/", session=every[0]["session_id"]) == every


def test_a_cursor_leads_through_all_trades_once_and_ends(pages):
    by_seven = every_item(pages, "trades/", limit=7)
    assert by_seven == every_item(pages, "trades/", limit=200)
    numbers = [trade["trade_id"] for trade in by_seven]
    assert numbers == sorted(set(numbers), reverse=True)


def test_a_file_of_trades_is_the_list(pages):
    every = every_item(pages, "trades/", trade_type="buy")
    read = list(csv.DictReader(io.StringIO(pages.get(f"{API}trades/export/", params={"trade_type": "buy"}).text)))
    assert [row["trade_id"] for row in read] == [str(trade["trade_id"]) for trade in every]
    assert [row["price_usd"] for row in read] == [trade["price_usd"] for trade in every]
    assert {row["realized_pnl_usd"] for row in read} == {""}


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("trades/", {"limit": 0}, 422), ("trades/", {"limit": -5}, 422), ("trades/", {"limit": 201}, 422),
        ("trades/", {"limit": "x"}, 422), ("trades/", {"before": -1}, 422), ("trades/", {"before": 2**63}, 422),
        ("trades/", {"trade_type": "swap"}, 422), ("trades/", {"since": "yesterday"}, 422),
        ("trades/", {"since": "9" * 20}, 422), ("trades/", {"account": "nobody"}, 404), ("trades/", {"token": "x" * 201}, 422),
        ("ai-thoughts/", {"decision": "buyy"}, 422), ("prices/WETHH/", {}, 404), ("prices/", {"tokens": "WETH,NOPE"}, 404),
        ("prices/WETH/", {"chain_id": 1}, 404), ("sessions/nothing/", {}, 404), ("tasks/nothing/", {}, 404),
        ("ai-thoughts/why/", {"token": "WETH", "time": "2001-01-01"}, 404), ("analytics/export/", {"what": "all"}, 422),
    ],
)  # fmt: skip
def test_nonsense_in_an_address_is_a_sentence_in_the_envelope(pages, path, params, status):
    answer = pages.get(f"{API}{path}", params=params)
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is False
    assert answer.json()["error"]["message"]


def test_a_cursor_of_another_list_is_no_more_than_a_number(pages):
    thought = items(pages.get(f"{API}ai-thoughts/", params={"limit": 1}))[0]["thought_id"]
    assert all(trade["trade_id"] < thought for trade in items(pages.get(f"{API}trades/", params={"before": thought})))


def test_prices_are_found_in_whatever_case_and_on_their_chain(pages):
    told = pages.get(f"{API}prices/wEtH/", params={"chain_id": 8453}).json()["data"]
    assert (told["token"], told["chain_id"]) == ("WETH", 8453)
    assert float(told["price"]) > 0
    assert told["age_seconds"] >= 0
    assert [row["token"] for row in items(pages.get(f"{API}prices/", params={"tokens": "aero,weth"}))] == ["WETH", "AERO"]


def test_why_at_a_time_is_the_thought_that_held_then(pages):
    thoughts = items(pages.get(f"{API}ai-thoughts/", params={"symbol": "WETH", "limit": 200}))
    assert len(thoughts) > 3
    later, earlier = thoughts[1], thoughts[2]
    between = datetime.fromisoformat(earlier["bar_time"]).timestamp() * 1000 + 1
    data = pages.get(f"{API}ai-thoughts/why/", params={"token": "weth", "time": str(int(between))}).json()["data"]
    assert data["thought"] == earlier
    assert data["holds_until"] == later["bar_time"]
    newest = pages.get(f"{API}ai-thoughts/why/", params={"token": "WETH"}).json()["data"]
    assert (newest["thought"], newest["holds_until"]) == (thoughts[0], None)


def test_performance_is_reckoned_from_the_round_trips_and_the_days(pages, traded):
    told = pages.get(f"{API}performance/").json()["data"]
    closed = every_item(pages, "positions/history/")
    results = [float(position["pnl_usd"]) for position in closed]
    won, lost = sum(r for r in results if r > 0), -sum(r for r in results if r <= 0)
    assert told["closed_trades"] == len(results) > 3
    assert told["profit_factor"] == pytest.approx(won / lost)
    wins = sum(r > 0 for r in results)
    assert told["avg_win_usd"] is None if not wins else float(told["avg_win_usd"]) == pytest.approx(won / wins)
    assert float(told["avg_loss_usd"]) == pytest.approx(-lost / (len(results) - wins))
    assert float(told["best_trade_pnl_usd"]) == pytest.approx(max(results))
    assert float(told["worst_trade_pnl_usd"]) == pytest.approx(min(results))
    trades = every_item(pages, "trades/")
    assert float(told["total_volume_usd"]) == pytest.approx(sum(float(trade["amount_usd"]) for trade in trades))
    assert told["trades_last_24h"] == told["total_trades"] == len(trades)
    with traded.store.read() as connection:
        days = performance.day_rows(connection, default_account(traded))
        points = lines.equity(connection, default_account(traded), limit=10_000)
    assert [day.ts for day in days] == [points[-1].ts]


def test_the_equity_line_is_thinned_and_begins_where_it_is_asked_to(pages):
    line = items(pages.get(f"{API}equity/", params={"limit": 20}))
    assert 10 <= len(line) <= 21
    since = line[5]["ts"]
    assert all(point["ts"] >= since for point in items(pages.get(f"{API}equity/", params={"since": since})))
    assert datetime.fromisoformat(since).tzinfo == UTC


@pytest.mark.parametrize(
    ("path", "wrong", "near"),
    [
        ("trades/", "symbol=WETH", "symbol"), ("trades/", "tokn=WETH", "Did you mean 'token'?"),
        ("ai-thoughts/", "limt=3", "'limit'"),
        ("trades/export/", "date_from=2030-01-01", "date_from"), ("performance/", "bogus=1", "bogus"),
    ],
)  # fmt: skip
def test_a_filter_that_nobody_knows_is_refused_instead_of_everything_told(pages, path, wrong, near):
    answer = pages.get(f"{API}{path}?{wrong}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, wrong.partition("=")[0])
    assert near in answer.json()["error"]["message"]


def test_a_file_says_once_how_it_is_written(pages):
    assert pages.get(f"{API}trades/export/").headers["content-type"] == "text/csv; charset=utf-8"
