"""What pages and answers ask for: the ends of round trips, orders by one number, sessions left out of lists, and indices."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
regrows = True


def upgrade() -> None:
    """Empty the projections that change, and give them their new columns; they are grown again from the log."""
    for name in ("accounts", "trading_sessions", "orders"):
        op.execute(sa.table(name).delete())
    with op.batch_alter_table("accounts") as table:
        table.add_column(sa.Column("won", sa.String(length=64), nullable=False))
        table.add_column(sa.Column("lost", sa.String(length=64), nullable=False))
        table.add_column(sa.Column("best", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("worst", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("volume", sa.String(length=64), nullable=False))
        table.add_column(sa.Column("owner", sa.Integer(), nullable=False))
    with op.batch_alter_table("trading_sessions") as table:
        table.add_column(sa.Column("closed", sa.Integer(), nullable=False))
        table.add_column(sa.Column("wins", sa.Integer(), nullable=False))
        table.add_column(sa.Column("is_deleted", sa.Boolean(), nullable=False))
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("id", sa.Integer(), nullable=False))
        table.add_column(sa.Column("instrument", sa.Text(), nullable=False))
        table.add_column(sa.Column("symbol", sa.String(length=40), nullable=False))
        table.create_unique_constraint(op.f("uq_orders_id"), ["id"])
    op.create_index("ix_trading_sessions_account_number", "trading_sessions", ["account", "number"])
    op.create_index("ix_orders_account_id", "orders", ["account", "id"])
    op.create_index("ix_trades_account_symbol_id", "trades", ["account", "symbol", "id"])
    op.create_index("ix_trades_account_ts", "trades", ["account", "ts"])
    op.create_index("ix_thoughts_account_symbol_id", "thoughts", ["account", "symbol", "id"])
    op.create_index("ix_thoughts_account_symbol_ts", "thoughts", ["account", "symbol", "ts"])
    op.create_index("ix_thoughts_account_decision_id", "thoughts", ["account", "decision", "id"])
