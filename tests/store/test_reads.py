"""What the pages read of an account: figures that cash coming and going does not bend."""

from decimal import Decimal

import pytest

from tests.make import HOUR
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account
from workbench.actions.send_command import send_command
from workbench.actions.start_session import start_session
from workbench.domain.commands import Deposit, Withdraw
from workbench.domain.config import StrategyConfiguration
from workbench.domain.sessions import SessionRequest
from workbench.store import lines, reads


@pytest.fixture
def account(desk):
    return default_account(desk)


@pytest.fixture
def holding(desk, clock, account):
    """A session that holds WETH, has been through a midnight, and is worth another price than it paid."""
    plan = StrategyConfiguration(strategy="buy_and_hold", size_pct=50)
    row = start_session(desk, account, SessionRequest(timeframe="1h", symbols=("WETH",), configuration=plan))
    advance_session(desk, row.id)
    pass_hours(desk, clock, row, 34)
    figures = figures_of(desk, account)
    assert figures.open_positions == 1
    assert figures.drawdown < 0
    return row


def pass_hours(desk, clock, row, hours):
    for _ in range(hours):
        clock.move(HOUR)
        advance_session(desk, row.id)


def figures_of(desk, account):
    with desk.store.read() as connection:
        return reads.figures(connection, account, desk.now())


@pytest.mark.parametrize(("command", "change"), [(Deposit(Decimal(5000)), 5000), (Withdraw(Decimal(4000)), -4000)])
def test_cash_that_comes_or_goes_is_no_result_of_the_day_and_no_drawdown(desk, account, holding, command, change):
    before = figures_of(desk, account)
    send_command(desk, holding.id, command)
    advance_session(desk, holding.id)
    after = figures_of(desk, account)
    assert after.value == before.value + change
    assert (after.today, after.result) == (before.today, before.result)
    assert after.drawdown == pytest.approx(before.drawdown, rel=1e-9)
    assert after.worst_drawdown == before.worst_drawdown


def test_a_day_after_cash_came_in_the_result_of_the_day_is_the_change_since_midnight(desk, clock, account, holding):
    send_command(desk, holding.id, Deposit(Decimal(5000)))
    pass_hours(desk, clock, holding, 24)
    with desk.store.read() as connection:
        points = lines.equity(connection, account)
    midnight = points[-1].ts // (24 * HOUR) * 24 * HOUR
    yesterday = [point for point in points if point.ts < midnight][-1]
    figures = figures_of(desk, account)
    assert figures.today == points[-1].equity - yesterday.equity != 0
    assert figures.result == figures.value - 15_000
