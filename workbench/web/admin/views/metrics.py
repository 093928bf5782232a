"""Performance metrics: how a session did in a stretch of time."""

from typing import Final

from workbench.desk import Desk
from workbench.store.browse import Reach
from workbench.store.tables import performance_metrics
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, NUMBERS, SESSIONS, TIMES
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

LISTING: Final = Listing(
    "paperperformancemetrics",
    "PaperPerformanceMetrics",
    "How a session did in a stretch of time.",
    "Paper trading",
    Reach(performance_metrics, performance_metrics.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("period_start", "From", cells.moment, filters=TIMES, sorts=True),
        Column("period_end", "To", cells.moment, filters=TIMES, sorts=True),
        Column("result", "Result", cells.result, filters=NUMBERS, sorts=True),
        Column("result_share", "Result %", cells.result_share, filters=NUMBERS, sorts=True),
        Column("win_rate", "Win rate", cells.win_rate, filters=NUMBERS, sorts=True),
        Column("trades", "Round trips", cells.count, filters=NUMBERS, sorts=True),
        Column("wins", "Wins", cells.count, filters=NUMBERS, sorts=True),
        Column("losses", "Losses", cells.count, filters=NUMBERS, sorts=True),
        Column("max_drawdown", "Drawdown", cells.share, filters=NUMBERS, sorts=True),
        Column("sharpe", "Sharpe", cells.number, filters=NUMBERS, sorts=True),
        Column("profit_factor", "Profit factor", cells.number, filters=NUMBERS, sorts=True),
        Column("average_win", "Average win", cells.result, in_list=False),
        Column("average_loss", "Average loss", cells.result, in_list=False),
        Column("largest_win", "Largest win", cells.result, in_list=False),
        Column("largest_loss", "Largest loss", cells.result, in_list=False),
        Column("at", "Written", cells.moment, filters=TIMES, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return the view."""
    return [TableView(desk, LISTING)]
