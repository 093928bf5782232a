"""The engine against a second one, written from the rules alone: plain loops and Decimals, nothing shared but numbers."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from types import SimpleNamespace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.make import HOUR, START
from workbench.domain.instruments import pair
from workbench.engine.strategy import Candles, Signals, SignalStrategy

DAY = 24 * HOUR
CENT = Decimal("1e-8")


class Dice(SignalStrategy, frozen=True):
    """Says in, out and how sure it is by the volume of the bar, so that a test can script it bar by bar."""

    @property
    def lookback(self) -> int:
        return 1

    def signals(self, bars: Candles) -> Signals:
        said = bars.volume.astype(np.int64)
        sure = (said // 4).astype(np.float64)
        return Signals(said % 2 == 1, said // 2 % 2 == 1, sure, sure, {})

    def because(self, factors: object) -> str:
        return "the dice fell so"


def down(value, step=CENT):
    return value.quantize(step, ROUND_DOWN)


def near(value, step=CENT):
    return value.quantize(step, ROUND_HALF_EVEN)


class Reference:
    """One instrument, one position; the rules of the README, one after the other."""

    def __init__(self, o):
        self.o, self.cash, self.held, self.paid, self.fills = o, Decimal(10_000), Decimal(0), Decimal(0), []
        self.entered = self.entry = self.high = self.left = None
        self.day, self.today = None, 0

    def spread(self, price, sign):
        return near(price * (10_000 + sign * (self.o.half_spread_bps + self.o.slippage_bps)) / 10_000)

    def bill(self, quantity, price):
        value = near(quantity * price)
        return value + near(value * self.o.fee_bps / 10_000) + self.o.gas

    def buy(self, amount, market, ts):
        price = self.spread(market, 1)
        quantity = down(amount / price)
        if quantity > 0 and self.bill(quantity, price) > self.cash:
            quantity = down((self.cash - self.o.gas + 2 * CENT) / (price * (1 + self.o.fee_bps / 10_000))) + CENT
            while quantity > 0 and self.bill(quantity, price) > self.cash:
                quantity -= CENT
        if quantity <= 0 or near(quantity * price) == 0:
            return
        self.cash -= self.bill(quantity, price)
        self.held, self.paid = quantity, near(quantity * price)
        self.entered, self.entry, self.high = ts, price, price
        self.book("buy", price, quantity, ts)

    def sell(self, market, ts):
        price = self.spread(market, -1)
        value = near(self.held * price)
        after = self.cash + value - near(value * self.o.fee_bps / 10_000) - self.o.gas
        if after < 0:
            return False
        self.cash = after
        self.book("sell", price, self.held, ts)
        self.held, self.left = Decimal(0), ts
        return True

    def book(self, side, price, quantity, ts):
        self.today += 1
        self.fills.append((side, ts, price, quantity, near(near(quantity * price) * self.o.fee_bps / 10_000), self.cash))

    def level(self, anchor, percent, sign):
        return None if percent is None else near(anchor * (100 + sign * percent) / 100)

    def run(self, bars):
        waiting, seen = None, None
        for i, (ts, open_, high, low, close, said) in enumerate(bars):
            if ts // DAY != self.day:
                self.day, self.today = ts // DAY, 0
            if waiting is not None:
                side, amount = waiting
                waiting = None
                if side == "buy":
                    self.buy(amount, open_, ts)
                else:
                    self.sell(open_, ts)
            if self.held:
                self.leave(ts, open_, high, low)
                self.high = max(self.high, high)
            missing = 0 if seen is None else (ts - seen) // HOUR - 1
            seen = ts
            equity = self.cash + near(self.held * close)
            last = i == len(bars) - 1
            enter, exit_, sure = said % 2 == 1, said // 2 % 2 == 1, said // 4
            if self.held:
                old = self.o.max_hold_hours is not None and ts + HOUR - self.entered >= self.o.max_hold_hours * HOUR
                if (exit_ or old) and not last:
                    waiting = ("sell", None)
            elif enter and not last and not (missing and self.o.on_hole != "mark") and sure >= self.o.confidence_threshold:
                rested = self.left is None or ts - self.left >= self.o.cooldown_minutes * 60_000
                may = self.o.max_daily_trades is None or self.today < self.o.max_daily_trades
                if rested and may and self.cash > 0 and self.cash >= self.o.min_trade_size:
                    amount = self.o.size_amount if self.o.sizing == "fixed" else near(equity * self.o.size_pct / 100)
                    waiting = ("buy", min(amount, self.cash))
        return equity

    def leave(self, ts, open_, high, low):
        stop = self.level(self.entry, self.o.stop_loss_pct, -1)
        trail = self.level(self.high, self.o.trailing_stop_pct, -1)
        stop = max((level for level in (stop, trail) if level is not None), default=None)
        target = self.level(self.entry, self.o.take_profit_pct, 1)
        if (stop is not None and open_ <= stop) or (target is not None and open_ >= target):
            self.sell(open_, ts)
        elif stop is not None and low <= stop:
            self.sell(stop, ts)
        elif target is not None and high >= target:
            self.sell(target, ts)


def maybe(values):
    return st.one_of(st.none(), values)


bps = st.sampled_from([0, 1, 10, 37, 250]).map(Decimal)
options = st.fixed_dictionaries(
    {
        "fee_bps": bps, "half_spread_bps": bps, "slippage_bps": bps,
        "gas": st.sampled_from(["0", "0.02", "3.5", "700"]).map(Decimal),
        "sizing": st.sampled_from(["percent", "fixed"]),
        "size_pct": st.sampled_from(["0.01", "7", "33.3333", "100"]).map(Decimal),
        "size_amount": st.sampled_from(["0.00000001", "55.5", "2500", "99999"]).map(Decimal),
        "min_trade_size": st.sampled_from(["0", "10", "9990"]).map(Decimal),
        "stop_loss_pct": maybe(st.sampled_from(["0.5", "2", "9"]).map(Decimal)),
        "take_profit_pct": maybe(st.sampled_from(["0.5", "3", "20"]).map(Decimal)),
        "trailing_stop_pct": maybe(st.sampled_from(["0.5", "2", "9"]).map(Decimal)),
        "max_hold_hours": maybe(st.sampled_from(["1", "2.5", "9"]).map(Decimal)),
        "confidence_threshold": st.sampled_from(["0", "3", "6"]).map(Decimal),
        "max_daily_trades": maybe(st.sampled_from([1, 2, 5])),
        "cooldown_minutes": st.sampled_from(["0", "60", "61", "600"]).map(Decimal),
        "on_hole": st.sampled_from(["skip", "mark"]),
    }
)  # fmt: skip
shape = st.tuples(
    st.sampled_from([0.9, 0.97, 0.995, 1.0, 1.0, 1.004, 1.02, 1.12]),
    st.sampled_from([1.0, 1.0, 1.003, 1.03]),
    st.sampled_from([1.0, 1.0, 0.997, 0.97]),
    st.sampled_from([1.0, 1.0, 1.0, 0.96, 1.05]),
    st.integers(0, 31),
    st.sampled_from([1, 1, 1, 1, 2, 5]),
)


@settings(max_examples=300)
@given(st.lists(shape, min_size=2, max_size=60), options, st.sampled_from([0.0123, 1.0, 97.5, 43_210.99]))
def test_every_fill_and_the_last_equity_are_those_of_a_second_engine(shapes, chosen, price):
    rows, ts = [], START
    for move, up, below, gap, said, hours in shapes:
        open_ = round(price * gap, 6)
        price = max(round(open_ * move, 6), 0.002)
        high, low = round(max(open_, price) * up, 6), max(round(min(open_, price) * below, 6), 0.002)
        rows.append((ts, open_, max(high, open_, price), min(low, open_, price), price, said))
        ts += hours * HOUR
    frame = pl.DataFrame(rows, schema=["ts", "open", "high", "low", "close", "volume"], orient="row")
    frame = frame.with_columns(pl.col("volume").cast(pl.Float64))
    instrument = pair("DICE/USD", 8, 8)
    result = wb.backtest(Dice(), wb.BarSeries.from_frame(frame, instrument, "1h"), **chosen)
    with localcontext(prec=60):
        reference = Reference(SimpleNamespace(**chosen))
        equity = reference.run([(row[0], *(Decimal(str(number)) for number in row[1:5]), row[5]) for row in rows])
    found = [(f.side.value, f.ts, f.price, f.quantity, f.fee, f.cash) for f in result.filled]
    assert found == reference.fills
    assert result.final_equity == equity
