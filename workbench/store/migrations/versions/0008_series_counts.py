"""A series says how many bars it has and where it begins, so that what is missing is told without counting."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the two columns, and count once what was recorded so far."""
    with op.batch_alter_table("series") as table:
        table.add_column(sa.Column("first", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("bars", sa.Integer(), nullable=False, server_default="0"))
    series = sa.table("series", sa.column("id"), sa.column("first"), sa.column("bars"))
    bars = sa.table("bars", sa.column("series"), sa.column("ts"), sa.column("revision"))
    mine = (bars.c.series == series.c.id, bars.c.revision == 0)
    first = sa.select(sa.func.min(bars.c.ts)).where(*mine).scalar_subquery()
    count = sa.select(sa.func.count()).select_from(bars).where(*mine).scalar_subquery()
    op.execute(series.update().values(first=first, bars=count))
