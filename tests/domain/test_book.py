from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.make import bar
from workbench.domain.book import Book, Lot, Position, open_book
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel, ExchangeCosts
from workbench.domain.events import OrderFilled
from workbench.domain.instruments import pair
from workbench.domain.orders import Order, OrderType, Reason, Side
from workbench.domain.sessions import Plan
from workbench.engine.fills import Market, fill
from workbench.errors import LedgerBroken

BTC = pair("BTC/USDT")
amounts = st.decimals(min_value="0.01", max_value=5000, places=8)
prices = st.decimals(min_value="0.0001", max_value=100_000, places=8)
moves = st.lists(st.tuples(st.sampled_from([Side.BUY, Side.SELL]), amounts, prices, st.integers(1, 100)), max_size=25)


def traded(book: Book, number: int, side: Side, price: Decimal, costs: CostModel, amount=None, quantity=None) -> Book:
    order = Order(number, BTC.key, side, OrderType.MARKET, Reason.MANUAL, number, amount, quantity)
    plan = Plan((BTC,), "1h", StrategyConfiguration(), costs)
    happened = fill(order, Market(bar(number, price), price, price), book, BTC, plan)
    return book.filled(happened) if isinstance(happened, OrderFilled) else book


@given(moves, st.decimals(0, 50, places=2), st.decimals(0, 50, places=2), st.decimals(0, 2, places=4))
def test_the_identity_holds_to_the_last_digit_after_every_fill(path, fee, spread, gas):
    costs, book = ExchangeCosts(fee_bps=fee, half_spread_bps=spread, gas=gas), open_book(Decimal(10_000))
    for number, (side, amount, price, part) in enumerate(path, 1):
        held = book.quantity(BTC.key)
        quantity = held if part == 100 else round(held * part / 100, 8)
        book = traded(book, number, side, price, costs, amount, quantity)
        book.check()
        assert book.cash >= 0


def test_lots_go_first_in_first_out():
    book = open_book(Decimal(1000))
    book = traded(book, 1, Side.BUY, Decimal(10), ExchangeCosts(), amount=Decimal(100))
    book = traded(book, 2, Side.BUY, Decimal(20), ExchangeCosts(), amount=Decimal(100))
    book = traded(book, 3, Side.SELL, Decimal(30), ExchangeCosts(), quantity=Decimal(12))
    assert book.realised == 12 * 30 - (100 + 2 * 20)
    assert book.positions[BTC.key].lots == (Lot(2, Decimal("3.00000000"), Decimal("60.00000000")),)


def test_a_part_of_a_lot_takes_its_share_of_the_cost_and_the_rest_keeps_what_remains():
    book = traded(open_book(Decimal(100)), 1, Side.BUY, Decimal(3), ExchangeCosts(), amount=Decimal(10))
    whole = book.positions[BTC.key]
    book = traded(book, 2, Side.SELL, Decimal(3), ExchangeCosts(), quantity=Decimal(1))
    sold = whole.cost - book.positions[BTC.key].cost
    assert sold == Decimal("3.00000000")
    book.check()


def test_a_position_sold_whole_is_gone():
    book = traded(open_book(Decimal(100)), 1, Side.BUY, Decimal(3), ExchangeCosts(), amount=Decimal(10))
    book = traded(book, 2, Side.SELL, Decimal(4), ExchangeCosts(), quantity=Decimal(1000))
    assert book.positions == {}
    assert book.at_cost == 0


def test_selling_more_than_is_held_is_loud():
    with pytest.raises(LedgerBroken, match="no more is sold than is held"):
        open_book(Decimal(100)).sell(BTC.key, Decimal(1))


def test_a_fill_whose_cash_does_not_follow_is_loud():
    book = open_book(Decimal(100))
    order, price = Order(1, BTC.key, Side.BUY, OrderType.MARKET, Reason.MANUAL, 1, Decimal(10)), Decimal(2)
    plan = Plan((BTC,), "1h", StrategyConfiguration())
    happened = fill(order, Market(bar(1, price), price, price), book, BTC, plan)
    with pytest.raises(LedgerBroken, match="cash after a fill"):
        book.deposited(Decimal(1)).filled(happened)


def test_a_book_that_lost_a_cent_is_loud():
    with pytest.raises(LedgerBroken, match="cash \\+ positions at cost"):
        Book(cash=Decimal("99.99"), deposits=Decimal(100)).check()


def test_a_position_that_is_not_its_lots_is_loud():
    odd = Position((Lot(0, Decimal(1), Decimal(10)),), Decimal(2), Decimal(10))
    with pytest.raises(LedgerBroken, match="the sum of its lots"):
        Book(cash=Decimal(90), deposits=Decimal(100), positions={"x": odd}).check()
