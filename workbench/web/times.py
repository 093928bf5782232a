"""Times that a person types, or that a page's address names: read on the clocks of the zone that pages show."""

from datetime import datetime

from workbench.domain.bars import as_datetime, as_ts
from workbench.web.api.paging import moment
from workbench.web.zone import local, shown_zone


def typed_moment(name: str, text: str) -> int | None:
    """Return a time that a person typed or an address names, in milliseconds UTC; without a zone it is meant in the shown one.

    Of a time that the clocks show twice the first is meant. One that they leave out is so long after the change as it says.

    Raises
    ------
    Invalid
        If it is no time.
    """
    read = moment(name, text)
    if read is None or not _is_bare(text):
        return read
    return as_ts(as_datetime(read).replace(tzinfo=shown_zone()))


def _is_bare(text: str) -> bool:
    """Return whether a time that can be read names no zone."""
    return not text.isdigit() and datetime.fromisoformat(text.replace(" 0", "+0") if "T" in text else text).tzinfo is None


def field_time(name: str, text: str) -> str:
    """Return a time that an address names as a field for a time has it, in the shown zone.

    Examples
    --------
    >>> field_time("since", "2026-11-25T18:00Z"), field_time("since", "1767225600000"), field_time("since", "")
    ('2026-11-25T18:00:00', '2026-01-01T00:00:00', '')
    """
    at = typed_moment(name, text)
    return "" if at is None else local(at).strftime("%Y-%m-%dT%H:%M:%S")


def typed_utc(name: str, text: str) -> str:
    """Return a time that a person typed as programs are told it; empty where none was typed.

    Examples
    --------
    >>> typed_utc("since", "2026-11-25T18:00"), typed_utc("since", "")
    ('2026-11-25T18:00:00Z', '')
    """
    at = typed_moment(name, text)
    return "" if at is None else as_datetime(at).strftime("%Y-%m-%dT%H:%M:%SZ")
