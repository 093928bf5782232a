"""Where one line crosses another, compiled: both ways in one look at each bar."""

import numpy as np

from workbench.engine.exact import compiled


@compiled
def crossings(a, b):
    """Return where `a` has risen above `b`, and where it has fallen below."""
    count = len(a)
    above, below = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    # Each bar is asked by itself, so that several are asked at once.
    for t in range(1, count):
        above[t] = (a[t] > b[t]) & (a[t - 1] <= b[t - 1])
        below[t] = (a[t] < b[t]) & (a[t - 1] >= b[t - 1])
    return above, below
