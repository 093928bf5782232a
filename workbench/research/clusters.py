"""Clusters of trials: average linkage on a matrix of distances, and how many clusters tell the trials apart best."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.engine.exact import compiled

Floats = NDArray[np.float64]

_EVERY: Final = 32


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


@compiled
def _quality(distances, labels, clusters):  # type: ignore[no-untyped-def]
    """Return mean over deviation of the silhouettes of a clustering."""
    n = distances.shape[0]
    counts = np.zeros(clusters)
    for i in range(n):
        counts[labels[i]] += 1
    values = np.zeros(n)
    sums = np.zeros(clusters)
    for i in range(n):
        sums[:] = 0.0
        for j in range(n):
            sums[labels[j]] += distances[i, j]
        own = labels[i]
        if counts[own] <= 1:
            continue
        inside, outside = sums[own] / (counts[own] - 1), np.inf
        for k in range(clusters):
            if k != own and counts[k] > 0:
                outside = min(outside, sums[k] / counts[k])
        widest = max(inside, outside)
        values[i] = (outside - inside) / widest if widest > 0 else 0.0
    spread = np.std(values)
    return np.mean(values) / spread if spread > 1e-12 else np.mean(values) * 1e12


def best_number(distances: Floats) -> int:
    """Return the number of clusters that tells so many things apart best: every one up to 32 is tried, and every tenth beyond.

    Parameters
    ----------
    distances
        Symmetric, shape (n, n), zero on the diagonal.
    """
    n = len(distances)
    if n < 3 or distances.max() < 1e-7:
        return 1 if distances.max() < 1e-7 else n
    merges = _linked(np.ascontiguousarray(distances))
    # A chain finds merges out of order; by distance they are those of the tree from its leaves.
    merges = merges[np.argsort(merges[:, 2], kind="stable")]
    best, highest = 1, -np.inf
    labels = np.arange(n)
    for clusters, (a, b, _) in zip(range(n - 1, 1, -1), merges, strict=False):
        labels[labels == labels[int(b)]] = labels[int(a)]
        if clusters <= _EVERY or clusters % 10 == 0:
            _, numbered = np.unique(labels, return_inverse=True)
            found = float(_quality(distances, numbered.astype(np.int64), clusters))
            if found > highest:
                best, highest = clusters, found
    return best
