"""A student of one robust teacher: the plain loss of distillation, from a teacher trained by GCE.

GCE is the generalised cross-entropy of Zhang and Sabuncu 2018 (NeurIPS, arXiv 1805.07836), with its own defaults. The
student does not know of it: it learns as from any one teacher, of L = (1 - p_y^q) / q here.

What is adaptation: all of it; no paper proposes just this. It shows how much of a robust loss a student inherits.
"""

from roskdbench import Method, Single, register


@register("gce-teacher")
class GCETeacher(Method):
    """GCE teacher: a student of one teacher that was trained by GCE."""

    teachers = Single(trained_by="gce")
