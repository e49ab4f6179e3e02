"""EBKD: Kwon, Na, Lee and Kim, "Adaptive Knowledge Distillation Based on Entropy", ICASSP 2020.

A teacher counts the more on an example the surer it is there: with H_m the entropy of its prediction,

    w_m = (1 - H_m / sum_j H_j) / (K - 1),    loss = CE + a t^2 sum_m w_m KL(q_m || p).

The weights are those that Zhang et al. (CA-MKD, 2022) compare with under this name, entropies at temperature 1, and so
are the defaults (a = 1, t = 4); their code leaves out the division by K - 1 and divides by K, which is (K - 1)/K times
the soft part here.

What is adaptation: the paper is about speech; this is its carrying over to images by Zhang et al. Several findings at
once: the entropy of a teacher is the mean over findings of that of its Bernoulli prediction.
"""

from pydantic import NonNegativeFloat, PositiveFloat

from roskdbench import Batch, Method, OnAllData, Setting, Tensor, Weigher, Weighting, register


class ByEntropy(Weighting):
    """A teacher counts by the share of entropy that the other teachers have on an example."""

    def begin(self, setting: Setting) -> Weigher:
        """It has no state."""
        return EntropyWeigher(self, setting)


class EntropyWeigher(Weigher):
    """Weighs teachers by how sure they are."""

    def weights(self, batch: Batch) -> Tensor:
        """Weights [K, B] that sum to 1; even ones where all are certain."""
        entropies = prediction_entropies(batch)
        others = entropies.sum(0) - entropies + 1e-12
        return others / others.sum(0)


def prediction_entropies(batch: Batch) -> Tensor:
    """The entropy of what each teacher predicts of each example, [K, B]; the mean over findings if there are many."""
    import torch
    from torch.nn import functional

    logits = batch.teacher_logits
    if batch.task == "single-label":
        logs = functional.log_softmax(logits, -1)
        return -(logs.exp() * logs).sum(-1)
    present, absent = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    return -(torch.sigmoid(logits) * present + torch.sigmoid(-logits) * absent).mean(-1)


@register("ebkd")
class EBKD(Method):
    """EBKD: surer teachers count more, example by example."""

    teachers = OnAllData()
    weighting = ByEntropy()
    temperature: PositiveFloat = 4.0
    soft_weight: NonNegativeFloat = 1.0
    """What the teachers' part is multiplied by, the labels' part counting once."""

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss, and that of the weighted teachers."""
        scale = self.soft_weight * self.soft_loss.divisor(self.temperature) ** 2
        return batch.hard_loss() + scale * self.matching.divergence(batch, self.temperature)
