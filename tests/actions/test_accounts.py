"""Accounts: cash in and out, a reset that sells by real trades, what carries over, and several beside each other."""

from decimal import Decimal

import pytest

import workbench as wb
from tests.actions.test_sessions import QUICK, go, tables
from workbench.actions.advance_session import advance_session
from workbench.actions.open_account import default_account, open_account
from workbench.actions.rebuild_projections import rebuild_projections
from workbench.actions.start_session import start_session
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import PlaceOrder
from workbench.domain.config import DEFAULT_COSTS, StrategyConfiguration
from workbench.domain.orders import OrderType, Side
from workbench.domain.sessions import SessionRequest
from workbench.engine.state import State, carried_from
from workbench.errors import Conflict, Invalid, NotFound
from workbench.store import lines, reads
from workbench.store import tables as t
from workbench.web.page import account_named

D = Decimal
HAND = StrategyConfiguration(strategy="manual")


@pytest.fixture
def account(desk):
    return default_account(desk)


def look(desk, read, *given):
    with desk.store.read() as connection:
        return read(connection, *given)


def begin(desk, account, configuration=HAND, symbols=("WETH",)):
    row = start_session(desk, account, SessionRequest(configuration=configuration, costs=DEFAULT_COSTS, symbols=symbols))
    advance_session(desk, row.id)
    return row


def end(desk, row):
    stop_session(desk, row.account)
    advance_session(desk, row.id)


def hold(desk, clock, account, amount=1000):
    """Buy WETH by hand in a session that is over then."""
    row = begin(desk, account)
    go(desk, clock, row.id, 1)
    key = desk.source("simulated").instruments()[0].key
    wb.send_command(desk, row.id, PlaceOrder(key, Side.BUY, amount=str(amount)))
    go(desk, clock, row.id, 2)
    end(desk, row)
    return key


# --- cash ------------------------------------------------------------------------------------------------------------------


def test_cash_comes_and_goes_while_no_session_runs(desk, account):
    assert wb.deposit(desk, account, "250.5").cash == D("10250.50000000")
    assert wb.withdraw(desk, account, 50).put_in == D("10200.50000000")
    figures = look(desk, reads.figures, account, desk.now())
    assert (figures.result, figures.drawdown) == (0, 0)
    with pytest.raises(Invalid, match=r"at most the 10200\.50000000 cash at hand, found '20000\.00000000'"):
        wb.withdraw(desk, account, 20_000)
    for bad in (0, -5, "x"):
        with pytest.raises(Invalid, match="amount"):
            wb.deposit(desk, account, bad)
    with pytest.raises(NotFound, match="no account 'nobody'"):
        wb.deposit(desk, "nobody", 5)


def test_a_running_session_takes_cash_before_its_next_bar(desk, account, clock):
    row = begin(desk, account)
    assert wb.deposit(desk, account, 500).cash == 10_000
    advance_session(desk, row.id)
    assert look(desk, reads.account, account).cash == 10_500
    with pytest.raises(Invalid, match="at most the 10500"):
        wb.withdraw(desk, account, 10_501)
    wb.withdraw(desk, account, 100)
    go(desk, clock, row.id, 1)
    end(desk, row)
    assert look(desk, reads.account, account).put_in == 10_400
    assert wb.verify_session(desk, row.id).identical


@pytest.mark.parametrize("bars", [0, 1])
def test_cash_that_comes_or_goes_is_no_result_of_a_session(desk, account, clock, bars):
    row = begin(desk, account)
    wb.deposit(desk, account, 500)
    advance_session(desk, row.id)
    wb.withdraw(desk, account, "20.5")
    advance_session(desk, row.id)
    going = look(desk, reads.session, row.id)
    assert (going.equity, going.put_in, going.result) == (D("10479.5"), D("479.5"), 0)
    if bars:
        go(desk, clock, row.id, bars)
    wb.deposit(desk, account, 7)
    end(desk, row)
    # What came between two sessions belongs to neither.
    wb.deposit(desk, account, 1000)
    later = begin(desk, account)
    ended, other = look(desk, reads.session, row.id), look(desk, reads.session, later.id)
    assert (ended.opening_equity, ended.equity, ended.put_in, ended.result) == (10_000, D("10486.5"), D("486.5"), 0)
    assert (other.opening_equity, other.put_in, other.result) == (D("11486.5"), 0, 0)
    before = tables(desk)
    rebuild_projections(desk)
    assert tables(desk) == before


def test_a_session_that_trades_and_is_given_cash_has_made_what_its_account_has(desk, account, clock):
    row = begin(desk, account)
    go(desk, clock, row.id, 1)
    key = desk.source("simulated").instruments()[0].key
    wb.send_command(desk, row.id, PlaceOrder(key, Side.BUY, amount="1000"))
    wb.deposit(desk, account, 500)
    go(desk, clock, row.id, 5)
    assert look(desk, reads.session, row.id).result == look(desk, reads.figures, account, desk.now()).result != 0


# --- reset -----------------------------------------------------------------------------------------------------------------


def test_a_reset_sells_what_is_held_by_real_trades_and_begins_a_new_epoch(desk, account, clock):
    hold(desk, clock, account)
    before = look(desk, reads.figures, account, desk.now())
    epoch = wb.reset_account(desk, account, 5_000)
    assert (epoch.number, epoch.cash, epoch.trades) == (2, 5_000, 0)
    after = look(desk, reads.figures, account, desk.now())
    assert (after.value, after.cash, after.result, after.trades, after.open_positions) == (5_000, 5_000, 0, 0, 0)
    sale = look(desk, reads.trades, account)[0]
    assert (sale.side, sale.reason) == ("sell", "session_stopped")
    assert sale.costs > 0
    ended = look(desk, reads.epochs, account)[1]
    assert (ended.number, ended.trades, ended.closed) == (1, 2, 1)
    assert ended.equity == sale.cash
    assert ended.result < before.result + 1


def test_the_session_that_sells_for_a_reset_can_be_verified_and_the_tables_read_again(desk, account, clock):
    hold(desk, clock, account)
    wb.reset_account(desk, account)
    newest = look(desk, reads.sessions, account)[0]
    assert newest.name == "Sale before the reset"
    verdict = wb.verify_session(desk, newest.id)
    assert verdict.identical, str(verdict)
    before = tables(desk)
    rebuild_projections(desk)
    assert tables(desk) == before


def test_history_stays_after_a_reset_and_the_new_epochs_line_begins_with_it(desk, account, clock):
    hold(desk, clock, account)
    assert look(desk, lines.equity, account)
    trades = len(look(desk, reads.trades, account))
    wb.reset_account(desk, account, 3_000)
    assert look(desk, lines.equity, account) == []
    assert len(look(desk, reads.trades, account)) == trades + 1
    row = begin(desk, account)
    go(desk, clock, row.id, 2)
    assert [float(point.equity) for point in look(desk, lines.equity, account)] == [3000.0, 3000.0]
    assert look(desk, reads.figures, account, desk.now()).today == 0


def test_an_account_is_not_reset_while_its_session_runs(desk, account):
    begin(desk, account)
    with pytest.raises(Conflict, match="is RUNNING"):
        wb.reset_account(desk, account)
    with pytest.raises(Invalid, match="cash: expected an amount"):
        wb.reset_account(desk, account, -1)


def test_what_cannot_pay_for_its_own_sale_stands_against_a_reset(desk, account, clock):
    hold(desk, clock, account, amount="0.001")
    wb.withdraw(desk, account, look(desk, reads.account, account).cash)
    with pytest.raises(Conflict, match="deposit a little first"):
        wb.reset_account(desk, account)
    assert look(desk, reads.account, account).epoch == 1
    wb.deposit(desk, account, 5)
    assert wb.reset_account(desk, account).number == 2


# --- what carries over -----------------------------------------------------------------------------------------------------


def test_a_restart_is_no_way_around_a_breaker_a_cooldown_or_the_days_limit(desk, account, clock):
    rules = StrategyConfiguration(strategy="manual", volatility_pct="0.01", breaker_minutes=None, max_daily_trades=3)
    row = begin(desk, account, rules)
    go(desk, clock, row.id, 3)
    key = desk.source("simulated").instruments()[0].key
    wb.send_command(desk, row.id, PlaceOrder(key, Side.BUY, amount="1000"))
    go(desk, clock, row.id, 2)
    end(desk, row)
    last = look(desk, reads.last_state, account)
    assert last.breakers.keys() == {"volatility"}
    again = begin(desk, account, rules)
    body = look(desk, lambda c: c.exec_driver_sql("select state from cursors where session = ?", (again.id,)).scalar())
    import msgspec

    now = msgspec.json.decode(body, type=State)
    assert now.breakers == last.breakers
    assert (now.day, now.trades_today, now.day_equity, now.peak) == (last.day, 1, last.day_equity, last.peak)
    assert now.flows == last.flows
    assert now.holdings == last.holdings
    go(desk, clock, again.id, 3)
    assert wb.verify_session(desk, again.id).identical


def test_cash_that_was_moved_between_two_sessions_is_no_result_of_the_day(desk, account, clock):
    row = begin(desk, account)
    go(desk, clock, row.id, 2)
    end(desk, row)
    last = look(desk, reads.last_state, account)
    carried = carried_from(last, last.book.put_in + 5_000)
    assert (carried.day_equity, carried.peak) == (15_000, 15_000)


def test_a_new_epoch_takes_nothing_over(desk, account, clock):
    hold(desk, clock, account)
    wb.reset_account(desk, account)
    assert look(desk, reads.last_state, account) is None


# --- several ---------------------------------------------------------------------------------------------------------------


def test_several_accounts_trade_beside_each_other_on_one_shared_feed(desk, account, clock):
    second = wb.open_account(desk, "Second", 5_000)
    third = wb.open_account(desk, "Third", 500)
    rows = [begin(desk, which, QUICK, ("WETH", "AERO")) for which in (account, second, third)]
    for _ in range(40):
        clock.move(5_000)
        for row in rows:
            advance_session(desk, row.id)
    with desk.store.read() as connection:
        count = connection.execute(t.bars.select().where(t.bars.c.revision > 0)).all()
        bars = connection.exec_driver_sql("select count(*), count(distinct series) from bars").one()
    assert count == []
    assert bars[1] == 2
    for row in rows:
        end(desk, row)
        assert wb.verify_session(desk, row.id).identical
    ends = [look(desk, reads.session, row.id) for row in rows]
    assert ends[0].trades == ends[1].trades > 0
    listed = {row.name: row for row in look(desk, reads.accounts)}
    assert set(listed) == {"Paper account", "Second", "Third"}
    assert look(desk, reads.find_account, "Second") == look(desk, reads.find_account, second) == second
    with pytest.raises(NotFound, match="Did you mean 'Second'"):
        look(desk, reads.find_account, "Secnd")


def test_a_name_can_be_asked_to_be_free(desk):
    wb.open_account(desk, "Mine", unique=True)
    with pytest.raises(Invalid, match="one that no account has yet"):
        wb.open_account(desk, "Mine", unique=True)


def test_an_order_until_a_time_ends_even_where_its_token_has_no_bars_any_more():
    from tests.make import HOUR, START, bar, reading, state
    from tests.make import given as slice_of
    from workbench.domain.instruments import pair
    from workbench.domain.orders import TimeInForce
    from workbench.engine.step import step

    now = step(
        state(instruments=[pair("BTC/USDT"), pair("ETH/USDT")]), slice_of(bar(), bar(START, 10)), [reading(), reading()]
    ).state
    order = PlaceOrder(
        pair("ETH/USDT").key, Side.BUY, amount="100", type=OrderType.LIMIT, limit_price="5", time_in_force=TimeInForce.GTD,
        expires=START + 3 * HOUR,
    )  # fmt: skip
    now = step(now, order).state
    for i in range(1, 4):
        assert len(now.book.orders) == 1
        now = step(now, slice_of(bar(START + i * HOUR), None), [reading(), None]).state
    assert now.book.orders == ()
    assert now.book.free_cash() == 10_000


@pytest.mark.parametrize("name", ["", "   ", "a" * 121])
def test_an_account_needs_a_name_that_it_can_be_found_by(desk, name):
    with pytest.raises(Invalid, match="name: expected a name of up to 120 letters"):
        open_account(desk, name)


@pytest.mark.parametrize("name", ["Second", "SECOND", "ſecond", " second "])
def test_a_name_is_taken_in_large_letters_where_it_is_in_small_ones(desk, account, name):
    open_account(desk, "second", unique=True)
    with pytest.raises(Invalid, match="no account has yet, in large or small letters, and there is 'second'"):
        open_account(desk, name, unique=True)
    assert {row.name for row in look(desk, reads.accounts)} == {"Paper account", "second"}


def test_two_names_that_were_given_before_that_are_still_found_each_by_its_own(desk, account):
    first, other = open_account(desk, "second"), open_account(desk, "Second")
    assert look(desk, reads.find_account, "second") == first
    assert look(desk, reads.find_account, "Second") == other
    rebuild_projections(desk)
    assert look(desk, reads.find_account, "Second") == other
    with pytest.raises(Invalid, match="no account has yet"):
        open_account(desk, "SECOND", unique=True)


def test_the_account_of_a_sessions_own_has_a_name_that_no_other_has(desk):
    plan = StrategyConfiguration(strategy="buy_and_hold")
    rows = [
        start_session(desk, None, SessionRequest(name=name, configuration=plan, symbols=("WETH",)))
        for name in ("Morning", "Morning", "morning", "default", "*")
    ]
    called = {row.id: row.name for row in look(desk, reads.accounts)}
    names = [called[row.account] for row in rows]
    assert names[:4] == ["Morning", "Morning 2", "morning 3", "default 2"]
    assert names[4] == f"live {rows[4].id[:8]}"
    for row, name in zip(rows, names, strict=True):
        assert account_named(desk, name) == row.account
    assert account_named(desk, "default") == default_account(desk)


def test_an_account_that_is_opened_later_is_heard_of_by_whoever_asked_before(desk, account):
    first = open_account(desk, "Busy")
    assert account_named(desk, "busy") == first
    second = open_account(desk, "busy")
    assert (account_named(desk, "busy"), account_named(desk, "Busy")) == (second, first)
    with pytest.raises(NotFound):
        account_named(desk, "BUSY")


def test_an_account_is_found_by_its_id_then_its_name_then_the_one_that_is_alike(desk, account):
    busy = open_account(desk, "Busy", unique=True)
    for name in (busy, "Busy", "busy", "BUSY"):
        assert look(desk, reads.find_account, name) == busy
    for name in (busy, busy.upper(), account, "Default"):
        with pytest.raises(Invalid, match="no account has yet"):
            open_account(desk, name)
    assert len(look(desk, reads.accounts)) == 2


@pytest.mark.parametrize("name", ["*", " * ", "Mor\u200bning", "a\u00adb", "a\tb", "\ufeffx"], ids=ascii)
def test_an_account_has_no_name_that_nobody_could_type_or_that_stands_for_all(desk, name):
    with pytest.raises(Invalid, match="name"):
        open_account(desk, name)
    assert look(desk, reads.accounts) == []
