"""A session knows what cash came into its account while it ran, so that none of it is told as its result."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
regrows = True


def upgrade() -> None:
    """Add the column; the log fills it."""
    with op.batch_alter_table("trading_sessions") as table:
        table.add_column(sa.Column("put_in", sa.String(length=64), nullable=False, server_default="0"))
