import re
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from tests.web.conftest import begin, go_on
from workbench.actions.advance_session import advance_session
from workbench.actions.move_cash import deposit
from workbench.actions.open_account import default_account, open_account
from workbench.actions.request_sweep import request_sweep
from workbench.actions.send_command import send_command
from workbench.actions.stop_session import stop_session
from workbench.domain.commands import Deposit, Pause, PlaceOrder, ResetBreaker
from workbench.domain.events import KINDS
from workbench.domain.orders import OrderType, Side
from workbench.domain.sweeps import SweepRequest
from workbench.errors import Invalid
from workbench.store.log import events_after, every_event
from workbench.web.messages import EVERYBODY, NAMES, SYNONYMS, TYPES, Teller, read_types


def told_of(desk, is_wanted=lambda account, kind: True):
    """Every event of a desk's log with its messages."""
    with desk.store.read() as connection:
        rows = list(every_event(connection))
        return rows, Teller().tell(connection, rows, is_wanted, desk.now())


def data_of(told, type_):
    """The data of every message of a type."""
    return [msgspec.json.decode(message.data) for one in told for message in one.messages if message.type == type_]


@pytest.fixture(scope="module")
def story(traded):
    return told_of(traded)


def test_every_kind_of_event_has_a_name_and_the_seeds_names_are_among_them():
    assert set(NAMES) == set(KINDS)
    assert all(NAMES.values())
    seed = {"trade_executed", "position_updated", "performance_update", "ai_thought", "portfolio_update", "session_update"}
    asked = {
        "order_update", "order_filled", "order_cancelled", "strategy_update", "strategy_config_updated", "account_updated",
        "sweep_update", "breaker_update",
    }  # fmt: skip
    assert seed | asked <= set(TYPES)
    assert set(TYPES) - seed - asked == {"command_received", "command_refused"}


def test_every_event_is_told_once_under_its_own_id(story):
    rows, told = story
    assert [one.id for one in told] == [row.id for row in rows]
    for row, one in zip(rows, told, strict=True):
        types = [message.type for message in one.messages]
        assert types[0] == NAMES[row.kind][0]
        assert set(types) <= set(NAMES[row.kind])
        assert {message.id for message in one.messages} == {row.id}


def test_amounts_are_texts_and_times_are_iso(story):
    _, told = story
    assert len(told) > 100
    for one in told:
        for message in one.messages:
            assert datetime.fromisoformat(message.timestamp).tzinfo is not None
            body = msgspec.json.decode(message.text())
            assert set(body) == {"type", "id", "data", "timestamp"}
            for name, value in body["data"].items():
                if re.search(r"(_usd|_balance|_value|quantity|_pnl)$", name) and value is not None:
                    assert isinstance(value, str), (message.type, name)
                    assert "E" not in value
                if re.search(r"(_at|_time)$", name) and value is not None:
                    assert datetime.fromisoformat(value).tzinfo is not None


def test_a_fill_is_a_trade_and_carries_its_position(story):
    rows, told = story
    trades = data_of(told, "trade_executed")
    assert len(trades) == sum(row.kind == "OrderFilled" for row in rows)
    assert {trade["trade_type"] for trade in trades} == {"buy", "sell"}
    assert all(trade["position"]["token_symbol"] == trade["token_symbol"] for trade in trades)
    assert all(Decimal(trade["realized_pnl_usd"]) for trade in trades if trade["trade_type"] == "sell")
    assert len(data_of(told, "performance_update")) == sum(trade["trade_type"] == "sell" for trade in trades)


def test_a_mark_tells_what_the_account_was_worth_then(story):
    rows, told = story
    marks = [row.event for row in rows if row.kind == "EquityMarked"]
    portfolios = [data for data in data_of(told, "portfolio_update") if "bar_time" in data]
    assert [Decimal(data["total_value"]) for data in portfolios] == [mark.equity for mark in marks]
    assert all(
        Decimal(data["cash_balance"]) + Decimal(data["positions_value"]) == Decimal(data["total_value"]) for data in portfolios
    )
    assert all(price["token_symbol"] for data in portfolios for price in data["prices"])


def test_what_is_told_is_the_same_however_the_log_is_cut(traded, story):
    _, whole = story
    teller, cut = Teller(), []
    with traded.store.read() as connection:
        cursor = 0
        while rows := events_after(connection, cursor, limit=7):
            cut += teller.tell(connection, rows, lambda account, kind: True, traded.now())
            cursor = rows[-1].id
    exact = {"ai_thought", "portfolio_update", "session_update", "order_update", "order_filled"}
    for one, other in zip(whole, cut, strict=True):
        assert one.id == other.id
        if one.messages[0].type in exact:
            assert one.messages[0] == other.messages[0]


def test_what_is_not_wanted_is_not_told(traded):
    _, told = told_of(traded, lambda account, kind: kind == "ThoughtRecorded")
    assert {message.type for one in told for message in one.messages} == {"ai_thought"}


def test_commands_orders_breakers_cash_and_the_end_are_told(desk, clock):
    session = begin(desk)
    go_on(desk, clock, session, 1)
    weth = "8453:0x4200000000000000000000000000000000000006"
    order = PlaceOrder(weth, Side.BUY, amount=Decimal(100), type=OrderType.LIMIT, limit_price=Decimal(1))
    for command in (order, Deposit(Decimal(5)), ResetBreaker("nothing"), Pause()):
        send_command(desk, session, command, by="test")
    go_on(desk, clock, session, 0.2)
    stop_session(desk, default_account(desk), "enough", False, by="test")
    advance_session(desk, session)
    deposit(desk, default_account(desk), 7, by="test")
    rows, told = told_of(desk)
    assert [data["status"] for data in data_of(told, "session_update")][-1] == "STOPPED"
    asked = {data["command"]["command"] for type_ in ("command_received", "command_refused") for data in data_of(told, type_)}
    assert {"PlaceOrder", "Deposit", "ResetBreaker", "Pause", "Stop"} <= asked
    assert {data["change"] for data in data_of(told, "account_updated")} >= {"account_opened", "deposited"}
    cancelled = data_of(told, "order_cancelled")
    assert cancelled[-1]["token_symbol"]
    assert cancelled[-1]["status"] == "cancelled"
    assert len(told) == len(rows)


def test_what_happens_to_sweeps_is_everybodys(desk):
    request_sweep(desk, SweepRequest("sma_cross", {"fast": (5, 10)}, count=900))
    _, told = told_of(desk)
    sweeps = [one for one in told if one.messages[0].type == "sweep_update"]
    assert {one.account for one in sweeps} == {EVERYBODY}
    assert data_of(sweeps, "sweep_update")[0]["status"] == "WAITING"


def test_an_account_without_a_session_is_told_too(desk):
    other = open_account(desk, "other")
    _, told = told_of(desk)
    assert {one.account for one in told} == {other}
    assert data_of(told, "account_updated")[0]["session_id"] is None


def test_types_are_read_from_an_address():
    assert read_types("") == frozenset()
    assert read_types("ai_thought,trade_update,") == {"ai_thought", "trade_executed"}
    assert set(SYNONYMS.values()) <= set(TYPES)
    with pytest.raises(Invalid, match="Did you mean 'trade_executed'"):
        read_types("ai_thought,trade_executd")
