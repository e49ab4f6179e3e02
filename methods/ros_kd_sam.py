"""RoS-KD of Jaiswal et al. 2022 with sharpness-aware minimisation. Foret, Kleiner, Mobahi, Neyshabur: Sharpness-Aware
Minimization for Efficiently Improving Generalization, ICLR 2021 (arXiv 2010.01412).

The gradient of RoS-KD's loss L at w + rho g / |g| with g = grad L(w), rho = .05 as in the paper. Both losses of a step
see the same images and the same weights of teachers.

What is adaptation: all of it is a combination of this benchmark; RoS-KD finds flat minima by averaging alone.
"""

from roskdbench import Exponential, Method, Overlapping, RunningMean, Sharpness, register


@register("ros-kd-sam")
class RoSKDSharpness(Method):
    """RoS-KD + SAM: RoS-KD with its gradient from where the loss is worst nearby."""

    group = "robust"

    teachers = Overlapping()
    weighting = Exponential()
    averaging = RunningMean()
    stepping = Sharpness()
