"""Adversarial training by projected gradient descent. Madry, Makelov, Schmidt, Tsipras, Vladu: Towards Deep Learning
Models Resistant to Adversarial Attacks, ICLR 2018 (arXiv 1706.06083).

min over the student of the mean of max over |x' - x| <= radius of CE(student(x'), y), the inner maximum by projected
ascent from a uniform start; no clean image is learnt from.

What is adaptation: radius and steps (see `_inner_attack.py`); for several findings CE is the binary cross-entropies of
those that are known, taken together as the suite's soft loss says. Both maximum and minimum go by the noisy labels, as
there are no others.
"""

from roskdbench import Batch, Tensor, register

from ._inner_attack import AdversarialMethod, attacked_labels


@register("pgd-at")
class PGDTraining(AdversarialMethod):
    """PGD-AT: cross-entropy with labels on images changed against the student."""

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss of the changed images."""
        changed = attacked_labels(self, batch)
        return batch.hard_losses(batch.ask(changed).logits).mean()
