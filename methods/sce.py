"""SCE: "Symmetric Cross Entropy for Robust Learning with Noisy Labels", Wang et al., ICCV 2019 (1908.06112).

    L = a CE(y, p) + b RCE,    RCE = -sum_k p_k log y_k,    log 0 = A

Reverse cross-entropy takes the student for the truth and the label for the prediction. The defaults are those for
CIFAR-10, a = .1, b = 1 and A = -4 (for CIFAR-100 the paper has a = 6, b = .1). The authors' code cuts labels off at
1e-4 instead, which is A = -9.2.

What is adaptation: several findings are Bernoulli variables, so that RCE of each is -p log y - (1 - p) log (1 - y),
taken together over the findings that are known as CE is. Where the protocol smooths labels, only CE sees it.
"""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from roskdbench import Batch, Method, Tensor, register


@register("sce")
class SymmetricCrossEntropy(Method):
    """SCE: symmetric cross-entropy, with labels as truth and with the student as truth."""

    forward_weight: NonNegativeFloat = 0.1
    """a: of the cross-entropy with labels."""
    reverse_weight: NonNegativeFloat = 1.0
    """b: of the reverse cross-entropy."""
    log_zero: Annotated[float, Field(lt=0)] = -4.0
    """A: what stands for log 0, and the least that the logarithm of a label can be."""

    def loss(self, batch: Batch) -> Tensor:
        """Both cross-entropies of the labels."""
        logits, labels = batch.student_logits, batch.label_shares
        if batch.task == "single-label":
            reverse = -(logits.softmax(-1) * self.log(labels)).sum(-1)
        else:
            known, present = ~labels.isnan(), labels.nan_to_num(0.0)
            each = -logits.sigmoid() * self.log(present) - (-logits).sigmoid() * self.log(1 - present)
            reverse = batch.over_findings(each, known)
        return (self.forward_weight * batch.hard_losses() + self.reverse_weight * reverse).mean()

    def log(self, labels: Tensor) -> Tensor:
        """The logarithm, A at 0."""
        return labels.log().clamp(min=self.log_zero)
