"""The teachers' equal ensemble (Lakshminarayanan et al. 2017): p = 1/K sum_m softmax(q_m). No student, K times the cost
to use, a bound for what distilling them can give.
"""

from roskdbench import Method, OnAllData, register


@register("deep-ensemble")
class DeepEnsemble(Method):
    """Deep ensemble: the mean probability of the teachers themselves."""

    trains_student = False
    teachers = OnAllData()
