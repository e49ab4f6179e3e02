"""Born-again neural networks (Furlanello, Lipton, Tschannen, Itti and Anandkumar 2018, ICML, arXiv 1805.04770).

A network learns from labels, a second one of the same kind from the first, a third one from the second, and so on:

    loss = a KL(softmax(z_teacher) || softmax(z_student)) + (1 - a) CE, without a temperature.

Defaults: a 1, as where the paper trains a sequence (each learns from the one before it alone); a 0.5 is its variant
with labels (BAN+L), up to a factor. Two former students make the third network of the sequence, which it calls BAN-2.

What is adaptation: for several findings the divergence is that of the suite's soft loss, with sigmoids. The paper's
ensemble of all generations is not built.
"""

from roskdbench import FormerStudents, Method, register


@register("born-again")
class BornAgain(Method):
    """BAN: a student of its former self, generation after generation."""

    teachers = FormerStudents(generations=2)
    temperature = 1.0
    alpha = 1.0
