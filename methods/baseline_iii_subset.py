"""Baseline III of Jaiswal et al. 2022 with RoS-KD's own teachers, the reading that the caption of Table II suggests.

Each teacher learns from a subset of the data that overlaps the others'; the loss is that of Baseline III.
"""

from roskdbench import Method, Mixture, Overlapping, register


@register("baseline-iii-subset")
class BaselineIIISubset(Method):
    """Baseline III (subset): the mean of teachers on overlapping subsets."""

    teachers = Overlapping()
    matching = Mixture()
