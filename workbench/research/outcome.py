"""What a sweep came to, in plain values: the log keeps it, and a page shows it without the bars."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from workbench.domain.sweeps import Surface, SweepOutcome, TrialLine
from workbench.research.search import Search
from workbench.research.study import Value
from workbench.research.sweep import LEAST, Sweep, in_order

TOP: Final = 10
WIDE: Final = 32
"""More values than this of one axis are shown with their neighbours."""


def outcome_of(swept: Sweep) -> SweepOutcome:
    """Return what a sweep came to: its best trials, how its figures lie over the grid, and what luck makes of them."""
    by = swept.aims[0] if isinstance(swept, Search) else "sharpe"
    axes, best, chance = list(swept.study.axes), swept.best(by), swept.overfitting
    rows = swept.ordered(by).head(TOP)
    top = tuple(
        TrialLine(
            _texts(row, axes), row["return_pct"], row["sharpe"], row["sharpe_out"], row["dsr"], row["max_drawdown_pct"],
            row["trades"], row["plateau"], row["at_edge"], row["sharpe_in"],
        )
        for row in rows.iter_rows(named=True)
    )  # fmt: skip
    return SweepOutcome(
        _texts(best, axes), best["return_pct"], best["sharpe"], best["dsr"], None if chance is None else chance.probability,
        swept.luck.trials, swept.luck.effective, tuple(swept.findings), top, surface_of(swept.frame, axes, by), by,
    )  # fmt: skip


def surface_of(frame: pl.DataFrame, axes: Sequence[str], by: str = "sharpe") -> Surface | None:
    """Return how a figure lies over the first two axes, the best of the others in each cell; None where there is no axis.

    Examples
    --------
    >>> frame = pl.DataFrame({"fast": [5, 5, 9], "slow": [30, 40, 30], "sharpe": [0.5, None, 1.25]})
    >>> surface_of(frame, ["fast", "slow"]).cells
    ((0.5, None), (1.25, None))
    """
    if not axes:
        return None
    down, across = (axes[0], axes[1]) if len(axes) > 1 else ("", axes[0])
    columns, column_of = _places(frame[across].to_list())
    rows, row_of = _places(frame[down].to_list()) if down else (("",), {})
    cells: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for row in frame.iter_rows(named=True):
        value, i, j = row[by], row_of[row[down]] if down else 0, column_of[row[across]]
        best = cells[i][j]
        if value is not None and (best is None or (value < best if by in LEAST else value > best)):
            cells[i][j] = round(value, 4)
    return Surface(by, down, across, rows, columns, tuple(tuple(line) for line in cells))


def _places(values: Sequence[Value]) -> tuple[tuple[str, ...], dict[Value, int]]:
    """Return an axis' labels in order, and where each value stands."""
    ordered = in_order(list(dict.fromkeys(values)))
    size = -(-len(ordered) // WIDE)
    together = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    labels = tuple(_text(few[0]) if len(few) == 1 else f"{_text(few[0])} – {_text(few[-1])}" for few in together)
    return labels, {value: place for place, few in enumerate(together) for value in few}


def _texts(row: dict[str, Any], axes: Sequence[str]) -> dict[str, str]:
    return {name: _text(row[name]) for name in axes}


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
