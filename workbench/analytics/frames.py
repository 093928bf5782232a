"""What happened, as Polars frames: fills, round trips and the equity line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from workbench.domain.events import OrderFilled
from workbench.domain.instruments import Instrument
from workbench.domain.trips import Trip

TIME = pl.Datetime("ms", "UTC")
_PRICE = pl.Decimal(28, 12)
_CASH = pl.Decimal(28, 8)

FILL_SCHEMA: dict[str, Any] = {
    "ts": TIME, "symbol": pl.String, "side": pl.String, "quantity": _PRICE, "price": _PRICE, "notional": _CASH, "fee": _CASH,
    "gas": _CASH, "spread_cost": _CASH, "slippage_cost": _CASH, "realised": _CASH, "cash": _CASH, "reason": pl.String,
}  # fmt: skip
TRIP_SCHEMA: dict[str, Any] = {
    "symbol": pl.String, "opened": TIME, "closed": TIME, "quantity": _PRICE, "entry_price": _PRICE, "exit_price": _PRICE,
    "invested": _CASH, "gross": _CASH, "costs": _CASH, "result": _CASH, "return_pct": pl.Float64, "exit_reason": pl.String,
    "fills": pl.Int64,
}  # fmt: skip


def fills_frame(fills: Sequence[OrderFilled], instruments: Mapping[str, Instrument]) -> pl.DataFrame:
    """Return the fills, one row each, in order."""
    rows = [
        (f.ts, instruments[f.instrument].symbol, f.side.value, f.quantity, f.price, f.notional, f.fee, f.gas, f.spread_cost,
         f.slippage_cost, f.realised, f.cash, f.reason.value)
        for f in fills
    ]  # fmt: skip
    return _frame(rows, FILL_SCHEMA)


def trips_frame(trips: Sequence[Trip], instruments: Mapping[str, Instrument]) -> pl.DataFrame:
    """Return the closed round trips, one row each, in order of closing."""
    rows = []
    for trip in trips:
        instrument = instruments[trip.instrument]
        decimals = instrument.price_decimals
        rows.append(
            (instrument.symbol, trip.opened, trip.closed, trip.quantity, trip.entry_price(decimals), trip.exit_price(decimals),
             trip.invested, trip.gross, trip.costs, trip.result, 100 * trip.return_share, trip.exit_reason, trip.fills)
        )  # fmt: skip
    return _frame(rows, TRIP_SCHEMA)


def equity_frame(ts: Sequence[int], equity: Sequence[Decimal]) -> pl.DataFrame:
    """Return the equity line: ts (the bar's open time) and equity (at its close, float64)."""
    return pl.DataFrame(
        {"ts": ts, "equity": [float(value) for value in equity]}, {"ts": pl.Int64, "equity": pl.Float64}
    ).with_columns(pl.col("ts").cast(TIME))


def _frame(rows: list[tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    raw = {name: pl.Int64 if kind == TIME else kind for name, kind in schema.items()}
    frame = pl.DataFrame(rows, schema=raw, orient="row")
    return frame.with_columns(pl.col(name).cast(TIME) for name, kind in schema.items() if kind == TIME)
