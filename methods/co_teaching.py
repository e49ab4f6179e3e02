"""Co-teaching: "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels", Han et al., NeurIPS
2018 (1804.06872).

Two networks learn side by side. In each batch either picks the R(T) of the examples with the smallest loss, and the
other one learns from them:

    R(T) = 1 - min(T / T_k, 1) rate

in epoch T, counted from 0. The rate is that of the noise, which the paper takes for known; .2 and T_k = 10 epochs are
the defaults of the authors' code, which is there an epoch sooner and divides its losses by how many it picked once
more.

What is adaptation: both losses are added up and both networks learn in one step of one optimiser, which is the same as
two steps unless gradients are clipped. The student is the first network. With several findings examples are picked as a
whole, by the mean of their losses over the findings that are known.
"""

from typing import Annotated

from pydantic import Field, NonNegativeInt

from roskdbench import Batch, Method, Module, Tensor, TrainingFacts, register

from ._findings import as_means


@register("co-teaching")
class CoTeaching(Method):
    """Co-teaching: two networks pick the samples that the other one learns from."""

    forget_rate: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """The share of a batch that is left out in the end; the rate of the noise, as far as it is known."""
    gradual: NonNegativeInt = 10
    """T_k: the epochs in which that share grows from 0."""

    @property
    def passes(self) -> float:
        """Two networks learn."""
        return 2.0

    def begin(self, facts: TrainingFacts) -> Module:
        """The second network."""
        return facts.network("co-teaching")

    def loss(self, batch: Batch) -> Tensor:
        """Either network's loss on what the other one picked."""
        ours = batch.hard_losses()
        theirs = batch.hard_losses(batch.state(batch.images).to(ours.dtype))
        kept = max(1, int((1 - self.forgotten(batch.epoch)) * len(ours)))
        our_picks, their_picks = (as_means(batch, each).argsort()[:kept] for each in (ours, theirs))
        return ours[their_picks].mean() + theirs[our_picks].mean()

    def forgotten(self, epoch: int) -> float:
        """The share that is left out in an epoch."""
        return self.forget_rate * min(1.0, epoch / self.gradual if self.gradual else 1.0)
