"""What several annotators said of an image, and one label made of it: the word of one of them, a vote, or shares.

Votes are [N, R] class numbers, or [N, R, C] of 0 and 1; -1 where an annotator said nothing. A label of which none said
anything stays the problem's own.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Votes = NDArray[np.int8]
Decision = Literal["single", "majority", "soft"]


def decided(
    votes: Votes, own: NDArray[Any], classes: int, decision: Decision, random: np.random.Generator
) -> NDArray[Any]:
    """The labels [N], or [N, C], that the annotators' votes come to; shares are probabilities in float32."""
    if decision == "single":
        return one_of_them(votes, own, random)
    counts = class_counts(votes, classes) if votes.ndim == 2 else mark_counts(votes)
    if decision == "soft":
        return shares(counts, own)
    return majority(counts, own, random)


def one_of_them(votes: Votes, own: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """The word of one annotator of each image, any of those who said something of it with the same probability."""
    present = votes >= 0 if votes.ndim == 2 else (votes >= 0).any(2)  # [N, R]
    number = (random.random(len(votes)) * present.sum(1)).astype(np.int64)  # of the one, among those present
    chosen = (present.cumsum(1) > number[:, None]).argmax(1)
    words = votes[np.arange(len(votes)), chosen]
    return np.where(words >= 0, words, own).astype(own.dtype)


def class_counts(votes: Votes, classes: int) -> NDArray[np.int64]:
    """How many annotators named each class. [N, C]"""
    return np.stack([(votes == c).sum(1) for c in range(classes)], axis=1)


def mark_counts(votes: Votes) -> NDArray[np.int64]:
    """How many annotators said that a finding is absent, and how many that it is present. [N, C, 2]"""
    return np.stack([(votes == mark).sum(1) for mark in (0, 1)], axis=-1)


def majority(counts: NDArray[np.int64], own: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """What most annotators said, of several that were said equally often any one."""
    most = (counts + random.random(counts.shape) / 2).argmax(-1)
    return np.where(counts.sum(-1) > 0, most, own).astype(own.dtype)


def shares(counts: NDArray[np.int64], own: NDArray[Any]) -> NDArray[np.float32]:
    """Of those who said something of a finding, the share that said it is there. [N, C]"""
    said = counts.sum(-1)
    return np.where(said > 0, counts[..., 1] / np.maximum(said, 1), own).astype(np.float32)
