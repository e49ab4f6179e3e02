"""RoS-KD of Jaiswal et al. 2022 whose teachers are heard on images changed against them.

alpha t^2 sum_m w_m KL(q_m(x) || student(x')) + (1 - alpha) CE(student(x), y), with x' by ascent of the same weighted
divergence from x + .001 N(0, 1). The weights w are drawn once in a step, for the ascent and for the loss.

What is adaptation: all of it is a combination of this benchmark: RoS-KD's teachers, weights and averaging with the
ascent of RSLAD (Zi et al. 2021), whose target is what the teachers say of the clean view. The labels' part stays on
clean images. Radius and steps: see `_inner_attack.py`.
"""

from roskdbench import Batch, Exponential, Overlapping, RunningMean, Tensor, register

from ._inner_attack import NEARBY, AdversarialMethod, asks_labels, attacked, blend, divergence_from_teachers


@register("ros-kd-adversarial")
class RoSKDAdversarial(AdversarialMethod):
    """RoS-KD + AT: RoS-KD with its soft part on images changed against the weighted teachers."""

    teachers = Overlapping()
    weighting = Exponential()
    averaging = RunningMean()

    def loss(self, batch: Batch) -> Tensor:
        """The weighted divergence of the changed images, and the labels' loss of the clean ones."""
        divergence = divergence_from_teachers(self, batch)
        changed = attacked(self, batch, lambda images: divergence(batch.student(images)), NEARBY)
        return blend(self, batch, divergence(batch.ask(changed).logits))

    @property
    def passes(self) -> float:
        """Labels take one more, if they count."""
        return super().passes + asks_labels(self)
