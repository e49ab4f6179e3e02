"""Baseline III of Jaiswal et al. 2022: distillation from the mean of K teachers, each trained on all of the data,

L = a t^2 KL(1/K sum_m softmax(q_m / t) || softmax(student / t)) + (1 - a) CE(student, label).
"""

from roskdbench import Method, Mixture, OnAllData, register


@register("baseline-iii")
class BaselineIII(Method):
    """Baseline III: the mean of teachers that each saw all of the data."""

    teachers = OnAllData()
    matching = Mixture()
