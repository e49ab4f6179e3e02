"""GCE: "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels", Zhang and Sabuncu, NeurIPS
2018 (1805.07836).

    L = (1 - p_y^q) / q

for the probability p_y of the label: cross-entropy as q nears 0, the mean absolute error (half of it) at q = 1. This is
the plain loss, not the truncated one that the paper adds for stronger noise.

What is adaptation: for labels that are shares of classes it is the mean over classes by these shares. Several findings
are Bernoulli variables, p_y the probability of presence or absence as the label says; the loss is taken together
over the findings that are known as cross-entropy is.
"""

from typing import Annotated

from pydantic import Field

from roskdbench import Batch, Method, Tensor, register


@register("gce")
class GeneralisedCrossEntropy(Method):
    """GCE: generalised cross-entropy, between cross-entropy and the mean absolute error."""

    exponent: Annotated[float, Field(gt=0, le=1)] = 0.7
    """q of the paper: towards 0 it is cross-entropy, at 1 the mean absolute error."""

    def loss(self, batch: Batch) -> Tensor:
        """Of the labels."""
        from torch.nn.functional import log_softmax, logsigmoid

        logits, labels = batch.student_logits, batch.label_shares
        if batch.task == "single-label":
            return (labels * self.box_cox(log_softmax(logits, -1))).sum(-1).mean()
        known, present = ~labels.isnan(), labels.nan_to_num(0.0)
        each = present * self.box_cox(logsigmoid(logits)) + (1 - present) * self.box_cox(logsigmoid(-logits))
        return batch.over_findings(each, known).mean()

    def box_cox(self, log_probability: Tensor) -> Tensor:
        """(1 - p^q) / q."""
        return -(self.exponent * log_probability).expm1() / self.exponent
