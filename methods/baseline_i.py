"""Baseline I of Jaiswal et al. 2022: no teacher, L = CE(student, label)."""

from roskdbench import Method, register


@register("baseline-i")
class BaselineI(Method):
    """Baseline I: the student alone, on labels."""
