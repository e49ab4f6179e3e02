"""RKD: relational knowledge distillation (Park, Kim, Lu and Cho 2019, CVPR, arXiv 1904.05068).

Examples of a batch are compared with each other in the space of pooled features f, of the teacher as of the student:

    d_ij  = |f_i - f_j| / the mean of |f_i - f_j| over pairs that differ,
    a_ijk = the cosine of the angle at f_j between f_i and f_k,
    loss  = CE + v mean of h(d_ij) + w mean of h(a_ijk),

where h is Huber's loss (delta 1) of the difference between student and teacher; the means are over all pairs and all
triples, those of an example with itself included.

Defaults are the paper's for classification: v 25 for distances, w 50 for angles. The plain divergence from the
teacher's logits, which may be added to them, is left out.

What is adaptation: nothing for one label, as labels enter the cross-entropy only. Where that is a sum over findings,
relations count as often.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register


@register("rkd")
class RKD(Method):
    """RKD: distances and angles between examples in one teacher's features."""

    uses_features = True
    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    distance_weight: NonNegativeFloat = 25.0
    """Of the distances between two examples."""
    angle_weight: NonNegativeFloat = 50.0
    """Of the angles between three examples."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, distances and angles."""
        from torch.nn.functional import smooth_l1_loss

        (answer,) = batch.teacher_outputs
        precision = batch.student_logits.dtype
        student, teacher = relations(batch.features.to(precision)), relations(answer.features.to(precision))
        distance, angle = (smooth_l1_loss(ours, theirs) for ours, theirs in zip(student, teacher, strict=True))
        related = self.distance_weight * distance + self.angle_weight * angle
        return batch.hard_loss() + batch.hard_parts * related


def relations(features: Tensor) -> tuple[Tensor, Tensor]:
    """Distances [B, B] and cosines of angles [B, B, B], the corner of the angle first."""
    apart = features[None] - features[:, None]  # [B, B, F]
    distances = apart.norm(dim=-1)
    same = distances == 0
    directions = apart / distances.masked_fill(same, 1)[..., None]
    mean = distances.sum() / (~same).sum().clamp(min=1)
    return distances / (mean + 1e-12), directions @ directions.mT
