"""RoS-KD of Jaiswal et al. 2022: teachers on overlapping subsets, and

    L = a t^2 sum_m w_m KL(softmax(q_m / t) || softmax(student / t)) + (1 - a) CE(student, label),

where the weights w are drawn for each step from Exp(1) and divided by their sum (equation 4). What is used is the mean
of the student's weights after each epoch past the warm-up, W_smooth = (n W_smooth + W) / (n + 1) (equation 1). The
training is Baseline V's, which it shares.
"""

from roskdbench import Exponential, Method, Overlapping, RunningMean, register


@register("ros-kd")
class RoSKD(Method):
    """RoS-KD: teachers on overlapping subsets, random weights, an averaged student."""

    teachers = Overlapping()
    weighting = Exponential()
    averaging = RunningMean()
