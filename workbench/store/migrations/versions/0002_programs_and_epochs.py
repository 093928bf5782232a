"""Programs and epochs: every projection anew, to be grown again from the log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
regrows = True

_BEFORE = (
    "accounts", "trading_sessions", "orders", "breakers", "trades", "positions", "thoughts", "equity_points", "configurations",
)  # fmt: skip


def upgrade() -> None:
    """Drop the projections and make them in their new shape."""
    for name in _BEFORE:
        op.drop_table(name)
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("equity", sa.String(length=64), nullable=False),
        sa.Column("fees", sa.String(length=64), nullable=False),
        sa.Column("gas", sa.String(length=64), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("peak", sa.String(length=64), nullable=False),
        sa.Column("worst_drawdown", sa.Float(), nullable=False),
        sa.Column("last_ts", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("since", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "breakers",
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("session", "name", name=op.f("pk_breakers")),
    )
    op.create_index(op.f("ix_breakers_account"), "breakers", ["account"], unique=False)
    op.create_table(
        "configurations",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configurations")),
        sa.UniqueConstraint("account", "name", "version", name=op.f("uq_configurations_account_name_version")),
    )
    op.create_index(
        "uq_one_active_configuration",
        "configurations",
        ["account"],
        unique=True,
        sqlite_where=sa.text("is_active"),
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "epochs",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.Column("cash", sa.String(length=64), nullable=False),
        sa.Column("equity", sa.String(length=64), nullable=False),
        sa.Column("put_in", sa.String(length=64), nullable=False),
        sa.Column("costs", sa.String(length=64), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("worst_drawdown", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("account", "number", name=op.f("pk_epochs")),
    )
    op.create_table(
        "equity_points",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.String(length=64), nullable=False),
        sa.Column("cash", sa.String(length=64), nullable=False),
        sa.Column("put_in", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equity_points")),
    )
    op.create_index("ix_equity_points_account_ts", "equity_points", ["account", "ts"], unique=False)
    op.create_index("ix_equity_points_session_ts", "equity_points", ["session", "ts"], unique=False)
    op.create_table(
        "orders",
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("placed", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.String(length=64), nullable=True),
        sa.Column("quantity", sa.String(length=64), nullable=True),
        sa.Column("filled", sa.String(length=64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "number", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_account"), "orders", ["account"], unique=False)
    op.create_index("ix_orders_account_status", "orders", ["account", "status"], unique=False)
    op.create_table(
        "paper_trading_configs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_trading_configs")),
        sa.UniqueConstraint("account", "version", name=op.f("uq_paper_trading_configs_account_version")),
    )
    op.create_index(
        "uq_one_active_paper_trading_config",
        "paper_trading_configs",
        ["account"],
        unique=True,
        sqlite_where=sa.text("is_active"),
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "positions",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("trip", sa.Text(), nullable=False),
        sa.Column("quantity", sa.String(length=64), nullable=False),
        sa.Column("cost", sa.String(length=64), nullable=False),
        sa.Column("price", sa.String(length=64), nullable=False),
        sa.Column("marked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_positions")),
    )
    op.create_index("ix_positions_account_is_open", "positions", ["account", "is_open"], unique=False)
    op.create_index(
        "uq_one_open_position",
        "positions",
        ["account", "key"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "program_runs",
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("program", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "number", name=op.f("pk_program_runs")),
        sa.UniqueConstraint("id", name=op.f("uq_program_runs_id")),
    )
    op.create_index("ix_program_runs_account_id", "program_runs", ["account", "id"], unique=False)
    op.create_table(
        "thoughts",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("thought", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thoughts")),
    )
    op.create_index("ix_thoughts_account_id", "thoughts", ["account", "id"], unique=False)
    op.create_table(
        "trades",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("strategy", sa.String(length=60), nullable=False),
        sa.Column("order_number", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.String(length=64), nullable=False),
        sa.Column("price", sa.String(length=64), nullable=False),
        sa.Column("notional", sa.String(length=64), nullable=False),
        sa.Column("fee", sa.String(length=64), nullable=False),
        sa.Column("gas", sa.String(length=64), nullable=False),
        sa.Column("spread_cost", sa.String(length=64), nullable=False),
        sa.Column("slippage_cost", sa.String(length=64), nullable=False),
        sa.Column("impact_cost", sa.String(length=64), nullable=False),
        sa.Column("tax", sa.String(length=64), nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.Column("realised", sa.String(length=64), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=True),
        sa.Column("cash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trades")),
    )
    op.create_index("ix_trades_account_id", "trades", ["account", "id"], unique=False)
    op.create_index(op.f("ix_trades_session"), "trades", ["session"], unique=False)
    op.create_table(
        "trading_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("stopped", sa.BigInteger(), nullable=True),
        sa.Column("opening_equity", sa.String(length=64), nullable=True),
        sa.Column("equity", sa.String(length=64), nullable=True),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("ledger_digest", sa.String(length=64), nullable=False),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading_sessions")),
    )
    op.create_index(op.f("ix_trading_sessions_account"), "trading_sessions", ["account"], unique=False)
    op.create_index(
        "uq_one_active_session_per_account",
        "trading_sessions",
        ["account"],
        unique=True,
        sqlite_where=sa.text("status IN ('STARTING', 'RUNNING', 'PAUSED', 'STOPPING')"),
        postgresql_where=sa.text("status IN ('STARTING', 'RUNNING', 'PAUSED', 'STOPPING')"),
    )
