"""The contract a method meets: a declaration of parts, and a loss where the default does not serve. No torch here."""

from roskdbench.method.annotations import Generator, Module, Tensor
from roskdbench.method.averaging import Averaging, ExponentialMean, LastWeights, Mean, RunningMean
from roskdbench.method.batch import Batch
from roskdbench.method.contract import Method, code_identity
from roskdbench.method.making import make_method
from roskdbench.method.matching import EachTeacher, Matching, Mixture
from roskdbench.method.output import Output, Widths
from roskdbench.method.parts import Part
from roskdbench.method.schedule import Cyclic, Protocols, Schedule
from roskdbench.method.soft_loss import BernoulliMean, BernoulliSum, SoftLoss, Softmax
from roskdbench.method.stepping import Descent, Plain, Sharpness, Stepping
from roskdbench.method.teachers import (
    FormerStudents,
    NoTeachers,
    OnAllData,
    Overlapping,
    Single,
    Subset,
    Teachers,
    TeacherSlot,
)
from roskdbench.method.training_facts import Epoch, Selection, TrainingFacts
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
    "Cyclic",
    "Descent",
    "Dirichlet",
    "EachTeacher",
    "Epoch",
    "Equal",
    "Exponential",
    "ExponentialMean",
    "FormerStudents",
    "Generator",
    "LastWeights",
    "Matching",
    "Mean",
    "Method",
    "Mixture",
    "Module",
    "NoTeachers",
    "OnAllData",
    "OneHot",
    "Output",
    "Overlapping",
    "Part",
    "Plain",
    "Protocols",
    "RunningMean",
    "Schedule",
    "Selection",
    "Setting",
    "Sharpness",
    "Single",
    "SoftLoss",
    "Softmax",
    "Stepping",
    "Subset",
    "TeacherSlot",
    "Teachers",
    "Tensor",
    "TrainingFacts",
    "Weigher",
    "Weighting",
    "Widths",
    "code_identity",
    "make_method",
]
