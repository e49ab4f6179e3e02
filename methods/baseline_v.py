"""Baseline V of Jaiswal et al. 2022: RoS-KD without weight averaging. Teachers learn from overlapping subsets, and

    L = a t^2 sum_m w_m KL(softmax(q_m / t) || softmax(student / t)) + (1 - a) CE(student, label),

where the weights w are drawn for each step from Exp(1) and divided by their sum (equation 4).
"""

from roskdbench import Exponential, Method, Overlapping, register


@register("baseline-v")
class BaselineV(Method):
    """Baseline V: teachers on overlapping subsets, weighted at random."""

    teachers = Overlapping()
    weighting = Exponential()
