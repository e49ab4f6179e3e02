"""RoS-KD whose teachers learn by generalised cross-entropy (Zhang and Sabuncu 2018) in place of cross-entropy.

A rival that this benchmark adds: RoS-KD as it is, and teachers that are robust to noisy labels themselves. It says
whether a robust loss of the teachers adds to overlapping subsets, random weights and the averaged student, or does
their work. The student's training is that of RoS-KD; a teacher learns from its subset by L = (1 - p_y^q) / q.

What is adaptation: the teachers' loss is that of the method `gce` with its defaults; several findings at once are as
`gce` reads them.
"""

from roskdbench import Exponential, Method, Overlapping, RunningMean, register


@register("gce-teachers")
class GCETeachers(Method):
    """RoS-KD + GCE: RoS-KD with teachers trained by generalised cross-entropy."""

    teachers = Overlapping(trained_by="gce")
    weighting = Exponential()
    averaging = RunningMean()
