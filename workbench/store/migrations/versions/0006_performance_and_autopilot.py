"""What a session's performance was in a stretch of time, what the autopilot changed, and how things stood meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "performance_metrics",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("win_rate", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("result_share", sa.Float(), nullable=True),
        sa.Column("average_win", sa.String(length=64), nullable=True),
        sa.Column("average_loss", sa.String(length=64), nullable=True),
        sa.Column("largest_win", sa.String(length=64), nullable=True),
        sa.Column("largest_loss", sa.String(length=64), nullable=True),
        sa.Column("max_drawdown", sa.Float(), nullable=False),
        sa.Column("sharpe", sa.Float(), nullable=True),
        sa.Column("profit_factor", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_performance_metrics")),
    )
    op.create_index(op.f("ix_performance_metrics_account_id"), "performance_metrics", ["account", "id"], unique=False)
    op.create_index(op.f("ix_performance_metrics_session_id"), "performance_metrics", ["session", "id"], unique=False)
    op.create_table(
        "autopilot_log",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=True),
        sa.Column("configuration", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("adjustment", sa.String(length=40), nullable=False),
        sa.Column("parameter", sa.String(length=60), nullable=False),
        sa.Column("old_value", sa.String(length=64), nullable=True),
        sa.Column("new_value", sa.String(length=64), nullable=True),
        sa.Column("change_share", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trigger_metric", sa.String(length=60), nullable=False),
        sa.Column("trigger_value", sa.Float(), nullable=True),
        sa.Column("trigger_threshold", sa.Float(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("trades_since", sa.Integer(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("is_reversal", sa.Boolean(), nullable=False),
        sa.Column("reverses", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_autopilot_log")),
    )
    op.create_index(op.f("ix_autopilot_log_account_id"), "autopilot_log", ["account", "id"], unique=False)
    op.create_table(
        "autopilot_snapshots",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=True),
        sa.Column("configuration", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("win_rate", sa.Float(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("average_result", sa.String(length=64), nullable=True),
        sa.Column("average_win", sa.String(length=64), nullable=True),
        sa.Column("average_loss", sa.String(length=64), nullable=True),
        sa.Column("largest_win", sa.String(length=64), nullable=True),
        sa.Column("largest_loss", sa.String(length=64), nullable=True),
        sa.Column("max_drawdown", sa.Float(), nullable=False),
        sa.Column("sharpe", sa.Float(), nullable=True),
        sa.Column("profit_factor", sa.Float(), nullable=True),
        sa.Column("volatility", sa.Float(), nullable=True),
        sa.Column("gas_gwei", sa.String(length=64), nullable=True),
        sa.Column("trend", sa.String(length=20), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("adjustments", sa.Integer(), nullable=False),
        sa.Column("last_adjustment", sa.String(length=40), nullable=False),
        sa.Column("period_hours", sa.Float(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_autopilot_snapshots")),
    )
    op.create_index(op.f("ix_autopilot_snapshots_account_id"), "autopilot_snapshots", ["account", "id"], unique=False)
