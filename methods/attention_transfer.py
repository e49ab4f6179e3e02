"""Attention transfer (Zagoruyko and Komodakis 2017, ICLR, arXiv 1612.03928), the activation-based kind.

The attention of a feature map A is Q = mean over channels of A^2 for each position, divided by its length over all
positions of an example. Then

    loss = CE + beta sum over stages of the mean of (Q_student - Q_teacher)^2,

the mean being over examples and positions, as in the authors' code, whose beta is 1000.

What is adaptation: stages are paired from the coarsest backwards, as many as both networks have, at most four. Where
two maps differ in size the larger one is pooled to the smaller by its means, before it is squared.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register

from ._maps import resized, smaller_size


@register("attention-transfer")
class AttentionTransfer(Method):
    """AT: where one teacher's feature maps are active."""

    uses_maps = True
    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    attention_weight: NonNegativeFloat = 1000.0
    """The paper's beta: of the squared difference between attentions."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the differences of all stages."""
        (answer,) = batch.teacher_outputs
        precision = batch.student_logits.dtype
        pairs = zip(reversed(batch.maps), reversed(answer.maps), strict=False)
        apart = [difference(ours.to(precision), theirs.to(precision)) for ours, theirs in pairs]
        return batch.hard_loss() + self.attention_weight * batch.hard_parts * sum(apart)


def difference(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference between the attentions of two feature maps."""
    from torch.nn.functional import mse_loss, normalize

    same = (resized(each, smaller_size(student, teacher)) for each in (student, teacher))
    ours, theirs = (normalize(each.square().mean(1).flatten(1)) for each in same)  # [B, positions]
    return mse_loss(ours, theirs)
