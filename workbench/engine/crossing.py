"""What is asked of whole columns of flags, compiled: where one line crosses another, where a flag is set, and whose it is."""

import threading

import numpy as np

from workbench.engine.exact import compiled

ready = threading.Event()
"""Set once all of this is compiled; who comes earlier does it in NumPy rather than wait for the compiler."""


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


@compiled
def places(flags):
    """Return where flags are set, as `numpy.flatnonzero` does, and without the GIL."""
    words = flags[: len(flags) - len(flags) % 8].view(np.uint64)
    count = 0
    for word in words:
        # Each flag is a byte of one or nothing (`windows.plain_flags`): the product adds them up in the highest byte.
        count += np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
    for t in range(len(words) * 8, len(flags)):
        count += flags[t]
    out = np.empty(count, np.int64)
    at = 0
    for i in range(len(words)):
        if words[i]:
            for t in range(8 * i, 8 * i + 8):
                if flags[t]:
                    out[at] = t
                    at += 1
    for t in range(len(words) * 8, len(flags)):
        if flags[t]:
            out[at] = t
            at += 1
    return out


@compiled
def owned(found, rows, gate):
    """Return which places of a stitched column are of the bars' own, counted in the series.

    Parameters
    ----------
    found
        Places of the stitched column, in order.
    rows
        From where to where its own bars lie, stretch by stretch; shape (n, 2).
    gate
        Those bars of the series that count; empty where all do.
    """
    out = np.empty(len(found), np.int64)
    count = before = stretch = 0
    for place in found:
        while stretch < rows.shape[0] and place >= rows[stretch, 1]:
            before += rows[stretch, 1] - rows[stretch, 0]
            stretch += 1
        if stretch == rows.shape[0]:
            break
        own = before + place - rows[stretch, 0]
        if place >= rows[stretch, 0] and (len(gate) == 0 or gate[own]):
            out[count] = own
            count += 1
    return out[:count]
