"""Adversarial weight perturbation, with PGD-AT. Wu, Xia, Wang: Adversarial Weight Perturbation Helps Robust
Generalization, NeurIPS 2020 (arXiv 2004.05884).

x' by ascent as in PGD-AT;  v = gamma ||w|| g / ||g|| with g = grad CE(student(x'), y) at w, for each layer's weight
apart;  then the gradient at w + v, on the same x', moves w. gamma = .01, as the authors' code has it with PGD-AT.
Biases and BatchNorm's two vectors are not perturbed. BatchNorm's statistics are those of the second pass.

What is adaptation: radius and steps (see `_inner_attack.py`), and binary cross-entropies for several findings. Weight
decay goes by w, where the authors' code has it at w + v.
"""

from pydantic import PositiveFloat

from roskdbench import Batch, Descent, Module, Stepping, Tensor, TrainingFacts, register

from ._inner_attack import AdversarialMethod, attacked_labels


class WeightPerturbation(Stepping):
    """The gradient where each layer's weight is moved uphill by a share of its length."""

    gamma: PositiveFloat = 0.01
    """That share."""

    @property
    def passes(self) -> float:
        """One to find the direction, one to go by."""
        return 2.0

    def gradients(self, descent: Descent) -> Tensor:
        """By two backward passes; the loss is that at the weights themselves."""
        import torch

        with descent.statistics_kept():
            loss = descent.loss()
            loss.backward()
        moved = [each for each in descent.parameters if each.grad is not None and each.ndim > 1]
        there = [each.detach().clone() for each in moved]
        with torch.no_grad():
            for each in moved:
                each.add_(self.gamma * each.norm() / (each.grad.norm() + 1e-12) * each.grad)
            for each in descent.parameters:
                each.grad = None
        descent.loss().backward()
        with torch.no_grad():
            for each, was in zip(moved, there, strict=True):
                each.copy_(was)
        return loss


@register("awp")
class AdversarialWeights(AdversarialMethod):
    """AWP: PGD-AT with its gradient from weights that are moved against it."""

    stepping = WeightPerturbation()

    def begin(self, facts: TrainingFacts) -> Module:
        """A place for the changed images of a step, for both of its losses; no checkpoint has them."""
        import torch

        state = torch.nn.Module()
        state.register_buffer("changed", None, persistent=False)
        return state

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss of the changed images."""
        if batch.state.changed is None:
            batch.state.changed = attacked_labels(self, batch)
        return batch.hard_losses(batch.ask(batch.state.changed).logits).mean()

    def after_step(self, batch: Batch) -> None:
        """The next step has images of its own."""
        batch.state.changed = None

    @property
    def passes(self) -> float:
        """The ascent is made once in a step, however often the stepping asks for the loss."""
        return 1 + self.steps * 2 / 3 / self.stepping.passes
