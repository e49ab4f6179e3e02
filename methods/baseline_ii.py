"""Baseline II of Jaiswal et al. 2022: distillation from one teacher q (Hinton et al. 2015),

L = a t^2 KL(softmax(q / t) || softmax(student / t)) + (1 - a) CE(student, label).
"""

from roskdbench import Method, Single, register


@register("baseline-ii")
class BaselineII(Method):
    """Baseline II: one teacher on all of the data."""

    teachers = Single()
