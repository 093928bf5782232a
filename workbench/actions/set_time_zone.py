"""Choose the time zone in which pages show times; what is recorded, and what programs are told, stays in UTC."""

from zoneinfo import ZoneInfo

from workbench.desk import Desk
from workbench.errors import Conflict
from workbench.settings import UTC, read_zone_name, zone_named


def set_time_zone(desk: Desk, name: str) -> ZoneInfo:
    """Show times in a zone from now on, and return it; UTC where nothing is named.

    Raises
    ------
    NoSuchZone
        If there is none of that name.
    Conflict
        If the environment names one, which holds.
    """
    zone, fixed = zone_named(name.strip() or UTC), read_zone_name()
    if fixed and zone_named(fixed).key != zone.key:
        raise Conflict(
            f"the time zone can be chosen here where WORKBENCH_TIME_ZONE names none, expected {fixed} or no such setting",
            f"found {zone.key}",
        )
    path = desk.settings.zone_path
    # Whoever reads meanwhile finds the old name or the new one, and never a part.
    fresh = path.with_suffix(".new")
    fresh.write_text(zone.key + "\n", encoding="utf-8")
    fresh.replace(path)
    return zone
