"""Trials are counted by what they are: the same one in two sweeps is one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what a trial is counted by; those that are there count each for itself, for what they ran is not told."""
    with op.batch_alter_table("trials") as table:
        table.add_column(sa.Column("key", sa.LargeBinary(), nullable=True))
    trials = sa.table("trials", sa.column("id", sa.Integer), sa.column("key", sa.LargeBinary))
    op.execute(trials.update().values(key=sa.cast(sa.literal("trial ") + sa.cast(trials.c.id, sa.String), sa.LargeBinary)))
    with op.batch_alter_table("trials") as table:
        table.alter_column("key", existing_type=sa.LargeBinary(), nullable=False)
        table.drop_index(op.f("ix_trials_family_market"))
    op.create_index(op.f("ix_trials_family_market_key"), "trials", ["family", "market", "key"], unique=False)
