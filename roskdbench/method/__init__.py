"""The contract a method meets: a declaration of parts, and a loss where the default does not serve. No torch here."""

from roskdbench.method.averaging import Averaging, ExponentialMean, LastWeights, Mean, RunningMean
from roskdbench.method.batch import Batch
from roskdbench.method.contract import Method, code_identity
from roskdbench.method.making import make_method
from roskdbench.method.matching import EachTeacher, Matching, Mixture
from roskdbench.method.parts import Part
from roskdbench.method.soft_loss import BernoulliMean, BernoulliSum, SoftLoss, Softmax
from roskdbench.method.teachers import (
    NoTeachers,
    OnAllData,
    Overlapping,
    Single,
    Subset,
    Teachers,
    TeacherSlot,
)
from roskdbench.method.weighting import (
    Dirichlet,
    Equal,
    Exponential,
    OneHot,
    Setting,
    Weigher,
    Weighting,
)

__all__ = [
    "Averaging",
    "Batch",
    "BernoulliMean",
    "BernoulliSum",
    "Dirichlet",
    "EachTeacher",
    "Equal",
    "Exponential",
    "ExponentialMean",
    "LastWeights",
    "Matching",
    "Mean",
    "Method",
    "Mixture",
    "NoTeachers",
    "OnAllData",
    "OneHot",
    "Overlapping",
    "Part",
    "RunningMean",
    "Setting",
    "Single",
    "SoftLoss",
    "Softmax",
    "Subset",
    "TeacherSlot",
    "Teachers",
    "Weigher",
    "Weighting",
    "code_identity",
    "make_method",
]
