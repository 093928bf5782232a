import asyncio
import json

import pytest

from tests.web.conftest import begin, go_on
from tests.web.test_live import watching
from tests.web.test_tail import deposit_outside, log_of
from workbench.actions.open_account import default_account
from workbench.web.api.feed import beat, frames, told
from workbench.web.messages import message_of
from workbench.web.tail import Heard, Lens, Tail

FEED = "/paper-trading/api/feed/"


def parsed(text):
    """The events of a feed as a browser takes them in: id, type, data; a block without data is none."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
def asked(monkeypatch):
    """What the readers of a feed asked for; each is sent nothing and ends."""
    seen = []

    async def read(self, lens, cursor):
        seen.append((lens, cursor))
        for nothing in ():
            yield nothing

    monkeypatch.setattr(Tail, "read", read)
    return seen


def test_who_comes_back_from_a_newer_store_is_told_anew_how_all_stands(pages, asked):
    text = pages.get(FEED, headers={"last-event-id": "1000000"}).text
    assert "event: initial_snapshot" in text
    assert asked[0][1] < 1_000_000


@pytest.mark.parametrize(
    ("address", "headers", "field"),
    [
        ("?after=x", {}, "after"),
        ("?after=-1", {}, "after"),
        ("?after=999999999999999999999999", {}, "after"),
        ("?after=1000000", {}, "after"),
        ("?after=1.5", {}, "after"),
        ("", {"last-event-id": "soon"}, "Last-Event-ID"),
        ("?after=0", {"last-event-id": "-3"}, "Last-Event-ID"),
        ("?kinds=trade_executd", {}, "kinds"),
        ("?kinds=ai_thought,,nothing", {}, "kinds"),
    ],
)
def test_a_feed_that_is_asked_for_wrongly_is_refused_in_the_envelope(pages, address, headers, field):
    answer = pages.get(f"{FEED}{address}", headers=headers)
    assert answer.status_code == 422
    body = answer.json()
    assert body["success"] is False
    assert body["error"]["field"] == field
    assert body["error"]["message"].endswith((".", "?"))


def test_a_kind_that_is_misspelt_is_told_the_right_one(pages):
    assert "Did you mean 'trade_executed'?" in pages.get(f"{FEED}?kinds=trade_executd").json()["error"]["message"]


def test_an_account_that_is_not_there_is_not_found(pages):
    assert pages.get(f"{FEED}?account=nobody").status_code == 404


def test_without_a_cursor_it_begins_with_a_snapshot_of_now(client, desk, clock, asked):
    go_on(desk, clock, begin(desk), 2)
    answer = client.get(FEED)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    last = log_of(desk)[-1]
    ((id_, type_, message),) = parsed(answer.text)
    assert (id_, type_) == (last, "initial_snapshot")
    assert (message["id"], message["type"]) == (last, "initial_snapshot")
    data = message["data"]
    assert data["account"]["account_id"] == default_account(desk)
    assert data["session"]["status"] == "RUNNING"
    assert isinstance(data["account"]["cash_balance"], str)
    assert data["recent_trades"]
    assert data["recent_thoughts"]
    assert asked == [(Lens(default_account(desk)), last)]


def test_the_header_wins_over_the_address(client, desk, asked):
    account = default_account(desk)
    assert parsed(client.get(f"{FEED}?after=1").text) == []
    client.get(f"{FEED}?after=1&kinds=ai_thought,trade_update&account=*", headers={"last-event-id": "2"})
    assert asked == [(Lens(account), 1), (Lens("*", frozenset({"ai_thought", "trade_executed"})), 2)]


def test_all_accounts_have_a_snapshot_too(client, desk, asked):
    default_account(desk)
    ((_, _, message),) = parsed(client.get(f"{FEED}?account=*").text)
    assert message["data"]["account"] is None
    assert len(message["data"]["accounts"]) == 1


def test_a_feed_tells_every_event_under_its_log_id(desk, clock):
    go_on(desk, clock, begin(desk), 2)
    account = default_account(desk)

    async def story(live):
        stream, text = frames(live.tail, Lens(account), 0, None), b""
        last = log_of(desk)[-1]
        async with asyncio.timeout(60):
            async for chunk in stream:
                text += chunk
                if f"id: {last}\n".encode() in chunk:
                    break
        await asyncio.to_thread(deposit_outside, desk, account)
        text += await asyncio.wait_for(anext(stream), 60)
        events = parsed(text.decode())
        assert [id_ for id_, _, _ in events] == log_of(desk)
        assert all(message["id"] == id_ and message["type"] == type_ for id_, type_, message in events)

    watching(desk, story)


def test_a_heartbeat_is_a_comment_with_the_id_that_is_known():
    assert beat(7) == b": still here\nid: 7\n\n"
    assert told(Heard(7, [])) == beat(7)


def test_what_was_left_out_moves_the_cursor():
    message = message_of("ai_thought", {}, 5)
    assert told(Heard(9, [(message,)])).endswith(b"\n\nid: 9\n\n")
    assert told(Heard(5, [(message,)])).endswith(message.text().encode() + b"\n\n")
