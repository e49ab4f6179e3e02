"""RoS-KD with weights that are learnt in place of random ones.

A rival that this benchmark adds, so that RoS-KD's random weights meet weights that the labels have chosen. It is the
idea of stacking (Wolpert 1992), a mixture of models with weights fitted to labels, and close to methods that learn
teachers' weights along with the student, such as AMTML-KD (Liu, Zhang and Wang 2020).

Scores s, one for each teacher and zero at first, learn after every step from the labels of the batch:

    w = softmax(s),    s <- s - rate * gradient of CE(sum_m w_m q_m, label)    with q_m at temperature 1.

For one label that gradient is w minus the mean share of each teacher in the probability of the label, so that s rests
where the weights are those of greatest likelihood. The student's loss is RoS-KD's with w as its weights; no gradient of
it reaches s.

The labels are those that teachers and student learn from, noise included: a teacher that has learnt the noise of its
subset looks good to them. Several findings at once: q_m are chances of findings, CE is the binary cross-entropy over
those that are known.
"""

from collections.abc import Mapping

from pydantic import PositiveFloat

from roskdbench import Batch, Method, Overlapping, RunningMean, Setting, Tensor, Weigher, Weighting, register


class LearntFromLabels(Weighting):
    """One weight for each teacher, learnt from the labels' cross-entropy of the teachers' mixture."""

    rate: PositiveFloat = 0.1
    """How far a step of plain gradient descent goes."""

    def begin(self, setting: Setting) -> Weigher:
        """Equal weights, that are still to learn."""
        return MixtureWeigher(self, setting)


class MixtureWeigher(Weigher):
    """The scores, whose softmax are the weights."""

    def __init__(self, weighting: LearntFromLabels, setting: Setting) -> None:
        import torch

        super().__init__(weighting, setting)
        self.rate = weighting.rate
        self.scores = torch.zeros(setting.teachers, device=setting.device)

    def weights(self, batch: Batch) -> Tensor:
        """The same for all examples, [K, 1]."""
        return self.scores.softmax(0)[:, None]

    def after_step(self, batch: Batch) -> None:
        """A step down the labels' loss of the mixture."""
        import torch

        with torch.enable_grad():
            scores = self.scores.clone().requires_grad_()
            loss = batch.hard_losses(mixture_logits(batch, scores.log_softmax(0))).mean()
            (gradient,) = torch.autograd.grad(loss, scores)
        self.scores = self.scores - self.rate * gradient

    def state_dict(self) -> dict[str, Tensor]:
        """The scores."""
        return {"scores": self.scores}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from kept scores."""
        self.scores = state["scores"].to(self.scores.device, copy=True)


def mixture_logits(batch: Batch, log_weights: Tensor) -> Tensor:
    """The logits [B, C] whose softmax, or sigmoids, are the teachers' weighted mean prediction."""
    from torch.nn import functional

    shares = log_weights[:, None, None]
    if batch.task == "single-label":
        return (shares + functional.log_softmax(batch.teacher_logits, -1)).logsumexp(0)
    present, absent = functional.logsigmoid(batch.teacher_logits), functional.logsigmoid(-batch.teacher_logits)
    return (shares + present).logsumexp(0) - (shares + absent).logsumexp(0)


@register("ros-kd-learnt")
class RoSKDLearnt(Method):
    """RoS-KD, learnt weights: RoS-KD whose teachers' weights learn from labels."""

    teachers = Overlapping()
    weighting = LearntFromLabels()
    averaging = RunningMean()
