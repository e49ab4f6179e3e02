"""CA-MKD: Zhang, Chen and Wang, "Confidence-Aware Multi-Teacher Knowledge Distillation", ICASSP 2022
(arXiv 2201.00007).

A teacher counts the more on an example the nearer it is to the label there, in what it predicts and in the last feature
map F_m that the student is to imitate by a regressor r_m of its own (1x1 convolution, BatchNorm):

    w_m = (1 - softmax_m(CE_m)) / (K - 1),    CE_m the cross-entropy of teacher m with the label,
    loss = CE + 1/K sum_m w_m (a t^2 KL(q_m || p) + b |F_m - r_m(F)|^2 / |F_m has so many entries|).

Defaults are those of the authors' code (a = 1, b = 50, t = 4), which divides by K once more than the paper, as here; it
leaves hints out of the first epoch, which the paper does not say, and we do not.

What is adaptation: the paper weighs hints by the loss of the teacher's own classifier on r_m(F). A method here does not
see a teacher's classifier, so hints have the weights of predictions. Where a teacher's map has another size, the
student's is brought to it before the regressor, as in their code, whose regressors end in a ReLU: behind it maps that
are taken before one, as MobileNet's, could not be reached. With labels that are noisy, w_m favours teachers that have
learnt the noise. Several findings at once: CE_m is the sum of binary cross-entropies over findings that are known,
minus the log of the chance that the teacher gives to them all, whichever way the suite's soft loss takes them together.
"""

from typing import Any, ClassVar

from pydantic import NonNegativeFloat, PositiveFloat

from roskdbench import Batch, Method, Module, OnAllData, Setting, Tensor, TrainingFacts, Weigher, Weighting, register

from ._findings import as_sums
from ._maps import new_regressor, resized


class ByConfidence(Weighting):
    """A teacher counts by how near it is to an example's label."""

    def begin(self, setting: Setting) -> Weigher:
        """It has no state."""
        return ConfidenceWeigher(self, setting)


class ConfidenceWeigher(Weigher):
    """Weighs teachers by their cross-entropies with the labels."""

    def weights(self, batch: Batch) -> Tensor:
        """Weights [K, B] that sum to 1, none above 1/(K - 1)."""
        shares = 1 - as_sums(batch, batch.hard_losses(batch.teacher_logits)).softmax(0) + 1e-12
        return shares / shares.sum(0)


@register("ca-mkd")
class CAMKD(Method):
    """CA-MKD: teachers near the label count more, in predictions and feature maps."""

    asks_teachers: ClassVar[bool] = True
    uses_maps: ClassVar[bool] = True

    teachers = OnAllData()
    weighting = ByConfidence()
    temperature: PositiveFloat = 4.0
    soft_weight: NonNegativeFloat = 1.0
    """a, what the part from predictions is multiplied by, the labels' part counting once."""
    hint_weight: NonNegativeFloat = 50.0
    """b, what the part from feature maps is multiplied by."""

    def begin(self, facts: TrainingFacts) -> Module:
        """A regressor from the student's last map to that of each teacher."""
        from torch import nn

        channels = facts.widths.maps[-1][0]
        return nn.ModuleList([new_regressor(channels, widths.maps[-1][0]) for widths in facts.teacher_widths])

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss, and the weighted teachers' from predictions and maps."""
        scale = self.soft_weight * self.soft_loss.divisor(self.temperature) ** 2
        soft = self.matching.divergence(batch, self.temperature)
        hints = batch.hard_parts * (batch.weights * self.hint_errors(batch)).sum(0).mean()
        return batch.hard_loss() + (scale * soft + self.hint_weight * hints) / len(batch.teacher_logits)

    def hint_errors(self, batch: Batch) -> Tensor:
        """How far the student's map is from each teacher's, squared and the mean over its entries, [K, B]."""
        import torch

        regressors: Any = batch.state
        errors = []
        for regressor, teacher in zip(regressors, batch.teacher_outputs, strict=True):
            wanted = teacher.maps[-1].to(regressor[0].weight.dtype)
            own = regressor(resized(batch.maps[-1].to(wanted.dtype), wanted.shape[2:]))
            errors.append((own - wanted).square().flatten(1).mean(1))
        return torch.stack(errors)
