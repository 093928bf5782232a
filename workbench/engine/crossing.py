"""Where one line crosses another, compiled: both ways in one look at each bar."""

import numpy as np

from workbench.engine.exact import compiled


@compiled
def crossings(a, b):
    """Return where `a` has risen above `b`, and where it has fallen below."""
    count = len(a)
    above, below = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    if count:
        was_up, was_down = a[0] <= b[0], a[0] >= b[0]
        for t in range(1, count):
            one, other = a[t], b[t]
            above[t] = (one > other) & was_up
            below[t] = (one < other) & was_down
            was_up, was_down = one <= other, one >= other
    return above, below
