"""The page of sessions: listed, steered, taken out of the lists, and laid beside each other; with script and without."""

import re
from decimal import Decimal

import msgspec
import pytest

from tests.web.conftest import alone, go_on, queries
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account, open_account
from workbench.actions.send_command import send_command
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import Deposit
from workbench.domain.config import StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.store import lines, reads
from workbench.store.session_lines import equity_lines
from workbench.web.page import draw, owner_of
from workbench.web.pages import PAGES, sessions

PAGE = "/paper-trading/sessions"
SHELL = 7
"""Readings that every page makes around its own: the account, prices, session, cursor, clock of prices, and the accounts."""


def begun(desk, clock, account="", minutes=0.5, strategy="sma_cross", **rules):
    """Start a session, and let it trade for a while."""
    parameters = {"fast": 2, "slow": 4} if strategy == "sma_cross" else {}
    configuration = StrategyConfiguration(strategy=strategy, parameters=parameters, **rules)
    row = start_session(
        desk, account or default_account(desk), SessionRequest(configuration=configuration, symbols=("WETH", "AERO"))
    )
    advance_session(desk, row.id)
    go_on(desk, clock, row.id, minutes)
    return row.id


def ended(desk, clock, **rules):
    """A session that has traded and was stopped."""
    session = begun(desk, clock, **rules)
    stop_session(desk, default_account(desk))
    go_on(desk, clock, session, 0.1)
    return session


def status(desk, session):
    with desk.store.read() as connection:
        return reads.session(connection, session).status


def shown(text):
    return re.findall(r'<tr id="session-([\w-]+)"', text)


def row_of(text, session):
    return re.search(rf'<tr id="session-{session}".*?</tr>', text, re.DOTALL)[0]


def test_without_a_session_the_page_leads_to_the_bot(client):
    text = client.get(f"{PAGE}/").text
    assert "No session yet." in text
    assert 'href="/paper-trading/#bot"' in text
    assert "Compare</button>" not in text


def test_sessions_are_listed_newest_first_with_what_they_made(client, desk, clock):
    first, second = ended(desk, clock), begun(desk, clock)
    text = client.get(f"{PAGE}/").text
    assert shown(text) == [second, first]
    line = row_of(text, first)
    with desk.store.read() as connection:
        row = reads.session(connection, first)
    assert row.trades > 0
    assert "stopped</span>" in line
    assert f">{row.trades}</td>" in line
    assert f'data-copy="{row.ledger_digest}"' in line
    assert f"/api/sessions/{first}/export/?what=trades" in line
    assert client.get(f"/paper-trading/api/sessions/{first}/export/?what=equity").text.startswith("ts,equity_usd")
    assert "Delete" in line
    assert "Stop<" not in line
    assert "Pause<" in row_of(text, second)
    assert "Stop<" in row_of(text, second)


def test_a_session_is_paused_resumed_stopped_and_deleted_by_its_buttons(client, desk, clock):
    session = begun(desk, clock)
    for turn, word, after in (("pause", "pausing", "PAUSED"), ("resume", "resuming", "RUNNING"), ("stop", "stopping", "STOPPED")):
        answer = client.post(f"{PAGE}/{session}/{turn}?answer=block")
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert f'<span class="chip {word}"' in answer.text
        assert "before the next bar" in answer.text
        assert 'class="said"' in answer.text
        go_on(desk, clock, session, 0.1)
        assert status(desk, session) == after
    assert "is out of the lists" in client.post(f"{PAGE}/{session}/delete?answer=block").text.replace("Session 1", "")
    assert shown(client.get(f"{PAGE}/").text) == []


@pytest.mark.parametrize(("turn", "said"), [("pause", "paused"), ("stop", "stopped")])
def test_without_script_a_button_leads_back_to_where_it_was_pressed(client, desk, clock, turn, said):
    session = begun(desk, clock)
    text = client.get(f"{PAGE}/?compare={session}").text
    action = re.search(rf'action="([^"]+/{turn}[^"]*)"', text)[1].replace("&amp;", "&")
    answer = client.post(action, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PAGE}/?compare={session}&said={said}&at=")
    assert sessions.SAID[said].text in client.get(answer.headers["location"]).text
    clock.move(61_000)
    assert sessions.SAID[said].text not in client.get(answer.headers["location"]).text


@pytest.mark.parametrize("answer", ["block", "page"])
def test_a_button_at_the_wrong_moment_is_refused(client, desk, clock, answer):
    going = begun(desk, clock)
    for session, turn, code, said in (
        (going, "resume", 409, "Only a session that is PAUSED can be resumed"),
        (going, "delete", 409, "Only a session that has ended can be deleted"),
        (going, "explode", 404, "There is no button of a session"),
        ("nobody", "stop", 404, "There is no session"),
        ("nobody", "delete", 404, "There is no session"),
    ):
        found = client.post(f"{PAGE}/{session}/{turn}?answer={answer}")
        assert (found.status_code, said in found.text) == (code, True)
        assert 'class="said bad"' in found.text
        assert ("<html" in found.text) == (answer == "page")
    stop_session(desk, default_account(desk))
    assert client.post(f"{PAGE}/{going}/stop?answer={answer}").status_code == 409
    go_on(desk, clock, going, 0.1)
    for turn in ("stop", "pause"):
        assert client.post(f"{PAGE}/{going}/{turn}?answer={answer}").status_code == 409


def compared(client, *ids, **more):
    answer = client.get(f"{PAGE}/", params=[*(("compare", id_) for id_ in ids), *more.items()])
    assert answer.status_code == 200
    return answer.text


def lines_of(text):
    island = re.search(r'<script type="application/json" id="lines-data">(.*?)</script>', text, re.DOTALL)[1]
    return msgspec.json.decode(island, type=sessions.LinesData).lines


def test_sessions_lie_beside_each_other_with_their_lines_figures_and_differences(client, desk, clock):
    first = ended(desk, clock, minutes=1, size_pct=Decimal(10))
    second = begun(desk, clock, minutes=2, size_pct=Decimal(20), stop_loss_pct=Decimal(3))
    text = compared(client, second, first)
    one, other = lines_of(text)
    assert (one.points[0][0], other.points[0][0]) == (0, 0)
    assert one.points[-1][0] > other.points[-1][0] > 30
    with desk.store.read() as connection:
        row = reads.session(connection, first)
    assert other.points[-1][1] == pytest.approx(float(100 * row.result / row.opening_equity), abs=1e-3)
    for label, values in (("Size", ("20 %", "10 %")), ("Stop loss", ("3 %", "none"))):
        found = re.search(rf'<th scope="row">{label}</th>(.*?)</tr>', text)[1]
        assert tuple(re.findall(r"<td[^>]*>([^<]*)</td>", found)) == values
    assert 'aria-label="The lines as a table"' in text
    assert text.count("<polyline") == 2
    assert text.count(" checked>") == 2
    assert f'href="{PAGE}/?compare={first}"' in text
    assert text.count(f"compare={first}&amp;") or text.count(f"compare={first}")


def test_the_same_configuration_has_no_differences_and_one_session_alone_has_none_either(client, desk, clock):
    first, second = ended(desk, clock), ended(desk, clock)
    assert "They went by the same configuration." in compared(client, first, second)
    assert "Tick another session below" in compared(client, first)


def test_cash_that_came_in_meanwhile_is_no_result_of_a_session(client, desk, clock):
    session = begun(desk, clock, strategy="manual")
    send_command(desk, session, Deposit(Decimal(5_000)))
    go_on(desk, clock, session, 0.2)
    (line,) = lines_of(compared(client, session))
    assert {value for _, value in line.points} == {0.0}
    with desk.store.read() as connection:
        row = reads.session(connection, session)
    assert (row.equity, row.result) == (15_000, 0)
    assert "5,000" not in row_of(client.get(f"{PAGE}/").text, session)


def test_more_than_four_and_ids_of_none_are_said_and_the_others_shown(client, desk, clock):
    ids = [ended(desk, clock, minutes=0.2) for _ in range(5)]
    text = compared(client, *ids)
    assert "Four sessions at most" in text
    assert len(lines_of(text)) == 4
    text = compared(client, ids[0], "gone-for-ever", "<script>")
    assert "There is no session gone-f…ever any more." in text
    assert "<script>" not in re.sub(r"<script (?:src|type)", "", text)
    client.post(f"{PAGE}/{ids[0]}/delete?answer=block")
    assert "any more." in compared(client, ids[0])


def test_a_session_that_has_not_begun_has_no_line_and_says_so(client, desk):
    row = start_session(desk, default_account(desk), SessionRequest(symbols=("WETH",)))
    assert "None of these sessions has traded a bar yet" in compared(client, row.id)


def test_older_sessions_come_in_pages_and_what_is_ticked_stays_ticked(client, desk, clock, monkeypatch):
    monkeypatch.setattr(sessions, "ROWS", 2)
    ids = [ended(desk, clock, minutes=0.2) for _ in range(3)][::-1]
    text = compared(client, ids[0])
    assert shown(text) == ids[:2]
    older = re.search(r'href="([^"]+)" rel="next"', text)[1].replace("&amp;", "&")
    second = client.get(older).text
    assert shown(second) == ids[2:]
    assert f'name="compare" value="{ids[0]}" checked' in second
    assert f'href="{PAGE}/?compare={ids[0]}" rel="prev"' in second
    feed = re.search(r'hx-sse:connect="([^"]+)"', second)[1]
    assert f"compare={ids[0]}" in feed
    assert "before=" in feed
    for query in ("before=x", "before=-1", "said=x"):
        assert client.get(f"{PAGE}/?{query}").status_code == 422


def test_a_long_line_is_read_by_steps_that_are_even_in_time_and_keeps_its_ends(desk, clock):
    session = begun(desk, clock, minutes=3)
    with desk.store.read() as connection:
        whole = lines.equity(connection, default_account(desk), session=session)
        few = equity_lines(connection, [session], count=8)[session]
        every = equity_lines(connection, [session])[session]
    assert [point.ts for point in every] == [row.ts for row in whole]
    assert len(few) == 9
    assert (few[0].ts, few[-1].ts) == (whole[0].ts, whole[-1].ts)
    assert {(point.ts, point.equity) for point in few} <= {(row.ts, row.equity) for row in whole}


def test_the_page_reads_little_and_no_more_the_more_there_is(desk, clock):
    ids = [ended(desk, clock, minutes=0.2), begun(desk, clock, minutes=0.2)]
    query = sessions.PAGE.ask({"compare": ids})

    def counted():
        whole = queries(desk, lambda: draw(sessions.PAGE, PAGES, desk, owner_of(desk, query), query))
        blocks = {
            block.name: queries(desk, lambda block=block: alone(desk, sessions.PAGE, block, query))
            for block in sessions.PAGE.blocks
        }
        return whole, blocks

    whole, blocks = counted()
    assert whole <= SHELL + 5
    assert max(blocks.values()) <= 5, blocks
    go_on(desk, clock, ids[1], 1)
    assert counted() == (whole, blocks)


def test_the_page_hears_of_whatever_a_session_does():
    heard = {block.name: block.dirty_on for block in sessions.PAGE.blocks}
    wanted = {
        "SessionRequested",
        "SessionStarted",
        "SessionPaused",
        "SessionResumed",
        "SessionStopped",
        "SessionDeleted",
        "EquityMarked",
    }
    for name in ("table", "comparison"):
        assert wanted <= heard[name]


def test_sessions_of_another_account_are_on_its_own_page(client, desk, clock):
    second = open_account(desk, "Second", 5_000)
    session = begun(desk, clock, account=second)
    assert shown(client.get(f"{PAGE}/").text) == []
    text = client.get(f"{PAGE}/?account=Second").text
    assert shown(text) == [session]
    assert '<input type="hidden" name="account" value="Second">' in text
    assert f'action="{PAGE}/{session}/pause?account=Second"' in text
    block = client.post(f"{PAGE}/{session}/pause?answer=block&account=Second").text
    assert shown(block) == [session]
