"""RoS-KD of Jaiswal et al. 2022. It shares its training with Baseline V and reads the averaged weights."""

from roskdbench import Exponential, Method, Overlapping, RunningMean, register


@register("ros-kd")
class RoSKD(Method):
    """RoS-KD: teachers on overlapping subsets, random weights, an averaged student."""

    teachers = Overlapping()
    weighting = Exponential()
    averaging = RunningMean()
