"""What happened, as Polars frames: fills, round trips and the equity line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.domain.events import OrderFilled
from workbench.domain.instruments import Instrument
from workbench.domain.money import per_unit
from workbench.domain.programs import ProgramRun
from workbench.domain.trips import Trip

TIME = pl.Datetime("ms", "UTC")
_CASH = pl.Decimal(38, 8)
_DIGITS = 38
Schema = dict[str, pl.DataType | type[pl.DataType]]


def _scales(instruments: Mapping[str, Instrument]) -> tuple[pl.DataType, pl.DataType]:
    """Return the types of quantities and prices: as many decimals as the finest instrument has, so none is lost."""
    size = max(instrument.size_decimals for instrument in instruments.values())
    price = max(instrument.price_decimals for instrument in instruments.values())
    return pl.Decimal(_DIGITS, size), pl.Decimal(_DIGITS, price)


def _fill_schema(instruments: Mapping[str, Instrument]) -> Schema:
    size, price = _scales(instruments)
    return {
        "ts": TIME, "symbol": pl.String, "side": pl.String, "quantity": size, "price": price, "notional": _CASH, "fee": _CASH,
        "gas": _CASH, "tax": _CASH, "spread_cost": _CASH, "slippage_cost": _CASH,
        "impact_cost": _CASH, "realised": _CASH, "cash": _CASH, "reason": pl.String, "maker": pl.Boolean,
    }  # fmt: skip


def _trip_schema(instruments: Mapping[str, Instrument]) -> Schema:
    size, price = _scales(instruments)
    return {
        "symbol": pl.String, "opened": TIME, "closed": TIME, "quantity": size, "entry_price": price, "exit_price": price,
        "invested": _CASH, "gross": _CASH, "costs": _CASH, "result": _CASH, "return_pct": pl.Float64,
        "exit_reason": pl.String, "fills": pl.Int64,
    }  # fmt: skip


def fills_frame(fills: Sequence[OrderFilled], instruments: Mapping[str, Instrument]) -> pl.DataFrame:
    """Return the fills, one row each, in order."""
    rows = [
        (f.ts, instruments[f.instrument].symbol, f.side.value, f.quantity, f.price, f.notional, f.fee, f.gas, f.tax, f.spread_cost,
         f.slippage_cost, f.impact_cost, f.realised, f.cash, f.reason.value, f.maker)
        for f in fills
    ]  # fmt: skip
    return _frame(rows, _fill_schema(instruments))


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
    return _frame(rows, _trip_schema(instruments))


def runs_frame(runs: Sequence[ProgramRun], instruments: Mapping[str, Instrument], marks: Mapping[str, Decimal]) -> pl.DataFrame:
    """Return program runs, one row each, in order of ending; what one holds is taken at its mark."""
    size, price = _scales(instruments)
    schema: Schema = {
        "run": pl.Int64, "program": pl.String, "symbol": pl.String, "status": pl.String, "started": TIME, "ended": TIME,
        "done": pl.Int64, "steps": pl.Int64, "fills": pl.Int64, "failed": pl.Int64, "spent": _CASH, "received": _CASH,
        "costs": _CASH, "held": size, "mean_price": price, "result": _CASH, "why": pl.String,
    }  # fmt: skip
    rows = []
    for run in runs:
        instrument = instruments[run.instrument]
        mean = per_unit(run.spent, run.bought, instrument.price_decimals) if run.bought else None
        rows.append(
            (run.id, run.program, instrument.symbol, run.status.value, run.started, run.ended, run.done, run.steps, run.fills,
             run.failed, run.spent, run.received, run.costs, run.held, mean,
             run.result(marks.get(run.instrument, Decimal(0))), run.why)
        )  # fmt: skip
    return _frame(rows, schema)


def equity_frame(ts: NDArray[np.int64], equity: NDArray[np.float64]) -> pl.DataFrame:
    """Return the equity line: ts (the bar's open time) and equity (at its close, float64)."""
    return pl.DataFrame({"ts": ts, "equity": equity}).with_columns(pl.col("ts").cast(TIME))


def _frame(rows: list[tuple[Any, ...]], schema: Schema) -> pl.DataFrame:
    raw = {name: pl.Int64 if kind == TIME else kind for name, kind in schema.items()}
    frame = pl.DataFrame(rows, schema=raw, orient="row")
    return frame.with_columns(pl.col(name).cast(TIME) for name, kind in schema.items() if kind == TIME)
