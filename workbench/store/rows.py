"""What the reads return: one frozen struct a row, ready for a page, an answer of the API or a notebook.

Times are whole milliseconds since 1970 in UTC. Money, prices and quantities are `Decimal`; shares are 0 to 1 and None
where nothing has closed yet.
"""

from decimal import Decimal, localcontext
from typing import Any

import msgspec

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel
from workbench.domain.instruments import Instrument
from workbench.domain.money import EXACT, NO_CASH
from workbench.domain.orders import Order
from workbench.domain.programs import ProgramRun
from workbench.domain.sessions import Status
from workbench.domain.sweeps import GOING, SweepOutcome, SweepRequest
from workbench.domain.thoughts import Gate


class Quote(msgspec.Struct, frozen=True):
    """The newest price of a token and how it got there.

    Parameters
    ----------
    instrument
        What it is the price of.
    price
        The newest close.
    change
        Against the first of `spark`, as a share (0.0124 is 1.24 %).
    spark
        The latest closes, oldest first, for a sparkline.
    ts
        Close time of the newest bar, milliseconds UTC.
    """

    instrument: Instrument
    price: Decimal
    change: float
    spark: tuple[float, ...]
    ts: int


class Figures(msgspec.Struct, frozen=True):
    """The six figures of an account, and what they rest on.

    Parameters
    ----------
    value, cash, invested
        Equity, cash at hand, and open positions at their marks.
    result, result_share
        Equity against what was put in.
    today, today_share
        Equity against the last one before today (UTC).
    win_rate, wins, closed
        Of round trips; the rate is None where none has closed.
    drawdown, worst_drawdown
        Shares below the highest equity, zero or negative.
    costs, fees, gas
        Cash costs paid.
    """

    value: Decimal
    cash: Decimal
    invested: Decimal
    deposits: Decimal
    withdrawals: Decimal
    realised: Decimal
    unrealised: Decimal
    result: Decimal
    result_share: float
    today: Decimal
    today_share: float
    win_rate: float | None
    wins: int
    closed: int
    trades: int
    open_positions: int
    drawdown: float
    worst_drawdown: float
    costs: Decimal
    fees: Decimal
    gas: Decimal


class EquityRow(msgspec.Struct, frozen=True):
    """What the book was worth at the close of a bar; `ts` is the bar's open time."""

    ts: int
    equity: Decimal
    cash: Decimal
    session: str = ""


class PositionRow(msgspec.Struct, frozen=True):
    """An open position at its newest mark, or a closed one at its exit."""

    id: int
    instrument: Instrument
    quantity: Decimal
    entry_price: Decimal
    price: Decimal
    cost: Decimal
    value: Decimal
    unrealised: Decimal
    realised: Decimal
    result: Decimal
    result_share: float
    opened: int
    closed: int | None
    stop: Decimal | None
    target: Decimal | None
    session: str
    costs: Decimal = NO_CASH
    exit_reason: str = ""


class TradeRow(msgspec.Struct, frozen=True):
    """One fill.

    `result` is what a sale made after all its costs and its share of the entry's; None for a buy.
    """

    id: int
    ts: int
    instrument: Instrument
    side: str
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    gas: Decimal
    costs: Decimal
    spread_cost: Decimal
    slippage_cost: Decimal
    impact_cost: Decimal
    tax: Decimal
    is_maker: bool
    result: Decimal | None
    reason: str
    strategy: str
    session: str
    cash: Decimal

    @property
    def in_price(self) -> Decimal:
        """What lies in the price: spread, slippage and the order's own impact."""
        return self.spread_cost + self.slippage_cost + self.impact_cost


class ThoughtRow(msgspec.Struct, frozen=True):
    """One evaluation, with its gates and factors, as the tape shows it."""

    id: int
    ts: int
    instrument: str
    symbol: str
    strategy: str
    decision: str
    stopped_by: str
    confidence: float
    gates: tuple[Gate, ...]
    factors: dict[str, float | None]
    reason: str
    order: int | None
    session: str
    latest: bool = False


class SessionRow(msgspec.Struct, frozen=True):
    """A trading session and how far it has come.

    Parameters
    ----------
    seq
        Events written so far.
    steps
        Slices stepped.
    cursor
        Open time of the last slice stepped; None before the first.
    requested, started, stopped
        On the clock, milliseconds UTC.
    put_in
        Cash that came into its account while it ran, less what was taken out.
    is_deleted
        Whether it is left out of lists.
    """

    id: str
    number: int
    account: str
    name: str
    status: Status
    mode: str
    source: str
    dataset: str
    timeframe: str
    symbols: tuple[str, ...]
    speed: float
    runtime_minutes: float | None
    configuration: StrategyConfiguration
    costs: CostModel
    requested: int
    started: int | None
    stopped: int | None
    opening_equity: Decimal | None
    equity: Decimal | None
    trades: int
    seq: int
    steps: int
    cursor: int | None
    ledger_digest: str
    ended_because: str
    error: str
    closed: int = 0
    wins: int = 0
    put_in: Decimal = NO_CASH
    is_deleted: bool = False

    @property
    def win_rate(self) -> float | None:
        """The share of its round trips that won; None where none has closed."""
        return self.wins / self.closed if self.closed else None

    @property
    def result(self) -> Decimal | None:
        """What its trades and the market have made of its book since it began; None before that."""
        if self.equity is None or self.opening_equity is None:
            return None
        with localcontext(EXACT):
            return self.equity - self.opening_equity - self.put_in

    @property
    def is_active(self) -> bool:
        """Whether it is on its way, running or paused."""
        return self.status in ("STARTING", "RUNNING", "PAUSED", "STOPPING")


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it stands; `amount` and `quantity` are what it still wants, `filled` what it has traded.

    Parameters
    ----------
    id
        The log id of its placing.
    placed, ended
        Open times of bars, milliseconds UTC.
    why
        Why it ended without being filled, or what it said when it came back.
    command
        The number of the command that placed it; None where none did, or where that was not looked up.
    """

    id: int
    session: str
    account: str
    instrument: Instrument
    order: Order
    status: str
    placed: int
    ended: int | None
    amount: Decimal | None
    quantity: Decimal | None
    filled: Decimal
    why: str
    command: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it rests."""
        return self.status in ("open", "triggered", "partially_filled")


class RunRow(msgspec.Struct, frozen=True):
    """A program run, taken at the newest price that is known.

    Parameters
    ----------
    id
        The log id of its start.
    price
        The newest price of what it holds.
    result
        What it has made so far, or had made when it ended, after all costs, with what it holds at that price.
    mean_price
        What it paid for one on average, before costs; None where it has bought nothing.
    command
        The number of the command that started it; None where none did.
    """

    id: int
    session: str
    account: str
    instrument: Instrument
    run: ProgramRun
    price: Decimal | None
    result: Decimal
    mean_price: Decimal | None
    command: int | None = None


class AccountRow(msgspec.Struct, frozen=True):
    """An account as it stands: its epoch, its worth, and the session that it has on its way."""

    id: str
    name: str
    opened: int
    epoch: int
    equity: Decimal
    cash: Decimal
    put_in: Decimal
    trades: int
    session: str | None


class EpochRow(msgspec.Struct, frozen=True):
    """A stretch of an account's life between two resets; `ended` is None while it goes on."""

    number: int
    began: int
    ended: int | None
    cash: Decimal
    equity: Decimal
    result: Decimal
    result_share: float
    costs: Decimal
    trades: int
    closed: int
    wins: int
    worst_drawdown: float


class ConfigurationRow(msgspec.Struct, frozen=True):
    """A saved version of a strategy configuration; `mode` is the preset whose values it has, or CUSTOM."""

    id: int
    name: str
    version: int
    is_active: bool
    saved: int
    mode: str
    configuration: StrategyConfiguration


class DatasetRow(msgspec.Struct, frozen=True):
    """An imported candle file."""

    id: str
    name: str
    instrument: Instrument
    timeframe: str
    bars: int
    first: int
    last: int
    holes: int
    missing: int
    imported: int


class SweepRow(msgspec.Struct, frozen=True):
    """A sweep: what was tried, how many trials there are, the best values, and how likely it is that they are overfitted."""

    id: str
    family: str
    market: str
    options: dict[str, Any]
    trials: int
    best: str | None
    overfitting: float | None
    status: str
    began: int
    touched: int


class SweepRunRow(msgspec.Struct, frozen=True):
    """A sweep that was asked for: what of, how far it is, and what came of it; times in milliseconds UTC."""

    id: str
    number: int
    status: str
    request: SweepRequest
    done: int
    total: int
    sweep: str
    read: int
    outcome: SweepOutcome | None
    problem: str
    requested: int
    started: int | None
    ended: int | None

    @property
    def is_going(self) -> bool:
        """Whether a worker has still to do something about it."""
        return self.status in GOING


class TrialRow(msgspec.Struct, frozen=True):
    """A trial as it is kept: its values as text, what it is counted by, what a list shows of it, and all its figures."""

    values: str
    key: bytes
    sharpe: float | None
    return_pct: float
    trades: int
    figures: bytes
