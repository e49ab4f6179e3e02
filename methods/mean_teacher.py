"""Mean Teacher: "Mean teachers are better role models", Tarvainen and Valpola, NeurIPS 2017 (1703.01780).

    L = CE(y, p(x)) + w(T) |p(x) - p_mean(x')|^2 / C

p_mean is what the exponential mean of the student's weights says of another view x' of the same image; the mean is used
in the end. w(T) rises to `consistency` as exp(-5 (1 - T / ramp)^2). Against noise the mean of weights holds on to what
was learnt early, before wrong labels are memorised. All samples are labelled and take part in both terms, as in the
authors' run on all labels of CIFAR-10, whose weight of 100 and ramp of 40 of 150 thousand steps are the defaults.

What is adaptation: the decay is .99, the default of the authors' code, whose runs on CIFAR-10 have .999: that is for
150 thousand steps, and short trainings would keep to their beginnings. As in the authors' code it is the plain mean
until that forgets as slowly. The mean is asked with averaged BatchNorm statistics and no dropout. There is one set of
logits, no second head. Several findings are Bernoulli variables, compared whether or not they are labelled, and taken
together as CE is. A protocol's own `mixup` mixes x and x' alike. In trainings of a thousand steps the weight of 100
holds the student where it began; lower it there.
"""

from math import exp
from typing import Annotated

from pydantic import Field, NonNegativeFloat

from roskdbench import Batch, ExponentialMean, Method, Tensor, register


@register("mean-teacher")
class MeanTeacher(Method):
    """Mean Teacher: the student agrees with the running mean of its own weights."""

    averaging = ExponentialMean(decay=0.99, rises=True, warmup=0, buffers="averaged", every="step")
    consistency: NonNegativeFloat = 100.0
    """The weight of the disagreement when it has risen."""
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.27
    """The share of the training's steps in which the weight rises."""

    @property
    def passes(self) -> float:
        """The mean is asked without a backward pass."""
        return 4 / 3

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy with labels, and the squared distance from the mean's probabilities."""
        weight = self.consistency * exp(-5 * max(0.0, 1 - batch.progress / self.ramp) ** 2)
        logits = batch.student_logits, batch.ask_averaged(batch.view(1)).detach()
        ours, means = (each.softmax(-1) if batch.task == "single-label" else each.sigmoid() for each in logits)
        return batch.hard_loss() + weight * batch.hard_parts * (ours - means).square().mean()
