"""SWA: "Averaging Weights Leads to Wider Optima and Better Generalization", Izmailov et al., UAI 2018 (1803.05407).

Baseline I until half of the epochs are over, then on with a high constant learning rate, half of the highest; what is
used is the plain mean of the weights after each epoch, with BatchNorm statistics estimated anew. The authors' code has
the constant form for CIFAR: rates of .1, then .05, from epoch 161 of 300 or 126 of 225 on, for its wide ResNets and on
CIFAR-100; elsewhere it goes down to .2 or .1 of the highest. Cycles that end low are had by `schedule: {kind: cyclic,
length: 5, lowest: 0.05}`, though weights are then taken in each epoch, not each cycle.

What is adaptation: the first half is the protocol's schedule. Averaging starts with the constant rate, as in the paper,
and not after the protocol's `averaging_warmup`; `averaging: {kind: running-mean, warmup: 10}` has it start elsewhere.
"""

from roskdbench import Cyclic, Method, RunningMean, register


@register("swa")
class SWA(Method):
    """SWA: the mean of weights along a high constant learning rate."""

    averaging = RunningMean()
    schedule = Cyclic(length=1)
