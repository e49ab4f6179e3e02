"""Baseline III of Jaiswal et al. 2022."""

from roskdbench import Method, Mixture, OnAllData, register


@register("baseline-iii")
class BaselineIII(Method):
    """Baseline III: the mean of teachers that each saw all of the data."""

    teachers = OnAllData()
    matching = Mixture()
