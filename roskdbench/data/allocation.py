"""Dealing groups into parts of given sizes, each with its share of every class.

The one routine behind splits, folds and overlapping subsets. A group (a patient, a lesion) is never cut.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def allocate(
    strata: NDArray[np.uint8], groups: NDArray[np.int64], shares: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """The part [N] each sample goes to, so that part p holds about shares[p] of the samples and of every class.

    `strata` is [N, C] of 0/1. Groups are placed one by one, those with the rarest classes and the most samples
    first (ties by the seed), each into the part that most lacks what the group brings. Shares must sum to 1;
    a share of 0 leaves its part empty.
    """
    wanted = np.asarray(shares, dtype=np.float64)
    if not np.isclose(wanted.sum(), 1.0):
        raise ValueError(f"shares sum to {wanted.sum()}, not to 1")
    _, group_of = np.unique(groups, return_inverse=True)
    counts = _counts_by_group(strata, group_of)  # [G, C + 2]
    totals = np.maximum(counts.sum(axis=0), 1.0)
    order = _hardest_first(counts, totals, np.random.default_rng(seed))

    open_parts = np.flatnonzero(wanted > 0)
    part_of_group = np.zeros(len(counts), dtype=np.int64)
    # lack[p, c] is what part p still lacks of column c, as a share of what it wants: 1 when empty, 0 when full.
    lack = np.ones((len(open_parts), counts.shape[1]))
    step = 1.0 / (wanted[open_parts, None] * totals[None, :])
    worth = counts / totals  # rare classes weigh more
    for group in order:
        best = int(np.argmax(lack @ worth[group]))
        lack[best] -= counts[group] * step[best]
        part_of_group[group] = open_parts[best]
    result: NDArray[np.int64] = part_of_group[group_of]
    return result


def _counts_by_group(strata: NDArray[np.uint8], group_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many samples of each class, of none, and at all, every group has. [G, C + 2]"""
    none = strata.sum(axis=1, keepdims=True) == 0
    columns = np.hstack([strata, none, np.ones_like(none)]).astype(np.float64)
    return np.stack([np.bincount(group_of, weights=column) for column in columns.T], axis=1)


def _hardest_first(
    counts: NDArray[np.float64], totals: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.int64]:
    size = counts[:, -1]
    rarity = (counts / totals).max(axis=1)
    tie = random.random(len(counts))
    order: NDArray[np.int64] = np.lexsort((tie, -size, -rarity))
    return order
