"""SP: similarity-preserving knowledge distillation (Tung and Mori 2019, ICCV, arXiv 1907.09682).

With A the feature maps of the last stage, a row for each example of a batch, G = A A^T says how similar two examples
are to a network. Its rows are divided by their lengths, and

    loss = CE + gamma / B^2 |G_student - G_teacher|^2,

the square being the sum over all B^2 entries. Default is the paper's gamma 3000.

What is adaptation: nothing for one label; maps of any size can be compared, as G has one row and one column for each
example. Where the cross-entropy is a sum over findings, similarities count as often.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register


@register("sp")
class SP(Method):
    """SP: which examples are similar in one teacher's feature maps."""

    uses_maps = True
    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    similarity_weight: NonNegativeFloat = 3000.0
    """The paper's gamma: of the mean squared difference between similarities."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the difference between similarities."""
        from torch.nn.functional import mse_loss

        (answer,) = batch.teacher_outputs
        student, teacher = (similarities(each[-1].to(batch.student_logits.dtype)) for each in (batch.maps, answer.maps))
        return batch.hard_loss() + self.similarity_weight * batch.hard_parts * mse_loss(student, teacher)


def similarities(maps: Tensor) -> Tensor:
    """Of all pairs of examples, each row of length 1. [B, B]"""
    from torch.nn.functional import normalize

    rows = maps.flatten(1)
    return normalize(rows @ rows.mT)
