"""Dealing groups into parts of given sizes by lot, each part with its share of every class.

The one routine behind splits, folds and overlapping subsets. A group (a patient, a lesion) is never cut. Another seed
deals anew: two test parts share hardly more than chance has it, so that what is measured on them differs as it would
with other patients.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRIES = 10
FAIR = 0.05  # as a share of what a part is due
FORCE = 3  # how strongly a part that lacks more is preferred


def allocate(
    strata: NDArray[np.uint8], groups: NDArray[np.int64], shares: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """The part [N] each sample goes to, so that part p holds about shares[p] of the samples and of every class.

    `strata` is [N, C] of 0/1. Shares must sum to 1; a share of 0 leaves its part empty. The first of TRIES deals that
    gives each part its due of every class to within FAIR is taken, else the fairest.
    """
    wanted = np.asarray(shares, dtype=np.float64)
    if not np.isclose(wanted.sum(), 1.0):
        raise ValueError(f"shares sum to {wanted.sum()}, not to 1")
    _, group_of = np.unique(groups, return_inverse=True)
    counts = _counts_by_group(strata, group_of)  # [G, C + 1]
    totals = np.maximum(counts.sum(axis=0), 1.0)
    open_parts = np.flatnonzero(wanted > 0)
    random = np.random.default_rng(seed)
    fairest, part_of_group = np.inf, np.zeros(len(counts), dtype=np.int64)
    for _ in range(TRIES):
        dealt, lack = _deal(counts, totals, wanted[open_parts], random)
        unfairness = float(np.sqrt((lack**2).mean()))
        if unfairness < fairest:
            fairest, part_of_group = unfairness, open_parts[dealt]
        if np.abs(lack).max() <= FAIR:
            break
    result: NDArray[np.int64] = part_of_group[group_of]
    return result


def _deal(
    counts: NDArray[np.float64], totals: NDArray[np.float64], wanted: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The part of each group, and what each part lacks of each column in the end, as a share of what it wants.

    Groups come in tiers, those that hold most of rare classes first, and within a tier in random order; each goes into
    a part drawn by what the parts lack of what it brings.
    """
    worth = counts / totals  # rare classes weigh more
    tier = np.floor(np.log2(np.maximum(worth.sum(axis=1), np.finfo(float).tiny)))
    lots = random.random(len(counts))
    dealt = np.zeros(len(counts), dtype=np.int64)
    lack = np.ones((len(wanted), counts.shape[1]))
    step = 1.0 / (wanted[:, None] * totals[None, :])
    for group in np.lexsort((random.random(len(counts)), -tier)):
        lacked = lack @ worth[group] / worth[group].sum()
        chance = np.cumsum(wanted * np.maximum(lacked, 0.0) ** FORCE)
        if chance[-1] > 0:
            part = int(np.searchsorted(chance, lots[group] * chance[-1], side="right"))
        else:
            part = int(np.argmax(lacked))
        lack[part] -= counts[group] * step[part]
        dealt[group] = part
    return dealt, lack


def _counts_by_group(strata: NDArray[np.uint8], group_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many samples of each class, and at all, every group has. [G, C + 1]"""
    columns = np.hstack([strata, np.ones((len(strata), 1))])
    return np.stack([np.bincount(group_of, weights=column) for column in columns.T], axis=1)
