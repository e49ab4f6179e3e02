"""Mixup: "mixup: Beyond Empirical Risk Minimization", Zhang et al., ICLR 2018 (1710.09412).

    x' = s x + (1 - s) x_partner,    L = s CE(y, f(x')) + (1 - s) CE(y_partner, f(x')),    s ~ Beta(a, a)

Partners are the batch in another order, and s is drawn for each batch, both as in the authors' code; a = 1 is theirs
for CIFAR-10. Against noisy labels the paper has a = 8 and more.

What is adaptation: with several findings CE is the binary cross-entropies of the known ones, taken together as the
suite's soft loss says. A protocol's own `mixup` mixes views before a method sees them; this one then mixes them once
more, so leave that at 0.
"""

from dataclasses import replace

from pydantic import PositiveFloat

from roskdbench import Batch, Method, Tensor, register
from roskdbench.suite.protocol import Protocol


@register("mixup")
class Mixup(Method):
    """Mixup: the student learns from pairs of images and labels, mixed."""

    concentration: PositiveFloat = 1.0
    """a of the Beta law: near 0 hardly anything is mixed, far above 1 nearly everything half and half."""

    def remark(self, protocol: Protocol) -> str | None:
        """A view that the protocol has mixed is mixed once more."""
        return "with protocol.mixup, images are mixed twice." if protocol.mixup else None

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of the mixed images with both labels."""
        import torch

        draw = torch.full((2,), self.concentration, dtype=torch.float64)
        share = float(torch._sample_dirichlet(draw, generator=batch.generator)[0])
        partner = torch.randperm(len(batch.images), generator=batch.generator).to(batch.images.device)
        mixed = replace(batch, images=share * batch.images + (1 - share) * batch.images[partner])
        of_partners = mixed.student_logits[partner.argsort()]  # brought to the places that their partners' labels have
        return (share * mixed.hard_losses() + (1 - share) * mixed.hard_losses(of_partners)).mean()
