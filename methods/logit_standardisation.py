"""Logit standardisation in knowledge distillation (Sun, Ren, Li, Wang and Cao 2024, CVPR, arXiv 2403.01427).

Logits z of an example are standardised over its classes, those of the teacher as those of the student:

    Z(z) = (z - mean z) / deviation z,
    loss = a CE + b T^2 KL(softmax(Z(z_teacher) / T) || softmax(Z(z_student) / T)).

The student so learns the order and the relative distances of the teacher's logits, and not how large they are.

Defaults are those of the authors' code: base temperature T 2, b 9, a 0.1. The deviation is its, with C - 1.

What is adaptation: nothing for one label. For several findings the method is not defined: a softmax does not change
when all logits are shifted, but a sigmoid does, and without its mean a logit no longer says whether a finding is there.
Nor is it for two classes, whose standardised logits are .71 and -.71 whatever they were: nothing of the teacher is left
but its choice, and no gradient.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register


@register("logit-standardisation")
class LogitStandardisation(Method):
    """LS-KD: standardised logits of one teacher."""

    tasks = ("single-label",)
    fewest_classes = 3

    teachers = Single()
    temperature = 2.0
    soft_weight: NonNegativeFloat = 9.0
    """Of the divergence from the teacher."""
    hard_weight: NonNegativeFloat = 0.1
    """Of the cross-entropy with the labels."""

    def loss(self, batch: Batch) -> Tensor:
        """Both parts."""
        from roskdbench.method import losses

        teacher, student = standardised(batch.teacher_logits), standardised(batch.student_logits)
        soft = losses.divergences(batch.task, teacher, student, self.temperature).mean()
        return self.hard_weight * batch.hard_loss() + self.soft_weight * self.temperature**2 * soft


def standardised(logits: Tensor) -> Tensor:
    """Logits with mean 0 and deviation 1 over classes."""
    return (logits - logits.mean(-1, keepdim=True)) / (logits.std(-1, keepdim=True) + 1e-7)
