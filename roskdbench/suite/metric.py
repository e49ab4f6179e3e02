"""A metric on stored predictions: one declared function."""

from collections.abc import Callable
from typing import Literal

from roskdbench.plugins import keep
from roskdbench.suite.measure import Column, Statistic


def metric(
    name: str,
    heading: str,
    higher_is_better: bool | None = True,
    over: Literal["classes", "samples"] = "classes",
    compared: bool = True,
) -> Callable[[Statistic], Statistic]:
    """Make a function known as a metric: `@metric("specificity", heading="Spec")` above `def specificity(truth,
    probabilities, decisions)`. It is given one class at a time (arrays [n]) and its mean over classes is shown, or,
    with `over="samples"`, everything at once (arrays [n, C]). It returns None where it is not defined.
    """

    def take(function: Statistic) -> Statistic:
        column = Column(name, heading, higher_is_better, function, over, compared=compared)
        keep("metric", name, column, function.__module__)
        return function

    return take
