"""The overlapping subsets of the training set that teachers learn from.

What "overlap ratio p of k subsets that cover D" means is left open by the paper; four readings are offered. In all,
whole groups move together, the union is D, p = 0 gives disjoint subsets and p = 1 identical ones (`ring` cannot).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.allocation import allocate
from roskdbench.errors import UserError, nearest
from roskdbench.fingerprint import seed_for

Members = NDArray[np.bool_]  # [k, N]
Construction = Callable[[NDArray[np.uint8], NDArray[np.int64], int, float, int], Members]


def overlapping_subsets(
    strata: NDArray[np.uint8],
    groups: NDArray[np.int64],
    count: int,
    ratio: float,
    construction: str,
    seed: int,
    fixed_size: bool = False,
) -> Members:
    """Which of the N training samples each of `count` subsets holds. [k, N]

    Those of a fixed size hold N/k each at any overlap, and leave the more out the more they overlap.
    """
    check_overlap(construction, count, ratio, fixed_size)
    if fixed_size:
        return _core_of_fixed_size(strata, groups, count, ratio, seed_for("subsets", seed))
    return CONSTRUCTIONS[construction](strata, groups, count, ratio, seed_for("subsets", seed))


def check_overlap(construction: str, count: int, ratio: float, fixed_size: bool = False) -> None:
    """A UserError for a construction that is not known or a ratio that it cannot reach."""
    if construction not in CONSTRUCTIONS:
        raise UserError(f"unknown overlap construction '{construction}'; {nearest(construction, CONSTRUCTIONS)}")
    if not 0.0 <= ratio <= 1.0:
        raise UserError(f"an overlap of {ratio:g} is not a ratio; it lies between 0 and 1")
    if fixed_size and construction != "core":
        raise UserError(f"subsets of a fixed size are built from a common core; construction '{construction}' is not")
    if construction == "ring" and count > 1 and ratio > 1 - 1 / count + 1e-12:
        raise UserError(
            f"ring windows of {count} subsets overlap by at most {1 - 1 / count:g}, not {ratio:g}; use 'core'"
        )


def subset_share(construction: str, count: int, ratio: float, fixed_size: bool = False) -> float:
    """The size of each subset as a share of the training set."""
    if fixed_size:
        return 1 / count
    if construction == "core":
        return 1 / (count * (1 - ratio) + ratio)
    if construction == "ring":
        return min(1.0, 1 / (count * (1 - ratio))) if ratio < 1 else 1.0
    return ratio + (1 - ratio) / count


def _core(strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, ratio: float, seed: int) -> Members:
    """A subset of size s is a common core of p*s and its own part of the rest: two share exactly p of themselves."""
    size = subset_share("core", count, ratio)
    return _core_and_rest(strata, groups, count, ratio * size, seed)


def _core_global(strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, ratio: float, seed: int) -> Members:
    """A common core of p*N, and the rest dealt out."""
    return _core_and_rest(strata, groups, count, ratio, seed)


def _core_and_rest(strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, core: float, seed: int) -> Members:
    part = allocate(strata, groups, [core, *[(1 - core) / count] * count], seed)
    return np.stack([(part == 0) | (part == own) for own in range(1, count + 1)])


def _core_of_fixed_size(
    strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, ratio: float, seed: int
) -> Members:
    """N/k each, of which p is common; what nobody needs is left out."""
    core, own = ratio / count, (1 - ratio) / count
    part = allocate(strata, groups, [core, *[own] * count, 1 - core - own * count], seed)
    return np.stack([(part == 0) | (part == index) for index in range(1, count + 1)])


def _borrow(strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, ratio: float, seed: int) -> Members:
    """A partition; each subset then borrows every group outside it with probability p."""
    part = allocate(strata, groups, [1 / count] * count, seed)
    names, group_of = np.unique(groups, return_inverse=True)
    borrowed = np.random.default_rng([seed, count]).random((count, len(names))) < ratio  # [k, G], other lots than above
    return np.stack([(part == own) | borrowed[own, group_of] for own in range(count)])


def _ring(strata: NDArray[np.uint8], groups: NDArray[np.int64], count: int, ratio: float, seed: int) -> Members:
    """The training set on a circle; each subset is a window, and neighbours share p of themselves."""
    length = subset_share("ring", count, ratio)
    starts = np.arange(count) / count
    cuts = np.unique(np.round(np.concatenate([starts, (starts + length) % 1.0]), 12) % 1.0)
    arcs = np.diff(np.append(cuts, 1.0))
    part = allocate(strata, groups, list(arcs / arcs.sum()), seed)
    middle = cuts + arcs / 2
    inside = ((middle[None, :] - starts[:, None]) % 1.0) < length  # [k, arcs]
    members: Members = inside[:, part]
    return members


CONSTRUCTIONS: dict[str, Construction] = {
    "core": _core,
    "core-global": _core_global,
    "borrow": _borrow,
    "ring": _ring,
}
