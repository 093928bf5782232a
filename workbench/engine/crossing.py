"""What is asked of whole columns of flags, compiled: where one line crosses another, where a flag is set, and stretches joined."""

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


@compiled
def joined(column, rows):
    """Return stretches of a column laid end to end; `rows` says from where to where, shape (n, 2)."""
    total = 0
    for i in range(rows.shape[0]):
        total += rows[i, 1] - rows[i, 0]
    out = np.empty(total, column.dtype)
    at = 0
    for i in range(rows.shape[0]):
        length = rows[i, 1] - rows[i, 0]
        out[at : at + length] = column[rows[i, 0] : rows[i, 1]]
        at += length
    return out


@compiled
def places(flags):
    """Return where flags are set, as `numpy.flatnonzero` does, and without the GIL."""
    words = flags[: len(flags) - len(flags) % 8].view(np.uint64)
    count = 0
    for word in words:
        # Each flag is a byte of one or nothing: the product adds them up in the highest byte.
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
