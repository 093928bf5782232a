"""The views, one table a module; each offers `views(desk)`, and `all_views` has them in the order of the navigation."""

from workbench.desk import Desk
from workbench.web.admin.view import TableView
from workbench.web.admin.views import (
    accounts,
    autopilot,
    breakers,
    configurations,
    events,
    metrics,
    orders,
    positions,
    programs,
    realism,
    research,
    sessions,
    thoughts,
    trades,
)

_SHELF = (
    accounts, sessions, trades, positions, orders, thoughts, configurations, realism, metrics, programs, breakers, autopilot,
    research, events,
)  # fmt: skip


def all_views(desk: Desk) -> list[TableView]:
    """Return every view over a desk's store."""
    return [view for module in _SHELF for view in module.views(desk)]
