import re

import pytest

SAID = re.compile(r'<p class="said( bad)?"[^>]*role="status"[^>]*>([^<]+)</p>')
ROOT = "/paper-trading"


def said(answer):
    """Return what a page says after a button, and whether it is bad."""
    return [(text.strip(), bool(bad)) for bad, text in SAID.findall(answer.text)]


def test_a_start_and_a_stop_say_what_happens_after_the_way_back_without_script(client):
    started = client.post(f"{ROOT}/bot/start", data={"strategy": "sma_cross"})
    assert started.history[0].status_code == 303
    assert said(started) == [("The bot is starting; its first bar comes in a moment.", False)]
    again = client.post(f"{ROOT}/bot/start", data={"strategy": "sma_cross"})
    assert again.status_code == 409
    assert said(again)[0][1]
    stopped = client.post(f"{ROOT}/bot/stop")
    assert stopped.history[0].status_code == 303
    assert said(stopped)
    assert not said(stopped)[0][1]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("bot/stop", {}),
        ("configuration/choose", {"name": "nothing"}),
        ("configuration/delete", {"name": "Default"}),
        ("configuration/save", {"size_pct": "a lot"}),
        ("configuration/time-zone", {"time_zone": "Berlin"}),
        ("orders/place", {"order_type": "market", "side": "buy", "amount_usd": "10"}),
        ("orders/1/cancel", {}),
        ("orders/cancel-all", {}),
        ("strategies/start", {"strategy": "dca", "symbol": "WETH"}),
        ("strategies/1/pause", {}),
        ("strategies/1/resume", {}),
        ("strategies/1/cancel", {}),
        ("sessions/nothing/pause", {}),
        ("sessions/nothing/stop", {}),
        ("sessions/nothing/delete", {}),
        ("research/start", {"strategy": "sma_cross"}),
        ("research/start", {"strategy": "sma_cross", "p.fast": "many"}),
        ("research/nothing/cancel", {}),
    ],
)
def test_a_refusal_says_why_on_the_page_without_script(client, path, values):
    answer = client.post(f"{ROOT}/{path}", data=values)
    assert 400 <= answer.status_code < 500
    assert any(is_bad for _, is_bad in said(answer)), answer.text[:200]
