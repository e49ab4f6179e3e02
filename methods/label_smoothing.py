"""Label smoothing: "Rethinking the Inception Architecture for Computer Vision", Szegedy et al., CVPR 2016 (1512.00567).

Cross-entropy with labels of which a share e is spread evenly over the C classes: y' = (1 - e) y + e / C. Müller et al.
2019 (1906.02629) study it for teachers, Lukasik et al. 2020 (2003.02819) for noisy labels.

What is adaptation: with several findings the share of each is spread over presence and absence, y' = (1 - e) y + e / 2;
unknown ones stay unknown. It takes the place of a protocol's own `label_smoothing`, and does not add to it.
"""

from typing import Annotated

from pydantic import Field

from roskdbench import Batch, Method, Tensor, register


@register("label-smoothing")
class LabelSmoothing(Method):
    """Label smoothing: a share of each label is spread evenly."""

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """The share that is spread, e."""

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy with the smoothed labels."""
        logits = batch.student_logits
        choices = logits.shape[-1] if batch.task == "single-label" else 2
        labels = (1 - self.smoothing) * batch.label_shares.to(logits.dtype) + self.smoothing / choices
        return batch.soft_loss.hard(batch.task, logits, labels).mean()
