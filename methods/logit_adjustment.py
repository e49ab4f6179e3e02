"""Logit adjustment: "Long-tail learning via logit adjustment", Menon et al., ICLR 2021 (2007.07314).

    L = CE(y, z + tau log pi)

for the share pi_k of each class k among the labels (equation 10). The student is used without the adjustment, so that
it answers as if classes were equally frequent. tau = 1 is the paper's, and the one that is consistent.

What is adaptation: a finding is one of two classes, presence and absence, with pi its prevalence among the known
labels: z + tau (log pi - log(1 - pi)) before the sigmoid. What was never seen counts as seen once. Shares are those of
the labels that are learnt from, noise included.
"""

from pydantic import NonNegativeFloat

from roskdbench import Batch, Method, Module, Tensor, TrainingFacts, register
from roskdbench.suite.protocol import Protocol


@register("logit-adjustment")
class LogitAdjustment(Method):
    """Logit adjustment: logits are raised by the log-frequency of their class while the student learns."""

    strength: NonNegativeFloat = 1.0
    """tau: how much of the adjustment is made; at 0 it is cross-entropy."""

    def remark(self, protocol: Protocol) -> str | None:
        """Classes that are drawn equally often need no adjustment."""
        twice = self.strength > 0 and protocol.sampling == "class-balanced"
        return "with protocol.sampling: class-balanced, rare classes are favoured twice." if twice else None

    def begin(self, facts: TrainingFacts) -> Module:
        """The log-frequencies of classes, or the log-odds of findings. [C]"""
        import torch

        state = torch.nn.Module()
        seen = facts.class_counts
        known = (~facts.targets.isnan()).sum(0)  # of labels, or of each finding's
        against = known if facts.task == "single-label" else (known - seen).clamp(min=1)
        state.register_buffer("frequency", seen.clamp(min=1).log() - against.log())
        return state

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of the adjusted logits."""
        return batch.hard_losses(batch.student_logits + self.strength * batch.state.frequency).mean()
