from decimal import Decimal

import polars as pl

import workbench as wb
from tests.make import wandering
from workbench.domain.instruments import Instrument
from workbench.domain.trips import round_trips
from workbench.engine.series import BarSeries


def test_a_frame_has_the_decimals_of_its_instrument_and_loses_none():
    fine = Instrument(1, "0x1", "FINE", "USD", 14, 6)
    frame = wandering(400).frame.with_columns(pl.col("open", "high", "low", "close") * 1e-4)
    result = wb.backtest("donchian_breakout", BarSeries.from_frame(frame, fine), parameters={"entry": 5, "leave": 3}, fee_bps=3)
    assert result.fills.schema["price"] == pl.Decimal(38, 14)
    assert result.fills.schema["quantity"] == pl.Decimal(38, 6)
    exact = [(f.price, f.quantity, f.cash) for f in result.filled]
    assert list(result.fills.select("price", "quantity", "cash").iter_rows()) == exact


def test_frames_without_rows_keep_their_columns():
    result = wb.backtest("sma_cross", wandering(102))
    assert result.trades.height == result.fills.height == 0
    assert result.trades.schema["opened"] == pl.Datetime("ms", "UTC")


def test_results_of_round_trips_and_cash_add_up_to_the_final_equity():
    result = wb.backtest("donchian_breakout", wandering(900), parameters={"entry": 5, "leave": 3}, fee_bps=10, gas="0.1")
    book = result.state.book
    made = result.trades["result"].sum() if result.trades.height else Decimal(0)
    open_costs = sum((trip.costs - trip.gross for trip in round_trips(result.filled)[1]), Decimal(0))
    assert 10_000 + made - open_costs == book.cash + book.at_cost
