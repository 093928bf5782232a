"""Clusters of trials: average linkage on a matrix of distances."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.engine.exact import compiled
from workbench.engine.kernel import is_ready

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_WORTH_WAITING: Final = 2_000


@compiled
def _linked(distances):  # type: ignore[no-untyped-def]
    """Return the merges of average linkage by the nearest-neighbour chain: which two, and at what distance (n - 1 rows)."""
    n = distances.shape[0]
    d = distances.copy()
    size = np.ones(n)
    alive = np.ones(n, np.bool_)
    merges = np.zeros((n - 1, 3))
    chain = np.zeros(n + 1, np.int64)
    length, done = 0, 0
    while done < n - 1:
        if length == 0:
            for i in range(n):
                if alive[i]:
                    chain[0], length = i, 1
                    break
        while True:
            here = chain[length - 1]
            before = chain[length - 2] if length > 1 else -1
            nearest, least = before, d[here, before] if before >= 0 else np.inf
            for j in range(n):
                if alive[j] and j != here and d[here, j] < least:
                    nearest, least = j, d[here, j]
            if nearest == before:
                break
            chain[length] = nearest
            length += 1
        a, b = min(here, nearest), max(here, nearest)
        merges[done, 0], merges[done, 1], merges[done, 2] = a, b, least
        done += 1
        length -= 2
        for j in range(n):
            if alive[j] and j != a and j != b:
                joined = (size[a] * d[a, j] + size[b] * d[b, j]) / (size[a] + size[b])
                d[a, j] = joined
                d[j, a] = joined
        size[a] += size[b]
        alive[b] = False
    return merges


def clusters_within(distances: Floats, reach: float) -> Labels:
    """Return the cluster of each, once all are joined whose mean distance is within reach; they are numbered as they come.

    Parameters
    ----------
    distances
        Symmetric, shape (n, n), zero on the diagonal.

    Examples
    --------
    >>> clusters_within(np.array([[0.0, 0.1, 0.9], [0.1, 0.0, 0.8], [0.9, 0.8, 0.0]]), 0.2).tolist()
    [0, 0, 1]
    """
    own = list(range(len(distances)))
    if len(own) > 1:
        # A cluster is known by the first of its members, and what is joined to it by that one.
        # While the kernel compiles, whatever else wants the compiler waits for it, much longer than this takes in Python.
        linked = _linked if is_ready() or len(own) > _WORTH_WAITING else _linked.py_func
        for one, other, distance in linked(np.ascontiguousarray(distances)).tolist():
            if distance <= reach:
                own[int(other)] = int(one)
    for place, first in enumerate(own):
        own[place] = own[first]
    return np.unique(own, return_inverse=True)[1] if own else np.zeros(0, np.int64)
