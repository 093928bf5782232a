"""Every reading and every command of another account than the first."""

READS = (
    "portfolio", "trades/recent", "positions/open", "ai-thoughts", "metrics", "bot/status", "account/epochs",
    "strategies/active", "configuration", "configurations",
)  # fmt: skip


def test_whatever_is_read_can_be_read_of_another_account(client):
    client.post("/paper-trading/api/accounts/", json={"name": "Second", "cash": "500"})
    of_second = client.get("/paper-trading/api/portfolio/?account=Second").json()["data"]["portfolio"]
    assert of_second["cash_balance"] == "500.00000000"
    assert client.get("/paper-trading/api/portfolio/").json()["data"]["portfolio"]["cash_balance"] != "500.00000000"
    for path in READS:
        assert client.get(f"/paper-trading/api/{path}/?account=Second").status_code == 200, path
        missing = client.get(f"/paper-trading/api/{path}/?account=Nobody")
        assert (missing.status_code, missing.json()["error"]["field"]) == (404, "account"), path


def test_the_bot_of_another_account_is_started_and_stopped_without_touching_the_first(client, desk):
    client.post("/paper-trading/api/accounts/", json={"name": "Second", "cash": "500"})
    first = client.post("/paper-trading/api/bot/start/", json={}).json()["data"]["session_id"]
    second = client.post("/paper-trading/api/bot/start/", json={"account": "Second"}).json()["data"]["session_id"]
    stopped = client.post("/paper-trading/api/bot/stop/", json={"account": "Second"}).json()["data"]
    assert stopped["session_id"] == second
    assert client.get("/paper-trading/api/bot/status/").json()["data"]["session_id"] == first
    assert client.get("/paper-trading/api/bot/status/").json()["data"]["status"] in ("STARTING", "RUNNING")


def test_a_configuration_of_another_account_is_saved_for_it_alone(client):
    client.post("/paper-trading/api/accounts/", json={"name": "Second", "cash": "500"})
    saved = client.post("/paper-trading/api/configuration/", json={"account": "Second", "name": "Bold", "size_pct": "33"})
    assert saved.status_code == 200
    of = {account: client.get(f"/paper-trading/api/configuration/?account={account}").json()["data"]["configuration"]["name"]
          for account in ("", "Second")}  # fmt: skip
    assert of["Second"] == "Bold"
    assert of[""] != "Bold"


def test_a_row_beyond_64_bits_is_no_row(client):
    for page in ("portfolio", "trades", "strategies"):
        assert client.get(f"/paper-trading/{page}/?before=12345678901234567890123").status_code == 422
