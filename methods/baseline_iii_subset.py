"""Baseline III with RoS-KD's own teachers, the reading that the caption of Table II suggests."""

from roskdbench import Method, Mixture, Overlapping, register


@register("baseline-iii-subset")
class BaselineIIISubset(Method):
    """Baseline III (subset): the mean of teachers on overlapping subsets."""

    teachers = Overlapping()
    matching = Mixture()
