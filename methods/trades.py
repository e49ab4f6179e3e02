"""TRADES. Zhang, Yu, Jiao, Xing, El Ghaoui, Jordan: Theoretically Principled Trade-off between Robustness and Accuracy,
ICML 2019 (arXiv 1901.08573).

CE(student(x), y) + beta KL(student(x) || student(x')), with x' by ascent of the same divergence from x + .001 N(0, 1).
Gradient flows through both sides of the outer divergence, and through x' alone within the ascent. beta is the paper's
1/lambda, 6 in its main results.

What is adaptation: radius and steps (see `_inner_attack.py`). For several findings the divergence is that of Bernoulli
variables, taken together over findings as the labels' loss is, so that beta weighs the two as with one label.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Tensor, register

from ._inner_attack import NEARBY, AdversarialMethod, attacked


@register("trades")
class Trades(AdversarialMethod):
    """TRADES: labels on clean images, and the same answer on changed ones."""

    beta: NonNegativeFloat = 6.0
    """How much the divergence between clean and changed images counts."""

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss of the clean images and beta times the divergence."""

        def apart(clean: Tensor, changed: Tensor) -> Tensor:
            return batch.soft_loss.divergences(batch.task, clean[None], changed, 1.0)

        clean = batch.student(batch.images).detach()
        changed = attacked(self, batch, lambda images: apart(clean, batch.student(images)).sum(), NEARBY)
        return batch.hard_loss() + self.beta * apart(batch.student_logits, batch.ask(changed).logits).mean()

    @property
    def passes(self) -> float:
        """The clean images take one more, and a third for what the ascent leads away from."""
        return super().passes + 4 / 3
