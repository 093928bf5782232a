"""A command knows what came of it, so that whoever asked finds the order or the program run that he asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; of commands that were applied before, it is not known."""
    with op.batch_alter_table("commands") as table:
        table.add_column(sa.Column("outcome", sa.Integer(), nullable=True))
        table.create_index("ix_commands_outcome", ["outcome"])
