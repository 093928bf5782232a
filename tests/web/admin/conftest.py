"""A client of the admin, with the token that its forms carry; and a row of every table to look at."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from litestar.testing import TestClient

from tests.make import Clock
from tests.web.conftest import HERE, begin, go_on
from workbench.actions.open_account import default_account
from workbench.actions.save_paper_trading_config import save_paper_trading_config
from workbench.actions.start_program import start_program
from workbench.desk import Desk, open_desk
from workbench.domain.breakers import Breaker
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.instruments import pair
from workbench.domain.sweeps import SweepRequest
from workbench.store import tables as t
from workbench.web.app import create_app

ADMIN = "/paper-trading/admin"


class Admin:
    """A person before the admin."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, **asked):
        """Look at something."""
        return self.client.get(f"{ADMIN}/{path}", params=asked, follow_redirects=False)

    def post(self, path: str, data: dict | None = None, **asked):
        """Send a form, with its token."""
        if not self.token:
            found = re.search(r'name="csrftoken" value="([^"]+)"', self.get("papertradingaccount/create").text)
            self.token = found[1]
        body = {**(data or {}), "csrftoken": self.token}
        return self.client.post(f"{ADMIN}/{path}", params=asked, data=body, follow_redirects=False)

    def row(self, table: str) -> str:
        """Return the name of a table's newest row."""
        return re.search(r'data-sa-pk="([^"]+)"', self.get(f"{table}/list").text)[1]

    def act(self, table: str, name: str, row: str, **form):
        """Press a row's button and confirm."""
        return self.post(f"_api/{table}/row-action", form, pk=row, name=name)


@pytest.fixture
def admin(client: TestClient) -> Admin:
    """The admin over an empty desk, but for its default account."""
    default_account(client.app.state.desk)
    return Admin(client)


@pytest.fixture
def trader(desk: Desk, clock: Clock, admin: Admin) -> Admin:
    """The admin over a desk on which a session runs."""
    go_on(desk, clock, begin(desk), 3)
    return admin


def one_of_each(desk: Desk, session: str) -> None:
    """Put a row into those tables that a short session leaves empty."""
    account = default_account(desk)
    save_paper_trading_config(desk, account, PaperTradingConfig(execution_delay_ms=100))
    at = desk.at
    common = {"id": 1, "account": account, "session": session, "at": at, "trades": 5, "wins": 3, "losses": 2, "win_rate": 0.6}
    figures = {
        "result": Decimal("-12.5"), "average_win": Decimal(4), "average_loss": Decimal(-2), "largest_win": Decimal(9),
        "largest_loss": Decimal(-3), "max_drawdown": -0.02, "sharpe": 1.1, "profit_factor": None,
    }  # fmt: skip
    of = {"configuration": "Default", "version": 1}
    with desk.store.write() as connection:
        connection.execute(
            t.performance_metrics.insert(), {**common, **figures, "period_start": 0, "period_end": 1, "result_share": -0.01}
        )
        connection.execute(
            t.autopilot_snapshots.insert(),
            {**common, **figures, **of, "parameters": "{}", "average_result": None, "volatility": 3.5, "gas_gwei": None,
             "trend": "neutral", "market": "{}", "is_active": True, "adjustments": 0, "last_adjustment": "", "period_hours": 1,
             "notes": ""},
        )  # fmt: skip
        connection.execute(
            t.autopilot_log.insert(),
            {**of, "id": 1, "account": account, "session": None, "at": at, "adjustment": "STOP_LOSS_TIGHTEN",
             "parameter": "stop_loss_pct", "old_value": Decimal(5), "new_value": Decimal(4), "change_share": -0.2,
             "reason": "losses grew", "trigger_metric": "win_rate", "trigger_value": 0.4, "trigger_threshold": 0.5, "before": "{}",
             "after": None, "outcome": "PENDING", "evaluated": None, "notes": "", "trades_since": 0, "market": "{}",
             "confidence": 50.0, "is_reversal": False, "reverses": None},
        )  # fmt: skip
        connection.execute(
            t.breakers.insert(),
            {"session": session, "name": "losing_streak", "account": account, "status": "open", "closed": None, "why": "",
             "body": Breaker("losing_streak", Decimal(3), Decimal(2), 0, None)},
        )  # fmt: skip
        connection.execute(
            t.sweeps.insert(),
            {"id": "5" * 64, "family": "sma_cross", "market": "WETH", "options": "{}", "trials": 1, "best": None,
             "overfitting": 0.25, "status": "DONE", "began": at, "touched": at},
        )  # fmt: skip
        connection.execute(
            t.trials.insert(),
            {"sweep": "5" * 64, "family": "sma_cross", "market": "WETH", "values": '{"fast":5}', "key": b"k", "sharpe": None,
             "return_pct": 1.5, "trades": 3, "figures": b"{}", "at": at},
        )  # fmt: skip
        connection.execute(
            t.sweep_runs.insert(),
            {"id": "r", "number": 1, "status": "WAITING", "request": SweepRequest("sma_cross", {"fast": (5, 6)}), "done": 0,
             "total": 2, "sweep": "", "read": 0, "outcome": None, "problem": "", "requested": at},
        )  # fmt: skip
        connection.execute(
            t.datasets.insert(),
            {"id": "d" * 64, "name": "=btc.csv", "series": 1, "instrument": pair("BTC/USDT"), "timeframe": "1h", "bars": 10,
             "first": 0, "last": 10, "holes": 0, "missing": 0, "imported": at},
        )  # fmt: skip
    start_program(desk, session, "dca", "WETH", {"amount": "100"})


@pytest.fixture(scope="module")
def full() -> Iterator[Admin]:
    """The admin over a desk that has a row of everything; tests only look at it."""
    clock = Clock()
    with open_desk(":memory:", clock=clock) as desk:
        session = begin(desk)
        go_on(desk, clock, session, 12)
        one_of_each(desk, session)
        go_on(desk, clock, session, 1)
        with TestClient(create_app(desk), base_url=HERE) as client:
            yield Admin(client)
