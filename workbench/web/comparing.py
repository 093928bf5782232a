"""Sessions beside each other: their lines in percent, how far each fell, and what they went by that differs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection

from workbench.domain.costs import in_words
from workbench.domain.presets import changes_between
from workbench.store.rows import SessionRow
from workbench.store.session_lines import LinePoint, equity_lines, sessions_named
from workbench.web.filters import short

MOST: Final = 4
"""So many sessions can be laid beside each other."""


class Line(msgspec.Struct, frozen=True):
    """A session's equity in percent of what it began with, by the seconds since its first bar."""

    name: str
    points: list[tuple[int, float]]


class Difference(msgspec.Struct, frozen=True):
    """Something that the sessions went by and that differs, in words, one value for each of them."""

    label: str
    values: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True):
    """Sessions beside each other: for each its row, its line, and how far that fell; None where it has none."""

    rows: tuple[SessionRow, ...]
    lines: tuple[Line, ...]
    drawdowns: tuple[float | None, ...]
    differences: tuple[Difference, ...]


def compare(connection: Connection, ids: Sequence[str]) -> Comparison:
    """Return the sessions of some ids beside each other, in the order of the ids; those that there are not are left out."""
    rows = sessions_named(connection, ids)
    points = equity_lines(connection, [row.id for row in rows]) if rows else {}
    lines = [Line(name, _percent(points[row.id], row.opening_equity)) for name, row in zip(_names(rows), rows, strict=True)]
    return Comparison(rows, tuple(lines), tuple(_drawdown(points[row.id]) for row in rows), _differences(rows))


def _names(rows: tuple[SessionRow, ...]) -> list[str]:
    """Return a name for each session by which it can be told from the others."""
    names = [row.name for row in rows]
    return [f"{row.name} · {short(row.id)}" if names.count(row.name) > 1 else row.name for row in rows]


def _percent(points: list[LinePoint], opening: Decimal | None) -> list[tuple[int, float]]:
    """Return a line in percent of what its session began with; cash that came or went meanwhile is no result."""
    if not points or not opening:
        return []
    first = points[0]
    # Of two points at one time the later one holds.
    by_time = {
        (point.ts - first.ts) // 1000: round(100 * float((point.equity - point.put_in + first.put_in) / opening - 1), 4)
        for point in points
    }
    return sorted(by_time.items())


def _drawdown(points: list[LinePoint]) -> float | None:
    """Return how far a line fell below its highest point at worst."""
    peak = worst = 0.0
    for point in points:
        equity = float(point.equity - point.put_in + points[0].put_in)
        peak = max(peak, equity)
        worst = min(worst, equity / peak - 1 if peak > 0 else 0.0)
    return worst if points else None


def _differences(rows: tuple[SessionRow, ...]) -> tuple[Difference, ...]:
    """Return what the sessions went by and that is not the same for all of them, the first one's value first."""
    if len(rows) < 2:
        return ()
    found = []
    others = (
        ("Mode", [row.mode for row in rows]),
        ("Bars", [row.timeframe for row in rows]),
        ("Tokens", [", ".join(row.symbols) for row in rows]),
        ("Costs", [in_words(row.costs) for row in rows]),
    )
    found = [Difference(label, tuple(values)) for label, values in others if len(set(values)) > 1]
    changes = [{change.field: change for change in changes_between(rows[0].configuration, row.configuration)} for row in rows]
    for field in rows[0].configuration.__struct_fields__:
        differing = [each[field] for each in changes if field in each]
        if differing:
            same = differing[0].before
            found.append(Difference(differing[0].label, tuple(each[field].after if field in each else same for each in changes)))
    return tuple(found)
