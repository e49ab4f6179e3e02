"""How things are measured: from labels and logits, or from a model, to numbers. Measures say which of it they want."""

from collections.abc import Iterable

from roskdbench.values import USUAL, Facts, MetricValue

Row = tuple[str, str, float | None, int]
"""Metric, class ("" for all), value (None where it is not defined), and the number of samples it rests on."""

ALL = ""  # in place of a class
BINS = 15  # of a reliability diagram
LEVELS = (0.1, 1.0)  # above the loss at the trained weights: how wide the basin is there
SAME_OF_ALL = "not the same is said of every image"
EPSILON = 1e-3  # of sharpness


def values_of(rows: Iterable[Row], facts: Facts = USUAL) -> list[MetricValue]:
    """Rows as numbers that were measured under the same facts."""
    return [MetricValue(metric, value, samples, label, facts) for metric, label, value, samples in rows]
