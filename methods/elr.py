"""ELR: "Early-Learning Regularization Prevents Memorization of Noisy Labels", Liu et al., NeurIPS 2020 (2007.00151).

    L = CE(y, p) + lambda log(1 - <t, p>),    t <- beta t + (1 - beta) p

The memory t of an example, 0 at first, is the running mean of what the student said of it. The second term holds the
student to it where labels pull away. As in the authors' code, probabilities are cut off at 1e-4 from below and above,
and t is brought up to date before it is compared with. beta = .7 and lambda = 3 are theirs for CIFAR-10 with symmetric
noise; they have no second network here (that would be ELR+).

What is adaptation: several findings are Bernoulli variables, each with a memory of presence and one of absence; the
second term is taken together as CE is, over the findings that are known, as nothing pulls at the others.
"""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from roskdbench import Batch, Method, Module, Tensor, TrainingFacts, register

LEAST = 1e-4  # probabilities keep this distance from 0 and 1


@register("elr")
class EarlyLearningRegularisation(Method):
    """ELR: early-learning regularisation, by a memory of what was said before."""

    decay: Annotated[float, Field(ge=0, lt=1)] = 0.7
    """beta: how much of the memory stays when it is brought up to date."""
    strength: NonNegativeFloat = 3.0
    """lambda: the weight of the second term."""

    def begin(self, facts: TrainingFacts) -> Module:
        """The memory of every example: of its classes, or of presence and absence of each finding."""
        import torch

        state = torch.nn.Module()
        alternatives = (1, facts.classes) if facts.task == "single-label" else (facts.classes, 2)
        state.register_buffer("memory", torch.zeros(facts.samples, *alternatives))
        return state

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy with labels, and the pull towards the memory."""
        import torch

        agreement = (self.renewed(batch) * self.probabilities(batch)).sum(-1)
        pull = torch.log(1 - agreement)
        several = batch.task == "multi-label"
        each = batch.over_findings(pull, ~batch.label_shares.isnan()) if several else pull[:, 0]
        return batch.hard_loss() + self.strength * each.mean()

    def after_step(self, batch: Batch) -> None:
        """Keep the memory that the step was compared with."""
        memory = batch.state.memory
        memory[batch.positions] = self.renewed(batch).to(memory.dtype)

    def renewed(self, batch: Batch) -> Tensor:
        """The memory of the batch's examples with what the student says of them now, [B, decisions, alternatives]."""
        now = self.probabilities(batch).detach()
        memory = batch.state.memory[batch.positions]
        return self.decay * memory + (1 - self.decay) * now / now.sum(-1, keepdim=True)

    def probabilities(self, batch: Batch) -> Tensor:
        """What the student says: one decision between classes, or one for each finding. [B, decisions, alternatives]"""
        import torch

        logits = batch.student_logits
        if batch.task == "single-label":
            found = logits.softmax(-1)[:, None]
        else:
            found = torch.stack([logits.sigmoid(), (-logits).sigmoid()], -1)
        return found.clamp(LEAST, 1 - LEAST)
