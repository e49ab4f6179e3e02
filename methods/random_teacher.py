"""A teacher drawn for every step: Fukuda, Suzuki, Kurata, Thomas, Cui and Ramabhadran, "Efficient Knowledge
Distillation from an Ensemble of Teachers", Interspeech 2017, whose first strategy switches the teacher between batches.

    loss = a t^2 KL(q_m || p) + (1 - a) CE,    m uniform on the K teachers, drawn anew for every batch.

What is adaptation: the paper is about speech. Switching is read as a draw by chance, and temperature and the share of
the labels' loss are those of the benchmark, so that only the weights differ from Baseline III. Several findings at
once: as the suite's soft loss reads the divergence.
"""

from roskdbench import Method, OnAllData, OneHot, register


@register("random-teacher")
class RandomTeacher(Method):
    """Random teacher: one of the teachers in every step, drawn at random."""

    teachers = OnAllData()
    weighting = OneHot()
