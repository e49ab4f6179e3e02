"""MLD: multi-label logits distillation, of Multi-Label Knowledge Distillation, or L2D (Yang, Xie, Zong, Feng, Niu,
Sugiyama and Huang 2023, ICCV, arXiv 2308.06453).

Each finding is a question of its own, answered yes or no (one versus all), and the divergences add up:

    loss = BCE + w sum over findings of KL(Bernoulli(q_c) || Bernoulli(p_c)),

with chances q of the teacher and p of the student, sigmoids without a temperature. Default is the paper's w 10.

What is adaptation: the paper's other half, the class-aware and instance-aware distillation of label-wise embeddings, is
left out. It needs an embedding for each finding from networks that have such an encoder, the teacher's trained with
it; the networks of a suite have one pooled feature for all findings. Both parts of the loss are means over examples of
sums over findings; in the authors' code the cross-entropy is the sum over the batch, which makes it B times as heavy.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, BernoulliSum, Method, Single, Tensor, register


@register("mld")
class MLD(Method):
    """MLD: one teacher's answer for each finding apart, all of them added up."""

    tasks = ("multi-label",)

    teachers = Single()
    soft_loss = BernoulliSum()
    soft_weight: NonNegativeFloat = 10.0
    """Of the divergences from the teacher."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the divergences."""
        return batch.hard_loss() + self.soft_weight * batch.divergences(1.0).mean()
