"""Analytics: figures that are those of the store, shares that add up, a page that asks little and begins empty."""

import pytest

from workbench.actions.open_account import default_account
from workbench.domain.money import NO_CASH
from workbench.store import reads
from workbench.web.page import Asking
from workbench.web.pages import analytics

PATH = "/paper-trading/analytics/"


def test_the_page_shows_ratios_shares_and_days(pages):
    page = pages.get(PATH).text
    for words in ("Sharpe ratio", "Profit factor", "By token", "By exit", "By hour, UTC", "Download days", "the newest"):
        assert words in page


@pytest.mark.parametrize("block", ["figures", "equity", "ratios", "shares", "days"])
def test_every_block_is_drawn_alone_as_it_stands_in_the_page(pages, block):
    alone = pages.get(f"/paper-trading/analytics/{block}")
    assert alone.status_code == 200
    assert alone.text.strip() in pages.get(PATH).text


def test_shares_by_whatever_kind_add_up_to_all_round_trips(traded):
    account = default_account(traded)
    with traded.store.read() as connection:
        shares = analytics.look_at_shares(connection, Asking(account, analytics.AnalyticsQuery(), traded.now()))
        closed = reads.closed_positions(connection, account, limit=analytics.AMONG)
    assert shares.among == len(closed) > 10
    for kind in (shares.tokens, shares.reasons, shares.hours):
        assert sum(share.trips for share in kind) == len(closed)
        assert sum(share.wins for share in kind) == sum(row.result > 0 for row in closed)
        assert sum((share.result for share in kind), NO_CASH) == sum((row.result for row in closed), NO_CASH)
        assert all(share.bar_from >= 0 and share.bar_from + share.bar_width <= 100 for share in kind)


def test_before_anything_was_traded_each_part_says_so(client):
    page = client.get(PATH).text
    for words in ("Nothing was traded", "No round trip has closed yet", "No day was traded yet", "To the bot"):
        assert words in page
