"""The tables: the log and the inputs, which are the truth; projections, which are read from it; and the cursors.

Projections can be dropped and rebuilt from the log. Cursors hold the state after each step, so nothing is refolded to
take one more.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from workbench.domain.book import Book
from workbench.domain.breakers import Breaker
from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import PaperTradingConfig
from workbench.domain.instruments import Instrument
from workbench.domain.orders import Order
from workbench.domain.programs import ProgramRun
from workbench.domain.sessions import ACTIVE, SessionRequest
from workbench.domain.sweeps import SweepOutcome, SweepRequest
from workbench.domain.thoughts import Thought
from workbench.domain.trips import Trip
from workbench.store.types import AwareTime, Exact, Frozen

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_active = "status IN (" + ", ".join(f"'{status}'" for status in ACTIVE) + ")"

# --- the truth: the log and the inputs -----------------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("stream", String(80), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", AwareTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("stream", "seq"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session", String(40), nullable=False),
    Column("at", AwareTime, nullable=False),
    Column("by", String(40), nullable=False),
    Column("body", Text, nullable=False),
    # Slices stepped before it was applied; null while it waits, -1 where the session ended before it could be.
    Column("after_steps", Integer),
    # The log id of the first event that came of it: an order's placing, a program run's start, a refusal.
    Column("outcome", Integer, index=True),
    Index("ix_commands_waiting", "session", "after_steps"),
    sqlite_autoincrement=True,
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String(80), nullable=False),
    Column("key", String(120), nullable=False),
    Column("timeframe", String(8), nullable=False),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("place", Integer, nullable=False, server_default="0"),
    # Open times of its ends, and how many bars it has; nobody has to count millions to say what is missing between them.
    Column("first", BigInteger),
    Column("newest", BigInteger),
    Column("bars", Integer, nullable=False, server_default="0"),
    # Counts the writes that brought bars; each bar says with which it came.
    Column("arrivals", Integer, nullable=False, server_default="0"),
    UniqueConstraint("source", "key", "timeframe"),
)

bars = Table(
    "bars",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("ts", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("arrived", AwareTime, nullable=False),
    Column("arrival", Integer, nullable=False),
    # Prices in the instrument's smallest step.
    Column("open", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("close", BigInteger, nullable=False),
    Column("volume", Float, nullable=False),
    Column("liquidity", Float),
    sqlite_with_rowid=False,
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("series", Integer, nullable=False),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("timeframe", String(8), nullable=False),
    Column("bars", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("holes", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("imported", AwareTime, nullable=False),
)

# --- requests that came with a key -----------------------------------------------------------------------------------------

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", String(200), primary_key=True),
    # The digest of the request that it came with.
    Column("fingerprint", String(64), nullable=False),
    Column("at", AwareTime, nullable=False, index=True),
    # Of the answer; null while the request is under way.
    Column("status", Integer),
    Column("content_type", String(200), nullable=False),
    Column("location", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# --- research ------------------------------------------------------------------------------------------------------------

sweeps = Table(
    "sweeps",
    metadata,
    # The digest of all that decides what a trial gives but its own values.
    Column("id", String(64), primary_key=True),
    Column("family", String(80), nullable=False),
    Column("market", String(400), nullable=False),
    Column("options", Text, nullable=False),
    Column("trials", Integer, nullable=False),
    Column("best", Text, nullable=True),
    Column("overfitting", Float, nullable=True),
    Column("status", String(12), nullable=False),
    Column("began", AwareTime, nullable=False),
    Column("touched", AwareTime, nullable=False),
)

# Every trial that was ever run: how many there were is what the best of them has to be judged by.
trials = Table(
    "trials",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sweep", String(64), nullable=False),
    Column("family", String(80), nullable=False),
    Column("market", String(400), nullable=False),
    Column("values", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("sharpe", Float, nullable=True),
    Column("return_pct", Float, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("figures", LargeBinary, nullable=False),
    Column("at", AwareTime, nullable=False),
    UniqueConstraint("sweep", "values"),
    Index(None, "family", "market", "key"),
)

# --- where sessions are --------------------------------------------------------------------------------------------------

cursors = Table(
    "cursors",
    metadata,
    Column("session", String(40), primary_key=True),
    # Counts the worker's commits: whoever finds it moved on has been overtaken and ends.
    Column("turn", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("input_digest", String(64), nullable=False),
    # When there is work again, on the clock in milliseconds; null once it has ended.
    Column("due", BigInteger),
    Column("heartbeat", BigInteger, nullable=False),
    Index("ix_cursors_due", "due"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("thought", Frozen(Thought), nullable=False),
)

# --- projections: read from the log --------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("opened", AwareTime, nullable=False),
    Column("book", Frozen(Book), nullable=False),
    Column("equity", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("gas", Exact, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("closed", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("peak", Exact, nullable=False),
    Column("worst_drawdown", Float, nullable=False),
    Column("last_ts", BigInteger, nullable=False),
    # Counts the resets; the log id at which this epoch began.
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("since", Integer, nullable=False, server_default="0"),
    # Of the round trips: what the winning ones made, what the others lost, and the ends of both.
    Column("won", Exact, nullable=False),
    Column("lost", Exact, nullable=False),
    Column("best", Exact),
    Column("worst", Exact),
    Column("volume", Exact, nullable=False),
    # The number of the user whose account it is.
    Column("owner", Integer, nullable=False),
)

epochs = Table(
    "epochs",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("began", AwareTime, nullable=False),
    Column("ended", AwareTime),
    Column("since", Integer, nullable=False),
    Column("until", Integer),
    # As it began and as it ended; while it goes on, the account has the newer figures.
    Column("cash", Exact, nullable=False),
    Column("equity", Exact, nullable=False),
    Column("put_in", Exact, nullable=False),
    Column("costs", Exact, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("closed", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("worst_drawdown", Float, nullable=False),
)

trading_sessions = Table(
    "trading_sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("account", String(40), nullable=False, index=True),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("name", String(120), nullable=False),
    Column("status", String(12), nullable=False),
    Column("request", Frozen(SessionRequest), nullable=False),
    Column("configuration", Frozen(StrategyConfiguration), nullable=False),
    Column("symbols", Text, nullable=False),
    Column("requested", AwareTime, nullable=False),
    Column("started", AwareTime),
    Column("stopped", AwareTime),
    Column("opening_equity", Exact),
    Column("equity", Exact),
    # Cash that came into its account while it ran, less what was taken out.
    Column("put_in", Exact, nullable=False, server_default="0"),
    Column("trades", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("cursor", BigInteger),
    Column("ledger_digest", String(64), nullable=False),
    Column("ended_because", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("closed", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    # Left out of lists; the log keeps it.
    Column("is_deleted", Boolean, nullable=False),
    Index("ix_trading_sessions_account_number", "account", "number"),
    Index("uq_one_active_session_per_account", "account", unique=True, sqlite_where=text(_active), postgresql_where=text(_active)),
)

orders = Table(
    "orders",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False, index=True),
    Column("key", String(120), nullable=False),
    Column("side", String(4), nullable=False),
    Column("type", String(20), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("placed", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("amount", Exact),
    Column("quantity", Exact),
    Column("filled", Exact, nullable=False),
    Column("why", Text, nullable=False),
    # The order as it stands: its prices, its time, and what hangs on it.
    Column("body", Frozen(Order), nullable=False),
    # The log id of its placing: rises over all sessions, so pages can be cut by it.
    Column("id", Integer, nullable=False, unique=True),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("symbol", String(40), nullable=False),
    Index("ix_orders_account_id", "account", "id"),
    Index("ix_orders_account_status", "account", "status"),
)

breakers = Table(
    "breakers",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("name", String(160), primary_key=True),
    Column("account", String(40), nullable=False, index=True),
    # open, half_open or closed.
    Column("status", String(12), nullable=False),
    Column("body", Frozen(Breaker), nullable=False),
    Column("closed", BigInteger),
    Column("why", String(40), nullable=False),
)

program_runs = Table(
    "program_runs",
    metadata,
    Column("session", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The log id of its start: rises over all sessions, so pages can be cut by it.
    Column("id", Integer, nullable=False, unique=True),
    Column("account", String(40), nullable=False),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("symbol", String(40), nullable=False),
    Column("program", String(40), nullable=False),
    Column("status", String(12), nullable=False),
    Column("body", Frozen(ProgramRun), nullable=False),
    Index("ix_program_runs_account_id", "account", "id"),
)

trades = Table(
    "trades",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40), nullable=False, index=True),
    Column("ts", BigInteger, nullable=False),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("symbol", String(40), nullable=False),
    Column("side", String(4), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("strategy", String(60), nullable=False),
    Column("order_number", Integer, nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    Column("notional", Exact, nullable=False),
    Column("fee", Exact, nullable=False),
    Column("gas", Exact, nullable=False),
    Column("spread_cost", Exact, nullable=False),
    Column("slippage_cost", Exact, nullable=False),
    Column("impact_cost", Exact, nullable=False),
    Column("tax", Exact, nullable=False),
    Column("is_maker", Boolean, nullable=False),
    Column("realised", Exact, nullable=False),
    Column("result", Exact),
    Column("cash", Exact, nullable=False),
    Index("ix_trades_account_id", "account", "id"),
    Index("ix_trades_account_symbol_id", "account", "symbol", "id"),
    Index("ix_trades_account_ts", "account", "ts"),
)

positions = Table(
    "positions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40), nullable=False),
    Column("instrument", Frozen(Instrument), nullable=False),
    Column("key", String(120), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("trip", Frozen(Trip), nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("cost", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    Column("marked", BigInteger, nullable=False),
    Index("ix_positions_account_is_open", "account", "is_open"),
    Index("uq_one_open_position", "account", "key", unique=True, sqlite_where=text("is_open"), postgresql_where=text("is_open")),
)

thoughts = Table(
    "thoughts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40), nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("symbol", String(40), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("thought", Frozen(Thought), nullable=False),
    Index("ix_thoughts_account_id", "account", "id"),
    Index("ix_thoughts_account_symbol_id", "account", "symbol", "id"),
    Index("ix_thoughts_account_symbol_ts", "account", "symbol", "ts"),
    Index("ix_thoughts_account_decision_id", "account", "decision", "id"),
)

equity_points = Table(
    "equity_points",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40), nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("equity", Exact, nullable=False),
    Column("cash", Exact, nullable=False),
    # Deposits less withdrawals so far, so that a result between two points is not mistaken for cash that came in.
    Column("put_in", Exact, nullable=False),
    Index("ix_equity_points_account_ts", "account", "ts"),
    Index("ix_equity_points_session_ts", "session", "ts"),
)

configurations = Table(
    "configurations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("name", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("saved", AwareTime, nullable=False),
    Column("configuration", Frozen(StrategyConfiguration), nullable=False),
    UniqueConstraint("account", "name", "version"),
    Index(
        "uq_one_active_configuration", "account", unique=True, sqlite_where=text("is_active"), postgresql_where=text("is_active")
    ),
)

paper_trading_configs = Table(
    "paper_trading_configs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("saved", AwareTime, nullable=False),
    Column("config", Frozen(PaperTradingConfig), nullable=False),
    UniqueConstraint("account", "version"),
    Index(
        "uq_one_active_paper_trading_config", "account", unique=True, sqlite_where=text("is_active"),
        postgresql_where=text("is_active"),
    ),
)  # fmt: skip

# Sweeps that were asked for; their trials are in `trials`.
sweep_runs = Table(
    "sweep_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("status", String(12), nullable=False, index=True),
    Column("request", Frozen(SweepRequest), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("sweep", String(64), nullable=False),
    Column("read", Integer, nullable=False),
    Column("outcome", Frozen(SweepOutcome)),
    Column("problem", Text, nullable=False),
    Column("requested", AwareTime, nullable=False),
    Column("started", AwareTime),
    Column("ended", AwareTime),
)

# How a session did in a stretch of time. Shares are 0 to 1; null where nothing closed.
performance_metrics = Table(
    "performance_metrics",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40), nullable=False),
    Column("at", AwareTime, nullable=False),
    # Of bar time.
    Column("period_start", BigInteger, nullable=False),
    Column("period_end", BigInteger, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("win_rate", Float),
    Column("result", Exact, nullable=False),
    Column("result_share", Float),
    Column("average_win", Exact),
    Column("average_loss", Exact),
    Column("largest_win", Exact),
    Column("largest_loss", Exact),
    Column("max_drawdown", Float, nullable=False),
    Column("sharpe", Float),
    Column("profit_factor", Float),
    Index("ix_performance_metrics_account_id", "account", "id"),
    Index("ix_performance_metrics_session_id", "session", "id"),
)

# --- the autopilot -------------------------------------------------------------------------------------------------------

autopilot_log = Table(
    "autopilot_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40)),
    Column("configuration", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", AwareTime, nullable=False),
    # What was done, such as STOP_LOSS_TIGHTEN, to which parameter.
    Column("adjustment", String(40), nullable=False),
    Column("parameter", String(60), nullable=False),
    Column("old_value", Exact),
    Column("new_value", Exact),
    Column("change_share", Float),
    Column("reason", Text, nullable=False),
    Column("trigger_metric", String(60), nullable=False),
    Column("trigger_value", Float),
    Column("trigger_threshold", Float),
    # JSON: the performance before it, and after it once it is judged.
    Column("before", Text, nullable=False),
    Column("after", Text),
    # PENDING, POSITIVE, NEUTRAL, NEGATIVE or UNKNOWN.
    Column("outcome", String(12), nullable=False),
    Column("evaluated", AwareTime),
    Column("notes", Text, nullable=False),
    Column("trades_since", Integer, nullable=False),
    Column("market", Text, nullable=False),
    Column("confidence", Float),
    Column("is_reversal", Boolean, nullable=False),
    Column("reverses", Integer),
    Index("ix_autopilot_log_account_id", "account", "id"),
)

autopilot_snapshots = Table(
    "autopilot_snapshots",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("account", String(40), nullable=False),
    Column("session", String(40)),
    Column("configuration", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", AwareTime, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("win_rate", Float),
    Column("result", Exact, nullable=False),
    Column("average_result", Exact),
    Column("average_win", Exact),
    Column("average_loss", Exact),
    Column("largest_win", Exact),
    Column("largest_loss", Exact),
    Column("max_drawdown", Float, nullable=False),
    Column("sharpe", Float),
    Column("profit_factor", Float),
    Column("volatility", Float),
    Column("gas_gwei", Exact),
    Column("trend", String(20), nullable=False),
    Column("market", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("adjustments", Integer, nullable=False),
    Column("last_adjustment", String(40), nullable=False),
    Column("period_hours", Float, nullable=False),
    Column("notes", Text, nullable=False),
    Index("ix_autopilot_snapshots_account_id", "account", "id"),
)

PROJECTIONS: Final = (
    accounts, epochs, configurations, paper_trading_configs, trading_sessions, orders, breakers, program_runs, trades, positions,
    thoughts, equity_points, sweep_runs,
)  # fmt: skip
"""Those that the log alone decides."""
