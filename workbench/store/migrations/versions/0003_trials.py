"""Trials: sweeps and every trial that was ever run."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(length=80), nullable=False),
        sa.Column("market", sa.String(length=400), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("trials", sa.Integer(), nullable=False),
        sa.Column("best", sa.Text(), nullable=True),
        sa.Column("overfitting", sa.Float(), nullable=True),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("sweep", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(length=80), nullable=False),
        sa.Column("market", sa.String(length=400), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("sharpe", sa.Float(), nullable=True),
        sa.Column("return_pct", sa.Float(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("sweep", "values", name=op.f("uq_trials_sweep_values")),
    )
    op.create_index(op.f("ix_trials_family_market"), "trials", ["family", "market"], unique=False)
