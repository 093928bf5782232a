"""Sweeps that were asked for, to be run by a worker."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
regrows = True


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "sweep_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sweep", sa.String(length=64), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_sweep_runs_number")),
    )
    op.create_index(op.f("ix_sweep_runs_status"), "sweep_runs", ["status"], unique=False)
