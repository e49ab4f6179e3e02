"""Baseline V of Jaiswal et al. 2022: RoS-KD without weight averaging."""

from roskdbench import Exponential, Method, Overlapping, register


@register("baseline-v")
class BaselineV(Method):
    """Baseline V: teachers on overlapping subsets, weighted at random."""

    teachers = Overlapping()
    weighting = Exponential()
