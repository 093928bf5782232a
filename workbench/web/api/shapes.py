"""What answers carry: one frozen struct a shape, from which the document of the API has its schemas.

Money, prices and quantities are `Decimal`, which JSON has as text; times are ISO-8601 in UTC.
"""

from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import CostModel
from workbench.domain.sweeps import Surface, SweepRequest, TrialLine
from workbench.domain.thoughts import Gate

Item = TypeVar("Item")
Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class Items(Shape, Generic[Item], frozen=True, kw_only=True):
    """A list; `next` is the cursor of the next page, null where there is none."""

    items: tuple[Item, ...]
    next: int | None


class Said(Shape, frozen=True, kw_only=True):
    """That it was done, in a sentence."""

    message: str


# --- the bot and its sessions ---------------------------------------------------------------------------------------------


class Session(Shape, frozen=True, kw_only=True):
    """A session, and how far it has come."""

    session_id: str
    session_name: str
    account_id: str
    status: str
    mode: str
    source: str
    dataset: str | None
    timeframe: str
    symbols: tuple[str, ...]
    requested_at: Moment
    started_at: Moment | None
    stopped_at: Moment | None
    runtime_seconds: float
    runtime_minutes: float | None
    steps: int
    trades_count: int
    opening_equity: Decimal | None
    equity: Decimal | None
    ledger_digest: str | None
    ended_because: str | None
    error: str | None
    config: StrategyConfiguration
    costs: CostModel


class Started(Session, frozen=True, kw_only=True):
    """A session that was started, and the cash that it begins with."""

    message: str
    account_balance: Decimal


class Stopping(Session, frozen=True, kw_only=True):
    """A session that was asked to stop."""

    message: str
    sessions_stopped: int
    reason: str


class Bot(Session, frozen=True, kw_only=True):
    """The session on its way, or else the last one."""

    account_balance: Decimal


class NoBot(Shape, frozen=True, kw_only=True):
    """That there was no session yet."""

    status: str
    session_id: None
    message: str
    account_balance: Decimal


class MadeSession(Session, frozen=True, kw_only=True):
    """A session, and what it made."""

    starting_balance: Decimal | None
    ending_balance: Decimal | None
    put_in: Decimal
    total_pnl: Decimal | None
    total_pnl_percent: float | None
    total_trades: int
    closed_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float | None
    ended_at: Moment | None


class OneSession(Shape, frozen=True, kw_only=True):
    """A session by itself."""

    session: MadeSession


class AskedSession(OneSession, frozen=True, kw_only=True):
    """A session of which something was asked."""

    message: str


class DeletedSession(Said, frozen=True, kw_only=True):
    """A session that is out of the lists."""

    session_id: str


class Task(Shape, frozen=True, kw_only=True):
    """What a worker was asked for: a session or a sweep."""

    task_id: str
    name: str
    state: str
    requested_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    result: str | None
    error: str | None


# --- what is held, traded and thought ---------------------------------------------------------------------------------------


class Position(Shape, frozen=True, kw_only=True):
    """An open position at its newest price, or a closed one."""

    position_id: int
    token_symbol: str
    token_address: str
    chain_id: int
    quantity: Decimal
    average_entry_price_usd: Decimal
    current_price_usd: Decimal
    current_value_usd: Decimal
    total_invested_usd: Decimal
    unrealized_pnl_usd: Decimal
    realized_pnl_usd: Decimal
    pnl_usd: Decimal
    pnl_percent: float
    stop_price_usd: Decimal | None
    target_price_usd: Decimal | None
    opened_at: Moment
    closed_at: Moment | None
    is_open: bool
    session_id: str


class Trade(Shape, frozen=True, kw_only=True):
    """A trade: one fill."""

    trade_id: int
    trade_type: str
    token_symbol: str
    token_address: str
    chain_id: int
    quantity: Decimal
    price_usd: Decimal
    amount_usd: Decimal
    fee_usd: Decimal
    gas_usd: Decimal
    spread_cost_usd: Decimal
    slippage_cost_usd: Decimal
    impact_cost_usd: Decimal
    tax_usd: Decimal
    realized_pnl_usd: Decimal | None
    cash_after_usd: Decimal
    reason: str
    strategy_name: str
    status: str
    executed_at: Moment
    session_id: str


class Thought(Shape, frozen=True, kw_only=True):
    """A thought, with its gates and factors."""

    thought_id: int
    decision_type: str
    token_symbol: str
    confidence_percent: float
    primary_reasoning: str
    stopped_by: str | None
    gates: tuple[Gate, ...]
    key_factors: dict[str, float | None]
    strategy_name: str
    order_id: int | None
    bar_time: Moment
    session_id: str


class HeldThought(Shape, frozen=True, kw_only=True):
    """The thought that held at a time, and until when; null where it still does."""

    thought: Thought
    holds_until: Moment | None


class Portfolio(Shape, frozen=True, kw_only=True):
    """An account's figures."""

    account_id: str
    cash_balance: Decimal
    positions_value: Decimal
    total_value: Decimal
    total_pnl: Decimal
    return_percent: float
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    costs_paid: Decimal
    fees_paid: Decimal
    gas_paid: Decimal
    deposits: Decimal
    withdrawals: Decimal
    positions_count: int
    winning_trades: int
    losing_trades: int


class Holdings(Shape, frozen=True, kw_only=True):
    """An account's figures, and what it holds."""

    portfolio: Portfolio
    positions: tuple[Position, ...]


class Metrics(Shape, frozen=True, kw_only=True):
    """The key figures of an account."""

    portfolio_value: Decimal
    cash_balance: Decimal
    total_pnl: Decimal
    roi: float
    today_pnl: Decimal
    total_trades: int
    closed_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float | None
    drawdown_percent: float
    max_drawdown_percent: float
    costs_paid: Decimal
    fees_paid: Decimal
    gas_paid: Decimal


class Performance(Shape, frozen=True, kw_only=True):
    """What an account has made in its epoch."""

    win_rate: float | None
    profit_factor: float | None
    expectancy_usd: Decimal | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    volatility_percent: float | None
    max_drawdown_percent: float
    avg_win_usd: Decimal | None
    avg_loss_usd: Decimal | None
    best_trade_pnl_usd: Decimal | None
    worst_trade_pnl_usd: Decimal | None
    total_volume_usd: Decimal
    total_trades: int
    closed_trades: int
    costs_paid: Decimal
    days: int
    trades_last_24h: int
    trades_last_7d: int
    trades_last_30d: int
    last_updated: Moment | None


class EquityPoint(Shape, frozen=True, kw_only=True):
    """What the book was worth at the close of a bar."""

    ts: Moment
    equity_usd: Decimal
    cash_usd: Decimal
    session_id: str


class Day(Shape, frozen=True, kw_only=True):
    """An account at the end of a day."""

    day: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
    equity_usd: Decimal
    deposited_usd: Decimal
    return_percent: float | None


class Analytics(Shape, frozen=True, kw_only=True):
    """Key figures, performance, and equity day by day."""

    metrics: Metrics
    performance: Performance
    days: tuple[Day, ...]


# --- orders, programs and commands ----------------------------------------------------------------------------------------


class Order(Shape, frozen=True, kw_only=True):
    """An order as it stands."""

    order_id: int
    command_id: int | None
    order_number: int
    order_type: str
    side: str
    token_symbol: str
    token_address: str
    chain_id: int
    status: str
    is_active: bool
    amount_usd: Decimal | None
    quantity: Decimal | None
    filled_quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_percent: Decimal | None
    trail_amount: Decimal | None
    highest_price: Decimal | None
    stop_loss_price: Decimal | None
    take_profit_price: Decimal | None
    time_in_force: str
    expires_at: Moment | None
    reduce_only: bool
    reason: str
    strategy_id: int | None
    placed_at: Moment
    ended_at: Moment | None
    notes: str | None
    session_id: str


class OneOrder(Shape, frozen=True, kw_only=True):
    """An order by itself."""

    order: Order


class CancelledOrder(OneOrder, frozen=True, kw_only=True):
    """An order that is taken back before the next bar."""

    message: str


class RequestedOrder(Said, frozen=True, kw_only=True):
    """That an order is placed before the next bar; by `command_id` it is found then."""

    command_id: int
    session_id: str
    status: str


class RequestedRun(RequestedOrder, frozen=True, kw_only=True):
    """That a program starts before the next bar; by `command_id` its run is found then."""

    strategy_type: str
    token_symbol: str
    configuration: dict[str, Any]


class Run(Shape, frozen=True, kw_only=True):
    """A program run, at the newest price that is known."""

    strategy_id: int
    command_id: int | None
    strategy_type: str
    status: str
    session_id: str
    token_symbol: str
    token_address: str
    progress_percent: float | None
    total_orders: int | None
    completed_orders: int
    failed_orders: int
    fills: int
    total_invested: Decimal
    total_received: Decimal
    costs_paid: Decimal
    quantity_held: Decimal
    current_price: Decimal | None
    current_pnl: Decimal
    current_roi: float | None
    average_entry: Decimal | None
    started_at: Moment
    next_due_at: Moment | None
    completed_at: Moment | None
    why: str | None
    started_by_rule: bool
    configuration: dict[str, Any]


class SteeredRun(Run, frozen=True, kw_only=True):
    """A program run of which something was asked."""

    message: str


class ActiveRuns(Shape, frozen=True, kw_only=True):
    """The program runs that go on, and what they come to."""

    strategies: tuple[Run, ...]
    count: int
    total_invested: Decimal
    total_pnl: Decimal


class Command(Shape, frozen=True, kw_only=True):
    """What became of a command; `order_id` and `strategy_id` are what came of it."""

    command_id: int
    command: str
    status: str
    asked_at: Moment
    asked_by: str
    order_id: int | None
    strategy_id: int | None
    why: str | None
    account_id: str
    session_id: str


# --- rules and accounts ----------------------------------------------------------------------------------------------------


class Configuration(StrategyConfiguration, frozen=True, kw_only=True):
    """A saved configuration with every field, and how real the simulation is."""

    config_id: int
    version: int
    is_active: bool
    saved_at: Moment
    trading_mode: str
    base_slippage_pct: Decimal
    gas_price_multiplier: Decimal
    execution_delay_ms: int
    simulate_network_issues: bool
    failure_rate_pct: Decimal
    simulate_mev: bool
    sandwich_pct: Decimal


class OneConfiguration(Shape, frozen=True, kw_only=True):
    """A configuration by itself."""

    configuration: Configuration


class ActivatedConfiguration(OneConfiguration, frozen=True, kw_only=True):
    """A configuration that was made the active one."""

    message: str


class Change(Shape, frozen=True, kw_only=True):
    """A field that differs, and its value before and after, in words."""

    field: str
    label: str
    before: str
    after: str


class Changes(Shape, frozen=True, kw_only=True):
    """What differs between two configurations."""

    changes: tuple[Change, ...]


class SavedConfiguration(ActivatedConfiguration, frozen=True, kw_only=True):
    """A configuration that was saved, and what it changes."""

    config_id: int
    created: bool
    changes: tuple[Change, ...]


class Level(Shape, frozen=True, kw_only=True):
    """What an intel level stands for."""

    level: int
    name: str
    size_percent: Decimal
    min_confidence: Decimal
    every_bars: int
    factors: tuple[str, ...]
    max_cost_bps: Decimal | None
    stop_loss_percent: Decimal | None
    take_profit_percent: Decimal | None
    trailing_stop_percent: Decimal | None
    min_liquidity_usd: Decimal | None


class Levels(Shape, frozen=True, kw_only=True):
    """The level of the active configuration, null for none, and all there are."""

    intel_level: int | None
    levels: tuple[Level, ...]


class ChosenLevel(Levels, frozen=True, kw_only=True):
    """A level that was chosen."""

    message: str


class Adjustment(Shape, frozen=True, kw_only=True):
    """A change that the autopilot made, and how it turned out."""

    adjustment_id: int
    adjustment_type: str
    parameter_name: str
    old_value: Decimal | None
    new_value: Decimal | None
    change_percent: float | None
    reason: str
    trigger_metric: str
    trigger_value: float | None
    trigger_threshold: float | None
    confidence_percent: float | None
    performance_before: dict[str, Any] | None
    performance_after: dict[str, Any] | None
    outcome: str
    evaluated_at: Moment | None
    outcome_notes: str | None
    trades_since: int
    market_conditions: dict[str, Any] | None
    is_reversal: bool
    reverses_id: int | None
    configuration_name: str
    configuration_version: int
    created_at: Moment
    session_id: str | None


class Account(Shape, frozen=True, kw_only=True):
    """An account as it stands."""

    account_id: str
    name: str
    opened_at: Moment
    epoch: int
    total_value: Decimal
    cash_balance: Decimal
    total_pnl: Decimal
    total_trades: int
    session_id: str | None


class OneAccount(Shape, frozen=True, kw_only=True):
    """An account by itself."""

    account: Account


class OpenedAccount(OneAccount, frozen=True, kw_only=True):
    """An account that something was done with."""

    message: str


class MovedCash(OpenedAccount, frozen=True, kw_only=True):
    """An account after cash was moved; where a session is yet to do it, as it was, with the `command_id` of what it does."""

    command_id: int | None


class Epoch(Shape, frozen=True, kw_only=True):
    """A stretch of an account's life between two resets."""

    epoch: int
    began_at: Moment
    ended_at: Moment | None
    starting_balance: Decimal
    total_value: Decimal
    total_pnl: Decimal
    roi: float
    costs_paid: Decimal
    total_trades: int
    closed_trades: int
    winning_trades: int
    max_drawdown_percent: float


class ResetAccount(Said, frozen=True, kw_only=True):
    """An account that was reset, and the epoch that ended with it."""

    account_id: str
    new_balance: Decimal
    positions_closed: int
    epoch: int
    ended: Epoch


# --- markets and research ----------------------------------------------------------------------------------------------------


class Price(Shape, frozen=True, kw_only=True):
    """The newest price of a token."""

    token: str
    price: Decimal
    chain_id: int
    token_address: str
    quote: str
    change_percent: float
    source: str
    at: Moment
    age_seconds: float
    is_old: bool


class Series(Shape, frozen=True, kw_only=True):
    """The recorded bars of a token at a timeframe."""

    token_symbol: str
    token_address: str
    chain_id: int
    quote: str
    source: str
    timeframe: str
    bars: int
    missing_bars: int
    first_bar: Moment
    last_bar: Moment


class Dataset(Shape, frozen=True, kw_only=True):
    """An imported candle file."""

    dataset_id: str
    name: str
    token_symbol: str
    timeframe: str
    bars: int
    first_bar: Moment
    last_bar: Moment
    holes: int
    missing_bars: int
    imported_at: Moment


class Candle(Shape, frozen=True, kw_only=True):
    """A candle; one that is not closed yet may change."""

    ts: Moment
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: str
    bars: int
    is_closed: bool


class Candles(Items[Candle], frozen=True, kw_only=True):
    """Candles, oldest first, and the timeframes in which there are some."""

    symbol: str
    source: str
    timeframe: str
    timeframes: tuple[str, ...]


class Best(Shape, frozen=True, kw_only=True):
    """The best trial of a sweep, and what luck makes of it; of a sweep by itself, also the others and their map."""

    values: dict[str, str]
    best_by: str
    return_percent: float
    sharpe_ratio: float | None
    deflated_sharpe_ratio: float | None
    overfitting_probability: float | None
    trials_ever: int
    effective_trials: int
    findings: tuple[str, ...] | UnsetType = UNSET
    top: tuple[TrialLine, ...] | UnsetType = UNSET
    surface: Surface | UnsetType | None = UNSET


class Sweep(Shape, frozen=True, kw_only=True):
    """A sweep that was asked for: how far it is, and what came of it."""

    sweep_id: str
    status: str
    request: SweepRequest
    trials_done: int
    trials_total: int
    trials_read: int
    study_id: str | None
    result: Best | None
    error: str | None
    requested_at: Moment
    started_at: Moment | None
    ended_at: Moment | None


class AskedSweep(Sweep, frozen=True, kw_only=True):
    """A sweep of which something was asked."""

    message: str


class Trial(Shape, frozen=True, kw_only=True):
    """A trial of a strategy on a market."""

    trial_id: int
    study_id: str
    strategy: str
    market: str
    values: dict[str, Any]
    sharpe_ratio: float | None
    return_percent: float
    round_trips: int
    run_at: Moment


class TrialCount(Shape, frozen=True, kw_only=True):
    """How many trials were ever run, each counted once, and of how many strategies."""

    trials: int
    strategies: int
