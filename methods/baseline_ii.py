"""Baseline II of Jaiswal et al. 2022."""

from roskdbench import Method, Single, register


@register("baseline-ii")
class BaselineII(Method):
    """Baseline II: one teacher on all of the data."""

    teachers = Single()
