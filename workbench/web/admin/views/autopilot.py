"""The autopilot: what it changed and why, and how things stood meanwhile."""

from typing import Final

from workbench.desk import Desk
from workbench.store.browse import Reach
from workbench.store.tables import autopilot_log, autopilot_snapshots
from workbench.web.admin import cells
from workbench.web.admin.finding import ACCOUNTS, FLAGS, NUMBERS, SESSIONS, TIMES, WORDS, one_of
from workbench.web.admin.listing import Column, Listing
from workbench.web.admin.view import TableView

OUTCOMES: Final = ("PENDING", "POSITIVE", "NEUTRAL", "NEGATIVE", "UNKNOWN")
_GROUP: Final = "Autopilot"

LOG: Final = Listing(
    "autopilotlog",
    "AutoPilotLog",
    "What the autopilot changed, why, and how that turned out.",
    _GROUP,
    Reach(autopilot_log, autopilot_log.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("at", "When", cells.moment, filters=TIMES, sorts=True),
        Column("adjustment", "Adjustment", cells.chip, filters=WORDS, sorts=True, searched=True),
        Column("parameter", "Parameter", filters=WORDS, sorts=True, searched=True),
        Column("old_value", "Before", cells.number, filters=NUMBERS),
        Column("new_value", "After", cells.number, filters=NUMBERS),
        Column("change_share", "Change", cells.share, filters=NUMBERS, sorts=True),
        Column("outcome", "Outcome", cells.chip, filters=one_of(OUTCOMES), sorts=True),
        Column("confidence", "Confidence", cells.confidence, filters=NUMBERS, sorts=True),
        Column("reason", "Reason", filters=WORDS, searched=True),
        Column("configuration", "Configuration", filters=WORDS, searched=True),
        Column("version", "Version", cells.count, filters=NUMBERS),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("trigger_metric", "Trigger", filters=WORDS, in_list=False),
        Column("trigger_value", "Its value", cells.number, in_list=False),
        Column("trigger_threshold", "Its threshold", cells.number, in_list=False),
        Column("evaluated", "Judged", cells.moment, filters=TIMES, in_list=False),
        Column("notes", "Notes", filters=WORDS, in_list=False),
        Column("trades_since", "Trades since", cells.count, filters=NUMBERS, in_list=False),
        Column("is_reversal", "Takes one back", cells.flag, filters=FLAGS, in_list=False),
        Column("reverses", "Which", cells.count, filters=NUMBERS, in_list=False),
        Column("before", "Performance before", cells.json, in_list=False),
        Column("after", "Performance after", cells.json, in_list=False),
        Column("market", "The market", cells.json, in_list=False),
    ),
)

SNAPSHOTS: Final = Listing(
    "autopilotperformancesnapshot",
    "AutoPilotPerformanceSnapshot",
    "How a configuration did, with what the autopilot had it go by.",
    _GROUP,
    Reach(autopilot_snapshots, autopilot_snapshots.c.id, is_large=True),
    (
        Column("id", "Id", cells.count, filters=NUMBERS, sorts=True),
        Column("at", "When", cells.moment, filters=TIMES, sorts=True),
        Column("configuration", "Configuration", filters=WORDS, sorts=True, searched=True),
        Column("version", "Version", cells.count, filters=NUMBERS),
        Column("result", "Result", cells.result, filters=NUMBERS, sorts=True),
        Column("win_rate", "Win rate", cells.win_rate, filters=NUMBERS, sorts=True),
        Column("trades", "Round trips", cells.count, filters=NUMBERS, sorts=True),
        Column("max_drawdown", "Drawdown", cells.share, filters=NUMBERS, sorts=True),
        Column("sharpe", "Sharpe", cells.number, filters=NUMBERS, sorts=True),
        Column("profit_factor", "Profit factor", cells.number, filters=NUMBERS, sorts=True),
        Column("is_active", "Autopilot on", cells.flag, filters=FLAGS, sorts=True),
        Column("adjustments", "Adjustments", cells.count, filters=NUMBERS, sorts=True),
        Column("session", "Session", cells.session, filters=SESSIONS, sorts=True, searched=True),
        Column("account", "Account", cells.account, filters=ACCOUNTS, sorts=True, searched=True),
        Column("wins", "Wins", cells.count, in_list=False),
        Column("losses", "Losses", cells.count, in_list=False),
        Column("average_result", "Average result", cells.result, in_list=False),
        Column("average_win", "Average win", cells.result, in_list=False),
        Column("average_loss", "Average loss", cells.result, in_list=False),
        Column("largest_win", "Largest win", cells.result, in_list=False),
        Column("largest_loss", "Largest loss", cells.result, in_list=False),
        Column("volatility", "Volatility", cells.number, in_list=False),
        Column("gas_gwei", "Gas, gwei", cells.number, in_list=False),
        Column("trend", "Trend", cells.chip, filters=WORDS, in_list=False),
        Column("last_adjustment", "Last adjustment", cells.chip, in_list=False),
        Column("period_hours", "Hours", cells.number, in_list=False),
        Column("notes", "Notes", in_list=False),
        Column("parameters", "Parameters", cells.json, in_list=False),
        Column("market", "The market", cells.json, in_list=False),
    ),
)


def views(desk: Desk) -> list[TableView]:
    """Return both views."""
    return [TableView(desk, LOG), TableView(desk, SNAPSHOTS)]
