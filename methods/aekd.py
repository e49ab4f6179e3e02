"""AEKD of Du, You, Li, Wu, Wang, Qian and Zhang, "Agree to Disagree: Adaptive Ensemble Knowledge Distillation in
Gradient Space", NeurIPS 2020.

In every step teachers are weighted so that the direction they agree on is as short as it can be:

    w = argmin |sum_m w_m g_m|^2   with sum_m w_m = 1 and 0 <= w_m <= C,
    loss = CE + a t^2 sum_m w_m KL(q_m || p),

where g_m is the gradient of KL(q_m || p) at the student's logits, its mean over the batch, as in the authors' code.
With C = 1 a step would, to first order, make no teacher's loss worse, if it moved all logits of the batch alike and
labels had no part in it; a smaller C keeps more teachers in, and at 1/K all of them count the same. Defaults are those
of their code (C = 0.6, a = 0.9, t = 4, gradients not scaled to length one).

What is adaptation: they solve the quadratic programme as the dual of a one-class SVM; here the same problem is solved
by trades between pairs of weights in float64. Several findings at once: the gradient is that of the divergence over
findings, as the suite's soft loss reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat

from roskdbench import Batch, Method, OnAllData, Tensor, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def least_norm_weights(products: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """The weights w of least w' P w that sum to 1, none above `largest`. P has the products of vectors with each other.

    Weight goes from the teacher where it costs most to the one where it costs least while that gains anything.
    """
    import numpy as np

    weights = np.full(len(products), 1 / len(products))
    for _ in range(1000):
        slopes = products @ weights
        giver = np.where(weights > 1e-12, slopes, -np.inf).argmax()
        taker = np.where(weights < largest - 1e-12, slopes, np.inf).argmin()
        gain = slopes[giver] - slopes[taker]
        if gain <= 1e-9 * np.trace(products):
            break
        curvature = products[giver, giver] + products[taker, taker] - 2 * products[giver, taker]
        step = min(gain / max(curvature, 1e-300), weights[giver], largest - weights[taker])
        weights[giver] -= step
        weights[taker] += step
    return weights


@register("aekd")
class AEKD(Method):
    """AEKD: teachers weighted for the shortest common gradient."""

    teachers = OnAllData()
    temperature: PositiveFloat = 4.0
    soft_weight: NonNegativeFloat = 0.9
    """What the teachers' part is multiplied by, the labels' part counting once."""
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.6
    """C, the largest weight of a teacher; up to 1/K all of the K teachers count the same."""

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss, and that of the weighted teachers."""
        divergences = batch.divergences(self.temperature).mean(1)  # [K]
        scale = self.soft_weight * self.soft_loss.divisor(self.temperature) ** 2
        return batch.hard_loss() + scale * (self.teacher_weights(batch) * divergences).sum()

    def teacher_weights(self, batch: Batch) -> Tensor:
        """The weights of this step, [K]; no gradient comes through them."""
        import torch

        directions = self.directions(batch).flatten(1).double()
        products = (directions @ directions.mT).cpu().numpy()
        weights = least_norm_weights(products, max(self.tolerance, 1 / len(products)))
        return torch.as_tensor(weights, dtype=batch.student_logits.dtype, device=batch.student_logits.device)

    def directions(self, batch: Batch) -> Tensor:
        """The gradient of each teacher's divergence at the student's logits, the mean over the batch, [K, C]."""
        import torch

        divisor = self.soft_loss.divisor(self.temperature)
        with torch.enable_grad():
            logits = batch.student_logits.detach().requires_grad_()
            each = self.soft_loss.divergences(batch.task, batch.teacher_logits, logits, divisor).mean(1)  # [K]
            found = [torch.autograd.grad(one, logits, retain_graph=True)[0].sum(0) for one in each]
        return torch.stack(found)
