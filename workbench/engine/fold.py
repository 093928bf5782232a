"""Slices from series, and the fold over them: what a backtest and a replay share."""

from collections.abc import Iterator, Sequence

import numpy as np

from workbench.domain.bars import Bar, Slice
from workbench.engine.series import BarSeries
from workbench.engine.state import State
from workbench.engine.step import Stepped, step
from workbench.engine.strategy import Reading
from workbench.engine.windows import Readings


def slices(
    many: Sequence[BarSeries], readings: Sequence[Sequence[Reading | None]]
) -> Iterator[tuple[Slice, tuple[Reading | None, ...]]]:
    """Yield the slices of one or several series in order of time, each with the readings of its bars.

    The last is marked as the last. An instrument without a bar at a slice's time has None in its place.
    """
    if len(many) == 1:
        last = len(many[0]) - 1
        for i, bar in enumerate(many[0].bars()):
            yield Slice(bar.ts, (bar,), last=i == last), (readings[0][i],)
        return
    times = np.unique(np.concatenate([series.ts for series in many]))
    streams = [enumerate(series.bars()) for series in many]
    heads: list[tuple[int, Bar] | None] = [next(stream, None) for stream in streams]
    final = int(times[-1]) if len(times) else 0
    for ts in times.tolist():
        bars: list[Bar | None] = []
        said: list[Reading | None] = []
        for place, head in enumerate(heads):
            if head is not None and head[1].ts == ts:
                bars.append(head[1])
                said.append(readings[place][head[0]])
                heads[place] = next(streams[place], None)
            else:
                bars.append(None)
                said.append(None)
        yield Slice(ts, tuple(bars), last=ts == final), tuple(said)


def fold(state: State, many: Sequence[BarSeries], readings: Sequence[Readings]) -> Iterator[Stepped]:
    """Yield what each slice of the series gave, oldest first."""
    for given, said in slices(many, readings):
        stepped = step(state, given, said)
        state = stepped.state
        yield stepped
