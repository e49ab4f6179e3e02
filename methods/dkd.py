"""DKD: decoupled knowledge distillation (Zhao, Cui, Song, Qiu and Liang 2022, CVPR, arXiv 2203.08679).

With softmaxes at temperature T, let b be the two chances of the label's class and of all the others together, and r
the chances of the others among themselves, of the teacher and of the student. Then

    loss = CE + w T^2 (alpha KL(b_teacher || b_student) + beta KL(r_teacher || r_student)),

where w rises from 0 to 1 during the warm-up. With beta equal to the teacher's chance of the others, that is plain
distillation; here beta is the same for all examples.

Defaults are those of the authors' code for CIFAR-100: alpha 1, beta 8, T 4, a warm-up of 20 in 240 epochs.

What is adaptation: the warm-up is a share of the training, whatever its length, and goes by steps. Where the protocol
mixes labels, the label is the class with the largest share. The method is not
defined for two classes, nor for several findings, which have two each: nothing is left beside the label's own, and the
loss is plain distillation.
"""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register


@register("dkd")
class DKD(Method):
    """DKD: decoupled target and non-target knowledge of one teacher."""

    tasks = ("single-label",)
    fewest_classes = 3

    teachers = Single()
    temperature = 4.0
    target_weight: NonNegativeFloat = 1.0
    """The paper's alpha: how much it counts whether it is the label's class or another."""
    others_weight: NonNegativeFloat = 8.0
    """The paper's beta: how much it counts which of the other classes it would be."""
    warmup: Annotated[float, Field(gt=0, le=1)] = 20 / 240
    """The share of the training in which the part from the teacher rises to its full weight."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the two divergences apart."""
        from torch.nn.functional import kl_div

        (teacher,) = batch.teacher_logits
        label = batch.label_shares.argmax(-1, keepdim=True)  # [B, 1]
        pairs = zip(
            decoupled(batch.student_logits / self.temperature, label),
            decoupled(teacher / self.temperature, label),
            strict=True,
        )
        target, others = (kl_div(ours, theirs, reduction="batchmean", log_target=True) for ours, theirs in pairs)
        soft = self.temperature**2 * (self.target_weight * target + self.others_weight * others)
        return batch.hard_loss() + min(batch.progress / self.warmup, 1.0) * soft


def decoupled(logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of b [B, 2] and of r [B, C - 1]."""
    import torch

    classes = logits.shape[-1]
    own = logits.gather(1, label)
    others = logits.gather(1, (label + torch.arange(1, classes, device=label.device)) % classes)
    return torch.cat([own, others.logsumexp(1, keepdim=True)], 1).log_softmax(1), others.log_softmax(1)
