"""The teachers' equal ensemble: no student, K times the cost to use, a bound for what distilling them can give."""

from roskdbench import Method, OnAllData, register


@register("deep-ensemble")
class DeepEnsemble(Method):
    """Deep ensemble: the mean probability of the teachers themselves."""

    trains_student = False
    teachers = OnAllData()
