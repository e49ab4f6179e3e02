"""A metric on stored predictions: one declared function."""

from collections.abc import Callable
from typing import Any, Literal

from roskdbench.errors import UserError
from roskdbench.plugins import keep
from roskdbench.suite.measure import Column, Decider
from roskdbench.suite.metric_presets import PRESETS
from roskdbench.suite.weighted import with_weights

Function = Callable[..., Any]


def metric(
    name: str,
    heading: str,
    higher_is_better: bool | None = True,
    over: Literal["classes", "samples"] = "classes",
    compared: bool = True,
    decided_by: Decider | None = None,
    whole: Function | None = None,
    resampled: bool = True,
    note: str = "",
    revision: int = 1,
) -> Callable[[Function], Function]:
    """Make a function known as a metric: `@metric("specificity", heading="Spec")` above `def specificity(truth,
    probabilities, decisions)`. It is given one class at a time (arrays [n]) and its mean over classes is shown, or,
    with `over="samples"`, everything at once (arrays [n, C]). It returns None where it is not defined.

    A function with a fourth parameter, `weights` [b, n], is given all draws of a bootstrap at once, which is quicker:
    how often each sample is in each of b draws. It returns b values, NaN where they are not defined.

    `decided_by`, such as `at_specificity(0.9)`, makes decisions otherwise than the protocol does, from a threshold that
    it chooses for each class on validation. `whole`, a function of everything at once, stands in place of the mean over
    classes where there is one label. A function that having samples twice would move, as a calibration error, says
    `resampled=False` and has no interval. `note` is said under tables. A bundled metric that computes something
    else than before raises its `revision`; a plugin's code counts by itself.
    """
    if name in PRESETS:
        raise UserError(f"'{name}' is a preset of metrics; give the metric another name")
    if over == "samples" and (decided_by is not None or whole is not None):
        what = "decided_by" if decided_by is not None else "whole"
        raise UserError(f"metric '{name}': {what} is for metrics of one class at a time; leave out over='samples'")

    def take(function: Function) -> Function:
        column = Column(
            name,
            heading,
            higher_is_better,
            with_weights(function),
            over,
            compared=compared,
            decided_by=decided_by,
            whole=None if whole is None else with_weights(whole),
            resampled=resampled,
            note=note,
            revision=revision,
        )
        keep("metric", name, column, function.__module__)
        return function

    return take
