"""Losses of several findings, brought from the suite's reading to the one that a method goes by."""

from roskdbench import Batch, Tensor


def as_means(batch: Batch, losses: Tensor) -> Tensor:
    """Losses with the labels, [..., B], as means over the findings that are known."""
    return losses if batch.hard_parts == 1 else losses / _known(batch)


def as_sums(batch: Batch, losses: Tensor) -> Tensor:
    """Losses with the labels, [..., B], as sums over the findings that are known."""
    return losses * _known(batch) if batch.task == "multi-label" and batch.hard_parts == 1 else losses


def _known(batch: Batch) -> Tensor:
    return (~batch.label_shares.isnan()).sum(1).clamp(min=1)
