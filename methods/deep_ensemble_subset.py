"""The bound of methods whose teachers saw subsets: what those teachers say together, p = 1/K sum_m softmax(q_m).

A deep ensemble (Lakshminarayanan et al. 2017) of the teachers of Jaiswal et al. 2022, without any student.
"""

from roskdbench import Method, Overlapping, register


@register("deep-ensemble-subset")
class DeepEnsembleSubset(Method):
    """Deep ensemble (subset): the mean probability of teachers on overlapping subsets."""

    trains_student = False
    teachers = Overlapping()
