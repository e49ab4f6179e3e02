"""DIST: knowledge distillation from a stronger teacher (Huang, You, Wang, Qian and Xu 2022, NeurIPS, arXiv 2205.10536).

With chances p of the student and q of the teacher, [B, C], at temperature T, and Pearson's correlation r,

    loss = CE + T^2 (beta mean over examples of (1 - r(p, q)) + gamma mean over classes of (1 - r(p, q))),

where r is over the classes of an example (inter-class), or over the examples of a class (intra-class).

Defaults: beta and gamma 2, as in the paper for classification, and no temperature (T 1), as in its formula; for
CIFAR-100 the authors use T 4. The factor T^2 is that of the authors' code; the paper's own listing has none.

What is adaptation: for several findings the chances are sigmoids, as in the authors' code for detection and
segmentation. With fewer than three classes, where every correlation over classes is 1 or -1, the inter-class part says
little.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Single, Tensor, register


@register("dist")
class DIST(Method):
    """DIST: correlations with one teacher, over classes and over examples."""

    teachers = Single()
    temperature = 1.0
    inter_weight: NonNegativeFloat = 2.0
    """The paper's beta: of the correlation over the classes of an example."""
    intra_weight: NonNegativeFloat = 2.0
    """The paper's gamma: of the correlation over the examples of a class."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and both correlations."""
        logits = batch.student_logits / self.temperature, batch.teacher_logits / self.temperature
        single = batch.task == "single-label"
        student, teacher = (each.softmax(-1) if single else each.sigmoid() for each in logits)
        inter, intra = ((1 - correlation(student, teacher, over)).mean() for over in (-1, -2))
        apart = self.inter_weight * inter + self.intra_weight * intra
        return batch.hard_loss() + self.temperature**2 * batch.hard_parts * apart


def correlation(one: Tensor, other: Tensor, over: int) -> Tensor:
    """Pearson's, over a dimension; 0 where one of the two does not vary."""
    one, other = (each - each.mean(over, keepdim=True) for each in (one, other))
    return (one * other).sum(over) / (one.norm(dim=over) * other.norm(dim=over) + 1e-8)
