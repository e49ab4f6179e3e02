"""The bound of methods whose teachers saw subsets: what those teachers say together, without any student."""

from roskdbench import Method, Overlapping, register


@register("deep-ensemble-subset")
class DeepEnsembleSubset(Method):
    """Deep ensemble (subset): the mean probability of teachers on overlapping subsets."""

    trains_student = False
    teachers = Overlapping()
